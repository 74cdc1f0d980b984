"""Which pictures are meant: those that the receipts below a prefix name, or those that somebody picked."""

import csv
import json
from collections.abc import Iterator
from io import StringIO
from itertools import takewhile
from pathlib import Path

from backdrop.core.layout import RECEIPTS, receipt_key
from backdrop_cli.errors import MisusedError
from backdrop_cli.side_by_side import side_by_side
from backdrop_cli.stack import Stack

KEY, OUTPUT = "key", "output"
"""The columns of picks.csv: a photo's key, and the key of one of its pictures; without that, all of its pictures."""


def below(stack: Stack, prefix: str) -> Iterator[str]:
    """The keys of the current pictures of all photos whose keys begin so."""
    beginning = f"{RECEIPTS}/{prefix}"
    listed = stack.photos.listed(stack.output_bucket, beginning[:-1])
    after = (one.key for one in listed if one.key >= beginning)
    receipts = takewhile(lambda key: key.startswith(beginning), after)
    for keys in side_by_side(lambda key: _of_receipt(stack, key), receipts, stack.at_once):
        yield from keys


def picked(stack: Stack, file: Path) -> Iterator[str]:
    """The keys of the pictures that a file picks.

    MisusedError where it cannot be read, or has no column `key`.
    """
    try:
        rows = list(csv.DictReader(StringIO(file.read_text(encoding="utf-8-sig"))))
    except OSError as error:
        raise MisusedError(f"{file} cannot be read: {error.strerror or error}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise MisusedError(f"{file} is no CSV in UTF-8: {error}") from error
    if rows and KEY not in rows[0]:
        raise MisusedError(f"{file} has no column {KEY!r}; its first line is {KEY},{OUTPUT}")
    for row in rows:
        if row.get(OUTPUT):
            yield row[OUTPUT]
        elif row.get(KEY):
            yield from _of_receipt(stack, receipt_key(row[KEY]))


def _of_receipt(stack: Stack, key: str) -> list[str]:
    """The pictures of a photo's current jobs; none where there is no receipt."""
    stored = stack.photos.read(stack.output_bucket, key, limit=100_000_000)
    if stored is None or stored.data is None:
        return []
    jobs = [job for job in json.loads(stored.data)["jobs"] if job["current"]]
    return [result["key"] for job in jobs for result in job["results"]]
