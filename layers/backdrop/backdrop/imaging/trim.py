"""Finds the subject of a picture, without its empty borders."""

from typing import TYPE_CHECKING, cast

from backdrop.model.frame import Box

if TYPE_CHECKING:
    from PIL.Image import Image

MIN_VISIBLE_ALPHA = 16
"""Alpha (0 to 255) below which a pixel counts as removed."""

MAX_BORDER_DIFFERENCE = 10
"""Maximum difference (0–255 per channel) of a border from its corner: enough for JPEG noise, not for a gradient."""


def find_subject_box(picture: "Image") -> Box:
    """Returns the smallest box around the subject of an RGB or RGBA picture; the whole picture if none is found."""
    box = find_visible_box(picture) if picture.mode == "RGBA" else _find_content_box(picture)
    return box or (0, 0, *picture.size)


def find_visible_box(picture: "Image") -> Box | None:
    """Returns the box of what is visible in an RGBA picture; None if nothing is."""
    return picture.getchannel("A").point([0] * MIN_VISIBLE_ALPHA + [255] * (256 - MIN_VISIBLE_ALPHA)).getbbox()


def _find_content_box(picture: "Image") -> Box | None:
    """Returns the box around everything that differs from the corners; None if the corners differ from each other."""
    from PIL import Image, ImageChops

    right, bottom = picture.width - 1, picture.height - 1
    corners = [read_pixel(picture, x, y) for x in (0, right) for y in (0, bottom)]
    if any(max(band) - min(band) > MAX_BORDER_DIFFERENCE for band in zip(*corners, strict=True)):
        return None
    border = Image.new("RGB", picture.size, corners[0])
    threshold = [0] * (MAX_BORDER_DIFFERENCE + 1) + [255] * (255 - MAX_BORDER_DIFFERENCE)
    return ImageChops.difference(picture, border).point(threshold * 3).getbbox()


def read_pixel(picture: "Image", x: int, y: int) -> tuple[int, int, int]:
    return cast("tuple[int, int, int]", picture.getpixel((x, y)))
