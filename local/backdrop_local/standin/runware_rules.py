"""What Runware accepts for this model: every check of an imageInference task, and what an accepted one asks for."""

import re
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from pydantic import JsonValue

from backdrop_local.standin.bodies import Body, InvalidFieldError
from backdrop_local.standin.forms import InvalidInputError
from backdrop_local.standin.settings import Settings
from backdrop_local.standin.vocabulary import CENT, MAGIC, PRESETS, STYLE_CODE, STYLE_TYPES
from backdrop_local.standin.wishes import Wish, sha256_of

MODEL = "ideogram:4@5"
UNIT_MICRO_USD = {"TURBO": 3 * CENT, "DEFAULT": 6 * CENT, "QUALITY": 9 * CENT}
"""Price of one image in micro-dollars, by speed."""

LONGEST_PROMPT = 2_000
MAX_RESULTS = 20
MAX_REFERENCES = 4
REFERENCES = "styleReferenceImages"
FORMATS = {"JPG": "JPEG", "PNG": "PNG", "WEBP": "WEBP"}
OUTPUT_TYPES = ("URL", "base64Data", "dataURI")
UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE)
TERMS = ("deliveryMethod", "outputType", "includeCost", "ttl", "safety", "webhookURL", "uploadEndpoint")
"""Fields that say how to answer, not what to make."""

OBJECTS = ("routing", "advancedFeatures")
"""Fields that runware-sdk 1.8.0 publishes for this model as objects without a description."""

KNOWN_FIELDS = frozenset(
    {"taskType", "taskUUID", "model", "positivePrompt", "inputs", "seedImage", "providerSettings"}
    | {"numberResults", "outputFormat", "outputQuality", *TERMS, *OBJECTS}
)
ALL_STYLE_TYPES = (*STYLE_TYPES, "RENDER_3D", "ANIME")
STYLE_FIELDS = ("magicPrompt", "renderingSpeed", "styleCode", "stylePreset", REFERENCES, "styleType")

type Fetch = Callable[[str], Awaitable[bytes]]
"""Gets the picture that an image input stands for; raises InvalidInputError."""


async def read(task: Body, settings: Settings, fetch: Fetch) -> Wish:
    """Check a task whose model is known; raises InvalidFieldError."""
    task.require("positivePrompt")
    task.refuse_others(KNOWN_FIELDS)
    prompt = task.text("positivePrompt", longest=LONGEST_PROMPT) or ""
    n = task.number("numberResults", 1, MAX_RESULTS) or 1
    kind, quality = task.choice("outputFormat", FORMATS) or "JPG", task.number("outputQuality", 20, 99) or 95
    _check_terms(task)
    for name in OBJECTS:
        task.part(name)
    style = _style_settings(task, exclusive=settings.exclusive_styles)
    photo = await _seen("seedImage", _seed_image(task), fetch)
    references = [await _seen(REFERENCES, image, fetch) for image in style.texts(REFERENCES, most=MAX_REFERENCES)]
    options: dict[str, JsonValue] = {name: value for name, value in style.fields.items() if name != REFERENCES}
    options |= {"prompt": prompt, "n": n, "format": kind, "quality": quality}
    options[REFERENCES] = [sha256_of(reference) for reference in references]
    speed = style.choice("renderingSpeed", UNIT_MICRO_USD) or "DEFAULT"
    return Wish(
        photo=photo,
        photo_sha=sha256_of(photo),
        prompt=prompt,
        speed=speed,
        n=n,
        seed=None,
        style=style.text("stylePreset") or style.text("styleCode"),
        options=options,
        unit_micro_usd=UNIT_MICRO_USD[speed],
        format=FORMATS[kind],
        quality=quality,
    )


def _check_terms(task: Body) -> None:
    """How the caller wants to be answered."""
    output = task.choice("outputType", OUTPUT_TYPES) or "URL"
    task.choice("deliveryMethod", ("sync", "async"))
    task.flag("includeCost")
    task.number("ttl", 60)
    if output != "URL" and "ttl" in task.fields:
        raise InvalidFieldError("ttl", "incompatible", "ttl goes with the outputType URL only")
    for name in ("webhookURL", "uploadEndpoint"):
        address = task.text(name)
        if address is not None and urlsplit(address).scheme not in ("http", "https"):
            raise InvalidFieldError(name, "invalid", f"{name} must be an address on the web")
    safety = task.part("safety")
    safety.refuse_others({"checkContent", "mode"})
    safety.flag("checkContent")
    safety.choice("mode", ("none", "fast"))


def _style_settings(task: Body, *, exclusive: bool) -> Body:
    """The fields of providerSettings.ideogram, which in part exclude each other."""
    providers = task.part("providerSettings")
    for name in providers.fields.keys() - {"ideogram"}:
        raise InvalidFieldError(name, "mismatch", f"{MODEL} takes no settings of {name}")
    style = providers.part("ideogram")
    style.refuse_others(STYLE_FIELDS)
    style.choice("magicPrompt", MAGIC)
    style.match("styleCode", STYLE_CODE)
    style.choice("stylePreset", PRESETS)
    style.choice("styleType", ALL_STYLE_TYPES)
    if REFERENCES in style.fields and not style.texts(REFERENCES):
        raise InvalidFieldError(REFERENCES, "invalid", f"{REFERENCES} takes 1 to {MAX_REFERENCES}")
    style.refuse_pair("styleCode", "styleType")
    style.refuse_pair("styleCode", REFERENCES)
    if exclusive:
        style.refuse_pair("stylePreset", REFERENCES)
        style.refuse_pair("stylePreset", "styleCode")
    return style


def _seed_image(task: Body) -> str:
    """`inputs.seedImage`; older callers have it at the top."""
    inputs = task.part("inputs")
    inputs.refuse_others({"seedImage"})
    image = inputs.text("seedImage") or task.text("seedImage")
    if image is None:
        raise InvalidFieldError("seedImage", "missing", "seedImage is missing")
    return image


async def _seen(name: str, image: str, fetch: Fetch) -> bytes:
    try:
        return await fetch(image)
    except InvalidInputError as invalid:
        raise InvalidFieldError(name, "invalid", str(invalid)) from None
