"""Every request parameter in the vendors' documents for the six APIs, and why some cannot be set in instructions.

The list is copied from the documents, not from the code, so that a test can compare both. Sources: Ideogram's API
reference and OpenAPI (v1 and v2, replace-background and remove-background), Segmind's model page, 1min.ai's page on the
feature, Runware's model pages, its page on Ideogram's settings, and the types of its SDK, August to November 2026.
"""

from dataclasses import dataclass
from typing import Any

from backdrop.model.styles import STYLE_PRESETS

type ApiColumn = tuple[str, str]
"""A provider and an operation, as in `CAPABILITIES`."""


@dataclass(frozen=True)
class PublishedParameter:
    """A parameter under the vendor's name, dotted if nested, and its values in the vendor's terms.

    `values` has each value of a closed list, or both ends of a range, as instructions spell them. It is empty if
    Backdrop sets the parameter itself.
    """

    name: str
    description: str
    values: tuple[Any, ...] = ()


@dataclass(frozen=True)
class FixedParameter:
    """A parameter that instructions cannot set: what Backdrop sends, and why."""

    sent: str
    reason: str


_MAGIC_PROMPT = ("AUTO", "ON", "OFF")
_FOUR_SPEEDS = ("FLASH", "TURBO", "DEFAULT", "QUALITY")
_THREE_SPEEDS = ("TURBO", "DEFAULT", "QUALITY")
_STYLE_TYPES = ("AUTO", "GENERAL", "REALISTIC", "DESIGN", "FICTION")
_PALETTE_NAMES = ("EMBER", "FRESH", "JUNGLE", "MAGIC", "MELON", "MOSAIC", "PASTEL", "ULTRAMARINE")
_PALETTES = (
    *({"name": name} for name in _PALETTE_NAMES),
    {"members": [{"color_hex": "#b7b"}]},
    {"members": [{"color_hex": f"#b470b{n}", "color_weight": weight} for n, weight in enumerate((1, 0.05) * 4)]},
)
_CODES = (["AAFF5733"], ["AAFF5733", "0133FF57", "80ff5733"])
_LONG_TEXT = ("x", "x" * 10_000)
_PALETTE_TEXT = "one of 8 names, or 1 to 8 members with `color_hex` and an optional `color_weight` of 0.05 to 1"
_NO_LIMIT = "text; no limit is published"
_PRESET_TEXT = "one of 62"


def _build_references(count: int) -> list[str]:
    return [f"_backdrop/styles/{n}.jpg" for n in range(count)]


_FOUR_REFERENCES = ([*_build_references(1)], [*_build_references(4)])
_FIVE_REFERENCES = ([*_build_references(1)], [*_build_references(5)])

# How Runware returns the results of any task.
_RUNWARE_DELIVERY = (
    PublishedParameter("outputType", "URL, base64Data, dataURI"),
    PublishedParameter("outputFormat", "JPG, PNG, WEBP"),
    PublishedParameter("outputQuality", "20 to 99"),
    PublishedParameter("deliveryMethod", "sync, async"),
    PublishedParameter("webhookURL", "an address"),
    PublishedParameter("uploadEndpoint", "an address"),
    PublishedParameter("ttl", "at least 60 seconds"),
    PublishedParameter("includeCost", "true, false"),
)
PUBLISHED_PARAMETERS: dict[ApiColumn, tuple[PublishedParameter, ...]] = {
    ("ideogram", "replace"): (
        PublishedParameter("image", "JPEG, PNG, or WebP, at most 10 MB"),
        PublishedParameter("prompt", _NO_LIMIT, _LONG_TEXT),
        PublishedParameter("magic_prompt", "AUTO, ON, OFF", _MAGIC_PROMPT),
        PublishedParameter("num_images", "1 to 8", (1, 8)),
        PublishedParameter("seed", "0 to 2147483647", (0, 2_147_483_647)),
        PublishedParameter("rendering_speed", "FLASH, TURBO, DEFAULT, QUALITY", _FOUR_SPEEDS),
        PublishedParameter("style_preset", _PRESET_TEXT, STYLE_PRESETS),
        PublishedParameter("color_palette", _PALETTE_TEXT, _PALETTES),
        PublishedParameter("style_codes", "a list of 8-digit codes", _CODES),
        PublishedParameter(
            "style_reference_images", "JPEG, PNG, or WebP, together at most 10 MB; no count", _FOUR_REFERENCES
        ),
        PublishedParameter("magic_prompt_system_prompt_config_id", "not described"),
    ),
    ("ideogram", "remove"): (PublishedParameter("image", "JPEG, PNG, or WebP, at most 10 MB"),),
    ("segmind", "replace"): (
        PublishedParameter("image", "an address"),
        PublishedParameter("prompt", _NO_LIMIT, _LONG_TEXT),
        PublishedParameter("color_palette", _PALETTE_TEXT, _PALETTES),
        PublishedParameter("magic_prompt", "AUTO, ON, OFF", _MAGIC_PROMPT),
        PublishedParameter("rendering_speed", "TURBO, DEFAULT, QUALITY", _THREE_SPEEDS),
        PublishedParameter("seed", "100 to 999999", (100, 999_999)),
        PublishedParameter("style_codes", "a list of 8-digit codes", _CODES),
        PublishedParameter("style_reference_images", "a list of addresses; no count is published", _FOUR_REFERENCES),
    ),
    ("1min", "replace"): (
        PublishedParameter("type", "BACKGROUND_REPLACER"),
        PublishedParameter("model", "ideogram-3"),
        PublishedParameter("async", "true, false"),
        PublishedParameter("promptObject.imageUrl", "the path of an uploaded file"),
        PublishedParameter("promptObject.prompt", _NO_LIMIT, _LONG_TEXT),
        PublishedParameter("promptObject.num_images", "1 to 8", (1, 8)),
        PublishedParameter("promptObject.rendering_speed", "FLASH, TURBO, DEFAULT, QUALITY", _FOUR_SPEEDS),
        PublishedParameter("promptObject.magic_prompt", "AUTO, ON, OFF", _MAGIC_PROMPT),
        PublishedParameter("promptObject.style_type", "AUTO, GENERAL, REALISTIC, DESIGN, FICTION", _STYLE_TYPES),
        PublishedParameter("promptObject.style_preset", _PRESET_TEXT, STYLE_PRESETS),
        PublishedParameter(
            "promptObject.style_reference_images", "1 to 5 paths, together at most 10 MB", _FIVE_REFERENCES
        ),
        PublishedParameter("promptObject.negative_prompt", _NO_LIMIT, _LONG_TEXT),
        PublishedParameter("promptObject.seed", "0 to 2147483647", (0, 2_147_483_647)),
    ),
    ("runware", "replace"): (
        PublishedParameter("taskType", "imageInference"),
        PublishedParameter("taskUUID", "a UUID, version 4"),
        PublishedParameter("model", "ideogram:4@5"),
        PublishedParameter("positivePrompt", "1 to 2,000 characters", ("x", "x" * 2_000)),
        PublishedParameter("inputs.seedImage", "a UUID, address, data URI, or base64"),
        PublishedParameter("providerSettings.ideogram.magicPrompt", "AUTO, ON, OFF", _MAGIC_PROMPT),
        PublishedParameter("providerSettings.ideogram.renderingSpeed", "TURBO, DEFAULT, QUALITY", _THREE_SPEEDS),
        PublishedParameter("providerSettings.ideogram.styleCode", "one 8-digit code", (["AAFF5733"],)),
        PublishedParameter("providerSettings.ideogram.stylePreset", _PRESET_TEXT, STYLE_PRESETS),
        PublishedParameter("providerSettings.ideogram.styleReferenceImages", "1 to 4 images", _FOUR_REFERENCES),
        PublishedParameter(
            "providerSettings.ideogram.styleType",
            "AUTO, GENERAL, REALISTIC, DESIGN, FICTION, RENDER_3D, ANIME",
            (*_STYLE_TYPES, "RENDER_3D", "ANIME"),
        ),
        PublishedParameter("numberResults", "1 to 20", (1, 20)),
        *_RUNWARE_DELIVERY,
        PublishedParameter("safety.checkContent", "true, false"),
        PublishedParameter("safety.mode", "none, fast"),
    ),
    ("runware", "remove"): (
        PublishedParameter("taskType", "removeBackground"),
        PublishedParameter("taskUUID", "a UUID, version 4"),
        PublishedParameter(
            "model", "runware:112@9, ideogram:remove-background@0, and others", ("birefnet-matting", "ideogram")
        ),
        PublishedParameter("inputs.image", "a UUID, address, data URI, or base64"),
        *_RUNWARE_DELIVERY,
        PublishedParameter("routing", "an object that the SDK does not describe"),
    ),
}

IDEOGRAM_V2_PARAMETERS: dict[str, tuple[PublishedParameter, ...]] = {
    "replace": (
        PublishedParameter("image", "JPEG, PNG, WebP, and others, at most 50 MB; sides of at most 3:1"),
        PublishedParameter("image_asset_identifier", "an image that was uploaded before"),
        PublishedParameter("prompt", "1 to 4,000 characters", ("x", "x" * 4_000)),
        PublishedParameter("num_images", "1 to 8", (1, 8)),
        PublishedParameter("rendering_speed", "turbo, default, quality", _THREE_SPEEDS),
        PublishedParameter("private", "true, false"),
        PublishedParameter("webhook_url", "an address of at most 2,048 characters"),
        PublishedParameter("dry_run", "true, false; in the query"),
    ),
    "remove": (
        PublishedParameter("image", "the same, at most 25 MB"),
        PublishedParameter("async", "true, false"),
        PublishedParameter("private", "true, false"),
        PublishedParameter("dry_run", "true, false; in the query"),
    ),
}
"""The parameters of Ideogram v2, by operation. What v2 does not have goes to v1."""

_PHOTO = FixedParameter("the photo", "It is what the instructions are for.")
_OF_EVERY_TASK = {
    "taskUUID": FixedParameter(
        "derived from the job and its charge", "A repeated request has the same ID and is not charged twice."
    ),
    "outputType": FixedParameter("`URL`", "A link keeps responses small. A picture inside one is used as well."),
    "outputFormat": FixedParameter("`PNG`", "It has no loss. `output` makes every other format, free."),
    "outputQuality": FixedParameter("nothing", "It has no effect on PNG. `output.quality` sets the quality."),
    "deliveryMethod": FixedParameter("`async`", "The task can be looked up if the connection breaks."),
    "webhookURL": FixedParameter("nothing", "Webhooks are not signed, and a stack has no public address."),
    "uploadEndpoint": FixedParameter(
        "a link into our bucket, if `RunwareUploads` is on", "The operator decides. It works for one picture only."
    ),
    "ttl": FixedParameter("a day", "Deliver saves the picture long before."),
    "includeCost": FixedParameter("`true`", "The receipt shows the cost that Runware reports."),
}

FIXED_PARAMETERS: dict[ApiColumn, dict[str, FixedParameter]] = {
    ("ideogram", "replace"): {
        "image": _PHOTO,
        "magic_prompt_system_prompt_config_id": FixedParameter(
            "nothing", "The specification names it, but no document says what it does."
        ),
    },
    ("ideogram", "remove"): {"image": _PHOTO},
    ("segmind", "replace"): {"image": _PHOTO},
    ("1min", "replace"): {
        "type": FixedParameter("`BACKGROUND_REPLACER`", "It selects the feature."),
        "model": FixedParameter("`ideogram-3`", "It is the feature's only model in the document."),
        "async": FixedParameter("`true`", "The record can be looked up if the connection breaks."),
        "promptObject.imageUrl": _PHOTO,
    },
    ("runware", "replace"): {
        "taskType": FixedParameter("`imageInference`", "It selects the API."),
        "model": FixedParameter("`ideogram:4@5`", "It is the model that replaces backgrounds."),
        "inputs.seedImage": _PHOTO,
        **_OF_EVERY_TASK,
        "safety.checkContent": FixedParameter(
            "`true`, if `RunwareChecksContent` is on", "The operator decides for the whole stack."
        ),
        "safety.mode": FixedParameter("nothing", "It selects the check that `safety.checkContent` turns on."),
    },
    ("runware", "remove"): {
        "taskType": FixedParameter("`removeBackground`", "It selects the API."),
        "inputs.image": _PHOTO,
        **_OF_EVERY_TASK,
        "outputFormat": FixedParameter("`PNG`", "Runware's default, JPG, has no transparency."),
        "routing": FixedParameter("nothing", "No document says what it does."),
    },
}

_QUOTE = FixedParameter("`true`, only by the price check", "A quote is free, and says what a picture costs.")
_PRIVATE = FixedParameter("`true`", "Without it, the picture may be public.")

IDEOGRAM_V2_FIXED_PARAMETERS: dict[str, dict[str, FixedParameter]] = {
    "replace": {
        "image": _PHOTO,
        "image_asset_identifier": FixedParameter("nothing", "The photo is sent itself, in the same request."),
        "private": _PRIVATE,
        "webhook_url": FixedParameter("nothing", "A stack has no public address, and delivery is not guaranteed."),
        "dry_run": _QUOTE,
    },
    "remove": {
        "image": _PHOTO,
        "async": FixedParameter("`true`", "The generation can be looked up if the connection breaks."),
        "private": _PRIVATE,
        "dry_run": _QUOTE,
    },
}
