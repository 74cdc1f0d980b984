"""The subject of a picture without the borders that show nothing of it."""

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from PIL.Image import Image

CLEAR = 16
"""Alpha of 0..255: below it a pixel counts as gone, as where results are verified."""

ONE_COLOR = 10
"""How far, of 255 in each channel, a border may differ from its corner: JPEG's noise, no gradient."""


type Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels."""


def subject_of(picture: "Image") -> Box:
    """The smallest part of an RGB or RGBA picture that holds its subject; all of it where there is none to find."""
    box = _seen(picture) if picture.mode == "RGBA" else _different(picture)
    return box or (0, 0, *picture.size)


def _seen(picture: "Image") -> Box | None:
    """The box round all that is not transparent."""
    return picture.getchannel("A").point([0] * CLEAR + [255] * (256 - CLEAR)).getbbox()


def _different(picture: "Image") -> Box | None:
    """The box round all that differs from the corners; None where the corners differ among themselves."""
    from PIL import Image, ImageChops

    right, bottom = picture.width - 1, picture.height - 1
    corners = [_color(picture, x, y) for x in (0, right) for y in (0, bottom)]
    if any(max(band) - min(band) > ONE_COLOR for band in zip(*corners, strict=True)):
        return None
    border = Image.new("RGB", picture.size, corners[0])
    passed = [0] * (ONE_COLOR + 1) + [255] * (255 - ONE_COLOR)
    return ImageChops.difference(picture, border).point(passed * 3).getbbox()


def _color(picture: "Image", x: int, y: int) -> tuple[int, int, int]:
    return cast("tuple[int, int, int]", picture.getpixel((x, y)))
