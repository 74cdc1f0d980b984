"""What it costs to open each photo in a process of its own, as intake does: `python -m bench.isolation`.

Writes docs/results/isolation.md. Exits with code 1 if that takes more than decision 64 allows.
"""

import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image

from backdrop.imaging.prepare import find_size_in_first_bytes, prepare_photo
from backdrop.model.capabilities import PHOTO_LIMITS
from backdrop.pipeline.isolation import Isolation
from simulation.run_environment import describe_environment

PAGE = Path(__file__).parents[1] / "docs" / "results" / "isolation.md"
MAX_SECONDS, MAX_USD = 0.1, 0.02
"""For one photo, and for 1,000 (decision 64)."""
USD_PER_SECOND = 0.039
"""What a second of intake costs for 1,000 photos (docs/results/aws_cost.md)."""
ROUNDS = 15
SIDES = (4_000, 3_000)
_ON_ITS_SIDE = 6


@dataclass(frozen=True, slots=True)
class IsolationRow:
    """One kind of photo: its size in megabytes, and the median seconds in the worker and in a process of its own."""

    name: str
    megabytes: float
    here: float
    isolated: float

    @property
    def added(self) -> float:
        return self.isolated - self.here

    @property
    def is_over(self) -> bool:
        return self.added > MAX_SECONDS or self.added * USD_PER_SECOND > MAX_USD


def build_photo(orientation: int = 1) -> bytes:
    """Returns a JPEG of 12 megapixels with grain."""
    grain = Image.effect_noise(SIDES, 25)
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = BytesIO()
    Image.merge("RGB", (grain, grain, grain)).save(file, "JPEG", quality=75, exif=exif)
    return file.getvalue()


def measure_rows(isolation: Isolation) -> Iterator[IsolationRow]:
    """Yields one row for each kind of photo. The two ways take turns."""
    for name, orientation in (("passes unchanged", 1), ("on its side", _ON_ITS_SIDE)):
        data = build_photo(orientation)
        here, isolated = list[float](), list[float]()
        for _ in range(ROUNDS):
            here.append(_measure(lambda data=data: prepare_photo(data, PHOTO_LIMITS, 100)))
            isolated.append(_measure(lambda data=data: isolation.run(prepare_photo, data, PHOTO_LIMITS, 100)))
        yield IsolationRow(name, len(data) / 1_000_000, statistics.median(here), statistics.median(isolated))


def _measure(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main() -> int:
    """Measures, and writes the page whatever the result."""
    started = time.perf_counter()
    isolation = Isolation([prepare_photo.__module__])
    built = time.perf_counter() - started
    isolation.run(find_size_in_first_bytes, b"\xff\xd8\xff\xe0")
    ready = time.perf_counter() - started
    rows = list(measure_rows(isolation))
    isolation.stop()
    PAGE.write_text(format_page(rows, built, ready))
    return int(any(row.is_over for row in rows))


def format_page(rows: list[IsolationRow], built: float, ready: float) -> str:
    """Returns the complete page. `built`, `ready`: seconds until the worker continues, and until a child answers."""
    lines = [
        "# Photos in processes of their own",
        "",
        f"Written by `python -m bench.isolation` on {describe_environment()}. A JPEG of 12 megapixels is prepared in"
        " the worker's own process and, in turns, in [a child without credentials]"
        f"(../decisions/0064-where-strangers-bytes-are-decoded.md). Median of {ROUNDS} each. The dollars are those of"
        f" [intake's seconds](aws_cost.md) for 1,000 photos; the limits are {MAX_SECONDS} s and ${MAX_USD}.",
        "",
        "| photo | MB | in the worker, s | in a child, s | ratio | added, s | added, $ per 1,000 |",
        "|---|--:|--:|--:|--:|--:|--:|",
        *(
            f"| {row.name} | {row.megabytes:.1f} | {row.here:.3f} | {row.isolated:.3f} |"
            f" {row.isolated / row.here:.2f} | {row.added:.3f} | {row.added * USD_PER_SECOND:.4f} |"
            for row in rows
        ),
        "",
        f"At a cold start, the worker continues after {built:.3f} s, while the fork server imports the libraries: the"
        f" first child answers after {ready:.2f} s.",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
