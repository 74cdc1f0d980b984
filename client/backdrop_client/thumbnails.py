"""Small copies of photos and pictures, for notebooks and for agents."""

from io import BytesIO

from PIL import Image, ImageOps

WEBP_QUALITY = 80


def encode_thumbnail(data: bytes, max_side: int) -> bytes:
    """Returns an upright WebP whose sides have at most `max_side` pixels. Raises OSError if Pillow cannot open it."""
    with Image.open(BytesIO(data)) as opened:
        upright = ImageOps.exif_transpose(opened)
        upright.thumbnail((max_side, max_side))
        encoded = BytesIO()
        upright.convert("RGBA" if upright.has_transparency_data else "RGB").save(encoded, "WEBP", quality=WEBP_QUALITY)
    return encoded.getvalue()
