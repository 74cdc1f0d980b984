"""The smallest pictures that the product accepts as photos and as results."""

import hashlib
from functools import cache, lru_cache
from io import BytesIO
from typing import Any

from PIL import Image

SIDE_PIXELS = 16
_ORIENTATION_TAG = 0x0112
type Color = tuple[int, int, int]
_DIGESTS_BY_COLOR: dict[object, str] = {}
SUBJECT_BOX = (4, 4, 12, 12)


@cache
def build_photo(name: str = "photo") -> bytes:
    """Returns a photo whose bytes depend only on its name."""
    return register_photo(
        _derive_color(name), _encode(Image.new("RGB", (SIDE_PIXELS, SIDE_PIXELS), _derive_color(name)))
    )


@cache
def build_rotated_photo(name: str) -> bytes:
    """Returns a photo that intake has to rotate before it is sent."""
    exif, color = Image.Exif(), _derive_color(f"{name} on its side")
    exif[_ORIENTATION_TAG] = 6
    return register_photo(color, _encode(Image.new("RGB", (SIDE_PIXELS, SIDE_PIXELS), color), exif=exif))


def identify_photo(data: bytes) -> str:
    """Returns the SHA-256 of the registered photo with the color that a file shows; else that of the file itself."""
    return _DIGESTS_BY_COLOR.get(_read_first_color(data)) or hashlib.sha256(data).hexdigest()


@lru_cache(maxsize=1000)
def _read_first_color(data: bytes) -> object:
    with Image.open(BytesIO(data)) as image:
        return image.convert("RGB").getpixel((0, 0))


def register_photo(color: Color, data: bytes) -> bytes:
    """Returns the photo, after recording that its first pixel has this color."""
    _DIGESTS_BY_COLOR[color] = hashlib.sha256(data).hexdigest()
    return data


@cache
def build_picture(name: str) -> bytes:
    """Returns a cut-out, which is valid as any result; its bytes depend only on its name."""
    cut_out = Image.new("RGBA", (SIDE_PIXELS, SIDE_PIXELS), (0, 0, 0, 0))
    cut_out.paste((*_derive_color(name), 255), SUBJECT_BOX)
    return _encode(cut_out)


def _derive_color(name: str) -> Color:
    red, green, blue, *_ = hashlib.sha256(name.encode()).digest()
    return red, green, blue


def _encode(image: Image.Image, **options: Any) -> bytes:
    file = BytesIO()
    image.save(file, "PNG", **options)
    return file.getvalue()
