"""Suggestions for near misses: a field, a value, a style preset, or the name of a sidecar."""

import difflib
import re
from collections import defaultdict
from collections.abc import Collection, Iterable
from os.path import commonprefix
from typing import NamedTuple

from backdrop.model.object_keys import DEFAULTS_NAME, ObjectKind, classify_key, list_sidecar_keys
from backdrop.model.styles import STYLE_PRESETS
from backdrop.model.unicode_text import has_excessive_marks, to_nfc

MAX_NAME_EDITS = 2
MAX_COMPARED_LENGTH = 80
"""Comparing longer words takes a time that grows with the square of their lengths. No name of ours is as long."""
_OTHER_SPELLINGS = {"onemin": "1min", "oneminai": "1min"}
"""Words that people write for a known word, which do not look like it."""
# Operating systems, editors, and browsers add these to names: a hidden or a second extension, the number of a repeated
# download, the mark of a copy, and spaces.
_DESKTOP_ADDITION = re.compile(r"(?<=\.json)\.(?:txt|json)$|(?: \(\d+\)| - copy| copy| )+(?=\.json)")
_SUFFIX_SPELLINGS = {".jpeg": ".jpg", ".jpe": ".jpg", ".jfif": ".jpg", ".tiff": ".tif"}


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


def count_edits(one: str, other: str, limit: int = MAX_NAME_EDITS) -> int:
    """Returns the Levenshtein distance of two words, or `limit` + 1 if it is larger, without comparing all letters."""
    return next((edits for edits in range(limit + 1) if _are_similar(one, other, edits)), limit + 1)


def _are_similar(one: str, other: str, edits: int) -> bool:
    """Whether at most so many edits make the words equal."""
    length = len(commonprefix([one, other]))
    one, other = one[length:], other[length:]
    if not one or not other:
        return len(one + other) <= edits
    shorter = ((one[1:], other), (one, other[1:]), (one[1:], other[1:]))
    return edits > 0 and any(_are_similar(*words, edits - 1) for words in shorter)


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
    """Returns the file among `keys` that is probably the photo's misnamed sidecar; None if there is none.

    If the photo has no other instructions, a similar name is enough.
    """
    if suggestion := FolderNames(keys).find_misnamed_sidecar(photo_key):
        return suggestion
    expected = list_sidecar_keys(photo_key)
    candidates = _list_candidates(keys, expected)
    same_digits = [key for key in candidates if _extract_digits(key) in map(_extract_digits, expected)]
    best = min(same_digits, key=lambda key: _count_min_edits(key, expected), default=None)
    if best and _count_min_edits(best, expected) <= MAX_NAME_EDITS:
        return SidecarSuggestion(best, f"the name should be {_file_name(expected[0])}")
    misspelled_defaults = next(filter(is_misspelled_defaults, candidates), None)
    return (
        SidecarSuggestion(misspelled_defaults, f"the name of folder defaults is {DEFAULTS_NAME}")
        if misspelled_defaults
        else None
    )


class FolderNames:
    """The keys of a folder, so that the misnamed sidecars of thousands of photos are found without comparing all."""

    def __init__(self, keys: Collection[str]) -> None:
        self.keys = keys
        self._candidates_by_form: defaultdict[str, list[str]] = defaultdict(list)
        json_files = [key for key in keys if _is_json_file(key)]
        # The names of sidecars are needed only if there are files that may be some.
        known = _list_sidecars_of_photos(keys) if json_files else set[str]()
        for key in sorted(json_files):
            if key not in known:
                self._candidates_by_form[_undo_additions(key)].append(key)

    def find_misnamed_sidecar(self, photo_key: str) -> SidecarSuggestion | None:
        """Returns the file whose name differs from the photo's sidecar only in what programs change.

        That is case, a hidden `.txt`, the number of a repeated download, or the other spelling of a suffix. The sidecar
        of another photo of the folder is never returned.
        """
        expected = list_sidecar_keys(photo_key)
        own_form, lowered = _undo_additions(expected[0]), {name.lower() for name in expected}
        for form in dict.fromkeys(map(_undo_additions, expected)):
            for key in self._candidates_by_form.get(form, ()):
                if key.lower() in lowered:
                    return SidecarSuggestion(key, "names are case-sensitive")
                if form == own_form:
                    return SidecarSuggestion(key, f"the name should be {_file_name(expected[0])}")
        return None


def is_misspelled_defaults(key: str) -> bool:
    """True if a file is probably misnamed folder defaults."""
    name = _file_name(key)
    return name != DEFAULTS_NAME and count_edits(name.lower().removesuffix(".txt"), DEFAULTS_NAME) <= MAX_NAME_EDITS


def _list_candidates(keys: Collection[str], expected: Iterable[str]) -> list[str]:
    """Returns the files that may belong to this photo, excluding those that match or nearly match another photo."""
    others_sidecars = _list_sidecars_of_photos(keys)
    others_forms = {_undo_additions(name) for name in others_sidecars}.difference(map(_undo_additions, expected))
    json_files = filter(_is_json_file, keys)
    return sorted(key for key in json_files if key not in others_sidecars and _undo_additions(key) not in others_forms)


def _is_json_file(key: str) -> bool:
    return ".json" in key.lower() and classify_key(key) is not ObjectKind.DEFAULTS


def _list_sidecars_of_photos(keys: Iterable[str]) -> set[str]:
    return {name for key in keys if classify_key(key) is ObjectKind.PHOTO for name in list_sidecar_keys(key)}


def _undo_additions(key: str) -> str:
    """Returns the form in which a sidecar's name is compared with a misnamed one."""
    name = _DESKTOP_ADDITION.sub("", _normalize(key))
    for spelling, suffix in _SUFFIX_SPELLINGS.items():
        name = name.replace(f"{spelling}.json", f"{suffix}.json")
    return name


def _normalize(key: str) -> str:
    return key.lower() if has_excessive_marks(key) else to_nfc(key).lower()


def _extract_digits(key: str) -> str:
    """The photos of a series differ only in a number, so a suggestion must have the same digits."""
    return "".join(character for character in _file_name(key).lower().partition(".json")[0] if character.isdigit())


def _count_min_edits(key: str, expected: Collection[str]) -> int:
    return min(count_edits(_file_name(key).lower(), _file_name(name).lower()) for name in expected)


def _file_name(key: str) -> str:
    return key.rpartition("/")[2]
