"""Peak memory and CPU time of preparing a photo, each in a new process: `python -m bench.prepare_memory`.

Generates the photos. Fails if a photo of 50 megapixels needs more memory than intake has.
"""

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image

from backdrop.imaging.color import srgb_profile_bytes
from backdrop.imaging.prepare import prepare_photo
from backdrop.model.capabilities import PHOTO_LIMITS
from bench.peak_memory import (
    MEGABYTE,
    MemoryFigure,
    find_exit_code,
    print_figures,
    read_peak_megabytes,
    run_in_fresh_process,
)

MAX_MEGABYTES = 512
SIDES = (8_660, 5_774)
"""50 megapixels."""
_WITHIN_THE_LIMIT = 75
_OVER_THE_LIMIT = 95
_THIS = "bench.prepare_memory"


def list_photos() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields the name of each photo in the table, and the options with which it is saved."""
    fine = {"quality": _WITHIN_THE_LIMIT}
    yield "passes unchanged", fine
    yield "over 10 MB", {"quality": _OVER_THE_LIMIT}
    yield "on its side", {**fine, "exif": _rotated_exif()}
    yield "on its side, progressive", {**fine, "exif": _rotated_exif(), "progressive": True}
    yield "on its side, over 10 MB", {"quality": _OVER_THE_LIMIT, "subsampling": 0, "exif": _rotated_exif()}
    yield "another profile", {**fine, "icc_profile": swap_primaries()}
    yield "CMYK, on its side", {**fine, "mode": "CMYK", "exif": _rotated_exif()}


def measure_all() -> Iterator[MemoryFigure]:
    """Yields one row for each photo."""
    with tempfile.TemporaryDirectory() as folder:
        run_in_fresh_process(_THIS, "make", folder)
        for name, _ in list_photos():
            line = run_in_fresh_process(_THIS, "measure", folder, name).rstrip("\n")
            size, sent, peak, seconds, changes = line.split(" ", 4)
            outcome = f"{size} MB in, {sent} MB out" if float(sent) else f"{size} MB in, passes unchanged"
            yield MemoryFigure(
                name, f"{outcome}{changes and f': {changes}'}", float(peak), MAX_MEGABYTES, float(seconds)
            )


def make_photos(folder: Path) -> None:
    """Writes the photos under their names."""
    scene = _draw_scene()
    for name, options in list_photos():
        scene.convert(options.pop("mode", "RGB")).save(folder / name, "JPEG", **options)


def measure(file: Path) -> None:
    """Prints the cost of one photo on one line."""
    data = file.read_bytes()
    began = time.process_time()
    prepared = prepare_photo(data, PHOTO_LIMITS, 100)
    seconds = time.process_time() - began
    sent = len(prepared.data) / MEGABYTE if prepared.data else 0
    changes = ", ".join(map(str, prepared.changes))
    print(f"{len(data) / MEGABYTE:.1f} {sent:.1f} {read_peak_megabytes():.0f} {seconds:.2f} {changes}")


def _draw_scene() -> Image.Image:
    """Returns clouds of color with grain, so that the file is as large as a photo."""
    clouds = Image.merge("RGB", [Image.effect_noise((433, 289), 90) for _ in range(3)])
    grain = Image.merge("RGB", [Image.effect_noise((1_024, 1_024), 14)] * 3)
    scene = clouds.resize(SIDES, Image.Resampling.BICUBIC)
    sheet = Image.new("RGB", SIDES)
    for left in range(0, SIDES[0], grain.width):
        for top in range(0, SIDES[1], grain.height):
            sheet.paste(grain, (left, top))
    return Image.blend(scene, sheet, 0.3)


def _rotated_exif() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif.tobytes()


def swap_primaries() -> bytes:
    """Returns sRGB with red and green swapped."""
    return srgb_profile_bytes().replace(b"rXYZ", b"????").replace(b"gXYZ", b"rXYZ").replace(b"????", b"gXYZ")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["make", folder]:
            make_photos(Path(folder))
        case ["measure", folder, name]:
            measure(Path(folder) / name)
        case _:
            sys.exit(find_exit_code(print_figures(measure_all())))
