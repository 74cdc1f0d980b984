"""The verb `lint`: the look at all files that are meant, what is told, and the exit code."""

from collections.abc import Sequence
from pathlib import Path

from backdrop_cli.errors import DONE, REFUSED
from backdrop_cli.lint.findings import Looked
from backdrop_cli.lint.look import Look
from backdrop_cli.lint.meant import meant_by
from backdrop_cli.lint.show import show
from backdrop_cli.screen import Screen

LOOKING = "opening every photo; --quick does not"
LOOKING_QUICKLY = "reading names and instructions"


def lint(screen: Screen, paths: Sequence[Path], *, to: str | None, quick: bool, strict: bool, every: bool) -> int:
    """Look, tell, and return the exit code; `to`: where in the bucket what is named will lie."""
    looked = Looked()
    with screen.busy(LOOKING_QUICKLY if quick else LOOKING):
        for one in meant_by(paths, to):
            Look(one.folder, quick=quick).inspect(one.keys, looked)
    show(screen, looked, paths, every=every)
    return REFUSED if looked.errors or (strict and looked.warnings) else DONE
