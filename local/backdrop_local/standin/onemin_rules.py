"""What 1min.ai accepts for BACKGROUND_REPLACER: every check of the JSON body, and what an accepted one asks for."""

from collections.abc import Awaitable, Callable

from pydantic import JsonValue

from backdrop_local.standin.bill import micro_dollars
from backdrop_local.standin.bodies import Body, InvalidFieldError
from backdrop_local.standin.settings import Settings
from backdrop_local.standin.vocabulary import MAGIC, PRESETS, SPEEDS, STYLE_TYPES
from backdrop_local.standin.wishes import MAX_SEED, Wish, sha256_of

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

type Fetch = Callable[[str], Awaitable[bytes]]
"""Gets the asset of a path, which is a picture of the same key; raises InvalidInputError."""


async def read(content: dict[str, JsonValue], settings: Settings, fetch: Fetch) -> Wish:
    """Check the body; raises InvalidInputError."""
    body = Body(content)
    body.require("type", "model", "promptObject")
    body.flag("async")
    wanted = body.part("promptObject")
    wanted.require("prompt", "imageUrl", "num_images")
    if settings.strict:
        body.refuse_others(KNOWN_FIELDS)
        wanted.refuse_others({"imageUrl", REFERENCES, *OPTIONS})
    prompt = wanted.text("prompt") or ""
    n = wanted.number("num_images", 1, MAX_IMAGES) or 1
    speed = wanted.choice("rendering_speed", SPEEDS) or "DEFAULT"
    seed = wanted.number("seed", 0, MAX_SEED)
    wanted.choice("magic_prompt", MAGIC)
    wanted.text("negative_prompt")
    preset = _styles(wanted)
    photo = await fetch(wanted.text("imageUrl") or "")
    options = {name: value for name, value in wanted.fields.items() if name in OPTIONS}
    options[REFERENCES] = await _references(wanted, settings, fetch)
    return Wish(
        photo=photo,
        photo_sha=sha256_of(photo),
        prompt=prompt,
        speed=speed,
        n=n,
        seed=seed,
        style=preset,
        options=options,
        unit_micro_usd=settings.onemin_credits_per_image * micro_dollars(settings.onemin_usd_per_credit),
        credits_each=settings.onemin_credits_per_image,
    )


def _styles(wanted: Body) -> str | None:
    """The preset, which excludes references; either goes with the style types AUTO and GENERAL only."""
    preset = wanted.choice("style_preset", PRESETS)
    style_type = wanted.choice("style_type", STYLE_TYPES) or "AUTO"
    wanted.refuse_pair("style_preset", REFERENCES)
    given = preset is not None or REFERENCES in wanted.fields
    if given and style_type not in ("AUTO", "GENERAL"):
        why = f"style_type must be AUTO or GENERAL with a preset or references, not {style_type}"
        raise InvalidFieldError("style_type", "incompatible", why)
    return preset


async def _references(wanted: Body, settings: Settings, fetch: Fetch) -> list[JsonValue]:
    contents = [await fetch(path) for path in wanted.texts(REFERENCES, most=MAX_REFERENCES)]
    if sum(map(len, contents)) > settings.max_image_bytes:
        raise InvalidFieldError(REFERENCES, "invalid", f"the {REFERENCES} are too large together")
    return [sha256_of(content) for content in contents]
