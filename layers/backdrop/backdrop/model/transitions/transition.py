"""What one transition is: the job as it shall be, and what is written together with it or not at all."""

from dataclasses import dataclass
from datetime import datetime

from backdrop.model.errors import StaleError
from backdrop.model.job import Attempt, Job, Owner, Problem, Status


@dataclass(frozen=True)
class Booking:
    """What one transition changes on a day's budget, in micro-dollars; `cap` is set where it may fail.

    `provider`: who charges. `lost`: no answer to the call came that says what it cost.
    """

    day: str
    provider: str
    reserved: int = 0
    certain: int = 0
    unknown: int = 0
    cap: int | None = None
    lost: bool = False

    @property
    def committed(self) -> int:
        return self.reserved + self.certain + self.unknown


@dataclass(frozen=True)
class Step:
    """One transition: the job as it will be, its booking, and the content that the job will own from now on.

    `instead_of`: the owner of the content before this step; None if it must have none. `waits_for`: the owner of the
    content for which the job begins to wait.
    """

    job: Job
    booking: Booking | None = None
    owner: Owner | None = None
    instead_of: Owner | None = None
    waits_for: Owner | None = None

    @property
    def may_charge_twice(self) -> bool:
        """Whether it settles a call as charged, for certain or perhaps, that is not the only one of its charge."""
        booking = self.booking
        if booking is None or booking.reserved >= 0 or booking.certain + booking.unknown <= 0:
            return False
        ours = (one for one in self.job.attempts if one.generation == self.job.generation)
        return sum(bool(one.charged or one.unknown) for one in ours) > 1


def only(job: Job, *allowed: Status) -> None:
    """StaleError where the job is in no state for this transition: the caller looks again."""
    if job.status not in allowed:
        raise StaleError


def ended(status: Status, problem: Problem, now: datetime) -> dict[str, object]:
    """The fields of a job that came to a bad end."""
    return {"status": status, "problem": problem, "reported": True, "ended_at": now, "begun_until": None}


def with_attempt(job: Job, changed: Attempt) -> Job:
    """The job with one of its attempts changed."""
    attempts = tuple(changed if attempt.n == changed.n else attempt for attempt in job.attempts)
    return job.but(attempts=attempts)
