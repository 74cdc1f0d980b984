"""The verb `lint`: which files are meant, the look at them, what is told, and the exit code."""

import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from backdrop_cli.errors import DONE, REFUSED, MisusedError
from backdrop_cli.lint.findings import Looked
from backdrop_cli.lint.folder import LocalFolder, root_of
from backdrop_cli.lint.look import Look, with_their_own
from backdrop_cli.lint.show import show
from backdrop_cli.screen import Screen


def lint(screen: Screen, paths: Sequence[Path], *, quick: bool, strict: bool, every: bool) -> int:
    """Look, tell, and return the exit code."""
    meant = meant_by(paths)
    looked = Looked()
    with screen.busy("looking at names and instructions" if quick else "opening every photo; --quick does not"):
        for root, keys in meant.items():
            folder = LocalFolder(root)
            Look(folder, quick=quick)(files_of(folder, keys), looked)
    show(screen, looked, paths, every=every)
    return REFUSED if looked.errors or (strict and looked.warnings) else DONE


def meant_by(paths: Sequence[Path]) -> dict[Path, set[str]]:
    """The keys of what is named, by the folder that is uploaded as the bucket's root."""
    meant: defaultdict[Path, set[str]] = defaultdict(set)
    for path in paths:
        if not path.exists():
            raise MisusedError(f"there is no {path}; name folders or files on this machine")
    wholes = {Path(os.path.abspath(path)) for path in paths}  # noqa: PTH100 - without `..`, and links as they are named
    for whole in wholes:
        if any(other.is_dir() and other in whole.parents for other in wholes):
            continue
        root = root_of(whole if whole.is_dir() else whole.parent)
        meant[root].add("" if whole == root else whole.relative_to(root).as_posix())
    return meant


def files_of(folder: LocalFolder, keys: set[str]) -> set[str]:
    """The keys of all files that are meant."""
    found: set[str] = set()
    for key in keys:
        found |= set(folder.below(key)) if (folder.root / key).is_dir() else with_their_own(folder, key)
    return found
