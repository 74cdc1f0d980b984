"""What the fields of one place say against one another: found in what was written, whatever else is wrong with it."""

from collections.abc import Mapping
from typing import Any, cast

from backdrop.instructions.error_messages import path_of
from backdrop.model.capabilities import ADDRESSED

type Steps = tuple[str | int, ...]

STYLE_FIELDS = ("style", "style_preset", "style_codes", "style_reference_images")
# What stands beside the variants and holds for those of them that say nothing else.
BESIDE = "which stands beside the variants, "


def all_conflicts(given: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Fields that the place, or one of its variants, cannot give together: where, and in words."""
    variants = given.get("variants")
    named = cast("dict[str, Any]", variants) if isinstance(variants, dict) else {}
    objects = [(name, cast("dict[str, Any]", one)) for name, one in named.items() if isinstance(one, dict)]
    inside = [one for name, variant in objects for one in _of_variant(given, name, variant)]
    return [*(("", words) for words in (*_of_styles(given), *_of_remove(given, given))), *inside]


def _of_variant(given: Mapping[str, Any], name: str, variant: Mapping[str, Any]) -> list[tuple[str, str]]:
    says_what = any(variant.get(one) is not None for one in ("operation", "prompt"))
    found = [*_of_styles(variant), *_of_remove(variant if says_what else given, variant)]
    path = path_of(("variants", name))
    return [(path, f"{path}: {words}") for words in found]


def _of_styles(given: Mapping[str, Any]) -> list[str]:
    styles = [name for name in STYLE_FIELDS if given.get(name) is not None]
    return [f"{' and '.join(styles)} exclude one another; keep one of them"] if len(styles) > 1 else []


def _of_remove(saying: Mapping[str, Any], given: Mapping[str, Any]) -> list[str]:
    """What means nothing beside `operation: remove`, said in the same object or beside the variants."""
    senseless = [name for name in ("style", *ADDRESSED) if given.get(name) is not None]
    if not senseless or str(saying.get("operation")).strip().lower() != "remove":
        return []
    where = BESIDE if saying is not given else ""
    words = f"operation remove, {where}makes" if where else "operation remove makes"
    return [f"{words} no new background, so {', '.join(senseless)} cannot stand {'in it' if where else 'beside it'}"]
