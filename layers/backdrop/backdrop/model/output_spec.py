"""Outputs: the forms in which a paid picture is delivered, as the job's instructions specify them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from backdrop.model.frame import OutputFrame, parse_output_frame
from backdrop.model.record import Record, record

CONTENT_TYPES: Mapping[str, str] = {"png": "image/png", "webp": "image/webp", "jpg": "image/jpeg"}
"""The content type of each format; the formats are also the suffixes of the keys."""
JPG = "jpg"
CONTAIN, COVER, PAD = "contain", "cover", "pad"
FULL_SIZE, PROVIDER_SIZE = "full", "provider"
PERCENT, PIXELS = "%", "px"
_FIELDS = frozenset({"name", "format", "quality", "width", "height", "fit", "background", "trim", "size"})


@record
class OutputSpec(Record):
    """One form of a picture, made in this order: trim, frame, fit, margin, background, format.

    `name` is None for the one output without a name. `width`, `height`: pixels of the finished picture, including
    margins. `fit`: `contain` keeps the whole subject within them and never enlarges it; `pad` centers it in a frame of
    exactly that size; `cover` fills the frame and crops both sides equally. `trim` first removes the borders around the
    subject: transparent ones, or in an opaque picture, those of one color. `margin_pixels` or `margin_share` (of the
    finished picture's shorter side, 0 to 0.45) stay free on every side. `background` (`#rrggbb`) fills transparent
    parts and free space; without it, they are transparent. `quality`: 1 to 100, None for the format's default. `size`:
    if the provider's picture has fewer pixels than the photo, `full` removes the background from the photo's own
    pixels, and `provider` keeps the provider's picture. `frame`: the instructions' frame, which all outputs
    share.
    """

    name: str | None = None
    format: str = "png"
    quality: int | None = None
    width: int | None = None
    height: int | None = None
    fit: str = CONTAIN
    background: str | None = None
    trim: bool = False
    margin_pixels: int = 0
    margin_share: float = 0.0
    size: str = FULL_SIZE
    frame: OutputFrame | None = None

    @property
    def content_type(self) -> str:
        return CONTENT_TYPES[self.format]

    @property
    def has_free_space(self) -> bool:
        """Whether the finished picture has free space around the picture, regardless of its shape."""
        return self.fit == PAD or bool(self.margin_pixels or self.margin_share)

    @property
    def is_plain_lossless(self) -> bool:
        """Whether the output is the unaltered picture in a lossless format, in either size."""
        return replace(self, name=None, size=FULL_SIZE) == OutputSpec()


def parse_outputs(instructions: Mapping[str, Any]) -> tuple[OutputSpec, ...]:
    """Returns the outputs of validated instructions; by default, PNG in the result's size."""
    specs: Mapping[str, Any] | list[Mapping[str, Any]] = instructions.get("output", {})
    frame = parse_output_frame(instructions)
    return tuple(replace(parse_output(one), frame=frame) for one in (specs if isinstance(specs, list) else [specs]))


def parse_output(spec: Mapping[str, Any]) -> OutputSpec:
    """Converts a validated `output` object."""
    return OutputSpec(
        **{name: value for name, value in spec.items() if name in _FIELDS}, **_parse_margin(spec.get("margin", ""))
    )


def _parse_margin(text: str) -> dict[str, Any]:
    """Converts `7.5%` or `40px` to the record's field."""
    if text.endswith(PERCENT):
        return {"margin_share": float(text.removesuffix(PERCENT)) / 100}
    return {"margin_pixels": int(text.removesuffix(PIXELS))} if text else {}


def find_output_errors(operation: str, outputs: tuple[OutputSpec, ...]) -> list[str]:
    """Returns why an operation's pictures cannot have these outputs, one sentence per output; empty if they can."""
    if operation != "remove":
        return []
    return [
        f"{format_output_name(output)} is a jpg, which cannot be transparent; set a background such as #ffffff, or "
        "use png or webp"
        for output in outputs
        if output.format == JPG and output.background is None
    ]


def format_output_name(output: OutputSpec) -> str:
    return f"output {output.name!r}" if output.name else "the output without a name"
