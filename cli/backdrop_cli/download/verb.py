"""The verb `download`: which pictures are meant, and what came of it."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from backdrop_cli import picks
from backdrop_cli.download.fetch import fetch, tell
from backdrop_cli.errors import DONE, REFUSED
from backdrop_cli.screen import Screen
from backdrop_cli.stack import Stack


def download(stack: Stack, screen: Screen, prefix: str, picked: Path | None, folder: Path) -> int:
    """Fetch the pictures below a prefix, or those that were picked; the exit code: 1 where there is none of them."""
    with screen.busy("reading the receipts"):
        keys = list(dict.fromkeys(_picked(stack, picked) if picked else _below(stack, prefix)))
    if not keys:
        screen.data(
            {"stack": stack.name, "folder": str(folder), "downloaded": 0, "there_already": 0, "gone": [], "files": {}}
        )
        which = f"in {picked}" if picked else f"below {prefix}" if prefix else "in the output bucket"
        screen.say(f"There is no picture {which}, stack {stack.name}. `backdrop status` shows what is on its way.")
        return REFUSED
    done = fetch(stack, screen, keys, folder.expanduser())
    screen.data({"stack": stack.name, **done.document()})
    tell(screen, done)
    return REFUSED if done.gone else DONE


def _below(stack: Stack, prefix: str) -> Iterator[str]:
    """The keys of the current pictures of all photos whose keys begin so."""
    for receipt in stack.buckets.receipts(prefix, stack.at_once):
        yield from _of(receipt)


def _picked(stack: Stack, file: Path) -> Iterator[str]:
    """The keys of the pictures that a file picks: those that it names, or all of a photo."""
    for pick in picks.read(file):
        if pick.output:
            yield pick.output
        elif receipt := stack.buckets.receipt(pick.key):
            yield from _of(receipt)


def _of(receipt: Mapping[str, Any]) -> list[str]:
    """The pictures of a photo's current jobs."""
    return [result["key"] for job in receipt["jobs"] if job["current"] for result in job["results"]]
