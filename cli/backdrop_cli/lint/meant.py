"""Which files of this machine are meant, and the key that each will have: the same for `lint`, `quote` and `drop`."""

import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from backdrop.model.object_keys import DEFAULTS_NAME, Kind, defaults_of, folder_of, kind_of, may_share, sidecars_of
from backdrop_cli.errors import MisusedError, RefusedError
from backdrop_cli.lint.folder import BUCKET, LocalFolder
from backdrop_cli.screen import several


@dataclass(frozen=True)
class Meant:
    """Files below one folder of this machine, by their keys."""

    folder: LocalFolder
    keys: frozenset[str]


def meant_by(paths: Sequence[Path], to: str | None = None) -> list[Meant]:
    """All that is named, with what speaks for it, each file once.

    A folder keeps its name in the bucket, and so does the highest one above it that holds folder defaults: what lies
    below that belongs together. With `to`, what is in a folder goes there instead.

    Raises MisusedError for what is not there, RefusedError where two files would have one key.
    """
    named: defaultdict[tuple[Path, str], set[str]] = defaultdict(set)
    for whole in _wholes(paths):
        root, prefix = _place(whole, to)
        named[root, prefix].add("" if whole == root else whole.relative_to(root).as_posix())
    found = [_meant(LocalFolder(*place), names, inherited=to is None) for place, names in named.items()]
    _refuse_same_keys(found)
    return found


def beyond(paths: Sequence[Path], to: str | None) -> list[Path]:
    """The folder defaults above what goes elsewhere: they are no part of it."""
    wholes = _wholes(paths) if to is not None else []
    files = ((whole, root_of(_folder_of(whole)) / DEFAULTS_NAME) for whole in wholes)
    return [*dict.fromkeys(file for whole, file in files if file.is_file() and file != whole and file.parent != whole)]


def root_of(folder: Path) -> Path:
    """The highest folder above, or the folder itself, that holds defaults: what is below it is uploaded together."""
    holding = [one for one in (folder, *folder.parents) if (one / DEFAULTS_NAME).is_file()]
    return holding[-1] if holding else folder


def with_their_own(folder: LocalFolder, key: str) -> set[str]:
    """A file with those that speak for it, or for which it speaks."""
    there = set(folder.keys(BUCKET, folder_of(key)))
    if kind_of(key) is Kind.SIDECAR:
        return {key, *(one for one in there if kind_of(one) is Kind.PHOTO and may_share(key, one))}
    return {key, *(name for name in sidecars_of(key) if name in there)} if kind_of(key) is Kind.PHOTO else {key}


def _wholes(paths: Sequence[Path]) -> list[Path]:
    """The whole paths, each once, and none that lies in another, by whichever name."""
    for path in paths:
        if not path.exists():
            raise MisusedError(f"there is no {path}; name folders or files on this machine")
    named = {path.resolve(): Path(os.path.abspath(path)) for path in paths}  # noqa: PTH100 - links as they are named
    return [
        whole for real, whole in named.items() if not any(other.is_dir() and other in real.parents for other in named)
    ]


def _folder_of(whole: Path) -> Path:
    return whole if whole.is_dir() else whole.parent


def _place(whole: Path, to: str | None) -> tuple[Path, str]:
    """The folder below which a path is looked at, and how the keys of all files there begin."""
    if to is not None:
        return _folder_of(whole), _prefix(to)
    root = root_of(_folder_of(whole))
    if not root.name or not (whole.is_dir() or (root / DEFAULTS_NAME).is_file()):
        return root, ""
    if not LocalFolder.is_text(root.name):
        raise MisusedError(f"the name of {root} is not UTF-8, as the keys of a bucket are; say --to FOLDER")
    return root, f"{root.name}/"


def _prefix(to: str) -> str:
    """Where in the bucket that is, as keys begin there."""
    parts = to.strip("/").split("/")
    if any(part in ("", ".", "..") for part in parts) and parts != [""]:
        raise MisusedError(f"--to {to}: a folder of the bucket has a name such as 2026/shoes; / is its root")
    return f"{'/'.join(parts)}/" if parts != [""] else ""


def _meant(folder: LocalFolder, names: set[str], *, inherited: bool) -> Meant:
    """The files; where they stay together also the folder defaults above them, which speak for them."""
    keys: set[str] = set()
    for name in names:
        below = set(folder.below(name)) if (folder.root / name).is_dir() else None
        keys |= with_their_own(folder, folder.prefix + name) if below is None else below
    above = {one for name in names for one in defaults_of(folder.prefix + name)} if inherited else set[str]()
    return Meant(folder, frozenset(keys | {one for one in above if folder.holds(one)}))


def _refuse_same_keys(found: Sequence[Meant]) -> None:
    claims: defaultdict[str, set[Path]] = defaultdict(set)
    for one in found:
        for key in one.keys:
            claims[key].add(one.folder.path(key))
    twice = {key: files for key, files in claims.items() if len(files) > 1}
    if not twice:
        return
    key, files = min(twice.items())
    more = f", and so would {several(len(twice) - 1, 'more file')}" if len(twice) > 1 else ""
    raise RefusedError(
        f"{' and '.join(sorted(map(str, files)))} would both become {key}{more}; rename one, or name them one by one"
        " with --to FOLDER"
    )
