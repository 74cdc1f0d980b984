"""The verb `download`: which pictures are meant, and what came of it."""

from pathlib import Path

from backdrop_cli.download.fetch import fetch, tell
from backdrop_cli.download.pictures import below, picked
from backdrop_cli.errors import DONE, REFUSED
from backdrop_cli.screen import Screen
from backdrop_cli.stack import Stack


def download(stack: Stack, screen: Screen, prefix: str, picks: Path | None, folder: Path) -> int:
    """Fetch the pictures below a prefix, or those that were picked; the exit code: 1 where there is none of them."""
    with screen.busy("reading the receipts"):
        keys = list(dict.fromkeys(picked(stack, picks) if picks else below(stack, prefix)))
    if not keys:
        screen.data(
            {"stack": stack.name, "folder": str(folder), "downloaded": 0, "there_already": 0, "gone": [], "files": {}}
        )
        which = f"in {picks}" if picks else f"below {prefix}" if prefix else "in the output bucket"
        screen.say(f"There is no picture {which}, stack {stack.name}. `backdrop status` shows what is on its way.")
        return REFUSED
    done = fetch(stack, screen, keys, folder.expanduser())
    screen.data({"stack": stack.name, **done.document()})
    tell(screen, done)
    return REFUSED if done.gone else DONE
