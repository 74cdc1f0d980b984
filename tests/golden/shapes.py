"""The shape of JSON documents: their fields, the types of the values, and the words of closed lists."""

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
CODES, PROVIDERS = {one.value for one in Code}, {*SUPPORTED_PROVIDERS}
# Fields with the words of a closed list; each word that is met stands in the shape.
WORDS = frozenset({"status", "money", "outcome", "basis", "operation", "format", "reason", "state", "stage", "end"})


def shape(*documents: object, maps: Iterable[str] = ()) -> Any:
    """What these documents have in common: a field that not all of them have is marked with `?`.

    `maps`: the fields whose keys are data.
    """
    return _merged([json.loads(json.dumps(one, allow_nan=False)) for one in documents], "", frozenset(maps))


def shapes(documents: Iterable[Mapping[str, object]], maps: Iterable[str] = ()) -> list[Any]:
    """The same where documents of several kinds come together: those with the same fields are of one kind."""
    kinds: dict[tuple[str, ...], list[object]] = {}
    for document in documents:
        kinds.setdefault(tuple(sorted(document)), []).append(document)
    return [shape(*kinds[fields], maps=maps) for fields in sorted(kinds)]


def _merged(values: list[Any], name: str, maps: frozenset[str]) -> Any:
    objects = [cast("Mapping[str, Any]", value) for value in values if isinstance(value, dict)]
    lists = [cast("list[Any]", value) for value in values if isinstance(value, list)]
    plain = _kinds([value for value in values if not isinstance(value, (dict, list))], name)
    found: list[Any] = []
    if objects and name in maps:
        found.append(_map(objects, maps))
    elif objects:
        found.append(_fields(objects, maps))
    if lists:
        items = [item for one in lists for item in one]
        found.append([_merged(items, "" if name in maps else name, maps)] if items else [])
    if not found:
        return plain
    return found[0] if not plain and len(found) == 1 else {"any of": [*found, *([plain] if plain else [])]}


def _map(objects: list[Mapping[str, Any]], maps: frozenset[str]) -> dict[str, Any]:
    keys = " | ".join(sorted({_kind(key, "") for one in objects for key in one}))
    return {f"<{keys}>": _merged([value for one in objects for value in one.values()], "", maps)} if keys else {}


def _fields(objects: list[Mapping[str, Any]], maps: frozenset[str]) -> dict[str, Any]:
    names = dict.fromkeys(name for one in objects for name in one)
    always = {name for name in names if all(name in one for one in objects)}
    return {
        name if name in always else f"{name}?": _merged([one[name] for one in objects if name in one], name, maps)
        for name in names
    }


def _kinds(values: list[Any], name: str) -> str:
    kinds = {_kind(value, name) for value in values}
    return " | ".join(sorted(kinds - {"integer"} if "number" in kinds else kinds))


def _kind(value: object, name: str) -> str:
    if value is None or isinstance(value, bool):
        return "null" if value is None else "boolean"
    if isinstance(value, int | float):
        return "integer" if isinstance(value, int) and not name.endswith("usd") else "number"
    return _word(str(value), name)


def _word(text: str, name: str) -> str:
    if name in WORDS and text and " " not in text:
        return f"'{text}'"
    if text in CODES | PROVIDERS:
        return "code" if text in CODES else "provider"
    if time := TIME.fullmatch(text):
        return f"time, {'milliseconds' if time['fraction'] else 'seconds'}, {time['zone'] or 'no zone'}"
    known = {"day": DAY, "uuid": UUID, "sha256": SHA256}
    return next((kind for kind, pattern in known.items() if pattern.fullmatch(text)), "text")
