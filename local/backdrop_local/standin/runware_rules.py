"""Runware's checks of the paid tasks for these models, and the generation that an accepted task requests."""

import re
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

from pydantic import JsonValue

from backdrop_local.standin.generation_request import GenerationRequest, sha256_hex
from backdrop_local.standin.json_body import InvalidFieldError, JsonBody
from backdrop_local.standin.multipart_form import InvalidInputError
from backdrop_local.standin.runware_results import INFERENCE, REMOVAL
from backdrop_local.standin.settings import StandinSettings
from backdrop_local.standin.vocabulary import CENT_MICRO_USD, MAGIC_PROMPT_MODES, PRESETS, STYLE_CODE, STYLE_TYPES

MODEL = "ideogram:4@5"
UNIT_MICRO_USD = {"TURBO": 3 * CENT_MICRO_USD, "DEFAULT": 6 * CENT_MICRO_USD, "QUALITY": 9 * CENT_MICRO_USD}
"""The price of one image in micro-dollars, by speed."""
REMOVAL_MICRO_USD = {"runware:112@9": 600, "ideogram:remove-background@0": CENT_MICRO_USD}
"""The price of one removed background in micro-dollars, by model."""

MAX_PROMPT_LENGTH = 2_000
MAX_RESULTS = 20
MAX_REFERENCES = 4
REFERENCES = "styleReferenceImages"
FORMATS = {"JPG": "JPEG", "PNG": "PNG", "WEBP": "WEBP"}
OUTPUT_TYPES = ("URL", "base64Data", "dataURI")
UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE)
RESPONSE_FIELDS = ("deliveryMethod", "outputType", "includeCost", "ttl", "safety", "webhookURL", "uploadEndpoint")
"""Fields that specify the format of the response, not the picture."""

OBJECT_FIELDS = ("routing", "advancedFeatures")
"""Fields that runware-sdk 1.8.0 publishes for this model as objects without a description."""

KNOWN_FIELDS = frozenset(
    {"taskType", "taskUUID", "model", "positivePrompt", "inputs", "seedImage", "providerSettings"}
    | {"numberResults", "outputFormat", "outputQuality", *RESPONSE_FIELDS, *OBJECT_FIELDS}
)
# The types of runware-sdk 1.8.0 for both models, BirefnetMattingParams and IdeogramRemoveBackgroundParams.
KNOWN_REMOVAL_FIELDS = frozenset(
    {"taskType", "taskUUID", "model", "inputs", "outputFormat", "outputQuality", "routing", *RESPONSE_FIELDS}
) - {"safety"}
ALL_STYLE_TYPES = (*STYLE_TYPES, "RENDER_3D", "ANIME")
STYLE_FIELDS = ("magicPrompt", "renderingSpeed", "styleCode", "stylePreset", REFERENCES, "styleType")

type FetchImage = Callable[[str], Awaitable[bytes]]
"""Returns the image of an input. Raises InvalidInputError."""


async def _parse_removal(task: JsonBody, _settings: StandinSettings, fetch: FetchImage) -> GenerationRequest:
    task.require("inputs")
    task.reject_unknown(KNOWN_REMOVAL_FIELDS)
    model = task.read_text("model") or ""
    kind, quality = task.read_choice("outputFormat", FORMATS) or "JPG", task.read_number("outputQuality", 20, 99) or 95
    _check_response_fields(task)
    inputs = task.read_object("inputs")
    inputs.reject_unknown({"image"})
    inputs.require("image")
    photo = await _fetch_field("image", inputs.read_text("image") or "", fetch)
    return GenerationRequest(
        photo=photo,
        photo_sha=sha256_hex(photo),
        prompt="",
        speed="REMOVE",
        image_count=1,
        seed=None,
        style=None,
        options={"model": model, "format": kind, "quality": quality},
        unit_micro_usd=REMOVAL_MICRO_USD[model],
        format=FORMATS[kind],
        quality=quality,
    )


async def _parse_inference(task: JsonBody, settings: StandinSettings, fetch: FetchImage) -> GenerationRequest:
    task.require("positivePrompt")
    task.reject_unknown(KNOWN_FIELDS)
    prompt = task.read_text("positivePrompt", max_length=MAX_PROMPT_LENGTH) or ""
    n = task.read_number("numberResults", 1, MAX_RESULTS) or 1
    kind, quality = task.read_choice("outputFormat", FORMATS) or "JPG", task.read_number("outputQuality", 20, 99) or 95
    _check_response_fields(task)
    for name in OBJECT_FIELDS:
        task.read_object(name)
    style = _read_style_settings(task, exclusive=settings.exclusive_styles)
    photo = await _fetch_field("seedImage", _read_seed_image(task), fetch)
    references = [
        await _fetch_field(REFERENCES, image, fetch) for image in style.read_texts(REFERENCES, max_count=MAX_REFERENCES)
    ]
    options: dict[str, JsonValue] = {name: value for name, value in style.fields.items() if name != REFERENCES}
    options |= {"prompt": prompt, "n": n, "format": kind, "quality": quality}
    options[REFERENCES] = [sha256_hex(reference) for reference in references]
    speed = style.read_choice("renderingSpeed", UNIT_MICRO_USD) or "DEFAULT"
    return GenerationRequest(
        photo=photo,
        photo_sha=sha256_hex(photo),
        prompt=prompt,
        speed=speed,
        image_count=n,
        seed=None,
        style=style.read_text("stylePreset") or style.read_text("styleCode"),
        options=options,
        unit_micro_usd=UNIT_MICRO_USD[speed],
        format=FORMATS[kind],
        quality=quality,
    )


def _check_response_fields(task: JsonBody) -> None:
    output = task.read_choice("outputType", OUTPUT_TYPES) or "URL"
    task.read_choice("deliveryMethod", ("sync", "async"))
    task.read_flag("includeCost")
    task.read_number("ttl", 60)
    if output != "URL" and "ttl" in task.fields:
        raise InvalidFieldError("ttl", "incompatible", "ttl is allowed only with the outputType URL")
    for name in ("webhookURL", "uploadEndpoint"):
        address = task.read_text(name)
        if address is not None and urlsplit(address).scheme not in ("http", "https"):
            raise InvalidFieldError(name, "invalid", f"{name} must be an HTTP or HTTPS address")
    safety = task.read_object("safety")
    safety.reject_unknown({"checkContent", "mode"})
    safety.read_flag("checkContent")
    safety.read_choice("mode", ("none", "fast"))


def _read_style_settings(task: JsonBody, *, exclusive: bool) -> JsonBody:
    """Returns the fields of providerSettings.ideogram, after checking that none of them conflict."""
    providers = task.read_object("providerSettings")
    for name in providers.fields.keys() - {"ideogram"}:
        raise InvalidFieldError(name, "mismatch", f"{MODEL} takes no settings of {name}")
    style = providers.read_object("ideogram")
    style.reject_unknown(STYLE_FIELDS)
    style.read_choice("magicPrompt", MAGIC_PROMPT_MODES)
    style.read_match("styleCode", STYLE_CODE)
    style.read_choice("stylePreset", PRESETS)
    style.read_choice("styleType", ALL_STYLE_TYPES)
    if REFERENCES in style.fields and not style.read_texts(REFERENCES):
        raise InvalidFieldError(REFERENCES, "invalid", f"{REFERENCES} takes 1 to {MAX_REFERENCES}")
    style.reject_pair("styleCode", "styleType")
    style.reject_pair("styleCode", REFERENCES)
    if exclusive:
        style.reject_pair("stylePreset", REFERENCES)
        style.reject_pair("stylePreset", "styleCode")
    return style


def _read_seed_image(task: JsonBody) -> str:
    """Returns `inputs.seedImage`. Older callers send it at the top level."""
    inputs = task.read_object("inputs")
    inputs.reject_unknown({"seedImage"})
    image = inputs.read_text("seedImage") or task.read_text("seedImage")
    if image is None:
        raise InvalidFieldError("seedImage", "missing", "seedImage is missing")
    return image


async def _fetch_field(name: str, image: str, fetch: FetchImage) -> bytes:
    try:
        return await fetch(image)
    except InvalidInputError as invalid:
        raise InvalidFieldError(name, "invalid", str(invalid)) from None


@dataclass(frozen=True)
class TaskRules:
    """The models of a paid task, and the function that checks a task whose model is known. Raises InvalidFieldError."""

    models: Collection[str]
    parse: Callable[[JsonBody, StandinSettings, FetchImage], Awaitable[GenerationRequest]]


RULES = {
    INFERENCE: TaskRules((MODEL,), _parse_inference),
    REMOVAL: TaskRules(REMOVAL_MICRO_USD, _parse_removal),
}
