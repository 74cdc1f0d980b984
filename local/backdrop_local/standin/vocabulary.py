"""The values that all APIs adopt from Ideogram's model, each in its own fields."""

import re
from collections.abc import Callable

from pydantic import JsonValue

from backdrop_local.standin.multipart_form import InvalidInputError

CENT_MICRO_USD = 10_000
"""One cent in micro-dollars."""

SPEEDS = ("FLASH", "TURBO", "DEFAULT", "QUALITY")
MAGIC_PROMPT_MODES = ("AUTO", "ON", "OFF")
STYLE_TYPES = ("AUTO", "GENERAL", "REALISTIC", "DESIGN", "FICTION")
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
STYLE_CODE = re.compile(r"[0-9a-fA-F]{8}")
HEX_COLOR = re.compile(r"#(?:[0-9a-fA-F]{3}){1,2}")
MAX_PALETTE_MEMBERS = 8


def check_style_code(code: str) -> None:
    """Raises InvalidInputError unless the code is 8 hex digits."""
    if STYLE_CODE.fullmatch(code) is None:
        raise InvalidInputError(f"style code {code!r} is not 8 hex digits")


def check_palette(palette: dict[str, JsonValue]) -> None:
    """Raises InvalidInputError unless the palette has a known name or 1 to 8 members."""
    if set(palette) == {"name"}:
        if palette["name"] not in PALETTES:
            raise InvalidInputError(f"there is no palette {palette['name']!r}")
    elif set(palette) == {"members"}:
        _check_members(palette["members"])
    else:
        raise InvalidInputError("color_palette takes either a name or members, and nothing else")


def _check_members(members: JsonValue) -> None:
    if not isinstance(members, list) or not 1 <= len(members) <= MAX_PALETTE_MEMBERS:
        raise InvalidInputError("color_palette takes 1 to 8 members")
    for member in members:
        if not isinstance(member, dict) or not {"color_hex"} <= set(member) <= MEMBER_CHECKS.keys():
            raise InvalidInputError(f"{member!r} is not a palette member")
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
