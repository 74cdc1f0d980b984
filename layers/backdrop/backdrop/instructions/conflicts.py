"""Conflicts between the fields of one source, found in its raw JSON, so that other errors do not hide them."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from backdrop.instructions.error_messages import format_path
from backdrop.model.capabilities import REMOVE_FIELDS, REPLACE_FIELDS
from backdrop.model.composition import CUT_OUT_FIELDS, NONE
from backdrop.model.fidelity import SUBJECT_FIELD

STYLE_FIELDS = ("style", "style_preset", "style_codes", "style_reference_images")
_MEANINGLESS_FIELDS: Mapping[str, Sequence[tuple[Sequence[str], str]]] = {
    "remove": [(("style", *REPLACE_FIELDS, SUBJECT_FIELD), "makes no new background")],
    "replace": [
        (CUT_OUT_FIELDS, "leaves no transparent part"),
        (REMOVE_FIELDS, "has one model at each provider"),
    ],
}
"""The fields that have no meaning for an operation, and why."""
_SWITCHED_OFF = (NONE, {"type": NONE})
# For a field at the top level, which applies to every variant that does not override it.
OUTSIDE_VARIANTS_CLAUSE = "which is set outside the variants, "


def find_conflicts(given: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Returns the path of each conflict, "" at the top level, and what the message says after it."""
    variants = given.get("variants")
    variants_by_name = cast("dict[str, Any]", variants) if isinstance(variants, dict) else {}
    objects = [(name, cast("dict[str, Any]", one)) for name, one in variants_by_name.items() if isinstance(one, dict)]
    variant_conflicts = [one for name, variant in objects for one in _find_variant_conflicts(given, name, variant)]
    return [
        *(("", words) for words in (*_find_style_conflicts(given), *_find_operation_conflicts(given, given))),
        *variant_conflicts,
    ]


def _find_variant_conflicts(given: Mapping[str, Any], name: str, variant: Mapping[str, Any]) -> list[tuple[str, str]]:
    has_own_operation = any(variant.get(one) is not None for one in ("operation", "prompt"))
    conflicts = [
        *_find_style_conflicts(variant),
        *_find_operation_conflicts(variant if has_own_operation else given, variant),
    ]
    path = format_path(("variants", name))
    return [(path, f": {words}") for words in conflicts]


def _find_style_conflicts(given: Mapping[str, Any]) -> list[str]:
    styles = [name for name in STYLE_FIELDS if given.get(name) is not None]
    return [f"{' and '.join(styles)} cannot be used together; keep one of them"] if len(styles) > 1 else []


def _find_operation_conflicts(operation_fields: Mapping[str, Any], given: Mapping[str, Any]) -> list[str]:
    """Finds fields that have no meaning for the operation, in the same object or outside the variants."""
    operation = _read_operation(operation_fields)
    where = f", {OUTSIDE_VARIANTS_CLAUSE}" if operation_fields is not given else " "
    return [
        f"operation {operation}{where}{reason}, so it does not accept {', '.join(unusable)}"
        for names, reason in _MEANINGLESS_FIELDS.get(operation, ())
        if (unusable := [name for name in names if given.get(name) is not None and given[name] not in _SWITCHED_OFF])
    ]


def _read_operation(given: Mapping[str, Any]) -> str:
    operation = given.get("operation")
    if operation is None:
        return "" if given.get("prompt") is None else "replace"
    return str(operation).strip().lower()
