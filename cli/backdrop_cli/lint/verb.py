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


def lint(screen: Screen, paths: Sequence[Path], *, prefix: str | None, quick: bool, strict: bool, every: bool) -> int:
    """Look, tell, and return the exit code; `prefix`: where the one folder will lie in the bucket."""
    meant = meant_by(paths) if prefix is None else _placed(paths)
    looked = Looked()
    with screen.busy("looking at names and instructions" if quick else "opening every photo; --quick does not"):
        for root, keys in meant.items():
            folder = LocalFolder(root, _prefix(prefix or ""))
            Look(folder, quick=quick)(files_of(folder, keys), looked)
    show(screen, looked, paths, every=every)
    return REFUSED if looked.errors or (strict and looked.warnings) else DONE


def _placed(paths: Sequence[Path]) -> dict[Path, set[str]]:
    """The one folder that lies somewhere in the bucket."""
    found = _wholes(paths)
    if len(found) != 1 or not found[0].is_dir():
        raise MisusedError("--as says where one folder will lie; name that folder alone")
    return {found[0]: {""}}


def _prefix(text: str) -> str:
    """Where in the bucket a folder will lie, as keys begin there."""
    parts = text.removesuffix("/").split("/")
    if text and any(part in ("", ".", "..") for part in parts):
        raise MisusedError(f"--as {text}: a prefix is the beginning of keys, such as 2026/shoes/")
    return "/".join(parts) + "/" if text else ""


def _wholes(paths: Sequence[Path]) -> list[Path]:
    """The whole paths, each once, and none that lies in another, by whichever name."""
    for path in paths:
        if not path.exists():
            raise MisusedError(f"there is no {path}; name folders or files on this machine")
    named = {path.resolve(): Path(os.path.abspath(path)) for path in paths}  # noqa: PTH100 - links as they are named
    return [
        whole for real, whole in named.items() if not any(other.is_dir() and other in real.parents for other in named)
    ]


def meant_by(paths: Sequence[Path]) -> dict[Path, set[str]]:
    """The keys of what is named, by the folder that is uploaded as the bucket's root."""
    meant: defaultdict[Path, set[str]] = defaultdict(set)
    for whole in _wholes(paths):
        root = root_of(whole if whole.is_dir() else whole.parent)
        meant[root].add("" if whole == root else whole.relative_to(root).as_posix())
    return meant


def files_of(folder: LocalFolder, keys: set[str]) -> set[str]:
    """The keys of all files that are meant."""
    found: set[str] = set()
    for key in keys:
        found |= set(folder.below(key)) if (folder.root / key).is_dir() else with_their_own(folder, key)
    return found
