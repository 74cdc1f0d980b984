"""What one transition is: the job as it shall be, and what is written together with it or not at all."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from backdrop.model.errors import ConflictError
from backdrop.model.job import Attempt, ContentOwner, Job, JobStatus, Problem


@dataclass(frozen=True)
class BudgetChange:
    """What one transition changes on a day's budget, in micro-dollars; `cap` is set where it may fail.

    `provider`: who charges. `is_lost`: no answer to the call came that says what it cost.
    """

    day: str
    provider: str
    reserved: int = 0
    confirmed: int = 0
    unknown: int = 0
    cap: int | None = None
    is_lost: bool = False

    @property
    def total(self) -> int:
        return self.reserved + self.confirmed + self.unknown


@dataclass(frozen=True)
class Transition:
    """One transition: the job as it will be, its booking, and the content that the job will own from now on.

    `expected_owner`: the owner of the content before this step; None if it must have none. `waits_for`: the owner of
    the content for which the job begins to wait.
    """

    job: Job
    budget_change: BudgetChange | None = None
    content_owner: ContentOwner | None = None
    expected_owner: ContentOwner | None = None
    waits_for: ContentOwner | None = None

    @property
    def may_charge_twice(self) -> bool:
        """Whether it settles a call as charged, for certain or perhaps, that is not the only one of its charge."""
        budget_change = self.budget_change
        if budget_change is None or budget_change.reserved >= 0 or budget_change.confirmed + budget_change.unknown <= 0:
            return False
        ours = (one for one in self.job.attempts if one.charge_no == self.job.charge_no)
        return sum(bool(one.charged or one.unknown) for one in ours) > 1


def require_status(job: Job, *allowed: JobStatus) -> None:
    """ConflictError where the job is in no state for this transition: the caller looks again."""
    if job.status not in allowed:
        raise ConflictError


def build_end_fields(status: JobStatus, problem: Problem, now: datetime) -> dict[str, Any]:
    """The fields of a job that came to a bad end."""
    return {"status": status, "problem": problem, "has_report": True, "ended_at": now, "processing_until": None}


def replace_attempt(job: Job, updated: Attempt) -> Job:
    """The job with one of its attempts changed."""
    attempts = tuple(updated if attempt.n == updated.n else attempt for attempt in job.attempts)
    return replace(job, attempts=attempts)
