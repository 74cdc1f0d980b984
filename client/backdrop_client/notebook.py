"""Shows a photo and its pictures in a notebook, side by side."""

from base64 import b64encode
from collections.abc import Mapping
from html import escape

from backdrop_client.thumbnails import encode_thumbnail

MAX_SIDE_PIXELS = 480


def render_before_and_after(photo: bytes, pictures: Mapping[str, bytes]) -> str:
    """Returns HTML with small copies of the images in it, so that a saved notebook shows them anywhere."""
    figures = [_render_figure("before", photo), *(_render_figure(name, data) for name, data in pictures.items())]
    return f'<div style="display:flex;flex-wrap:wrap;gap:16px">{"".join(figures)}</div>'


def _render_figure(caption: str, data: bytes) -> str:
    """An image that Pillow cannot open, such as a HEIC photo, has only its caption."""
    name = escape(caption.rpartition("/")[2])
    try:
        thumbnail = b64encode(encode_thumbnail(data, MAX_SIDE_PIXELS)).decode()
    except OSError:
        return f"<figure>{name}</figure>"
    image = f'<img src="data:image/webp;base64,{thumbnail}" alt="{name}">'
    return f'<figure style="margin:0">{image}<figcaption>{name}</figcaption></figure>'
