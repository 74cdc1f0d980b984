"""Computes where a subject is placed in its output. Pure arithmetic on pixels."""

from dataclasses import dataclass, replace
from math import sqrt

from backdrop.model.frame import (
    MAX_FRAME_SIDE,
    Box,
    FloatBox,
    FramedContent,
    OutputFrame,
    Size,
    correct_shape,
    frame_cut_out,
)
from backdrop.model.output_spec import COVER, MAX_OUTPUT_SIDE, OutputSpec


@dataclass(frozen=True, slots=True)
class OutputLayout:
    """Where a part of the subject is drawn in an output, in pixels.

    The output has `size`. `crop_box` of the subject (left, top, right, bottom) fills `content_size` at
    `content_offset`. `scale` is output pixels per pixel of the subject. `border_box`: the area around the subject that
    continues its border, or None.
    """

    size: Size
    content_size: Size
    content_offset: tuple[int, int]
    crop_box: FloatBox
    scale: float
    border_box: Box | None = None

    @property
    def covered_size(self) -> Size:
        """The size of the part that the subject and the continuation of its border cover."""
        if self.border_box is None:
            return self.content_size
        left, top, right, bottom = self.border_box
        return right - left, bottom - top


def compute_layout(width: int, height: int, output: OutputSpec) -> OutputLayout:
    """Returns the layout for a subject of `width` × `height` pixels."""
    target = output.frame
    if target is None:
        return _fit(width, height, output)
    framed = frame_cut_out(width, height, target) if target.is_cut_out else correct_shape(width, height, target.frame)
    layout = _draw_through(framed, (width, height), _fit_framed(framed, target, output))
    return layout if target.continues_border and output.background is None else replace(layout, border_box=None)


def _fit(width: int, height: int, output: OutputSpec) -> OutputLayout:
    output_size = (output.width or MAX_OUTPUT_SIDE, output.height or MAX_OUTPUT_SIDE)
    match output.fit:
        case _ if output.fit == COVER:
            return _cover(width, height, output_size)
        case "pad":
            return _pad(width, height, output_size, output)
        case _:
            return _contain(width, height, output)


def _fit_framed(framed: FramedContent, target: OutputFrame, output: OutputSpec) -> OutputLayout:
    """Fits a framed picture into its output. The output's own width and height take precedence over the frame's."""
    if output.width or output.height:
        return _fit(*framed.size, output)
    frame = target.frame
    if not frame.is_size:
        return _fit(*framed.size, replace(output, width=MAX_FRAME_SIDE, height=MAX_FRAME_SIDE))
    limited = replace(output, width=frame.width, height=frame.height)
    would_enlarge = framed.size[0] < frame.width or framed.size[1] < frame.height
    # Covering loses at most one pixel, because the framed picture has the frame's shape except for rounding.
    return _fit(*framed.size, limited if would_enlarge or output.has_free_space else replace(limited, fit=COVER))


def _draw_through(framed: FramedContent, content: Size, outer: OutputLayout) -> OutputLayout:
    """Returns where the content itself is drawn if its framed picture is drawn in `outer`."""
    starts, ends, crop_starts, crop_ends = list[int](), list[int](), list[float](), list[float]()
    for axis in (0, 1):
        offset, length = framed.offset[axis], content[axis]
        first, last = outer.crop_box[axis], outer.crop_box[axis + 2]
        scale = outer.content_size[axis] / (last - first)
        visible_start, visible_end = max(first, offset), min(last, offset + length)
        start = outer.content_offset[axis] + round((visible_start - first) * scale)
        starts.append(start)
        ends.append(max(start + 1, outer.content_offset[axis] + round((visible_end - first) * scale)))
        crop_starts.append(visible_start - offset)
        crop_ends.append(visible_end - offset)
    content_size = ends[0] - starts[0], ends[1] - starts[1]
    (left, top), (framed_width, framed_height) = outer.content_offset, outer.content_size
    return replace(
        outer,
        content_size=content_size,
        content_offset=(starts[0], starts[1]),
        crop_box=(crop_starts[0], crop_starts[1], crop_ends[0], crop_ends[1]),
        border_box=(left, top, left + framed_width, top + framed_height)
        if content_size != outer.content_size
        else None,
    )


def shrink_layout(layout: OutputLayout, max_side: int, max_pixels: int) -> OutputLayout:
    """Scales a layout down to a format's limits."""
    width, height = layout.size
    scale = min(1.0, max_side / max(layout.size), sqrt(max_pixels / (width * height)))
    if scale == 1:
        return layout
    size = max(1, int(width * scale)), max(1, int(height * scale))
    content_offset = int(layout.content_offset[0] * scale), int(layout.content_offset[1] * scale)
    content_size = [
        max(1, min(int(content_side * scale), side - offset))
        for content_side, side, offset in zip(layout.content_size, size, content_offset, strict=True)
    ]
    return replace(
        layout,
        size=size,
        content_size=(content_size[0], content_size[1]),
        content_offset=content_offset,
        scale=layout.scale * scale,
        border_box=_shrink_box(layout.border_box, scale, size) if layout.border_box else None,
    )


def _shrink_box(box: Box, scale: float, size: Size) -> Box:
    left, top = int(box[0] * scale), int(box[1] * scale)
    return left, top, min(size[0], round(box[2] * scale)), min(size[1], round(box[3] * scale))


def _cover(width: int, height: int, output_size: Size) -> OutputLayout:
    scale = max(output_size[0] / width, output_size[1] / height)
    across, down = min(output_size[0] / scale, width), min(output_size[1] / scale, height)
    left, top = (width - across) / 2, (height - down) / 2
    return OutputLayout(output_size, output_size, (0, 0), (left, top, left + across, top + down), scale)


def _pad(width: int, height: int, output_size: Size, output: OutputSpec) -> OutputLayout:
    margin = output.margin_pixels or round(output.margin_share * min(output_size))
    available_size = [max(side - 2 * margin, 1) for side in output_size]
    scale = min(available_size[0] / width, available_size[1] / height)
    content_size = _clamp_side(width * scale, available_size[0]), _clamp_side(height * scale, available_size[1])
    content_offset = (output_size[0] - content_size[0]) // 2, (output_size[1] - content_size[1]) // 2
    return OutputLayout(output_size, content_size, content_offset, (0, 0, width, height), scale)


def _contain(width: int, height: int, output: OutputSpec) -> OutputLayout:
    # A margin that is a share of the output grows with the subject, so it is scaled too.
    margin_share, fixed_margin = output.margin_share, output.margin_pixels
    scaled_margin = margin_share / (1 - 2 * margin_share) * min(width, height)
    unlimited = MAX_OUTPUT_SIDE if output.has_free_space else None
    limits = [(output.width or unlimited, width), (output.height or unlimited, height)]
    scale = min([1.0, *((limit - 2 * fixed_margin) / (side + 2 * scaled_margin) for limit, side in limits if limit)])
    size = [max(round((side + 2 * scaled_margin) * scale), 1) + 2 * fixed_margin for _, side in limits]
    margin = min(fixed_margin + round(scaled_margin * scale), (min(size) - 1) // 2)
    content_size = size[0] - 2 * margin, size[1] - 2 * margin
    return OutputLayout((size[0], size[1]), content_size, (margin, margin), (0, 0, width, height), scale)


def _clamp_side(side: float, max_side: int) -> int:
    return max(1, min(round(side), max_side))
