"""Which files of this machine a drop means, and the key that each will have in the input bucket."""

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from backdrop.core.layout import DEFAULTS_NAME, Kind, kind_of
from backdrop_cli.errors import MisusedError, RefusedError
from backdrop_cli.lint.folder import LocalFolder, root_of
from backdrop_cli.lint.look import with_their_own
from backdrop_cli.screen import several

MOST_NAMED = 3


@dataclass
class Gathered:
    """What is uploaded, by key; what is not, since it is no photo by its name, or cannot be read (with why).

    `unread`: folder defaults above a named file or folder, which are not part of the drop.
    """

    paths: dict[str, Path] = field(default_factory=dict[str, Path])
    passed_over: int = 0
    unreadable: dict[str, str] = field(default_factory=dict[str, str])
    unread: dict[Path, None] = field(default_factory=dict[Path, None])

    def of(self, *kinds: Kind) -> list[str]:
        """The keys of such files, in order."""
        return sorted(key for key in self.paths if kind_of(key) in kinds)

    def size(self, keys: Iterable[str]) -> int:
        """Bytes."""
        return sum(self.paths[key].stat().st_size for key in keys)


def gather(paths: Sequence[Path], to: str | None) -> Gathered:
    """Every file that is meant. A folder keeps its name in the bucket; with `to`, what is in it goes there instead.

    Raises MisusedError for what is not there, RefusedError where there is no photo or two files would have one key.
    """
    found = Gathered()
    claims: defaultdict[str, set[Path]] = defaultdict(set)
    for path in paths:
        for key, file in _files(path, _prefix(to), found, named=to is not None):
            claims[key].add(file)
    twice = {key: files for key, files in claims.items() if len(files) > 1}
    if twice:
        raise RefusedError(_same_key(twice))
    for key, files in sorted(claims.items()):
        if kind_of(key) is Kind.IGNORED:
            found.passed_over += 1
        else:
            found.paths[key] = next(iter(files))
    if not found.of(Kind.PHOTO):
        raise RefusedError(_no_photo(paths, found))
    return found


def _prefix(to: str | None) -> str:
    folder = (to or "").strip("/")
    return f"{folder}/" if folder else ""


def _files(path: Path, prefix: str, found: Gathered, *, named: bool) -> Iterable[tuple[str, Path]]:
    if not path.exists():
        raise MisusedError(f"there is no {path}; name folders or files on this machine")
    whole = Path(os.path.abspath(path))  # noqa: PTH100 - without `..`, and links as they are named
    root = whole if whole.is_dir() else whole.parent
    above = root_of(root)
    if above != root or (root != whole and (root / DEFAULTS_NAME).is_file() and whole.name != DEFAULTS_NAME):
        found.unread[above / DEFAULTS_NAME] = None
    folder = LocalFolder(root)
    names = sorted(folder.below("") if root == whole else with_their_own(folder, whole.name))
    below = prefix if named or root != whole else f"{prefix}{whole.name}/" if whole.name else prefix
    found.unreadable |= {str(root / name.strip("/")): why for name, why in folder.unreadable.items()}
    return [(below + name, root / name) for name in names]


def _same_key(twice: Mapping[str, set[Path]]) -> str:
    key, files = next(iter(twice.items()))
    more = f", and so would {several(len(twice) - 1, 'more file')}" if len(twice) > 1 else ""
    return (
        f"nothing was uploaded: {' and '.join(sorted(map(str, files)))} would both become {key}{more}; "
        "rename one, or drop them one by one with --to FOLDER"
    )


def _no_photo(paths: Sequence[Path], found: Gathered) -> str:
    where = ", ".join(str(path) for path in paths[:MOST_NAMED])
    there = len(found.paths) + found.passed_over
    seen = f"; {several(there, 'file')} there {'is' if there == 1 else 'are'} none by name" if there else ""
    return f"there is no photo in {where}{seen}; JPEG, PNG and WebP files are photos"
