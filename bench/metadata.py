"""The cost of removing a photo's metadata, compared with reading the file once and computing its SHA-256.

Prints CPU milliseconds, the minimum of many runs, for files of about 10 MB with every common kind of metadata:
`python -m bench.metadata`. Exits with code 1 if a JPEG exceeds the limit.
"""

import hashlib
import sys
import tempfile
import tracemalloc
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

from PIL import Image

from backdrop.imaging.color import srgb_profile_bytes
from backdrop.imaging.formats.header import PhotoFormat
from backdrop.imaging.metadata import embed_xmp, strip_metadata
from backdrop.imaging.xmp import build_xmp_packet
from bench.stopwatch import measure_cpu_milliseconds

LIMIT_MILLISECONDS = 30
# Noise of these sizes gives about 10 MB in each format.
SIZES: tuple[tuple[PhotoFormat, str, tuple[int, int], dict[str, object]], ...] = (
    ("jpeg", "jpeg", (4200, 3300), {"quality": 75}),
    ("jpeg", "jpeg, progressive", (4200, 3300), {"quality": 75, "progressive": True}),
    ("png", "png", (2400, 1750), {"compress_level": 1}),
    ("webp", "webp, lossless", (2400, 1750), {"lossless": True, "method": 0}),
)


def build_photo(photo_format: PhotoFormat, size: tuple[int, int], options: dict[str, object]) -> bytes:
    """Returns noise as a photo with EXIF, XMP, a color profile, and a trailer of 2 MB."""
    noise = Image.effect_noise(size, 90)
    picture = Image.merge("RGB", (noise, noise.transpose(Image.Transpose.ROTATE_180), noise))
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "a maker", 6
    file = BytesIO()
    picture.save(file, photo_format, exif=exif, icc_profile=srgb_profile_bytes(), **options)
    return embed_xmp(file.getvalue(), photo_format, build_xmp_packet("replace")) + bytes(2_000_000)


def trace_peak_megabytes(work: Callable[[], object]) -> float:
    """Returns the peak memory of the Python objects that some work allocates."""
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1_000_000


def print_row(name: str, photo_format: PhotoFormat, data: bytes) -> float:
    """Prints one line of the table. Returns the CPU milliseconds of removing the metadata."""
    with tempfile.NamedTemporaryFile() as file:
        path = Path(file.name)
        path.write_bytes(data)
        floor = measure_cpu_milliseconds(lambda: hashlib.sha256(path.read_bytes()).digest())
    cut = measure_cpu_milliseconds(lambda: strip_metadata(data, photo_format))
    put = measure_cpu_milliseconds(lambda: embed_xmp(data, photo_format, build_xmp_packet("remove")))
    peak = trace_peak_megabytes(lambda: strip_metadata(data, photo_format))
    figures = f"{floor:13.1f}{cut:9.1f}{cut / floor:7.2f}{put:8.1f}{peak:9.1f}"
    print(f"{name:20}{len(data) / 1_000_000:6.1f}{figures}")
    return cut


def main() -> int:
    """Prints the table. Its last row is a hostile file with the maximum number of comments that are read."""
    print(f"{'':20}{'MB':>6}{'read+sha256':>13}{'cut out':>9}{'ratio':>7}{'put in':>8}{'peak MB':>9}")
    cut = {name: print_row(name, form, build_photo(form, size, options)) for form, name, size, options in SIZES}
    small = build_photo("jpeg", (64, 48), {})
    print_row("jpeg, 99,000 parts", "jpeg", small[:2] + (b"\xff\xfe\0\x64" + bytes(98)) * 99_000 + small[2:])
    return int(max(cut[name] for name in cut if name.startswith("jpeg")) > LIMIT_MILLISECONDS)


if __name__ == "__main__":
    sys.exit(main())
