"""Finds outputs that are probably not intended, from the instructions and the photo's size."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, replace
from typing import Any

from backdrop.imaging.output_layout import compute_layout
from backdrop.imaging.sizes import MAX_UNREPORTED_SCALE, format_size
from backdrop.model.frame import Size
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
"""Pixels of a photo's longer side. A smaller photo is a thumbnail, which shows too little for a known use."""


def needs_photo_size(instructions: Mapping[str, Any]) -> bool:
    """Whether `review_outputs` finds more if it knows the photo's size."""
    outputs = parse_outputs(instructions)
    return len(outputs) > 1 or any(output.fit in (PAD, COVER) or output.has_destination for output in outputs)


def review_outputs(instructions: Mapping[str, Any], photo_size: Size | None) -> list[JobWarning]:
    """Returns a warning for each output that would be enlarged or too small, and for each group of equal outputs.

    `instructions` are those of a job. `photo_size` is in pixels, as displayed; if it is None, no output is enlarged or
    too small, and only outputs with the same fields are equal.
    """
    outputs = parse_outputs(instructions)
    # A cut-out has the photo's own size. The size of a provider's picture is not known before the purchase.
    size_of_cut_out = photo_size if instructions["operation"] == "remove" else None
    enlarged = _find_enlarged(outputs, photo_size) if photo_size else ()
    too_small = _find_too_small(outputs, size_of_cut_out) if size_of_cut_out else ()
    tiny = find_tiny_photo(instructions, photo_size)
    return [*tiny, *enlarged, *too_small, *_find_equal(outputs, size_of_cut_out)]


def find_tiny_photo(instructions: Mapping[str, Any], photo_size: Size | None) -> Iterator[JobWarning]:
    """Yields a warning if the photo is too small for any frame or marketplace, and its job has one."""
    if not photo_size or max(photo_size) >= MIN_PHOTO_SIDE:
        return
    if any(output.has_destination for output in parse_outputs(instructions)):
        message = f"the photo is only {format_size(photo_size)} pixels, which shows too little for a useful picture"
        yield JobWarning(code=WarningCode.TINY_PHOTO, text=Sentence(message))


def _find_enlarged(outputs: Sequence[OutputSpec], photo_size: Size) -> Iterator[JobWarning]:
    for output in outputs:
        layout = compute_layout(*photo_size, output)
        if layout.scale > MAX_UNREPORTED_SCALE:
            message = (
                f"{format_output_name(output)} is {format_size(layout.size)} pixels, with the photo of "
                f"{format_size(photo_size)} enlarged to {'at least ' if output.trim else ''}{layout.scale:.1f} times "
                "its size"
            )
            yield JobWarning(code=WarningCode.ENLARGED, text=Sentence(message))


def _find_too_small(outputs: Sequence[OutputSpec], photo_size: Size) -> Iterator[JobWarning]:
    """Yields a warning for each marketplace's output that is not enlarged, and whose sides break a rule."""
    for output in outputs:
        if output.marketplace is None or output.fit != CONTAIN:
            continue
        size, marketplace = _limit_size(output, photo_size), load_marketplace(output.marketplace)
        # What a trimmed picture shows is not known before the purchase, so only its limits are.
        shape = {} if output.trim else {"aspect_ratio": size[0] / size[1]}
        for rule in marketplace.find_broken_rules({**measure_sides(*size), **shape}):
            message = (
                f"{format_output_name(output)} is {'at most ' if output.trim else ''}{format_size(size)} pixels with "
                f"the photo of {format_size(photo_size)}, but {marketplace.name} requires {rule.demand}"
            )
            yield JobWarning(code=WarningCode.CERTIFICATE_FAILED, text=Sentence(message))


def _limit_size(output: OutputSpec, photo_size: Size) -> Size:
    """Returns the size of an output that is not enlarged; if the photo is trimmed, the maximum of each side."""
    if not output.trim:
        return compute_layout(*photo_size, output).size
    width, height = compute_layout(*photo_size, replace(output, width=MAX_OUTPUT_SIDE, height=MAX_OUTPUT_SIDE)).size
    return min(width, output.width or width), min(height, output.height or height)


def _find_equal(outputs: Sequence[OutputSpec], picture_size: Size | None) -> Iterator[JobWarning]:
    outputs_by_appearance: defaultdict[object, list[OutputSpec]] = defaultdict(list)
    for output in outputs:
        outputs_by_appearance[_describe_appearance(output, picture_size)].append(output)
    for group in outputs_by_appearance.values():
        if len(group) > 1:
            names = " and ".join(map(format_output_name, group))
            yield JobWarning(code=WarningCode.SAME_OUTPUTS, text=Sentence(f"{names} would be the same picture"))


def _describe_appearance(output: OutputSpec, picture_size: Size | None) -> tuple[object, ...]:
    """Returns what determines an output's pixels: the same for outputs that differ only in name or in defaults."""
    appearance = replace(
        output,
        name=None,
        name_template=None,
        quality=None if output.format == "png" else output.quality or DEFAULT_QUALITY,
        background=output.effective_background,
    )
    if picture_size is None or output.trim:
        return astuple(appearance)
    layout = compute_layout(*picture_size, output)
    without_layout = replace(appearance, width=None, height=None, fit=CONTAIN, margin_pixels=0, margin_share=0.0)
    return layout, *astuple(without_layout)
