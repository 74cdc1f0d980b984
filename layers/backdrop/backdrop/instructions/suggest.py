"""Suggestions for near misses: a field, a value, a style preset, or the name of a sidecar."""

import difflib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable
from os.path import commonprefix
from typing import NamedTuple

from backdrop.model.object_keys import DEFAULTS_NAME, ObjectKind, classify_key, folder_of, list_sidecar_keys, stem_of
from backdrop.model.styles import STYLE_PRESETS
from backdrop.model.unicode_text import has_excessive_marks

MAX_NAME_EDITS = 2
MAX_COMPARED_LENGTH = 80
"""Comparing longer words takes a time that grows with the square of their lengths. No name of ours is as long."""
_OTHER_SPELLINGS = {"onemin": "1min", "oneminai": "1min"}
"""Words that people write for a known word, which do not look like it."""
_LATIN_COPY_WORDS = "copy|kopie|kopia|kopio|kopi|copie|copia|cópia|còpia|kopya|másolat"
_COPY_WORDS = f"{_LATIN_COPY_WORDS}|копия|копія|αντίγραφο|コピー|副本|拷贝|複製|복사본|사본"
# Operating systems, editors, and browsers add these at the end of a name, before or after its suffixes: ` (1)`,
# ` - Copy (2)`, ` copy 2`, ` (another copy)`, and, directly after a photo's suffix, `-1` or `_1`.
_ADDITION = re.compile(
    rf"\(\d{{1,3}}\)$|[-–—_ (](?:another |\d{{1,3}}(?:st|nd|rd|th) )?(?:{_COPY_WORDS})(?: ?\d{{1,3}})?\)?$"
    r"|(?:(?<=\.[a-z]{3})|(?<=\.[a-z]{4}))[-_]\d{1,3}$"
)
_COPY_OF = re.compile(rf"(?:{_COPY_WORDS}) (?:of|von|van|de|di|av|af) ")
_HIDDEN_SUFFIXES = (".json", ".txt")
_SEPARATORS = " -–—_"
_MAX_ADDITIONS = 8
"""How many are undone, so that a long name does not take a time that grows with the square of its length."""
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
    candidates = _list_candidates(keys, photo_key)
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
        # The photos' names are needed only if there are files that may be sidecars.
        photos = [key for key in keys if classify_key(key) is ObjectKind.PHOTO] if json_files else []
        known = {name for key in photos for name in list_sidecar_keys(key)}
        photo_forms = {form for key in photos for form in _list_photo_forms(key)}
        for key in sorted(json_files):
            for form in () if key in known else _list_forms(key):
                self._candidates_by_form[form].append(key)
                if form in photo_forms:
                    # `red (1).json.txt` belongs to `red (1).jpg`, and without that photo to `red.jpg`.
                    break

    def find_misnamed_sidecar(self, photo_key: str) -> SidecarSuggestion | None:
        """Returns the file whose name differs from one of the photo's sidecars only in what programs change.

        That is case, Unicode forms, spaces at the ends, a hidden or repeated suffix, the mark of a copy or a repeated
        download, or the other spelling of a suffix. The sidecar of another photo of the folder is never returned.
        """
        expected = list_sidecar_keys(photo_key)
        lowered = {name.lower() for name in expected}
        for form in _list_photo_forms(photo_key):
            for key in self._candidates_by_form.get(form, ()):
                is_other_case = key.lower() in lowered
                reason = (
                    "names are case-sensitive" if is_other_case else f"the name should be {_file_name(expected[0])}"
                )
                return SidecarSuggestion(key, reason)
        return None


def is_misspelled_defaults(key: str) -> bool:
    """True if a file is probably misnamed folder defaults."""
    name = _file_name(key)
    return name != DEFAULTS_NAME and count_edits(name.lower().removesuffix(".txt"), DEFAULTS_NAME) <= MAX_NAME_EDITS


def _list_candidates(keys: Collection[str], photo_key: str) -> list[str]:
    """Returns the files that may belong to this photo, excluding those that match or nearly match another photo."""
    photos = [key for key in keys if classify_key(key) is ObjectKind.PHOTO]
    others_sidecars = {name for key in photos for name in list_sidecar_keys(key)}
    others_forms = {form for key in photos for form in _list_photo_forms(key)}.difference(_list_photo_forms(photo_key))
    json_files = filter(_is_json_file, keys)
    return sorted(key for key in json_files if key not in others_sidecars and others_forms.isdisjoint(_list_forms(key)))


def _is_json_file(key: str) -> bool:
    return ".json" in key.lower() and classify_key(key) is not ObjectKind.DEFAULTS


def _list_photo_forms(key: str) -> tuple[str, ...]:
    """Returns what a misnamed sidecar's form is compared with: the photo's name, and its name without a suffix."""
    folder = folder_of(key)
    names = (_normalize(_file_name(key)), _normalize(stem_of(key)))
    return tuple(dict.fromkeys(f"{folder}{_unify_suffix(name.strip())}" for name in names))


def _list_forms(key: str) -> list[str]:
    """Returns the names that a sidecar may have had before programs added to it, without `.json`, the longest first."""
    folder, name = folder_of(key), _normalize(_file_name(key)).strip()
    forms: list[str] = []
    is_json = False
    for _ in range(_MAX_ADDITIONS):
        shorter = _undo_addition(name)
        if shorter == name:
            break
        is_json = is_json or name.endswith(".json")
        name = shorter
        # A hidden suffix is never part of the photo's own name.
        if is_json and name and not name.endswith(_HIDDEN_SUFFIXES):
            forms.append(f"{folder}{_unify_suffix(name)}")
    return forms


def _undo_addition(name: str) -> str:
    for suffix in _HIDDEN_SUFFIXES:
        if name.endswith(suffix):
            return name.removesuffix(suffix).rstrip()
    if addition := _ADDITION.search(name):
        return name[: addition.start()].rstrip(_SEPARATORS)
    return _COPY_OF.sub("", name, count=1) if _COPY_OF.match(name) else name


def _unify_suffix(name: str) -> str:
    for spelling, suffix in _SUFFIX_SPELLINGS.items():
        if name.endswith(spelling):
            return name.removesuffix(spelling) + suffix
    return name


def _normalize(name: str) -> str:
    """Returns a name without what people cannot see: case, kinds of spaces and letters, and invisible characters."""
    if name.isascii() or has_excessive_marks(name):
        return name.lower()
    folded = unicodedata.normalize("NFKC", name).casefold()
    return "".join(sign for sign in folded if unicodedata.category(sign) != "Cf")


def _extract_digits(key: str) -> str:
    """The photos of a series differ only in a number, so a suggestion must have the same digits."""
    return "".join(character for character in _file_name(key).lower().partition(".json")[0] if character.isdigit())


def _count_min_edits(key: str, expected: Collection[str]) -> int:
    return min(count_edits(_file_name(key).lower(), _file_name(name).lower()) for name in expected)


def _file_name(key: str) -> str:
    return key.rpartition("/")[2]
