"""How the stack stands, as far as it can be said in a few numbers."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from backdrop.model.circuit import Lane
from backdrop.model.job import Job, Outcome, Status
from backdrop.model.schedule import Day


@dataclass(frozen=True)
class Gauges:
    """`open_jobs`: that have not ended. `spent`, `cap`: the day's (UTC), micro-dollars."""

    open_jobs: int = 0
    oldest_open_seconds: float = 0
    oldest_unknown_seconds: float = 0
    calls_in_flight: int = 0
    providers_paused: int = 0
    spent: int = 0
    cap: int = 0


class Sight(NamedTuple):
    """What the numbers need of a job: so many whole ones might not fit into a function's memory.

    `lost`: when the calls were sent of which it has to know more before it can go on.
    """

    ended: bool
    submitting: bool
    queued_at: datetime
    lost: tuple[datetime, ...]


def sight(job: Job) -> Sight:
    """A job as the numbers see it."""
    calls = job.attempts if job.status is Status.UNKNOWN else ()
    lost = (call for call in calls if call.outcome is Outcome.LOST and call.generation == job.generation)
    return Sight(job.ended, job.status is Status.SUBMITTING, job.queued_at, tuple(call.submitted_at for call in lost))


def gauged(jobs: Collection[Sight], lanes: Iterable[Lane], day: Day, daily_budget: int, now: datetime) -> Gauges:
    """The numbers at this moment; `jobs`: for which something is still to be done, `daily_budget`: micro-dollars."""
    return Gauges(
        open_jobs=sum(not job.ended for job in jobs),
        oldest_open_seconds=_oldest((job.queued_at for job in jobs if not job.ended), now),
        oldest_unknown_seconds=_oldest((moment for job in jobs for moment in job.lost), now),
        calls_in_flight=sum(job.submitting for job in jobs),
        providers_paused=sum(lane.paused for lane in lanes),
        spent=day.settled,
        cap=day.cap_or(daily_budget),
    )


def _oldest(moments: Iterable[datetime], now: datetime) -> float:
    """Seconds since the first of them; 0 where there is none."""
    return max(((now - moment).total_seconds() for moment in moments), default=0)
