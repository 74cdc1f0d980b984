"""1min.ai's checks of a BACKGROUND_REPLACER body, and the generation that an accepted body requests."""

from collections.abc import Awaitable, Callable

from pydantic import JsonValue

from backdrop_local.standin.bill import parse_micro_dollars
from backdrop_local.standin.generation_request import MAX_SEED, GenerationRequest, sha256_hex
from backdrop_local.standin.json_body import InvalidFieldError, JsonBody
from backdrop_local.standin.settings import StandinSettings
from backdrop_local.standin.vocabulary import MAGIC_PROMPT_MODES, PRESETS, SPEEDS, STYLE_TYPES

FEATURE = "BACKGROUND_REPLACER"
MODEL = "ideogram-3"
MAX_IMAGES = 8
MAX_REFERENCES = 5
REFERENCES = "style_reference_images"
KNOWN_FIELDS = frozenset({"type", "model", "async", "promptObject"})
OPTIONS = (
    "prompt",
    "num_images",
    "rendering_speed",
    "magic_prompt",
    "style_type",
    "style_preset",
    "negative_prompt",
    "seed",
)

type FetchImage = Callable[[str], Awaitable[bytes]]
"""Returns the asset at a path, which must be an image of the same account. Raises InvalidInputError."""


async def parse_body(content: dict[str, JsonValue], settings: StandinSettings, fetch: FetchImage) -> GenerationRequest:
    """Checks the body. Raises InvalidInputError."""
    body = JsonBody(content)
    body.require("type", "model", "promptObject")
    body.read_flag("async")
    prompt_object = body.read_object("promptObject")
    prompt_object.require("prompt", "imageUrl", "num_images")
    if settings.strict:
        body.reject_unknown(KNOWN_FIELDS)
        prompt_object.reject_unknown({"imageUrl", REFERENCES, *OPTIONS})
    prompt = prompt_object.read_text("prompt") or ""
    n = prompt_object.read_number("num_images", 1, MAX_IMAGES) or 1
    speed = prompt_object.read_choice("rendering_speed", SPEEDS) or "DEFAULT"
    seed = prompt_object.read_number("seed", 0, MAX_SEED)
    prompt_object.read_choice("magic_prompt", MAGIC_PROMPT_MODES)
    prompt_object.read_text("negative_prompt")
    preset = _check_styles(prompt_object)
    photo = await fetch(prompt_object.read_text("imageUrl") or "")
    options = {name: value for name, value in prompt_object.fields.items() if name in OPTIONS}
    options[REFERENCES] = await _hash_references(prompt_object, settings, fetch)
    return GenerationRequest(
        photo=photo,
        photo_sha=sha256_hex(photo),
        prompt=prompt,
        speed=speed,
        image_count=n,
        seed=seed,
        style=preset,
        options=options,
        unit_micro_usd=settings.onemin_credits_per_image * parse_micro_dollars(settings.onemin_usd_per_credit),
        credits_per_image=settings.onemin_credits_per_image,
    )


def _check_styles(prompt_object: JsonBody) -> str | None:
    """Returns the preset, which excludes references. Both require the style type AUTO or GENERAL."""
    preset = prompt_object.read_choice("style_preset", PRESETS)
    style_type = prompt_object.read_choice("style_type", STYLE_TYPES) or "AUTO"
    prompt_object.reject_pair("style_preset", REFERENCES)
    given = preset is not None or REFERENCES in prompt_object.fields
    if given and style_type not in ("AUTO", "GENERAL"):
        message = f"style_type must be AUTO or GENERAL with a preset or references, not {style_type}"
        raise InvalidFieldError("style_type", "incompatible", message)
    return preset


async def _hash_references(prompt_object: JsonBody, settings: StandinSettings, fetch: FetchImage) -> list[JsonValue]:
    contents = [await fetch(path) for path in prompt_object.read_texts(REFERENCES, max_count=MAX_REFERENCES)]
    if sum(map(len, contents)) > settings.max_image_bytes:
        raise InvalidFieldError(REFERENCES, "invalid", f"the {REFERENCES} are too large together")
    return [sha256_hex(content) for content in contents]
