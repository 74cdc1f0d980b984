"""The subject of a picture without the borders that show nothing of it."""

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from PIL.Image import Image

MIN_VISIBLE_ALPHA = 16
"""Alpha of 0..255: below it a pixel counts as gone, as where results are verified."""

MAX_BORDER_DIFFERENCE = 10
"""How far, of 255 in each channel, a border may differ from its corner: JPEG's noise, no gradient."""


type PixelBox = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels."""


def find_subject_box(picture: "Image") -> PixelBox:
    """The smallest part of an RGB or RGBA picture that holds its subject; all of it where there is none to find."""
    box = _find_visible_box(picture) if picture.mode == "RGBA" else _find_content_box(picture)
    return box or (0, 0, *picture.size)


def _find_visible_box(picture: "Image") -> PixelBox | None:
    """The box round all that is not transparent."""
    return picture.getchannel("A").point([0] * MIN_VISIBLE_ALPHA + [255] * (256 - MIN_VISIBLE_ALPHA)).getbbox()


def _find_content_box(picture: "Image") -> PixelBox | None:
    """The box round all that differs from the corners; None where the corners differ among themselves."""
    from PIL import Image, ImageChops

    right, bottom = picture.width - 1, picture.height - 1
    corners = [_read_pixel(picture, x, y) for x in (0, right) for y in (0, bottom)]
    if any(max(band) - min(band) > MAX_BORDER_DIFFERENCE for band in zip(*corners, strict=True)):
        return None
    border = Image.new("RGB", picture.size, corners[0])
    threshold = [0] * (MAX_BORDER_DIFFERENCE + 1) + [255] * (255 - MAX_BORDER_DIFFERENCE)
    return ImageChops.difference(picture, border).point(threshold * 3).getbbox()


def _read_pixel(picture: "Image", x: int, y: int) -> tuple[int, int, int]:
    return cast("tuple[int, int, int]", picture.getpixel((x, y)))
