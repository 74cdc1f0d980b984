"""Shows a photo and its pictures in a notebook, side by side."""

from base64 import b64encode
from collections.abc import Callable, Mapping
from html import escape

from backdrop_client.thumbnails import read_thumbnail

MAX_SIDE_PIXELS = 480


def render_before_and_after(images: Mapping[str, Callable[[], bytes]]) -> str:
    """Returns HTML with small copies of the images in it, so that a saved notebook shows them anywhere.

    `images`: by their captions or keys. One that was deleted, or that cannot be decoded, has only its caption.
    """
    figures = [_render_figure(caption, read) for caption, read in images.items()]
    return f'<div style="display:flex;flex-wrap:wrap;gap:16px">{"".join(figures)}</div>'


def _render_figure(caption: str, read: Callable[[], bytes]) -> str:
    name, thumbnail = escape(caption.rpartition("/")[2]), read_thumbnail(read, MAX_SIDE_PIXELS)
    if thumbnail is None:
        return f"<figure>{name}</figure>"
    image = f'<img src="data:image/webp;base64,{b64encode(thumbnail).decode()}" alt="{name}">'
    return f'<figure style="margin:0">{image}<figcaption>{name}</figcaption></figure>'
