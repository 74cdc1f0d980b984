"""The files of a drop by their keys, and what of the machine is no part of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from backdrop.model.object_keys import Kind, kind_of
from backdrop_cli.errors import RefusedError
from backdrop_cli.lint.meant import beyond, meant_by
from backdrop_cli.screen import several

MOST_NAMED = 3


@dataclass
class Gathered:
    """What is uploaded, by key; what is not, since it is no photo by its name, or cannot be read (with why).

    `unread`: folder defaults above what goes elsewhere, which are not part of the drop.
    """

    paths: dict[str, Path] = field(default_factory=dict[str, Path])
    passed_over: int = 0
    unreadable: dict[str, str] = field(default_factory=dict[str, str])
    unread: list[Path] = field(default_factory=list[Path])

    def of(self, *kinds: Kind) -> list[str]:
        """The keys of such files, in order."""
        return sorted(key for key in self.paths if kind_of(key) in kinds)

    @property
    def photos(self) -> dict[str, Path]:
        return {key: self.paths[key] for key in self.of(Kind.PHOTO)}

    @property
    def instructions(self) -> dict[str, Path]:
        """Sidecars and folder defaults."""
        return {key: self.paths[key] for key in self.of(Kind.SIDECAR, Kind.DEFAULTS)}


def gather(paths: Sequence[Path], to: str | None) -> Gathered:
    """Every file that is meant; RefusedError where there is no photo among them."""
    found = Gathered(unread=beyond(paths, to))
    for one in meant_by(paths, to):
        found.unreadable |= {str(one.folder.root / name.strip("/")): why for name, why in one.folder.unreadable.items()}
        for key in one.keys:
            if kind_of(key) is Kind.IGNORED:
                found.passed_over += 1
            else:
                found.paths[key] = one.folder.path(key)
    if not found.of(Kind.PHOTO):
        raise RefusedError(_no_photo(paths, found))
    return found


def _no_photo(paths: Sequence[Path], found: Gathered) -> str:
    where = ", ".join(str(path) for path in paths[:MOST_NAMED])
    there = len(found.paths) + found.passed_over
    seen = f"; {several(there, 'file')} there {'is' if there == 1 else 'are'} none by name" if there else ""
    return f"there is no photo in {where}{seen}; photos are files such as JPEG, PNG, WebP, HEIC and TIFF"
