"""The shape of JSON documents: their fields, the types of their values, and the values of enumerations."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, cast

from backdrop.model.capabilities import SUPPORTED_PROVIDERS
from backdrop.model.codes import Code

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?P<fraction>\.\d+)?(?P<zone>Z|\+00:00)?")
DAY = re.compile(r"\d{4}-\d\d-\d\d")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
SHA256 = re.compile(r"[0-9a-f]{64}")
CODES, PROVIDERS = {code.value for code in Code}, {*SUPPORTED_PROVIDERS}
# Fields that contain values of an enumeration. The shape lists the values that occur.
ENUMERATED_FIELDS = frozenset(
    {"status", "money", "outcome", "basis", "operation", "format", "reason", "state", "stage", "end"}
)


def shape(*documents: object, maps: Iterable[str] = ()) -> Any:
    """Returns the common shape of these documents. A field that not all of them have is marked with `?`.

    `maps`: the fields whose keys are data.
    """
    return _merge([json.loads(json.dumps(document, allow_nan=False)) for document in documents], "", frozenset(maps))


def shapes(documents: Iterable[Mapping[str, object]], maps: Iterable[str] = ()) -> list[Any]:
    """Returns the shape of each kind of document. Documents with the same fields are of the same kind."""
    kinds: dict[tuple[str, ...], list[object]] = {}
    for document in documents:
        kinds.setdefault(tuple(sorted(document)), []).append(document)
    return [shape(*kinds[fields], maps=maps) for fields in sorted(kinds)]


def _merge(values: list[Any], name: str, maps: frozenset[str]) -> Any:
    objects = [cast("Mapping[str, Any]", value) for value in values if isinstance(value, dict)]
    lists = [cast("list[Any]", value) for value in values if isinstance(value, list)]
    plain = _describe_values([value for value in values if not isinstance(value, (dict, list))], name)
    parts: list[Any] = []
    if objects and name in maps:
        parts.append(_describe_map(objects, maps))
    elif objects:
        parts.append(_describe_fields(objects, maps))
    if lists:
        items = [item for values in lists for item in values]
        parts.append([_merge(items, "" if name in maps else name, maps)] if items else [])
    if not parts:
        return plain
    return parts[0] if not plain and len(parts) == 1 else {"any of": [*parts, *([plain] if plain else [])]}


def _describe_map(objects: list[Mapping[str, Any]], maps: frozenset[str]) -> dict[str, Any]:
    keys = " | ".join(sorted({_describe_value(key, "") for fields in objects for key in fields}))
    return {f"<{keys}>": _merge([value for fields in objects for value in fields.values()], "", maps)} if keys else {}


def _describe_fields(objects: list[Mapping[str, Any]], maps: frozenset[str]) -> dict[str, Any]:
    names = dict.fromkeys(name for fields in objects for name in fields)
    always = {name for name in names if all(name in fields for fields in objects)}
    return {
        name if name in always else f"{name}?": _merge(
            [fields[name] for fields in objects if name in fields], name, maps
        )
        for name in names
    }


def _describe_values(values: list[Any], name: str) -> str:
    kinds = {_describe_value(value, name) for value in values}
    return " | ".join(sorted(kinds - {"integer"} if "number" in kinds else kinds))


def _describe_value(value: object, name: str) -> str:
    if value is None or isinstance(value, bool):
        return "null" if value is None else "boolean"
    if isinstance(value, int | float):
        return "integer" if isinstance(value, int) and not name.endswith("usd") else "number"
    return _describe_text(str(value), name)


def _describe_text(text: str, name: str) -> str:
    if name in ENUMERATED_FIELDS and text and " " not in text:
        return f"'{text}'"
    if text in CODES | PROVIDERS:
        return "code" if text in CODES else "provider"
    if time := TIME.fullmatch(text):
        return f"time, {'milliseconds' if time['fraction'] else 'seconds'}, {time['zone'] or 'no zone'}"
    known = {"day": DAY, "uuid": UUID, "sha256": SHA256}
    return next((kind for kind, pattern in known.items() if pattern.fullmatch(text)), "text")
