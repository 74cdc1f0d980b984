"""Peak memory and processor time of preparing a photo, each in a fresh process: `python -m bench.prepare_memory`.

The photos are made on the spot; fails where a photo of 50 megapixels takes more than intake may count on.
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
from bench.peak import MEGABYTE, Figure, in_fresh_process, peak_megabytes, show, verdict

MOST_MEGABYTES = 512
SIDES = (8_660, 5_774)
"""50 megapixels."""
_WITHIN_THE_LIMIT = 75
_OVER_THE_LIMIT = 95
_THIS = "bench.prepare_memory"


def photos() -> Iterator[tuple[str, dict[str, Any]]]:
    """What stands in the table, and how each photo is saved."""
    fine = {"quality": _WITHIN_THE_LIMIT}
    yield "passes as it is", fine
    yield "over 10 MB", {"quality": _OVER_THE_LIMIT}
    yield "on its side", {**fine, "exif": _on_its_side()}
    yield "on its side, progressive", {**fine, "exif": _on_its_side(), "progressive": True}
    yield "on its side, over 10 MB", {"quality": _OVER_THE_LIMIT, "subsampling": 0, "exif": _on_its_side()}
    yield "another profile", {**fine, "icc_profile": _other_profile()}
    yield "CMYK, on its side", {**fine, "mode": "CMYK", "exif": _on_its_side()}


def figures() -> Iterator[Figure]:
    """One row for each photo."""
    with tempfile.TemporaryDirectory() as folder:
        in_fresh_process(_THIS, "make", folder)
        for name, _ in photos():
            line = in_fresh_process(_THIS, "measure", folder, name).rstrip("\n")
            size, sent, peak, seconds, changes = line.split(" ", 4)
            told = f"{size} MB in, {sent} MB out" if float(sent) else f"{size} MB in, passes as it is"
            yield Figure(name, f"{told}{changes and f': {changes}'}", float(peak), MOST_MEGABYTES, float(seconds))


def make(folder: Path) -> None:
    """The photos, under their names."""
    shown = _scene()
    for name, options in photos():
        shown.convert(options.pop("mode", "RGB")).save(folder / name, "JPEG", **options)


def measure(file: Path) -> None:
    """What one photo takes, on one line."""
    data = file.read_bytes()
    began = time.process_time()
    found = prepare_photo(data, PHOTO_LIMITS["ideogram"], 100)
    seconds = time.process_time() - began
    sent = len(found.data) / MEGABYTE if found.data else 0
    changes = ", ".join(map(str, found.changes))
    print(f"{len(data) / MEGABYTE:.1f} {sent:.1f} {peak_megabytes():.0f} {seconds:.2f} {changes}")


def _scene() -> Image.Image:
    """Clouds of color with a grain, so that it weighs what a photo weighs."""
    clouds = Image.merge("RGB", [Image.effect_noise((433, 289), 90) for _ in range(3)])
    grain = Image.merge("RGB", [Image.effect_noise((1_024, 1_024), 14)] * 3)
    shown = clouds.resize(SIDES, Image.Resampling.BICUBIC)
    sheet = Image.new("RGB", SIDES)
    for left in range(0, SIDES[0], grain.width):
        for top in range(0, SIDES[1], grain.height):
            sheet.paste(grain, (left, top))
    return Image.blend(shown, sheet, 0.3)


def _on_its_side() -> bytes:
    said = Image.Exif()
    said[0x0112] = 6
    return said.tobytes()


def _other_profile() -> bytes:
    """sRGB with red and green exchanged."""
    return srgb_profile_bytes().replace(b"rXYZ", b"????").replace(b"gXYZ", b"rXYZ").replace(b"????", b"gXYZ")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["make", folder]:
            make(Path(folder))
        case ["measure", folder, name]:
            measure(Path(folder) / name)
        case _:
            sys.exit(verdict(show(figures())))
