"""Text in Unicode's normalization form NFC."""

import unicodedata
from itertools import groupby

MAX_COMBINING_MARKS = 30
"""In a row, as in the Stream-Safe Text Format (Unicode Standard Annex #15). No written language needs as many."""


_INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Mn", "Zl", "Zp", "Zs"})
# Letters and a symbol without a shape: the Hangul fillers and the empty Braille pattern.
_BLANK_CHARACTERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")


def shows_something(text: str) -> bool:
    """Whether a text has a visible character: not only spaces, format characters, and marks without a base."""
    return any(
        unicodedata.category(sign) not in _INVISIBLE_CATEGORIES and sign not in _BLANK_CHARACTERS for sign in text
    )


def has_excessive_marks(text: str) -> bool:
    """Whether normalizing a text may take a time that grows with the square of its length, so it must be refused."""
    return not text.isascii() and any(
        is_mark and sum(1 for _ in run) > MAX_COMBINING_MARKS
        for is_mark, run in groupby(text, lambda sign: unicodedata.combining(sign) > 0)
    )


def list_unicode_forms(text: str) -> tuple[str, ...]:
    """Returns a name as it is, and in NFC and NFD if they differ, such as `é` as one character or as two.

    No person can see the difference, and macOS, browsers, and upload tools change one into the other.
    """
    if text.isascii() or has_excessive_marks(text):
        return (text,)
    return tuple(dict.fromkeys([text, *(unicodedata.normalize(form, text) for form in ("NFC", "NFD"))]))


def to_nfc(text: str) -> str:
    """Returns the normal form. Raises ValueError for a text with excessive marks."""
    if has_excessive_marks(text):
        raise ValueError(f"it contains more than {MAX_COMBINING_MARKS} combining marks in a row")
    return unicodedata.normalize("NFC", text)
