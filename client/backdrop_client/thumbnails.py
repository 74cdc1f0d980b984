"""Small copies of photos and pictures, for notebooks and for agents."""

from collections.abc import Callable
from io import BytesIO

from PIL import Image, ImageOps

from backdrop_client.errors import GoneError

WEBP_QUALITY = 80


def make_thumbnail(read: Callable[[], bytes], max_side: int) -> bytes | None:
    """Returns an upright WebP whose sides have at most `max_side` pixels.

    None for an image that was deleted, or that Pillow does not open, such as a HEIC photo or one with too many pixels.
    """
    try:
        with Image.open(BytesIO(read())) as opened:
            upright = ImageOps.exif_transpose(opened)
            upright.thumbnail((max_side, max_side))
            encoded = BytesIO()
            mode = "RGBA" if upright.has_transparency_data else "RGB"
            upright.convert(mode).save(encoded, "WEBP", quality=WEBP_QUALITY)
    except (GoneError, OSError, Image.DecompressionBombError):
        return None
    return encoded.getvalue()
