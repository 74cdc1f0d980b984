"""A campaign's manifest, line by line: CSV or JSON Lines, each row a key and what is asked for it besides."""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, cast

from backdrop.core.campaign import refused

KEY = "key"
# What a cell's text stands for a number in.
NUMBERS = frozenset({"num_images", "seed", "max_cost_usd"})
LONGEST_LINE = 200_000
"""Characters; a row and its campaign's instructions go into one message of 256 KB."""
MOST_SHOWN = 80


@dataclass(frozen=True)
class Row:
    """One row: its number, as people count lines, its key, and its own instructions."""

    number: int
    key: str
    instructions: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class BadRow:
    """A row that names no photo, and why."""

    number: int
    why: str


def rows_of(name: str, lines: Iterable[str]) -> Iterator[Row | BadRow]:
    """The rows of a manifest, by the ending of its name; RefusedError where it is none."""
    return _csv(name, lines) if name.lower().endswith(".csv") else _json_lines(lines)


def _csv(name: str, lines: Iterable[str]) -> Iterator[Row | BadRow]:
    csv.field_size_limit(LONGEST_LINE)
    lines = iter(lines)
    head = next(lines, "").removeprefix("\ufeff")
    between = max(",;\t", key=head.count)
    heads = [one.strip() for one in next(csv.reader([head], delimiter=between), list[str]())]
    if KEY not in heads:
        raise refused(f"{name}: its first line names no column {KEY!r}, but {head.strip()[:MOST_SHOWN]!r}")
    reader = csv.reader(lines, delimiter=between)
    while True:
        number = reader.line_num + 2
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield BadRow(number, str(error))
            continue
        if any(cell.strip() for cell in cells):
            yield _of_cells(number, heads, cells)


def _of_cells(number: int, heads: list[str], cells: list[str]) -> Row | BadRow:
    if len(cells) > len(heads):
        return BadRow(number, f"it has {len(cells)} cells under {len(heads)} heads")
    given = {name: cell for name, cell in zip(heads, cells, strict=False) if cell.strip() and name}
    key = given.pop(KEY, "")
    return (
        Row(number, key, {name: _value(name, cell) for name, cell in given.items()}) if key else _without_a_key(number)
    )


def _value(name: str, cell: str) -> Any:
    """What a cell's text stands for: JSON where it looks like an object or a list, a number, a list of providers."""
    text = cell.strip()
    if text[:1] in ("{", "[") or name in NUMBERS:
        with suppress(ValueError, RecursionError):
            return json.loads(text)
    if name == "provider" and len(text.split()) > 1:
        return text.split()
    return {"format": text.lower()} if name == "output" else cell


def _json_lines(lines: Iterable[str]) -> Iterator[Row | BadRow]:
    for number, line in enumerate(lines, 1):
        text = line.removeprefix("\ufeff").strip()
        if text:
            yield _of_line(number, text)


def _of_line(number: int, text: str) -> Row | BadRow:
    if len(text) > LONGEST_LINE:
        return BadRow(number, f"it has {len(text):,} characters; at most {LONGEST_LINE:,} are read")
    try:
        given = json.loads(text)
    except (ValueError, RecursionError) as error:
        return BadRow(number, f"it is no JSON: {error}")
    if not isinstance(given, dict):
        return BadRow(number, "it is no JSON object")
    row = cast("dict[str, Any]", given)
    key = row.pop(KEY, "")
    return Row(number, key, row) if isinstance(key, str) and key else _without_a_key(number)


def _without_a_key(number: int) -> BadRow:
    return BadRow(number, f"it has no {KEY}")
