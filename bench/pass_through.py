"""CPU time of a JPEG that passes through: inspected in intake, stripped in render: `python -m bench.pass_through`.

Prints milliseconds, the minimum of many runs. Exits with code 1 if both together exceed the limit.
"""

import hashlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO

from PIL import Image

from backdrop.imaging.metadata import strip_photo_metadata
from backdrop.imaging.prepare import prepare_photo
from backdrop.model.capabilities import MAX_PHOTO_BYTES, PHOTO_LIMITS
from bench.stopwatch import measure_cpu_milliseconds

MAX_MILLISECONDS = 30


def build_photo(*, progressive: bool) -> bytes:
    """Returns noise as a JPEG that is almost as large as a provider accepts."""
    noise = Image.effect_noise((4200, 3300), 90)
    file = BytesIO()
    picture = Image.merge("RGB", (noise, noise.transpose(Image.Transpose.ROTATE_180), noise))
    picture.save(file, "JPEG", quality=78, progressive=progressive)
    return file.getvalue()


@dataclass(frozen=True, slots=True)
class PassThroughRow:
    """One kind of JPEG: its size in megabytes, and the CPU milliseconds of each step."""

    name: str
    megabytes: float
    intake: float
    render: float
    sha256: float

    @property
    def is_over(self) -> bool:
        return self.intake + self.render > MAX_MILLISECONDS


def measure_rows() -> Iterator[PassThroughRow]:
    """Yields one row for each kind of JPEG."""
    for name, progressive in (("JPEG", False), ("JPEG, progressive", True)):
        data = build_photo(progressive=progressive)
        if len(data) > MAX_PHOTO_BYTES or prepare_photo(data, PHOTO_LIMITS, 100).data is not None:
            raise ValueError("this photo does not pass through unchanged")
        inspected = measure_cpu_milliseconds(lambda data=data: prepare_photo(data, PHOTO_LIMITS, 100))
        stripped = measure_cpu_milliseconds(lambda data=data: strip_photo_metadata(data))
        hashed = measure_cpu_milliseconds(lambda data=data: hashlib.sha256(data).digest())
        yield PassThroughRow(name, len(data) / 1_000_000, inspected, stripped, hashed)


def main() -> int:
    """Prints the table."""
    code = 0
    print(f"{'':18}{'MB':>6}{'intake':>8}{'render':>8}{'sha256':>8}")
    for row in measure_rows():
        print(f"{row.name:18}{row.megabytes:6.1f}{row.intake:8.1f}{row.render:8.1f}{row.sha256:8.1f}")
        code |= row.is_over
    return code


if __name__ == "__main__":
    sys.exit(main())
