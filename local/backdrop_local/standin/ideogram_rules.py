"""Ideogram's checks of the two forms of v1 and of v2, and the generation that an accepted form requests."""

import io
import json
from typing import cast

from PIL import Image
from pydantic import JsonValue

from backdrop_local.standin.generation_request import MAX_SEED, GenerationRequest, sha256_hex
from backdrop_local.standin.multipart import FormPart
from backdrop_local.standin.multipart_form import InvalidInputError, MultipartForm, decode_text, read_media_type
from backdrop_local.standin.settings import StandinSettings
from backdrop_local.standin.vocabulary import (
    CENT_MICRO_USD,
    MAGIC_PROMPT_MODES,
    PRESETS,
    SPEEDS,
    check_palette,
    check_style_code,
)

UNIT_MICRO_USD = {
    "FLASH": 3 * CENT_MICRO_USD,
    "TURBO": 3 * CENT_MICRO_USD,
    "DEFAULT": 6 * CENT_MICRO_USD,
    "QUALITY": 9 * CENT_MICRO_USD,
    "REMOVE": 1 * CENT_MICRO_USD,
}
"""The price of one image in micro-dollars, by speed."""

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
FLAGS = ("true", "false")
V2_SPEEDS = ("turbo", "default", "quality")
V2_REPLACE_FIELDS = frozenset({"image", "prompt", "num_images", "rendering_speed", "private"})
V2_REMOVE_FIELDS = frozenset({"image", "async", "private"})
MAX_V2_REPLACE_BYTES, MAX_V2_REMOVE_BYTES = 50_000_000, 25_000_000
MAX_V2_PROMPT_LENGTH = 4_000
MAX_V2_SIDE_RATIO = 3
KNOWN_FIELDS = frozenset({"image", "color_palette", *SINGLE_FIELDS, *STYLE_FIELDS})


async def parse_replace(parts: list[FormPart], settings: StandinSettings) -> GenerationRequest:
    """Checks the form of replace-background. Raises InvalidInputError."""
    form = MultipartForm(parts, max_file_bytes=settings.max_image_bytes)
    if settings.strict:
        form.reject_unknown(KNOWN_FIELDS)
    prompt = _read_prompt(form)
    n = form.read_number("num_images", 1, MAX_IMAGES) or 1
    seed = form.read_number("seed", 0, MAX_SEED)
    speed = form.read_choice("rendering_speed", SPEEDS) or "DEFAULT"
    form.read_choice("style_preset", PRESETS)
    form.read_choice("magic_prompt", MAGIC_PROMPT_MODES)
    codes, palette = _read_style_codes(form), _read_palette(form)
    _reject_style_pairs(form, exclusive=settings.exclusive_styles)
    photo = await form.read_image("image")
    options: dict[str, JsonValue] = {name: form.read_text(name) for name in SINGLE_FIELDS}
    options["style_codes"] = list[JsonValue](codes)
    options["style_reference_images"] = [sha256_hex(i) for i in await form.read_images(STYLE_REFERENCES)]
    options["color_palette"] = palette
    return GenerationRequest(
        photo=photo,
        photo_sha=sha256_hex(photo),
        prompt=prompt,
        speed=speed,
        image_count=n,
        seed=seed,
        style=_choose_style(options),
        options=options,
        unit_micro_usd=UNIT_MICRO_USD[speed],
    )


async def parse_remove(parts: list[FormPart], settings: StandinSettings) -> GenerationRequest:
    """Checks the form of remove-background, which contains only the image. Raises InvalidInputError."""
    form = MultipartForm(parts, max_file_bytes=settings.max_image_bytes)
    if settings.strict:
        form.reject_unknown(frozenset({"image"}))
    photo = await form.read_image("image")
    return GenerationRequest(
        photo=photo,
        photo_sha=sha256_hex(photo),
        prompt="",
        speed="REMOVE",
        image_count=1,
        seed=None,
        style=None,
        options={},
        unit_micro_usd=UNIT_MICRO_USD["REMOVE"],
    )


async def parse_replace_v2(parts: list[FormPart], settings: StandinSettings) -> GenerationRequest:
    """Checks the form of v2's replace-background. Raises InvalidInputError."""
    form = MultipartForm(parts, max_file_bytes=MAX_V2_REPLACE_BYTES)
    if settings.strict:
        form.reject_unknown(V2_REPLACE_FIELDS)
    prompt = _read_prompt(form)
    if len(prompt) > MAX_V2_PROMPT_LENGTH:
        raise InvalidInputError(f"prompt is longer than {MAX_V2_PROMPT_LENGTH} characters")
    n = form.read_number("num_images", 1, MAX_IMAGES) or 1
    speed = (form.read_choice("rendering_speed", V2_SPEEDS) or "default").upper()
    options: dict[str, JsonValue] = {"num_images": n, "rendering_speed": speed, "is_async": True}
    return await _parse_v2(form, prompt=prompt, speed=speed, image_count=n, options=options)


async def parse_remove_v2(parts: list[FormPart], settings: StandinSettings) -> GenerationRequest:
    """Checks the form of v2's remove-background. Raises InvalidInputError."""
    form = MultipartForm(parts, max_file_bytes=MAX_V2_REMOVE_BYTES)
    if settings.strict:
        form.reject_unknown(V2_REMOVE_FIELDS)
    is_async = form.read_choice("async", FLAGS) == "true"
    return await _parse_v2(form, prompt="", speed="REMOVE", image_count=1, options={"is_async": is_async})


async def _parse_v2(
    form: MultipartForm, *, prompt: str, speed: str, image_count: int, options: dict[str, JsonValue]
) -> GenerationRequest:
    photo = await form.read_image("image")
    with Image.open(io.BytesIO(photo)) as image:
        if max(image.size) > MAX_V2_SIDE_RATIO * min(image.size):
            raise InvalidInputError("the image's longer side is more than three times its shorter one")
    return GenerationRequest(
        photo=photo,
        photo_sha=sha256_hex(photo),
        prompt=prompt,
        speed=speed,
        image_count=image_count,
        seed=None,
        style=None,
        options={**options, "private": form.read_choice("private", FLAGS) == "true"},
        unit_micro_usd=UNIT_MICRO_USD[speed],
    )


def _read_prompt(form: MultipartForm) -> str:
    prompt = form.read_text("prompt")
    if not prompt or not prompt.strip():
        raise InvalidInputError("prompt is missing or empty")
    return prompt


def _read_style_codes(form: MultipartForm) -> list[str]:
    codes = form.read_texts("style_codes")
    for code in codes:
        check_style_code(code)
    return codes


def _reject_style_pairs(form: MultipartForm, *, exclusive: bool) -> None:
    given = [name for name in STYLE_FIELDS if form.find_parts(name)]
    is_never_allowed = {"style_codes", STYLE_REFERENCES} <= set(given)
    if is_never_allowed or (exclusive and len(given) > 1):
        raise InvalidInputError(f"{' and '.join(given)} exclude each other")


def _read_palette(form: MultipartForm) -> dict[str, JsonValue] | None:
    part = form.find_single("color_palette")
    if part is None:
        return None
    if read_media_type(part) != "application/json":
        raise InvalidInputError("color_palette must be a part of type application/json")
    palette = _parse_json_object(decode_text(part), "color_palette")
    check_palette(palette)
    return palette


def _parse_json_object(text: str, name: str) -> dict[str, JsonValue]:
    try:
        content = cast("JsonValue", json.loads(text))
    except json.JSONDecodeError:
        raise InvalidInputError(f"{name} is not JSON") from None
    if not isinstance(content, dict):
        raise InvalidInputError(f"{name} is not a JSON object")
    return content


def _choose_style(options: dict[str, JsonValue]) -> str | None:
    """Returns the style that determines the picture's look: the preset, or else the first code."""
    codes = cast("list[str]", options["style_codes"])
    preset = options["style_preset"]
    return str(preset) if preset is not None else next(iter(codes), None)
