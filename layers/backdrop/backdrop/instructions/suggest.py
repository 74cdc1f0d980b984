"""Which of a folder's files was probably meant as a photo's sidecar, though its name is not quite right."""

import re
import unicodedata
from collections.abc import Collection
from typing import NamedTuple

from backdrop.model.object_keys import DEFAULTS_NAME, Kind, kind_of, sidecars_of
from backdrop.model.spelling import edits

MOST_EDITS = 2
# What desktops add to a name by themselves: a hidden suffix, the count of a second download.
_ADDED = re.compile(r"\.txt$| \(\d+\)(?=\.json)", re.IGNORECASE)


class NearMiss(NamedTuple):
    """A file that was probably meant, and what is wrong with its name: `found Red.jpg.json: …`."""

    key: str
    why: str

    def __str__(self) -> str:
        return f"found {_name(self.key)}: {self.why}"


def near_miss(photo: str, keys: Collection[str]) -> NearMiss | None:
    """The nearest file; None where none is near."""
    wanted = sidecars_of(photo)
    spelled = {_folded(name) for name in wanted}
    for key in (free := _free(keys, spelled)):
        if key.lower() in {name.lower() for name in wanted}:
            return NearMiss(key, "names are case-sensitive")
        if _folded(key) in spelled:
            return NearMiss(key, "it looks the same and is spelled in another Unicode form (NFC, NFD)")
    near = next((key for key in free if _folded(_ADDED.sub("", key)) == _folded(wanted[0])), None)
    if near is None:
        alike = [key for key in free if _digits(key) in map(_digits, wanted)]
        near = min(alike, key=lambda key: _least_edits(key, wanted), default=None)
        near = near if near and _least_edits(near, wanted) <= MOST_EDITS else None
    if near:
        return NearMiss(near, f"it should be {_name(wanted[0])}")
    nearly = next(filter(is_nearly_defaults, free), None)
    return NearMiss(nearly, f"a folder's defaults are called {DEFAULTS_NAME}") if nearly else None


def is_nearly_defaults(key: str) -> bool:
    """Whether a file was probably meant as its folder's defaults, and is not called so."""
    name = _name(key)
    return name != DEFAULTS_NAME and edits(name.lower().removesuffix(".txt"), DEFAULTS_NAME) <= MOST_EDITS


def _free(keys: Collection[str], spelled: Collection[str]) -> list[str]:
    """The files that may be meant for this photo: none that is, or looks like, another photo's own."""
    taken = {name for key in keys if kind_of(key) is Kind.PHOTO for name in sidecars_of(key)}
    others = {_folded(name) for name in taken}.difference(spelled)
    spare = (key for key in keys if ".json" in key.lower() and kind_of(key) is not Kind.DEFAULTS)
    return sorted(key for key in spare if key not in taken and _folded(_ADDED.sub("", key)) not in others)


def _folded(key: str) -> str:
    return unicodedata.normalize("NFC", key).lower()


def _digits(key: str) -> str:
    """The photos of a series differ in a number, and no one mistypes that."""
    return "".join(letter for letter in _name(key).lower().partition(".json")[0] if letter.isdigit())


def _least_edits(key: str, wanted: Collection[str]) -> int:
    return min(edits(_name(key).lower(), _name(name).lower()) for name in wanted)


def _name(key: str) -> str:
    return key.rpartition("/")[2]
