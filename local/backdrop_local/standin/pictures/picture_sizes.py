"""Opens a caller's photo, and computes the size of the result."""

import io
import math

from PIL import Image, ImageOps, UnidentifiedImageError

_AREA = 1024 * 1024
_STEP = 16
_MAX_SIDE = 2048


class NotAPictureError(ValueError):
    """The bytes are not a picture that Pillow can decode."""


def open_photo(data: bytes) -> Image.Image:
    """Decodes a photo, upright and as RGB. Transparent areas become white.

    Raises NotAPictureError if it cannot be decoded completely.
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
    """Returns (width, height) as displayed, from the header alone."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            turned = image.getexif().get(0x0112, 1) in {5, 6, 7, 8}
            return (image.height, image.width) if turned else image.size
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise NotAPictureError(f"not a picture: {error}") from error


def compute_result_size(width: int, height: int) -> tuple[int, int]:
    """Returns the size of a replaced picture: about one megapixel, the same aspect ratio, and multiples of 16.

    Limits the aspect ratio to 1:4, the last one in the provider's list of resolutions.
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
