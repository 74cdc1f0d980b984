"""Where the subject is in an output, according to its matte. The matte is no longer in the file of an opaque output."""

from dataclasses import dataclass
from math import ceil, floor
from typing import TYPE_CHECKING

from backdrop.imaging.matte_parts import find_significant_box
from backdrop.imaging.output_layout import OutputLayout
from backdrop.model.frame import Box, FloatBox, Size

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_MASK_SIDE = 512
"""Pixels per side of a mask, which saves memory and time: a mask need not be as sharp as its picture."""
MIN_SOLID_ALPHA = 128
"""Alpha (0 to 255) from which a pixel at the border counts as a part of the subject that is cut off."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A picture's subject. `mask` (L, reduced to `MAX_MASK_SIDE`) is 0 where the picture shows only background.

    `box` is the smallest box around the subject, in pixels of the picture; None if there is none. `is_whole` is None if
    there is no matte, because nothing else shows it. `edge_pixels`: how far scaling spread the subject's edge into the
    background.
    """

    mask: "Image"
    box: FloatBox | None
    is_whole: bool | None
    edge_pixels: float = 0.0


def locate_subject(alpha: "Image", layout: OutputLayout) -> Subject:
    """Returns where an output shows the subject of a cut-out with this alpha channel that is drawn in this layout.

    The subject is whole if it ends before the cut-out's border, where the photo would cut it off, and before the crop
    box.
    """
    from PIL import Image

    mask = Image.new("L", compute_mask_size(layout.size))
    across, down = mask.width / layout.size[0], mask.height / layout.size[1]
    content_size = max(1, round(layout.content_size[0] * across)), max(1, round(layout.content_size[1] * down))
    content = alpha.resize(content_size, Image.Resampling.BOX, box=layout.crop_box, reducing_gap=2.0)
    mask.paste(content, (round(layout.content_offset[0] * across), round(layout.content_offset[1] * down)))
    visible_box = find_significant_box(alpha)
    lines_around = _list_lines_around(layout.crop_box, alpha.size)
    is_cut_off = any(sum(alpha.crop(line).histogram()[MIN_SOLID_ALPHA:]) for line in lines_around)
    return Subject(
        mask,
        _to_output_box(visible_box, layout) if visible_box else None,
        is_whole=not is_cut_off,
        edge_pixels=max(layout.scale, 1),
    )


def compute_mask_size(size: Size) -> Size:
    scale = min(1.0, MAX_MASK_SIDE / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _to_output_box(box: Box, layout: OutputLayout) -> FloatBox:
    """Converts a box in the cut-out to pixels of the output, as far as it is inside the layout's crop box."""
    left, top, right, bottom = layout.crop_box
    across, down = layout.content_size[0] / (right - left), layout.content_size[1] / (bottom - top)
    return (
        layout.content_offset[0] + (max(box[0], left) - left) * across,
        layout.content_offset[1] + (max(box[1], top) - top) * down,
        layout.content_offset[0] + (min(box[2], right) - left) * across,
        layout.content_offset[1] + (min(box[3], bottom) - top) * down,
    )


def _list_lines_around(crop_box: FloatBox, size: Size) -> list[Box]:
    """Returns the lines of pixels just outside each side of a crop box, or at the picture's border."""
    width, height = size
    left, top = max(ceil(crop_box[0]) - 1, 0), max(ceil(crop_box[1]) - 1, 0)
    right, bottom = min(floor(crop_box[2]), width - 1), min(floor(crop_box[3]), height - 1)
    columns = [(x, top, x + 1, bottom + 1) for x in (left, right)]
    return columns + [(left, y, right + 1, y + 1) for y in (top, bottom)]
