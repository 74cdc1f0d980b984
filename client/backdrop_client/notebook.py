"""Shows a photo and its pictures in a notebook, side by side."""

from base64 import b64encode
from collections.abc import Mapping
from html import escape
from io import BytesIO

from PIL import Image, ImageOps

MAX_SIDE_PIXELS = 480
WEBP_QUALITY = 80


def render_before_and_after(photo: bytes, pictures: Mapping[str, bytes]) -> str:
    """Returns HTML with small copies of the images in it, so that a saved notebook shows them anywhere."""
    figures = [_render_figure("before", photo), *(_render_figure(name, data) for name, data in pictures.items())]
    return f'<div style="display:flex;flex-wrap:wrap;gap:16px">{"".join(figures)}</div>'


def _render_figure(caption: str, data: bytes) -> str:
    """An image that Pillow cannot open, such as a HEIC photo, has only its caption."""
    name = escape(caption.rpartition("/")[2])
    try:
        thumbnail = b64encode(_encode_thumbnail(data)).decode()
    except OSError:
        return f"<figure>{name}</figure>"
    image = f'<img src="data:image/webp;base64,{thumbnail}" alt="{name}">'
    return f'<figure style="margin:0">{image}<figcaption>{name}</figcaption></figure>'


def _encode_thumbnail(data: bytes) -> bytes:
    with Image.open(BytesIO(data)) as opened:
        upright = ImageOps.exif_transpose(opened)
        upright.thumbnail((MAX_SIDE_PIXELS, MAX_SIDE_PIXELS))
        encoded = BytesIO()
        upright.convert("RGBA" if upright.has_transparency_data else "RGB").save(encoded, "WEBP", quality=WEBP_QUALITY)
    return encoded.getvalue()
