"""A campaign's manifest: CSV or JSON Lines, read row by row. Each row has a key, and may have instructions."""

import csv
import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import islice
from typing import Any, cast

from backdrop.campaigns.campaign import MAX_SHOWN_CHARACTERS, campaign_refused
from backdrop.instructions.sources import nest_marketplaces, parse_text_value
from backdrop.model.csv_cells import unescape_formula
from backdrop.model.object_keys import MAX_S3_KEY_BYTES

KEY_COLUMN = "key"
METADATA_COLUMN_PREFIX = "metadata."
LINE_EXAMPLE = '{"key": "shoes/red.jpg", "prompt": "on a marble table"}'
MAX_LINE_BYTES = 200_000
"""A row and its campaign's instructions must fit into one message of 256 KB."""


@dataclass(frozen=True)
class ManifestRow:
    """One row. `number` is that of its first line, from 1; 0 for an object of a prefix, which no row names.

    `is_repeat`: an earlier row is identical.
    """

    number: int
    key: str
    instructions: Mapping[str, Any] = field(default_factory=dict[str, Any])
    is_repeat: bool = False

    @property
    def is_listed(self) -> bool:
        return self.number == 0


@dataclass(frozen=True)
class BadRow:
    """A row that requests nothing, and the reason."""

    number: int
    reason: str


class _InvalidRowError(Exception):
    """A line is not a valid row; the message says why."""


type _RowFields = dict[str, Any]
type _ReadRow = Callable[[], _RowFields | None]


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

    An error in one row does not affect the others. A row of CSV may have several lines (RFC 4180, 2.6); if they are not
    a row, only the first of them is an error, because its quote may be a stray one.
    """
    lines = _Lines(file_name, split_lines(chunks))
    read_row = _build_csv_reader(lines) if file_name.lower().endswith(".csv") else partial(_read_json_line, lines)
    while lines.has_next():
        number = lines.next_number
        try:
            fields = read_row()
            if fields is not None:
                yield _build_row(number, fields)
        except _InvalidRowError as error:
            yield BadRow(number, str(error))


@dataclass
class _Lines:
    """The lines of a manifest. Lines that were read too far can be put back."""

    file_name: str
    source: Iterator[bytes]
    next_number: int = 1
    returned: deque[bytes] = field(default_factory=deque[bytes])

    def has_next(self) -> bool:
        if not self.returned:
            self.returned.extend(islice(self.source, 1))
        return bool(self.returned)

    def take(self) -> bytes:
        self.next_number += 1
        return self.returned.popleft()

    def put_back(self, lines: Sequence[bytes]) -> None:
        self.next_number -= len(lines)
        self.returned.extendleft(reversed(lines))

    def decode(self, line: bytes) -> str:
        if len(line) > MAX_LINE_BYTES:
            raise _InvalidRowError(f"it has more than {MAX_LINE_BYTES:,} bytes")
        try:
            return line.decode().removeprefix("\ufeff")
        except UnicodeDecodeError as error:
            raise campaign_refused(f"{self.file_name} is not UTF-8. Save it as UTF-8.") from error


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


def _build_csv_reader(lines: _Lines) -> _ReadRow:
    """Reads the header, and returns the function that reads the next row."""
    csv.field_size_limit(MAX_LINE_BYTES)
    header = lines.decode(lines.take()) if lines.has_next() else ""
    delimiter = max(",;\t", key=header.count)
    columns = [name.strip() for name in next(csv.reader([header], delimiter=delimiter), list[str]())]
    if KEY_COLUMN not in columns:
        raise campaign_refused(
            f"{lines.file_name}: the first line has no column {KEY_COLUMN!r}. "
            f"It is {header.strip()[:MAX_SHOWN_CHARACTERS]!r}."
        )

    def read_row() -> _RowFields | None:
        taken: list[bytes] = []
        try:
            cells = next(csv.reader(_take_row_lines(lines, taken), delimiter=delimiter, strict=True))
            if len(cells) > len(columns):
                raise _InvalidRowError(f"it has {len(cells)} cells, but the header has {len(columns)}")
        except csv.Error as error:
            lines.put_back(taken[1:])
            raise _InvalidRowError(
                f"it is not a complete row ({error}); a quoted cell must end with a quotation mark, and repeat each "
                "one in it"
            ) from error
        except _InvalidRowError:
            lines.put_back(taken[1:])
            raise
        fields = {name: cell for name, cell in zip(columns, cells, strict=False) if cell.strip() and name}
        return {name: _parse_cell(name, cell) for name, cell in fields.items()} or None

    return read_row


def _take_row_lines(lines: _Lines, taken: list[bytes]) -> Iterator[str]:
    """Yields the lines that may belong to one row, and adds them to `taken`."""
    byte_count = 0
    while byte_count <= MAX_LINE_BYTES and lines.has_next():
        taken.append(lines.take())
        byte_count += len(taken[-1])
        yield lines.decode(taken[-1])


def _parse_cell(column: str, cell: str) -> Any:
    """Returns a cell's value: JSON if it looks like an object or a list, a number, a boolean, or as in a tag.

    The cells of metadata columns are text, so that an article number keeps its zeros. A key may come from a report,
    which escapes formulas.
    """
    if column == KEY_COLUMN:
        return unescape_formula(cell)
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


def _read_json_line(lines: _Lines) -> _RowFields | None:
    text = lines.decode(lines.take())
    if not text.strip():
        return None
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _InvalidRowError(
            f"it is not JSON: {error}; each line must be an object such as {LINE_EXAMPLE}"
        ) from error
    if not isinstance(fields, dict):
        raise _InvalidRowError(f"it is not an object in braces such as {LINE_EXAMPLE}")
    return cast("_RowFields", fields)
