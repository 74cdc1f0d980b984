"""Text in Unicode's normalization form NFC."""

import unicodedata
from itertools import groupby

MAX_COMBINING_MARKS = 30
"""In a row, as in the Stream-Safe Text Format (Unicode Standard Annex #15). No written language needs as many."""


def has_excessive_marks(text: str) -> bool:
    """Whether normalizing a text may take a time that grows with the square of its length, so it must be refused."""
    return not text.isascii() and any(
        is_mark and sum(1 for _ in run) > MAX_COMBINING_MARKS
        for is_mark, run in groupby(text, lambda sign: unicodedata.combining(sign) > 0)
    )


def to_nfc(text: str) -> str:
    """Returns the normal form. Raises ValueError for a text with excessive marks."""
    if has_excessive_marks(text):
        raise ValueError(f"it contains more than {MAX_COMBINING_MARKS} combining marks in a row")
    return unicodedata.normalize("NFC", text)
