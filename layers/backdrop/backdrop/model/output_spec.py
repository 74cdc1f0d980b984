"""What an output is: the form in which deliver hands a paid picture over, as the job's instructions say it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from backdrop.model.record import Record, record

CONTENT_TYPES: Mapping[str, str] = {"png": "image/png", "webp": "image/webp", "jpg": "image/jpeg"}
"""The formats, which are also the pictures' suffixes, with the types under which they are served."""
JPG = "jpg"
CONTAIN, COVER, PAD = "contain", "cover", "pad"
FULL_SIZE, PROVIDER_SIZE = "full", "provider"
PERCENT, PIXELS = "%", "px"
_FIELDS = frozenset({"name", "format", "quality", "width", "height", "fit", "background", "trim", "size"})


@record
class OutputSpec(Record):
    """One form of a picture; made in this order: trim, fit, margin, background, format.

    `name` is None for the one output that has none. `width`, `height`: pixels of the finished picture, margins
    included. `fit`: `contain` keeps the whole subject within them and never enlarges it, `pad` centers it in a frame
    of exactly that size, `cover` fills the frame and cuts off what stands out, the same on both sides. `trim` first
    takes away what surrounds the subject: transparent borders, of an opaque picture borders of one color.
    `margin_pixels` or `margin_share` (of the finished picture's shorter side, 0 to 0.45) stay free on every side.
    `background` (`#rrggbb`) lies under transparent parts and free space; without it they are transparent.
    `quality`: 1 to 100, None for the format's default. `size`: whether a removed background is taken out of the photo's
    own pixels (`full`) where the provider's picture has fewer, or that picture is left alone (`provider`).
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

    @property
    def content_type(self) -> str:
        return CONTENT_TYPES[self.format]

    @property
    def has_free_space(self) -> bool:
        """Whether something but the picture itself is seen in the finished one, whatever the picture is."""
        return self.fit == PAD or bool(self.margin_pixels or self.margin_share)

    @property
    def is_plain_lossless(self) -> bool:
        """Whether nothing is asked but the picture in its lossless form, in whichever size."""
        return replace(self, name=None, size=FULL_SIZE) == OutputSpec()


def parse_outputs(instructions: Mapping[str, Any]) -> tuple[OutputSpec, ...]:
    """The outputs that validated instructions ask for; PNG at the result's size where they say nothing of it."""
    specs: Mapping[str, Any] | list[Mapping[str, Any]] = instructions.get("output", {})
    return tuple(parse_output(one) for one in (specs if isinstance(specs, list) else [specs]))


def parse_output(spec: Mapping[str, Any]) -> OutputSpec:
    """One validated `output` object as a record."""
    return OutputSpec(
        **{name: value for name, value in spec.items() if name in _FIELDS}, **_parse_margin(spec.get("margin", ""))
    )


def _parse_margin(text: str) -> dict[str, Any]:
    """`7.5%` or `40px` as the record's field."""
    if text.endswith(PERCENT):
        return {"margin_share": float(text.removesuffix(PERCENT)) / 100}
    return {"margin_pixels": int(text.removesuffix(PIXELS))} if text else {}


def find_output_errors(operation: str, outputs: tuple[OutputSpec, ...]) -> list[str]:
    """Why an operation's pictures cannot be handed over so, one sentence an output; empty where they can."""
    if operation != "remove":
        return []
    return [
        f"{format_output_name(output)} is a jpg, which cannot be "
        f"transparent; give it a background such as #ffffff, or make it png "
        "or webp"
        for output in outputs
        if output.format == JPG and output.background is None
    ]


def format_output_name(output: OutputSpec) -> str:
    """An output in a sentence."""
    return f"output {output.name!r}" if output.name else "the output without a name"
