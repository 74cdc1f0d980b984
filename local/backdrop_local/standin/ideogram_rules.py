"""What Ideogram v1 accepts: every check of its two forms, and what an accepted one asks for."""

import json
from typing import cast

from pydantic import JsonValue

from backdrop_local.standin.forms import Form, InvalidInputError, media_type, plain
from backdrop_local.standin.multipart import Part
from backdrop_local.standin.settings import Settings
from backdrop_local.standin.vocabulary import CENT, MAGIC, PRESETS, SPEEDS, check_palette, check_style_code
from backdrop_local.standin.wishes import MAX_SEED, Wish, sha256_of

UNIT_MICRO_USD = {
    "FLASH": 3 * CENT,
    "TURBO": 3 * CENT,
    "DEFAULT": 6 * CENT,
    "QUALITY": 9 * CENT,
    "REMOVE": 1 * CENT,
}
"""Price of one image in micro-dollars, by speed."""

MAX_IMAGES = 8
STYLE_REFERENCES = "style_reference_images"
STYLE_FIELDS = ("style_preset", "style_codes", STYLE_REFERENCES)
SINGLE_FIELDS = (
    "prompt",
    "magic_prompt",
    "num_images",
    "seed",
    "rendering_speed",
    "style_preset",
)
KNOWN_FIELDS = frozenset({"image", "color_palette", *SINGLE_FIELDS, *STYLE_FIELDS})


async def read_replace(parts: list[Part], settings: Settings) -> Wish:
    """Check the form of replace-background; raises InvalidInputError."""
    form = Form(parts, max_file_bytes=settings.max_image_bytes)
    if settings.strict:
        form.refuse_others(KNOWN_FIELDS)
    prompt = _prompt(form)
    n = form.number("num_images", 1, MAX_IMAGES) or 1
    seed = form.number("seed", 0, MAX_SEED)
    speed = form.choice("rendering_speed", SPEEDS) or "DEFAULT"
    form.choice("style_preset", PRESETS)
    form.choice("magic_prompt", MAGIC)
    codes, palette = _style_codes(form), _palette(form)
    _refuse_style_pairs(form, exclusive=settings.exclusive_styles)
    photo = await form.image("image")
    options: dict[str, JsonValue] = {name: form.text(name) for name in SINGLE_FIELDS}
    options["style_codes"] = list[JsonValue](codes)
    options["style_reference_images"] = [sha256_of(i) for i in await form.images(STYLE_REFERENCES)]
    options["color_palette"] = palette
    return Wish(
        photo=photo,
        photo_sha=sha256_of(photo),
        prompt=prompt,
        speed=speed,
        n=n,
        seed=seed,
        style=_style(options),
        options=options,
        unit_micro_usd=UNIT_MICRO_USD[speed],
    )


async def read_remove(parts: list[Part], settings: Settings) -> Wish:
    """Check the form of remove-background, which is the image alone; raises InvalidInputError."""
    form = Form(parts, max_file_bytes=settings.max_image_bytes)
    if settings.strict:
        form.refuse_others(frozenset({"image"}))
    photo = await form.image("image")
    return Wish(
        photo=photo,
        photo_sha=sha256_of(photo),
        prompt="",
        speed="REMOVE",
        n=1,
        seed=None,
        style=None,
        options={},
        unit_micro_usd=UNIT_MICRO_USD["REMOVE"],
    )


def _prompt(form: Form) -> str:
    prompt = form.text("prompt")
    if not prompt or not prompt.strip():
        raise InvalidInputError("prompt is missing or empty")
    return prompt


def _style_codes(form: Form) -> list[str]:
    codes = form.texts("style_codes")
    for code in codes:
        check_style_code(code)
    return codes


def _refuse_style_pairs(form: Form, *, exclusive: bool) -> None:
    given = [name for name in STYLE_FIELDS if form.named(name)]
    always = {"style_codes", STYLE_REFERENCES} <= set(given)
    if always or (exclusive and len(given) > 1):
        raise InvalidInputError(f"{' and '.join(given)} exclude each other")


def _palette(form: Form) -> dict[str, JsonValue] | None:
    part = form.only("color_palette")
    if part is None:
        return None
    if media_type(part) != "application/json":
        raise InvalidInputError("color_palette must be a part of type application/json")
    palette = _json_object(plain(part), "color_palette")
    check_palette(palette)
    return palette


def _json_object(text: str, name: str) -> dict[str, JsonValue]:
    try:
        content = cast("JsonValue", json.loads(text))
    except json.JSONDecodeError:
        raise InvalidInputError(f"{name} is not JSON") from None
    if not isinstance(content, dict):
        raise InvalidInputError(f"{name} is not a JSON object")
    return content


def _style(options: dict[str, JsonValue]) -> str | None:
    """What the picture's look goes by: the preset, else the first code."""
    codes = cast("list[str]", options["style_codes"])
    preset = options["style_preset"]
    return str(preset) if preset is not None else next(iter(codes), None)
