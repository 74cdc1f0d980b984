"""Finds outputs that are probably not intended, from the instructions and the photo's size."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, replace
from typing import Any

from backdrop.imaging.output_layout import OutputLayout, compute_layout
from backdrop.imaging.sizes import format_size, is_enlarged
from backdrop.model.frame import MAX_FRAME_SIDE, Canvas, Size
from backdrop.model.job_warning import JobWarning, WarningCode
from backdrop.model.marketplaces import load_marketplace
from backdrop.model.output_spec import (
    CONTAIN,
    COVER,
    DEFAULT_QUALITY,
    MAX_OUTPUT_SIDE,
    PAD,
    OutputSpec,
    format_output_name,
    measure_sides,
    parse_outputs,
)
from backdrop.model.sentence import Sentence

MIN_PHOTO_SIDE = 100
"""Pixels of a photo's longer side. A smaller photo is a thumbnail, which has too little detail for a known use."""


def needs_photo_size(instructions: Mapping[str, Any]) -> bool:
    """Whether `check_outputs` finds more if it knows the photo's size."""
    outputs = parse_outputs(instructions)
    return len(outputs) > 1 or any(output.fit in (PAD, COVER) or output.has_destination for output in outputs)


def check_outputs(
    instructions: Mapping[str, Any], photo_size: Size | None, canvas: Canvas | None = None
) -> list[JobWarning]:
    """Returns a warning for each output that would be enlarged or break a rule, and for each group of equal outputs.

    A warning counts the files that it is about, one for each image.
    `instructions` are those of a job. `photo_size` is in pixels, as displayed; if it is None, no output is enlarged,
    only a frame can break a rule, and only outputs with the same fields are equal. `canvas`: what is sent instead of
    the photo, if it is drawn already.
    """
    outputs = parse_outputs(instructions)
    # A cut-out has the photo's own size. The size of a provider's picture is not known before the purchase.
    size_of_cut_out = photo_size if instructions["operation"] == "remove" else None
    image_count = int(instructions.get("num_images", 1))
    enlarged = _find_enlarged(outputs, photo_size, canvas) if photo_size else ()
    tiny = find_tiny_photo(instructions, photo_size)
    broken = _find_broken_rules(outputs, size_of_cut_out)
    warnings_about_files = [replace(one, count=image_count) for one in (*enlarged, *broken)]
    return [*tiny, *warnings_about_files, *_find_equal(outputs, size_of_cut_out)]


def find_tiny_photo(instructions: Mapping[str, Any], photo_size: Size | None) -> Iterator[JobWarning]:
    """Yields a warning if an output is for a frame or a marketplace, and the photo is too small for any of them."""
    if not photo_size or max(photo_size) >= MIN_PHOTO_SIDE:
        return
    if any(output.has_destination for output in parse_outputs(instructions)):
        message = f"the photo is only {format_size(photo_size)} pixels, too small for a useful picture"
        yield JobWarning(code=WarningCode.TINY_PHOTO, text=Sentence(message))


def _find_enlarged(outputs: Sequence[OutputSpec], photo_size: Size, canvas: Canvas | None) -> Iterator[JobWarning]:
    for output in outputs:
        layout = _lay_out_photo(output, photo_size, canvas)
        if is_enlarged(layout.scale):
            message = (
                f"{format_output_name(output)} is {format_size(layout.size)} pixels, with the photo of "
                f"{format_size(photo_size)} enlarged to {'at least ' if output.trim else ''}{layout.scale:.1f} times "
                "its size"
            )
            yield JobWarning(code=WarningCode.ENLARGED, text=Sentence(message))


def measure_photo_scale(output: OutputSpec, photo_size: Size, canvas: Canvas | None) -> float:
    """Returns the size at which an output shows the photo, relative to the photo; if it is trimmed, at least that."""
    return _lay_out_photo(output, photo_size, canvas).scale


def _lay_out_photo(output: OutputSpec, photo_size: Size, canvas: Canvas | None) -> OutputLayout:
    return compute_layout(*((canvas.width, canvas.height) if canvas else photo_size), output)


def _find_broken_rules(outputs: Sequence[OutputSpec], size_of_cut_out: Size | None) -> Iterator[JobWarning]:
    """Yields a warning for each rule of a marketplace that an output will break because of the photo or its frame.

    `size_of_cut_out`: None if it is not known, and a frame then decides only the shape.
    """
    for output in outputs:
        picture_size = size_of_cut_out or _find_largest_picture(output)
        if output.marketplace is None or picture_size is None:
            continue
        size, marketplace = _limit_size(output, picture_size), load_marketplace(output.marketplace)
        # What a trimmed picture shows is not known before the purchase. In a frame, it has the frame's shape anyway.
        shape = {} if output.trim and output.frame is None else {"aspect_ratio": size[0] / size[1]}
        share = _estimate_subject_share(output, size_of_cut_out)
        is_limit = output.trim or size_of_cut_out is None
        description = f"is {'at most ' if is_limit else ''}{format_size(size)} pixels"
        photo = f" with the photo of {format_size(size_of_cut_out)}" if size_of_cut_out else ""
        frame = f" in the frame {output.frame.frame}" if output.frame else ""
        for rule in marketplace.find_broken_rules({**measure_sides(*size), **shape, "subject_share": share}):
            if rule.rule == "subject_share":
                description = f"fills {share:.2f} of its width or height with a product of the photo's shape"
            message = (
                f"{format_output_name(output)} {description}{photo}{frame}, but {marketplace.name} requires "
                f"{rule.demand}"
            )
            yield JobWarning(code=WarningCode.CERTIFICATE_FAILED, text=Sentence(message))


def _find_largest_picture(output: OutputSpec) -> Size | None:
    """Returns the largest size that a picture in the output's frame can have; None without a frame."""
    if output.frame is None:
        return None
    ratio = output.frame.frame.ratio
    return round(MAX_FRAME_SIDE * min(ratio, 1)), round(MAX_FRAME_SIDE / max(ratio, 1))


def _limit_size(output: OutputSpec, picture_size: Size) -> Size:
    """Returns the maximum width and height of an output; if the picture is not trimmed, its exact size."""
    if output.frame or not output.trim:
        return compute_layout(*picture_size, output).size
    unlimited = replace(output, width=MAX_OUTPUT_SIDE, height=MAX_OUTPUT_SIDE)
    width, height = compute_layout(*picture_size, unlimited).size
    return min(width, output.width or width), min(height, output.height or height)


def _estimate_subject_share(output: OutputSpec, size_of_cut_out: Size | None) -> float | None:
    """Returns the share of a framed picture's width or height that a subject of the photo's shape fills, if known."""
    if output.frame is None or size_of_cut_out is None:
        return None
    layout = compute_layout(*size_of_cut_out, output)
    return max(content / side for content, side in zip(layout.content_size, layout.size, strict=True))


def _find_equal(outputs: Sequence[OutputSpec], picture_size: Size | None) -> Iterator[JobWarning]:
    outputs_by_appearance: defaultdict[object, list[OutputSpec]] = defaultdict(list)
    for output in outputs:
        outputs_by_appearance[_describe_appearance(output, picture_size)].append(output)
    for group in outputs_by_appearance.values():
        if len(group) > 1:
            names = " and ".join(map(format_output_name, group))
            yield JobWarning(code=WarningCode.SAME_OUTPUTS, text=Sentence(f"{names} would be the same picture"))


def _describe_appearance(output: OutputSpec, picture_size: Size | None) -> tuple[object, ...]:
    """Returns what determines an output's file: the same for outputs that differ only in name or in defaults.

    The rules of a marketplace have no effect on it, except through the fields that they set.
    """
    appearance = replace(
        output,
        name=None,
        name_template=None,
        marketplace=None,
        quality=None if output.format == "png" else output.quality or DEFAULT_QUALITY,
        background=output.effective_background,
    )
    if picture_size is None or output.trim:
        return astuple(appearance)
    layout = compute_layout(*picture_size, output)
    without_layout = replace(
        appearance,
        width=None,
        height=None,
        fit=CONTAIN,
        margin_pixels=0,
        margin_share=0.0,
        max_bytes=_find_effective_limit(output, layout.size),
    )
    return layout, *astuple(without_layout)


def _find_effective_limit(output: OutputSpec, size: Size) -> int | None:
    """Returns the output's limit of bytes; None if a file of this size in pixels has fewer in any quality."""
    return output.max_bytes if output.max_bytes and output.max_bytes < 3 * size[0] * size[1] else None
