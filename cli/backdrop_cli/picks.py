"""The picks file: the pictures starred in a gallery. docs/gallery.md describes its format."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from backdrop.model.csv_cells import unescape_formula
from backdrop_cli.errors import UsageError

PICKS_COLUMNS = ("key", "output")
PICKS_FILE_NAME = "picks.csv"


@dataclass(frozen=True)
class Pick:
    """One selected picture; `picture_key` is "" for all pictures of the photo."""

    photo_key: str
    picture_key: str


def read_picks(path: Path) -> list[Pick]:
    """Returns a file's picks in order, without duplicates. Raises UsageError if it is not a picks file."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return list(dict.fromkeys(_parse_rows(path, csv.DictReader(file, strict=True))))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8; save it as CSV in UTF-8") from error
    except csv.Error as error:
        raise UsageError(f"{path} is not valid CSV: {error}") from error


def _parse_rows(path: Path, rows: "csv.DictReader[str]") -> Iterator[Pick]:
    column_names = rows.fieldnames or ()
    if PICKS_COLUMNS[0] not in column_names:
        raise UsageError(f"{path} has no column `key`; its first line must be {','.join(PICKS_COLUMNS)}")
    for row in rows:
        key, output = (unescape_formula((row.get(name) or "").strip("\r\n")) for name in PICKS_COLUMNS)
        if key:
            yield Pick(key, output)
        elif output:
            raise UsageError(f"{path}, line {rows.line_num} has no key")
