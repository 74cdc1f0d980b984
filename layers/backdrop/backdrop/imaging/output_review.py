"""Finds outputs that are probably not intended, from the instructions and the photo's size."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, replace
from typing import Any

from backdrop.imaging.output_layout import compute_layout
from backdrop.imaging.sizes import MAX_UNREPORTED_SCALE, format_size
from backdrop.model.frame import Size
from backdrop.model.job_warning import JobWarning, WarningCode
from backdrop.model.output_spec import (
    CONTAIN,
    COVER,
    DEFAULT_QUALITY,
    PAD,
    OutputSpec,
    format_output_name,
    parse_outputs,
)
from backdrop.model.sentence import Sentence


def needs_photo_size(instructions: Mapping[str, Any]) -> bool:
    """Whether `review_outputs` finds more if it knows the photo's size."""
    outputs = parse_outputs(instructions)
    return len(outputs) > 1 or any(output.fit in (PAD, COVER) for output in outputs)


def review_outputs(instructions: Mapping[str, Any], photo_size: Size | None) -> list[JobWarning]:
    """Returns a warning for each output that would be enlarged, and for each group of outputs that would be equal.

    `instructions` are those of a job. `photo_size` is in pixels, as displayed; if it is None, no enlargement is found,
    and only outputs with the same fields are equal.
    """
    outputs = parse_outputs(instructions)
    # A cut-out has the photo's own size. The size of a provider's picture is not known before the purchase.
    size_of_cut_out = photo_size if instructions["operation"] == "remove" else None
    enlarged = _find_enlarged(outputs, photo_size) if photo_size else ()
    return [*enlarged, *_find_equal(outputs, size_of_cut_out)]


def _find_enlarged(outputs: Sequence[OutputSpec], photo_size: Size) -> Iterator[JobWarning]:
    for output in outputs:
        layout = compute_layout(*photo_size, output)
        if layout.scale > MAX_UNREPORTED_SCALE:
            message = (
                f"{format_output_name(output)} is {format_size(layout.size)} pixels, which shows the photo of "
                f"{format_size(photo_size)} at {'at least ' if output.trim else ''}{layout.scale:.1f} times its size"
            )
            yield JobWarning(code=WarningCode.ENLARGED, text=Sentence(message))


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
