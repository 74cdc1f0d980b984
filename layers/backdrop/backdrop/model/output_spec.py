"""Outputs: the forms in which a paid picture is delivered, as the job's instructions specify them."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import field, replace
from typing import Any, NamedTuple

from backdrop.model.certificate import Measured
from backdrop.model.composition import (
    COMPOSITION_FIELDS,
    PERCENT,
    PIXELS,
    Background,
    BrandImage,
    GradientBackground,
    Logo,
    PictureBackground,
    PictureTexts,
    Shadow,
    parse_background,
    parse_logo,
    parse_shadow,
    parse_texts,
)
from backdrop.model.frame import OutputFrame, parse_output_frame
from backdrop.model.marketplaces import CUT_OFF, Marketplace, apply_marketplace, load_marketplace
from backdrop.model.record import Record, record

CONTENT_TYPES: Mapping[str, str] = {"png": "image/png", "webp": "image/webp", "jpg": "image/jpeg"}
"""The content type of each format; the formats are also the suffixes of the keys."""
JPG = "jpg"
_WHITE = "#ffffff"
DEFAULT_QUALITY = 90
MAX_OUTPUT_SIDE = 10_000
"""Pixels per side of a finished picture. A margin never makes one larger than this."""
CONTAIN, COVER, PAD = "contain", "cover", "pad"
FULL_SIZE, PROVIDER_SIZE = "full", "provider"
IMAGE_NUMBER = "{n}"
"""The only placeholder left in a resolved name: the number of the image."""
_FIELDS = frozenset(
    {"name", "format", "quality", "max_bytes", "width", "height", "fit", "trim", "size", "name_template"}
)


@record
class OutputSpec(Record):
    """One form of a picture, made in this order: trim, frame, fit, margin, background, shadow, logo, format.

    `name` is None for the one output without a name. `width`, `height`: pixels of the finished picture, including
    margins. `fit`: `contain` keeps the whole subject within them and never enlarges it; `pad` centers it in a frame of
    exactly that size; `cover` fills the frame and crops both sides equally. `trim` first removes the borders around the
    subject: transparent ones, or in an opaque picture, those of one color. `margin_pixels` or `margin_share` (of the
    finished picture's shorter side, 0 to 0.45) stay free on every side. `background` fills transparent parts and free
    space; without it, they are transparent. `quality`: 1 to 100, None for the format's default. `max_bytes`: the limit
    of the whole file, with its metadata, for which the quality is reduced and never the width or height. `size`: `full`
    removes the background from the photo's own pixels, unless the provider's picture is larger, and `provider` uses the
    provider's picture. `name_template`: the name of the pictures below the photo's folder, in which only `{n}` is left;
    None for the default layout. `frame`: the instructions' frame, which all outputs share.
    """

    name: str | None = None
    format: str = "png"
    quality: int | None = None
    max_bytes: int | None = None
    width: int | None = None
    height: int | None = None
    fit: str = CONTAIN
    background: Background | None = None
    trim: bool = False
    margin_pixels: int = 0
    margin_share: float = 0.0
    size: str = FULL_SIZE
    name_template: str | None = None
    shadow: Shadow | None = None
    logo: Logo | None = None
    texts: PictureTexts = field(default_factory=PictureTexts)
    marketplace: str | None = None
    frame: OutputFrame | None = None

    @property
    def content_type(self) -> str:
        return CONTENT_TYPES[self.format]

    @property
    def requested_width(self) -> int | None:
        """The width of the finished picture in pixels: the output's own, or else that of a frame that is a size."""
        if self.width or self.height or self.frame is None or not self.frame.frame.is_size:
            return self.width
        return self.frame.frame.width

    @property
    def effective_background(self) -> Background | None:
        """The requested background, or white for a JPG, which cannot be transparent; None if parts stay transparent."""
        return self.background or (_WHITE if self.format == JPG else None)

    @property
    def has_free_space(self) -> bool:
        """Whether the finished picture has free space around the picture, regardless of its shape."""
        return self.fit == PAD or bool(self.margin_pixels or self.margin_share)

    @property
    def has_destination(self) -> bool:
        """Whether the picture is for a frame or a marketplace, and so for a known use."""
        return self.frame is not None or self.marketplace is not None

    @property
    def is_plain_lossless(self) -> bool:
        """Whether the output is the unaltered picture in a lossless format, in either size."""
        return replace(self, name=None, size=FULL_SIZE, name_template=None, texts=PictureTexts()) == OutputSpec()

    @property
    def brand_images(self) -> tuple[BrandImage, ...]:
        """The brand images that the output draws, in addition to the paid picture."""
        images: list[BrandImage] = []
        if isinstance(self.background, PictureBackground):
            images.append(self.background.brand_image)
        if self.logo:
            images.append(self.logo.brand_image)
        return tuple(images)


def parse_outputs(instructions: Mapping[str, Any]) -> tuple[OutputSpec, ...]:
    """Returns the outputs of validated instructions; by default, PNG in the result's size.

    A picture for a marketplace has none of the fields next to `output` that the marketplace does not accept.
    """
    shared = {name: instructions[name] for name in COMPOSITION_FIELDS if name in instructions}
    frame = parse_output_frame(instructions)
    return tuple(
        replace(parse_output({**_select_accepted(shared, spec), **spec}), frame=frame)
        for spec in _list_single_outputs(instructions)
    )


def _list_single_outputs(instructions: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Returns the objects of the field `output`, each for at most one marketplace."""
    return [one for spec in list_output_objects(instructions) for one in split_by_marketplace(spec)]


def _select_accepted(shared: Mapping[str, Any], spec: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the shared fields that the marketplace of an output accepts; all if it is for none."""
    forbidden = load_marketplace(spec["for"]).forbidden_fields if "for" in spec else ()
    return {name: value for name, value in shared.items() if name not in forbidden}


def list_output_objects(instructions: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Returns the objects of the field `output`, which takes one or a list; one empty object if it is not given."""
    specs: Mapping[str, Any] | list[Mapping[str, Any]] = instructions.get("output", {})
    return specs if isinstance(specs, list) else [specs]


def expand_output(spec: Mapping[str, Any]) -> Iterator[OutputSpec]:
    """Yields a validated `output` object's outputs: one for each marketplace that it names, else one."""
    return map(parse_output, split_by_marketplace(spec))


def split_by_marketplace(spec: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Returns an `output` object for each marketplace that this one names; if it names none, this one."""
    names: str | list[str] = spec.get("for", [])
    return [{**spec, "for": name} for name in ([names] if isinstance(names, str) else names)] or [spec]


def parse_output(spec: Mapping[str, Any]) -> OutputSpec:
    """Converts a validated `output` object for at most one marketplace, whose fields apply where it has none."""
    if "for" in spec:
        spec = apply_marketplace(spec["for"], spec)
    return OutputSpec(
        **{name: value for name, value in spec.items() if name in _FIELDS},
        **_parse_margin(spec.get("margin", "")),
        background=parse_background(spec.get("background")),
        shadow=parse_shadow(spec.get("shadow")),
        logo=parse_logo(spec.get("logo")),
        texts=parse_texts(spec),
        marketplace=spec.get("for"),
    )


def _parse_margin(text: str) -> dict[str, Any]:
    """Converts `7.5%` or `40px` to the record's field."""
    if text.endswith(PERCENT):
        return {"margin_share": float(text.removesuffix(PERCENT)) / 100}
    return {"margin_pixels": int(text.removesuffix(PIXELS))} if text else {}


def predict_measurements(output: OutputSpec) -> dict[str, Measured]:
    """Returns what an output's fields decide about its file, for comparison with a marketplace's rules.

    The number of bytes is `max_bytes`. For `contain`, the sides are upper limits: the file can be smaller.
    """
    measurements: dict[str, Measured] = {
        "format": output.format,
        "background": _name_background(output),
        "bytes": output.max_bytes,
    }
    if output.width and output.height:
        shortest, longest = sorted((output.width, output.height))
        margin = output.margin_pixels or round(output.margin_share * shortest)
        subject_size = (output.frame.subject_size if output.frame else None) or 1
        measurements |= {
            **measure_sides(output.width, output.height),
            "megapixels": output.width * output.height / 1_000_000,
            "subject_share": (longest - 2 * margin) / longest * subject_size,
        }
        if output.fit != CONTAIN:
            measurements["aspect_ratio"] = output.width / output.height
    if output.fit == COVER:
        measurements["whole_product"] = CUT_OFF
    return measurements


def measure_sides(width: int, height: int) -> dict[str, Measured]:
    """Returns a picture's width and height, in pixels, in the terms of the rules about its sides."""
    return {"longest_side": max(width, height), "shortest_side": min(width, height)}


def _name_background(output: OutputSpec) -> str | None:
    match output.background:
        case GradientBackground():
            return "a gradient"
        case PictureBackground():
            return "a picture"
        case color:
            return color


def find_output_errors(operation: str, outputs: tuple[OutputSpec, ...]) -> list[str]:
    """Returns why an operation's pictures cannot have these outputs, one sentence per output; empty if they can."""
    if operation == "remove":
        return [
            f"{format_output_name(output)} is a jpg, which cannot be transparent; set a background such as #ffffff, or "
            "use png or webp"
            for output in outputs
            if output.format == JPG and output.background is None
        ]
    features = (
        (output, name) for output in outputs for name, is_used in _list_cut_out_features(output).items() if is_used
    )
    return [
        f"{format_output_name(output)} has {name}, which needs operation remove: the provider's new background "
        "covers it"
        for output, name in features
    ]


class MarketplaceConflict(NamedTuple):
    """A field that prevents a marketplace from accepting a picture, and the reason: a sentence for its author."""

    marketplace: Marketplace
    field: str
    reason: str


def find_marketplace_conflicts(
    instructions: Mapping[str, Any], inherited_fields: Collection[str] = ()
) -> Iterator[MarketplaceConflict]:
    """Yields the fields that prevent a marketplace from accepting these pictures.

    The caller has already compared what the output's own fields decide with the rules. `inherited_fields`: the fields
    that a less specific source than that of `output` sets. `parse_outputs` leaves them out where they are not accepted.
    """
    shared = {
        name: instructions[name] for name in COMPOSITION_FIELDS if name in instructions and name not in inherited_fields
    }
    frame = parse_output_frame(instructions)
    for spec in _list_single_outputs(instructions):
        if "for" not in spec:
            continue
        marketplace, output = load_marketplace(spec["for"]), replace(parse_output({**shared, **spec}), frame=frame)
        if frame and frame.places_subject:
            for _, reason in marketplace.find_violations(predict_measurements(output)):
                yield MarketplaceConflict(marketplace, "subject_size", f"subject_size: {reason}")
        drawn = {"logo": output.logo, "shadow": output.shadow}
        for name, reason in marketplace.forbidden_fields.items():
            if drawn[name]:
                yield MarketplaceConflict(marketplace, name, reason)
        if instructions["operation"] == "replace" and (rule := marketplace.background_rule):
            reason = f"{marketplace.name} requires {rule.demand}, but operation replace makes a new background"
            yield MarketplaceConflict(marketplace, "operation", reason)


def _list_cut_out_features(output: OutputSpec) -> dict[str, bool]:
    """Returns each feature that only a cut-out can have, and whether the output has it."""
    return {
        "a shadow": output.shadow is not None,
        "a gradient as its background": isinstance(output.background, GradientBackground),
        "a picture as its background": isinstance(output.background, PictureBackground),
    }


def format_output_name(output: OutputSpec) -> str:
    return f"output {output.name!r}" if output.name else "the output without a name"
