"""Which pictures are meant: those that the receipts below a prefix name, or those that somebody picked."""

import json
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

from backdrop.core.layout import RECEIPTS, receipt_key
from backdrop_cli import picks
from backdrop_cli.side_by_side import side_by_side
from backdrop_cli.stack import Stack


def below(stack: Stack, prefix: str) -> Iterator[str]:
    """The keys of the current pictures of all photos whose keys begin so."""
    beginning = f"{RECEIPTS}/{prefix}"
    listed = stack.photos.listed(stack.output_bucket, beginning[:-1])
    after = (one.key for one in listed if one.key >= beginning)
    receipts = takewhile(lambda key: key.startswith(beginning), after)
    for keys in side_by_side(lambda key: _of_receipt(stack, key), receipts, stack.at_once):
        yield from keys


def picked(stack: Stack, file: Path) -> Iterator[str]:
    """The keys of the pictures that a file picks: those that it names, or all of a photo."""
    for pick in picks.read(file):
        if pick.output:
            yield pick.output
        else:
            yield from _of_receipt(stack, receipt_key(pick.key))


def _of_receipt(stack: Stack, key: str) -> list[str]:
    """The pictures of a photo's current jobs; none where there is no receipt."""
    stored = stack.photos.read(stack.output_bucket, key, limit=100_000_000)
    if stored is None or stored.data is None:
        return []
    jobs = [job for job in json.loads(stored.data)["jobs"] if job["current"]]
    return [result["key"] for job in jobs for result in job["results"]]
