"""A campaign's manifest, line by line: CSV or JSON Lines, each row a key and what is asked for it besides."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, cast

from backdrop.campaigns.campaign import refused

KEY = "key"
# What a cell's text stands for a number in.
NUMBERS = frozenset({"num_images", "seed", "max_cost_usd"})
LONGEST_LINE = 200_000
"""Bytes; a row and its campaign's instructions go into one message of 256 KB."""
LONGEST_KEY = 1024
"""Bytes, of S3's keys."""
MOST_SHOWN = 80


@dataclass(frozen=True)
class Row:
    """One row: its number, as people count lines, its key, and its own instructions; `again`: as one before it."""

    number: int
    key: str
    instructions: Mapping[str, Any] = field(default_factory=dict[str, Any])
    again: bool = False


@dataclass(frozen=True)
class BadRow:
    """A row of which nothing is asked, and why."""

    number: int
    why: str


class _BadRowError(Exception):
    """Why a line is no row."""


type _Given = dict[str, Any]
type _Reads = Callable[[str], _Given | None]


def lines_of(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """A file's lines, each with its end; of one that is longer than any row at least so much that this shows."""
    held = b""
    for chunk in chunks:
        *whole, held = (held + chunk).splitlines(keepends=True) or [b""]
        yield from whole
        if not held.endswith((b"\n", b"\r")):
            held = held[: LONGEST_LINE + 1]
    if held:
        yield held


def rows_of(name: str, chunks: Iterable[bytes]) -> Iterator[Row | BadRow]:
    """The rows of a manifest, by the ending of its name; RefusedError where it is none.

    Each line is read by itself, so that a slip in one of them costs no other.
    """
    lines = lines_of(chunks)
    is_csv = name.lower().endswith(".csv")
    reads = _csv(name, _text(name, next(lines, b""))) if is_csv else _json
    for number, line in enumerate(lines, 2 if is_csv else 1):
        try:
            if len(line) > LONGEST_LINE:
                raise _BadRowError(f"it has more than {LONGEST_LINE:,} bytes")
            text = _text(name, line)
            given = reads(text) if text.strip() else None
            if given is not None:
                yield _row(number, given)
        except _BadRowError as error:
            yield BadRow(number, str(error))


def _text(name: str, line: bytes) -> str:
    try:
        return line.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise refused(f"{name} is not UTF-8; save it so") from error


def _row(number: int, given: _Given) -> Row:
    key = given.pop(KEY, "")
    if not isinstance(key, str) or not key:
        raise _BadRowError(f"it has no {KEY}")
    try:
        json.dumps(given, ensure_ascii=False, allow_nan=False).encode()
        size = len(key.encode())
    except (ValueError, RecursionError) as error:
        raise _BadRowError("it holds what cannot be written: half a character, NaN, or lists without end") from error
    if size > LONGEST_KEY:
        raise _BadRowError(f"its key has {size:,} bytes; S3 takes at most {LONGEST_KEY:,}")
    return Row(number, key, given)


def _csv(name: str, head: str) -> _Reads:
    """How the lines below this first one are read."""
    csv.field_size_limit(LONGEST_LINE)
    between = max(",;\t", key=head.count)
    heads = [one.strip() for one in next(csv.reader([head], delimiter=between), list[str]())]
    if KEY not in heads:
        raise refused(f"{name}: its first line names no column {KEY!r}, but {head.strip()[:MOST_SHOWN]!r}")

    def reads(text: str) -> _Given | None:
        try:
            cells = next(csv.reader([text], delimiter=between, strict=True))
        except csv.Error as error:
            raise _BadRowError(f"it is no whole row ({error}); a quoted cell ends on its own line") from error
        if len(cells) > len(heads):
            raise _BadRowError(f"it has {len(cells)} cells under {len(heads)} heads")
        given = {name: cell for name, cell in zip(heads, cells, strict=False) if cell.strip() and name}
        return {name: cell if name == KEY else _value(name, cell) for name, cell in given.items()} or None

    return reads


def _value(name: str, cell: str) -> Any:
    """What a cell's text stands for: JSON where it looks like an object or a list, a number, a list of providers."""
    text = cell.strip()
    if text[:1] in ("{", "[") or name in NUMBERS:
        with suppress(ValueError, RecursionError):
            return json.loads(text)
    if name == "provider" and len(text.split()) > 1:
        return text.split()
    return {"format": text.lower()} if name == "output" else cell


def _json(text: str) -> _Given:
    try:
        given = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _BadRowError(f"it is no JSON: {error}") from error
    if not isinstance(given, dict):
        raise _BadRowError("it is no JSON object")
    return cast("_Given", given)
