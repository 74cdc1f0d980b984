"""Suggestions for near misses: a field, a value, a style preset, or the name of a sidecar."""

import difflib
import re
import unicodedata
from collections.abc import Collection, Iterable
from typing import NamedTuple

from backdrop.model.object_keys import DEFAULTS_NAME, ObjectKind, classify_key, list_sidecar_keys
from backdrop.model.styles import STYLE_PRESETS

MAX_NAME_EDITS = 2
MAX_COMPARED_LENGTH = 80
"""Comparing longer words takes a time that grows with the square of their lengths. No name of ours is as long."""
_OTHER_SPELLINGS = {"onemin": "1min", "oneminai": "1min"}
"""Words that people write for a known word, which do not look like it."""
# Operating systems and browsers add these to names: a hidden extension, and the number of a repeated download.
_DESKTOP_ADDITION = re.compile(r"\.txt$| \(\d+\)(?=\.json)", re.IGNORECASE)


def find_nearest(word: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Returns the most similar known word, ignoring case; None if none reaches the similarity `cutoff` (0 to 1).

    Every "did you mean" uses this, so that a name with several spellings has them in one place.
    """
    if len(word) > MAX_COMPARED_LENGTH:
        return None
    spelled = {one.casefold(): one for one in known if len(one) <= MAX_COMPARED_LENGTH}
    spelled |= {spelling: spelled[one] for spelling, one in _OTHER_SPELLINGS.items() if one in spelled}
    close = difflib.get_close_matches(word.strip().casefold(), spelled, n=1, cutoff=cutoff)
    return spelled[close[0]] if close else None


def count_edits(one: str, other: str) -> int:
    """Returns the Levenshtein distance of two words."""
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        before, row[0] = row[0], i
        for j, opposite in enumerate(other, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (letter != opposite))
    return row[-1]


def suggest_preset(text: str) -> str | None:
    """Returns the most similar preset in lowercase (`golden_hour`), or None."""
    words = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
    return find_nearest(words, [preset.lower() for preset in STYLE_PRESETS])


class SidecarSuggestion(NamedTuple):
    """A file that is probably a misnamed sidecar or misnamed folder defaults, and what is wrong with its name."""

    key: str
    reason: str

    def __str__(self) -> str:
        return f"there is {_file_name(self.key)}: {self.reason}"


def suggest_sidecar(photo_key: str, keys: Collection[str]) -> SidecarSuggestion | None:
    """Returns the file among `keys` that is probably the photo's misnamed sidecar; None if there is none."""
    expected = list_sidecar_keys(photo_key)
    normalized_expected = {_normalize(name) for name in expected}
    for key in (candidates := _list_candidates(keys, normalized_expected)):
        if key.lower() in {name.lower() for name in expected}:
            return SidecarSuggestion(key, "names are case-sensitive")
        if _normalize(key) in normalized_expected:
            return SidecarSuggestion(
                key, "the name looks the same, but has another Unicode normalization form (NFC or NFD)"
            )
    best = next(
        (key for key in candidates if _normalize(_DESKTOP_ADDITION.sub("", key)) == _normalize(expected[0])), None
    )
    if best is None:
        same_digits = [key for key in candidates if _extract_digits(key) in map(_extract_digits, expected)]
        best = min(same_digits, key=lambda key: _count_min_edits(key, expected), default=None)
        best = best if best and _count_min_edits(best, expected) <= MAX_NAME_EDITS else None
    if best:
        return SidecarSuggestion(best, f"the name should be {_file_name(expected[0])}")
    misspelled_defaults = next(filter(is_misspelled_defaults, candidates), None)
    return (
        SidecarSuggestion(misspelled_defaults, f"the name of folder defaults is {DEFAULTS_NAME}")
        if misspelled_defaults
        else None
    )


def is_misspelled_defaults(key: str) -> bool:
    """True if a file is probably misnamed folder defaults."""
    name = _file_name(key)
    return name != DEFAULTS_NAME and count_edits(name.lower().removesuffix(".txt"), DEFAULTS_NAME) <= MAX_NAME_EDITS


def _list_candidates(keys: Collection[str], normalized_expected: Collection[str]) -> list[str]:
    """Returns the files that may belong to this photo, excluding those that match or nearly match another photo."""
    others_sidecars = {name for key in keys if classify_key(key) is ObjectKind.PHOTO for name in list_sidecar_keys(key)}
    normalized_others = {_normalize(name) for name in others_sidecars}.difference(normalized_expected)
    json_files = (key for key in keys if ".json" in key.lower() and classify_key(key) is not ObjectKind.DEFAULTS)
    return sorted(
        key
        for key in json_files
        if key not in others_sidecars and _normalize(_DESKTOP_ADDITION.sub("", key)) not in normalized_others
    )


def _normalize(key: str) -> str:
    return unicodedata.normalize("NFC", key).lower()


def _extract_digits(key: str) -> str:
    """The photos of a series differ only in a number, so a suggestion must have the same digits."""
    return "".join(character for character in _file_name(key).lower().partition(".json")[0] if character.isdigit())


def _count_min_edits(key: str, expected: Collection[str]) -> int:
    return min(count_edits(_file_name(key).lower(), _file_name(name).lower()) for name in expected)


def _file_name(key: str) -> str:
    return key.rpartition("/")[2]
