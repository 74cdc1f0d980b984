"""Approval by a person: which pictures need it, and what was decided about each."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from backdrop.model.fidelity import (
    OTHERWISE_FIELD,
    REVIEW,
    SUBJECT_FIELD,
    Fidelity,
    FidelityVerdict,
    find_min_score,
    judge_score,
)
from backdrop.model.job_warning import JobWarning
from backdrop.model.record import Record, record

APPROVAL_FIELD, APPROVAL_REQUIRED = "approval", "required"


class ReviewDecision(StrEnum):
    APPROVED = "approved"
    REJECTED = "rejected"


class DecisionChannel(StrEnum):
    """How a decision arrived."""

    CLI = "cli"
    PAGE = "page"
    EVENT = "event"


@record
class PictureReview(Record):
    """One picture that waits for a person's decision, or has it.

    A decision is about the bytes of one file: `key` is the file that people see, `sha256` is its hash, and the outputs
    are made from it. `n`: the number of the image. `fidelity`: None for a cut-out. `scene_enlargement`: how many times
    wider the provider's scene is in the file; None if the product is the provider's, too. `warnings`: those about the
    making of the file. `decided_by`: the person's AWS identity, or what the event says. `event_source`: the source of
    the event that decided, or "".
    """

    n: int
    key: str
    sha256: str
    fidelity: Fidelity | None
    scene_enlargement: float | None = None
    warnings: tuple[JobWarning, ...] = ()
    waiting_since: datetime
    decision: ReviewDecision | None = None
    decided_by: str = ""
    decided_via: DecisionChannel | None = None
    event_source: str = ""
    decided_at: datetime | None = None

    @property
    def decider(self) -> str:
        """Who decided, for people. AWS verified an identity; what an event says is only a claim of its source."""
        if self.decided_via is not DecisionChannel.EVENT:
            return self.decided_by
        return f'"{self.decided_by}" (claimed by {self.event_source})'

    @property
    def is_approved(self) -> bool:
        return self.decision is ReviewDecision.APPROVED

    @property
    def is_rejected(self) -> bool:
        return self.decision is ReviewDecision.REJECTED

    def with_min_score(self, min_score: float) -> "PictureReview":
        """Returns the review with the verdict that follows from another required score."""
        fidelity = self.fidelity
        if fidelity is None or fidelity.score is None:
            return self
        return replace(self, fidelity=replace(fidelity, verdict=judge_score(fidelity.score, min_score)))


@dataclass(frozen=True)
class PictureDecision:
    """A person's decision about picture `n` of a job. The other fields: see `PictureReview`, `transitions.decide`."""

    job_id: str
    n: int
    decision: ReviewDecision
    by: str
    via: DecisionChannel
    event_source: str = ""
    sha256: str = ""
    seen_at: datetime | None = None


def requires_approval(instructions: Mapping[str, Any]) -> bool:
    return instructions.get(APPROVAL_FIELD) == APPROVAL_REQUIRED


def reviews_other_verdicts(instructions: Mapping[str, Any]) -> bool:
    """Whether a person decides about each picture whose verdict is not `same`."""
    return instructions.get(SUBJECT_FIELD, {}).get(OTHERWISE_FIELD) == REVIEW


def may_need_review(instructions: Mapping[str, Any]) -> bool:
    """Whether the instructions have a person decide about some pictures."""
    return requires_approval(instructions) or reviews_other_verdicts(instructions)


def needs_review(instructions: Mapping[str, Any], fidelity: Fidelity | None) -> bool:
    """Whether a person must decide about a picture with this verdict (None for a cut-out)."""
    if requires_approval(instructions):
        return True
    return (
        reviews_other_verdicts(instructions) and fidelity is not None and fidelity.verdict is not FidelityVerdict.SAME
    )


def list_current_reviews(
    reviews: tuple[PictureReview, ...], instructions: Mapping[str, Any]
) -> tuple[PictureReview, ...]:
    """Returns the reviews with the verdicts that the instructions' required score gives."""
    min_score = find_min_score(instructions)
    return tuple(review.with_min_score(min_score) for review in reviews)
