"""A campaign's manifest: CSV or JSON Lines, read line by line. Each row has a key, and may have instructions."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any, cast

from backdrop.campaigns.campaign import MAX_SHOWN_CHARACTERS, campaign_refused
from backdrop.instructions.sources import nest_marketplaces, parse_text_value
from backdrop.model.object_keys import MAX_S3_KEY_BYTES

KEY_COLUMN = "key"
METADATA_COLUMN_PREFIX = "metadata."
LINE_EXAMPLE = '{"key": "shoes/red.jpg", "prompt": "on a marble table"}'
MAX_LINE_BYTES = 200_000
"""A row and its campaign's instructions must fit into one message of 256 KB."""


@dataclass(frozen=True)
class ManifestRow:
    """One row. `number` counts lines from 1. `is_repeat`: an earlier row is identical."""

    number: int
    key: str
    instructions: Mapping[str, Any] = field(default_factory=dict[str, Any])
    is_repeat: bool = False


@dataclass(frozen=True)
class BadRow:
    """A row that requests nothing, and the reason."""

    number: int
    reason: str


class _InvalidRowError(Exception):
    """A line is not a valid row; the message says why."""


type _RowFields = dict[str, Any]
type _ParseLine = Callable[[str], _RowFields | None]


def split_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yields a file's lines with their line ends. A line that exceeds the limit is cut just above the limit."""
    incomplete_line = b""
    for chunk in chunks:
        *complete_lines, incomplete_line = (incomplete_line + chunk).splitlines(keepends=True) or [b""]
        yield from complete_lines
        if not incomplete_line.endswith((b"\n", b"\r")):
            incomplete_line = incomplete_line[: MAX_LINE_BYTES + 1]
    if incomplete_line:
        yield incomplete_line


def parse_rows(file_name: str, chunks: Iterable[bytes]) -> Iterator[ManifestRow | BadRow]:
    """Yields the rows of a manifest; its file name determines the format. Raises RefusedError if it cannot be read.

    Each line is parsed separately, so that an error in one line does not affect the others.
    """
    lines = split_lines(chunks)
    is_csv = file_name.lower().endswith(".csv")
    parse_line = _build_csv_parser(file_name, _decode_line(file_name, next(lines, b""))) if is_csv else _parse_json_line
    for number, line in enumerate(lines, 2 if is_csv else 1):
        try:
            if len(line) > MAX_LINE_BYTES:
                raise _InvalidRowError(f"it has more than {MAX_LINE_BYTES:,} bytes")
            text = _decode_line(file_name, line)
            fields = parse_line(text) if text.strip() else None
            if fields is not None:
                yield _build_row(number, fields)
        except _InvalidRowError as error:
            yield BadRow(number, str(error))


def _decode_line(file_name: str, line: bytes) -> str:
    try:
        return line.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise campaign_refused(f"{file_name} is not UTF-8. Save it as UTF-8.") from error


def _build_row(number: int, fields: _RowFields) -> ManifestRow:
    fields = dict(nest_marketplaces(_nest_metadata(fields)))
    key = fields.pop(KEY_COLUMN, "")
    if not isinstance(key, str) or not key:
        raise _InvalidRowError(f"it has no {KEY_COLUMN}")
    try:
        json.dumps(fields, ensure_ascii=False, allow_nan=False).encode()
        size = len(key.encode())
    except (ValueError, RecursionError) as error:
        raise _InvalidRowError(
            "it contains something that JSON cannot represent: an unpaired surrogate, NaN, or lists nested too deeply"
        ) from error
    if size > MAX_S3_KEY_BYTES:
        raise _InvalidRowError(f"its key is {size:,} bytes long; S3 accepts at most {MAX_S3_KEY_BYTES:,}")
    return ManifestRow(number, key, fields)


def _nest_metadata(fields: _RowFields) -> _RowFields:
    """Moves columns such as `metadata.sku` into the field `metadata`, where they override the column `metadata`."""
    columns = {name: value for name, value in fields.items() if name.startswith(METADATA_COLUMN_PREFIX)}
    metadata = fields.get("metadata", {})
    if not columns or not isinstance(metadata, dict):
        return fields
    own_values = {name.removeprefix(METADATA_COLUMN_PREFIX): value for name, value in columns.items()}
    others = {name: value for name, value in fields.items() if name not in columns}
    return {**others, "metadata": {**cast("_RowFields", metadata), **own_values}}


def _build_csv_parser(file_name: str, header: str) -> _ParseLine:
    """Returns the function that parses the lines after the header."""
    csv.field_size_limit(MAX_LINE_BYTES)
    delimiter = max(",;\t", key=header.count)
    columns = [name.strip() for name in next(csv.reader([header], delimiter=delimiter), list[str]())]
    if KEY_COLUMN not in columns:
        raise campaign_refused(
            f"{file_name}: the first line has no column {KEY_COLUMN!r}. "
            f"It is {header.strip()[:MAX_SHOWN_CHARACTERS]!r}."
        )

    def parse_line(text: str) -> _RowFields | None:
        try:
            cells = next(csv.reader([text], delimiter=delimiter, strict=True))
        except csv.Error as error:
            raise _InvalidRowError(
                f"it is not a complete row ({error}); a quoted cell must end on the line where it begins"
            ) from error
        if len(cells) > len(columns):
            raise _InvalidRowError(f"it has {len(cells)} cells, but the header has {len(columns)}")
        fields = {name: cell for name, cell in zip(columns, cells, strict=False) if cell.strip() and name}
        return {name: cell if name == KEY_COLUMN else _parse_cell(name, cell) for name, cell in fields.items()} or None

    return parse_line


def _parse_cell(column: str, cell: str) -> Any:
    """Returns a cell's value: JSON if it looks like an object or a list, a number, a boolean, or as in a tag.

    The cells of metadata columns are text, so that an article number keeps its zeros.
    """
    text = cell.strip()
    if column.startswith(METADATA_COLUMN_PREFIX):
        return text
    if text[:1] in ("{", "[") or column in _list_unquoted_columns():
        with suppress(ValueError, RecursionError):
            # Spreadsheets write TRUE and FALSE.
            return json.loads(text.lower() if text in ("TRUE", "FALSE") else text)
    return parse_text_value(column, cell)


@cache
def _list_unquoted_columns() -> frozenset[str]:
    """Loads the model only for a CSV manifest, because that adds about 20 ms to a cold start."""
    from backdrop.instructions.schema import InstructionsModel, list_number_and_boolean_fields

    return list_number_and_boolean_fields(InstructionsModel)


def _parse_json_line(text: str) -> _RowFields:
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _InvalidRowError(
            f"it is not JSON: {error}; each line must be an object such as {LINE_EXAMPLE}"
        ) from error
    if not isinstance(fields, dict):
        raise _InvalidRowError(f"it is not an object in braces such as {LINE_EXAMPLE}")
    return cast("_RowFields", fields)
