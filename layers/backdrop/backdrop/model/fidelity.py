"""Whether a returned picture still shows the customer's product: the verdict, and the score that it follows from."""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Any

from backdrop.model.record import Record, record

SUBJECT_FIELD, MIN_SCORE_FIELD, PIXELS_FIELD, OWN_PIXELS = "subject", "min", "pixels", "own"
MASK_FIELD, BUY_MASK = "mask", "buy"
OTHERWISE_FIELD, RETRY, REVIEW, RETRIES_FIELD = "otherwise", "retry", "review", "retries"
DEFAULT_RETRIES, MAX_RETRIES = 1, 3
MAX_MASK_WAIT = timedelta(minutes=15)
"""How long a bought picture waits for the photo's cut-out."""
FIDELITY_VERSION = 3
"""The version of the method. A score is only comparable with scores of the same version."""
DEFAULT_MIN_SCORE = 0.9
"""The score from which a product counts as the same, unless the instructions name another one."""
FROZEN_SIMILARITY = 0.69
"""The measured similarity that becomes `DEFAULT_MIN_SCORE`: on one half of the corpus of `bench.fidelity`, 2% of the
unchanged products are below it."""
_DECIMALS = 3
"""Digits of a score. Further ones could differ between processors."""


class FidelityVerdict(StrEnum):
    SAME = "same"
    CHANGED = "changed"
    CANNOT_SAY = "cannot_say"

    @property
    def text(self) -> str:
        return {
            FidelityVerdict.SAME: "same product",
            FidelityVerdict.CHANGED: "product changed",
            FidelityVerdict.CANNOT_SAY: "not compared",
        }[self]

    @property
    def mark(self) -> str:
        return {FidelityVerdict.SAME: "✓", FidelityVerdict.CHANGED: "✗", FidelityVerdict.CANNOT_SAY: "?"}[self]


class CannotSayReason(StrEnum):
    """Why pictures cannot be compared. A closed list, because receipts contain it."""

    NO_MASK = "no_mask"
    MASK_UNAVAILABLE = "mask_unavailable"
    PHOTO_GONE = "photo_gone"
    MASK_EMPTY = "mask_empty"
    MASK_OF_ANOTHER_PHOTO = "mask_of_another_photo"
    SUBJECT_FILLS_FRAME = "subject_fills_frame"
    SUBJECT_TOO_SMALL = "subject_too_small"
    OTHER_SHAPE = "other_shape"
    TRANSPARENT_RESULT = "transparent_result"

    @property
    def text(self) -> str:
        """Why, as a clause that follows `not compared:`."""
        return {
            CannotSayReason.NO_MASK: "the photo is opaque and has no cut-out, so nothing shows where the product is",
            CannotSayReason.MASK_UNAVAILABLE: "the cut-out of the photo is not available",
            CannotSayReason.PHOTO_GONE: "the photo was deleted or replaced before the delivery",
            CannotSayReason.MASK_EMPTY: "the mask of the product is empty",
            CannotSayReason.MASK_OF_ANOTHER_PHOTO: "the mask of the product does not fit the photo",
            CannotSayReason.SUBJECT_FILLS_FRAME: "the product fills the whole photo",
            CannotSayReason.SUBJECT_TOO_SMALL: "the product is too small",
            CannotSayReason.OTHER_SHAPE: "the picture does not have the shape of the photo",
            CannotSayReason.TRANSPARENT_RESULT: "the provider's picture is transparent",
        }[self]


@record
class Fidelity(Record):
    """The verdict on one picture. `score`: 0 to 1, None without a verdict. `reason`: only if there is no verdict.

    `map_key`: the key of the change map in the output bucket, None without a verdict.
    """

    verdict: FidelityVerdict
    score: float | None
    reason: CannotSayReason | None
    version: int
    map_key: str | None = None

    @property
    def text(self) -> str:
        """The verdict and its score: `product changed 0.62`."""
        return f"{self.verdict.text} {self.score_text}".rstrip()

    @property
    def score_text(self) -> str:
        """The score as people read it; "" without one."""
        return "" if self.score is None else format_score(self.score)

    @classmethod
    def from_score(cls, score: float, min_score: float | None = None) -> "Fidelity":
        """`min_score`: the score that the instructions require, or None for the default."""
        verdict = judge_score(score, min_score)
        return cls(verdict=verdict, score=score, reason=None, version=FIDELITY_VERSION)

    @classmethod
    def from_reason(cls, reason: CannotSayReason) -> "Fidelity":
        return cls(verdict=FidelityVerdict.CANNOT_SAY, score=None, reason=reason, version=FIDELITY_VERSION)


def find_min_score(instructions: Mapping[str, Any]) -> float:
    """Returns the score that the instructions require, or the default."""
    return instructions.get(SUBJECT_FIELD, {}).get(MIN_SCORE_FIELD, DEFAULT_MIN_SCORE)


def buys_mask(instructions: Mapping[str, Any]) -> bool:
    """Whether a cut-out is bought to compare the picture with its photo, if nothing else shows where the product is."""
    return instructions.get(SUBJECT_FIELD, {}).get(MASK_FIELD) == BUY_MASK


def requests_own_pixels(instructions: Mapping[str, Any]) -> bool:
    """Whether the picture must show the product with the photo's own pixels."""
    return instructions.get(SUBJECT_FIELD, {}).get(PIXELS_FIELD) == OWN_PIXELS


def count_retries(instructions: Mapping[str, Any]) -> int:
    """Returns how many times a picture whose product differs may be bought again; 0 if the instructions allow none."""
    subject = instructions.get(SUBJECT_FIELD, {})
    return subject.get(RETRIES_FIELD, DEFAULT_RETRIES) if subject.get(OTHERWISE_FIELD) == RETRY else 0


def format_score(score: float) -> str:
    """Returns a score with as many decimals as it has, at least two: `0.62`."""
    return f"{score:.{_DECIMALS}f}".removesuffix("0")


def judge_score(score: float, min_score: float | None = None) -> FidelityVerdict:
    required = DEFAULT_MIN_SCORE if min_score is None else min_score
    return FidelityVerdict.SAME if score >= required else FidelityVerdict.CHANGED


def calibrate_score(similarity: float) -> float:
    """Converts a measured similarity (0 to 1) to a score: linear on both sides of the frozen similarity."""
    if similarity < FROZEN_SIMILARITY:
        return round(max(0.0, similarity) / FROZEN_SIMILARITY * DEFAULT_MIN_SCORE, _DECIMALS)
    above = (min(1.0, similarity) - FROZEN_SIMILARITY) / (1 - FROZEN_SIMILARITY)
    return round(DEFAULT_MIN_SCORE + above * (1 - DEFAULT_MIN_SCORE), _DECIMALS)
