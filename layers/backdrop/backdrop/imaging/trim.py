"""Finds the subject of a picture, without its empty borders."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from backdrop.imaging.matte_parts import find_visible_box
from backdrop.model.frame import Box

if TYPE_CHECKING:
    from PIL.Image import Image

type RgbColor = tuple[int, int, int]

MAX_BORDER_DIFFERENCE = 10
"""Maximum difference (0–255 per channel) of a border from its corner: enough for JPEG noise, not for a gradient."""


def find_subject_box(picture: "Image") -> Box:
    """Returns the smallest box around the subject of an RGB or RGBA picture; the whole picture if none is found."""
    box = find_visible_box(picture) if picture.mode == "RGBA" else _find_content_box(picture)
    return box or (0, 0, *picture.size)


def _find_content_box(picture: "Image") -> Box | None:
    """Returns the box around everything that differs from the corners; None if the corners differ from each other."""
    right, bottom = picture.width - 1, picture.height - 1
    corners = [read_pixel(picture, x, y) for x in (0, right) for y in (0, bottom)]
    return mark_content(picture, corners[0]).getbbox() if have_same_color(corners) else None


def have_same_color(corners: Sequence[RgbColor]) -> bool:
    """Whether a picture's corners can be one border."""
    return all(max(band) - min(band) <= MAX_BORDER_DIFFERENCE for band in zip(*corners, strict=True))


def mark_content(picture: "Image", border: RgbColor) -> "Image":
    """Returns an RGB picture with 255 in each channel that differs from the border's color, and 0 elsewhere."""
    from PIL import Image, ImageChops

    threshold = [0] * (MAX_BORDER_DIFFERENCE + 1) + [255] * (255 - MAX_BORDER_DIFFERENCE)
    return ImageChops.difference(picture, Image.new("RGB", picture.size, border)).point(threshold * 3)


def read_pixel(picture: "Image", x: int, y: int) -> RgbColor:
    return cast("RgbColor", picture.getpixel((x, y)))
