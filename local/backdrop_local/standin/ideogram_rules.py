"""What Ideogram v1 accepts: every check of its two forms, and what an accepted one asks for."""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from pydantic import JsonValue

from backdrop_local.standin.forms import Form, InvalidInputError, media_type, plain
from backdrop_local.standin.multipart import Part
from backdrop_local.standin.settings import Settings

CENT = 10_000
UNIT_MICRO_USD = {
    "FLASH": 3 * CENT,
    "TURBO": 3 * CENT,
    "DEFAULT": 6 * CENT,
    "QUALITY": 9 * CENT,
    "REMOVE": 1 * CENT,
}
"""Price of one image in micro-dollars, by speed."""

SPEEDS = ("FLASH", "TURBO", "DEFAULT", "QUALITY")
MAGIC = ("AUTO", "ON", "OFF")
PALETTES = ("EMBER", "FRESH", "JUNGLE", "MAGIC", "MELON", "MOSAIC", "PASTEL", "ULTRAMARINE")
_PRESET_NAMES = """
80S_ILLUSTRATION 90S_NOSTALGIA ABSTRACT_ORGANIC ANALOG_NOSTALGIA ART_BRUT ART_DECO ART_POSTER
AURA AVANT_GARDE BAUHAUS BLUEPRINT BLURRY_MOTION BRIGHT_ART C4D_CARTOON CHILDRENS_BOOK COLLAGE
COLORING_BOOK_I COLORING_BOOK_II CUBISM DARK_AURA DOODLE DOUBLE_EXPOSURE DRAMATIC_CINEMA
EDITORIAL EMOTIONAL_MINIMAL ETHEREAL_PARTY EXPIRED_FILM FLAT_ART FLAT_VECTOR FOREST_REVERIE
GEO_MINIMALIST GLASS_PRISM GOLDEN_HOUR GRAFFITI_I GRAFFITI_II HALFTONE_PRINT HIGH_CONTRAST
HIPPIE_ERA ICONIC JAPANDI_FUSION JAZZY LONG_EXPOSURE MAGAZINE_EDITORIAL MINIMAL_ILLUSTRATION
MIXED_MEDIA MONOCHROME NIGHTLIFE OIL_PAINTING OLD_CARTOONS PAINT_GESTURE POP_ART RETRO_ETCHING
RIVIERA_POP SPOTLIGHT_80S STYLIZED_RED SURREAL_COLLAGE TRAVEL_POSTER VINTAGE_GEO VINTAGE_POSTER
WATERCOLOR WEIRD WOODBLOCK_PRINT
"""
PRESETS = frozenset(_PRESET_NAMES.split())
MAX_SEED = 2_147_483_647
MAX_IMAGES = 8
MAX_PALETTE_MEMBERS = 8
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
STYLE_CODE = re.compile(r"[0-9a-fA-F]{8}")
HEX_COLOR = re.compile(r"#(?:[0-9a-fA-F]{3}){1,2}")


@dataclass(frozen=True, kw_only=True)
class Wish:
    """A valid form. `options` holds everything that was sent but the image; `prompt` is empty for
    a removal."""

    photo: bytes
    photo_sha: str
    prompt: str
    speed: str
    n: int
    seed: int | None
    style: str | None
    options: dict[str, JsonValue]


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
    options["style_reference_images"] = [_sha(i) for i in await form.images(STYLE_REFERENCES)]
    options["color_palette"] = palette
    return Wish(
        photo=photo,
        photo_sha=_sha(photo),
        prompt=prompt,
        speed=speed,
        n=n,
        seed=seed,
        style=_style(options),
        options=options,
    )


async def read_remove(parts: list[Part], settings: Settings) -> Wish:
    """Check the form of remove-background, which is the image alone; raises InvalidInputError."""
    form = Form(parts, max_file_bytes=settings.max_image_bytes)
    if settings.strict:
        form.refuse_others(frozenset({"image"}))
    photo = await form.image("image")
    return Wish(
        photo=photo,
        photo_sha=_sha(photo),
        prompt="",
        speed="REMOVE",
        n=1,
        seed=None,
        style=None,
        options={},
    )


def _prompt(form: Form) -> str:
    prompt = form.text("prompt")
    if not prompt or not prompt.strip():
        raise InvalidInputError("prompt is missing or empty")
    return prompt


def _style_codes(form: Form) -> list[str]:
    codes = form.texts("style_codes")
    for code in codes:
        if STYLE_CODE.fullmatch(code) is None:
            raise InvalidInputError(f"style code {code!r} is not 8 hex digits")
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
    if set(palette) == {"name"}:
        if palette["name"] not in PALETTES:
            raise InvalidInputError(f"there is no palette {palette['name']!r}")
    elif set(palette) == {"members"}:
        _check_members(palette["members"])
    else:
        raise InvalidInputError("color_palette has either a name or members, and nothing else")
    return palette


def _json_object(text: str, name: str) -> dict[str, JsonValue]:
    try:
        content = cast("JsonValue", json.loads(text))
    except json.JSONDecodeError:
        raise InvalidInputError(f"{name} is not JSON") from None
    if not isinstance(content, dict):
        raise InvalidInputError(f"{name} is not a JSON object")
    return content


def _check_members(members: JsonValue) -> None:
    if not isinstance(members, list) or not 1 <= len(members) <= MAX_PALETTE_MEMBERS:
        raise InvalidInputError("color_palette takes 1 to 8 members")
    for member in members:
        if not isinstance(member, dict) or not {"color_hex"} <= set(member) <= MEMBER_CHECKS.keys():
            raise InvalidInputError(f"{member!r} is no palette member")
        for name, value in member.items():
            if not MEMBER_CHECKS[name](value):
                raise InvalidInputError(f"{name} cannot be {value!r}")


def _is_color(value: JsonValue) -> bool:
    return isinstance(value, str) and HEX_COLOR.fullmatch(value) is not None


def _is_weight(value: JsonValue) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0.05 <= value <= 1


MEMBER_CHECKS: dict[str, Callable[[JsonValue], bool]] = {
    "color_hex": _is_color,
    "color_weight": _is_weight,
}


def _style(options: dict[str, JsonValue]) -> str | None:
    """What the picture's look goes by: the preset, else the first code."""
    codes = cast("list[str]", options["style_codes"])
    preset = options["style_preset"]
    return str(preset) if preset is not None else next(iter(codes), None)


def _sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
