"""What was probably meant by a word that is not known."""

import difflib
from collections.abc import Iterable


def find_nearest(word: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The known word that is most alike, whatever its case; None where none reaches `cutoff` (0 to 1)."""
    spelled = {one.casefold(): one for one in known}
    close = difflib.get_close_matches(word.strip().casefold(), spelled, n=1, cutoff=cutoff)
    return spelled[close[0]] if close else None


def count_edits(one: str, other: str) -> int:
    """The number of single-letter edits between two words (Levenshtein)."""
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        before, row[0] = row[0], i
        for j, opposite in enumerate(other, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (letter != opposite))
    return row[-1]
