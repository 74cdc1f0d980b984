"""Sizes: opens what a caller sent and says how large the answer will be."""

import io
import math

from PIL import Image, ImageOps, UnidentifiedImageError

_AREA = 1024 * 1024
_STEP = 16
_MAX_SIDE = 2048


class NotAPictureError(ValueError):
    """The bytes are no picture that Pillow can decode."""


def open_photo(data: bytes) -> Image.Image:
    """Decode a photo, upright and as RGB; what was transparent becomes white.

    Raises NotAPictureError for anything that cannot be decoded whole.
    """
    try:
        with Image.open(io.BytesIO(data)) as image:
            upright = ImageOps.exif_transpose(image)
            return _flatten(upright)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise NotAPictureError(f"not a picture: {error}") from error
    except Image.DecompressionBombError as error:
        raise NotAPictureError(f"too many pixels: {error}") from error


def read_photo_size(data: bytes) -> tuple[int, int]:
    """Return (width, height) as shown, from the header alone."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            turned = image.getexif().get(0x0112, 1) in {5, 6, 7, 8}
            return (image.height, image.width) if turned else image.size
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise NotAPictureError(f"not a picture: {error}") from error


def compute_result_size(width: int, height: int) -> tuple[int, int]:
    """Return the size of a replaced picture: about one megapixel, same shape, multiples of 16.

    Shapes longer than 1:4 are drawn at 1:4, as the provider's list of resolutions ends there.
    """
    shape = min(4.0, max(0.25, width / height))
    wide = math.sqrt(_AREA * shape)
    return _snap(wide), _snap(wide / shape)


def _snap(side: float) -> int:
    return min(_MAX_SIDE, max(_STEP, round(side / _STEP) * _STEP))


def _flatten(image: Image.Image) -> Image.Image:
    if image.mode not in {"RGBA", "LA", "PA"} and "transparency" not in image.info:
        return image.convert("RGB")
    layered = image.convert("RGBA")
    white = Image.new("RGBA", layered.size, "white")
    return Image.alpha_composite(white, layered).convert("RGB")
