"""Which pictures are meant: those that the receipts below a prefix name, or those that somebody picked."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from backdrop_cli import picks
from backdrop_cli.stack import Stack


def below(stack: Stack, prefix: str) -> Iterator[str]:
    """The keys of the current pictures of all photos whose keys begin so."""
    for receipt in stack.buckets.receipts(prefix, stack.at_once):
        yield from _of(receipt)


def picked(stack: Stack, file: Path) -> Iterator[str]:
    """The keys of the pictures that a file picks: those that it names, or all of a photo."""
    for pick in picks.read(file):
        if pick.output:
            yield pick.output
        elif receipt := stack.buckets.receipt(pick.key):
            yield from _of(receipt)


def _of(receipt: Mapping[str, Any]) -> list[str]:
    """The pictures of a photo's current jobs."""
    return [result["key"] for job in receipt["jobs"] if job["current"] for result in job["results"]]
