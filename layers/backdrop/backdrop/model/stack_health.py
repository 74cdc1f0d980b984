"""The health of the stack in a few numbers."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from backdrop.model.circuit import ProviderHealth
from backdrop.model.fidelity import MAX_MASK_WAIT
from backdrop.model.job import Job, JobStatus
from backdrop.model.schedule import BudgetDay


@dataclass(frozen=True)
class StackHealth:
    """`open_jobs`: jobs that have not ended. `spent`, `cap`: today's (UTC), in micro-dollars."""

    open_jobs: int = 0
    oldest_open_seconds: float = 0
    oldest_unknown_seconds: float = 0
    oldest_undelivered_seconds: float = 0
    calls_in_flight: int = 0
    providers_paused: int = 0
    spent: int = 0
    cap: int = 0


class UndeliveredPicture(NamedTuple):
    """A job whose pictures were bought and never delivered, although they could have been since `waits_since`."""

    provider: str
    waits_since: datetime


def find_undelivered_picture(job: Job) -> UndeliveredPicture | None:
    """Returns None for any other job, also for one whose pictures people have approved: their files are kept.

    A picture may wait for its mask.
    """
    if job.status is not JobStatus.PAID or job.paid_at is None or job.stored_at or job.reviews:
        return None
    return UndeliveredPicture(job.paid_provider, job.paid_at + (MAX_MASK_WAIT if job.needs_mask else timedelta()))


class JobSnapshot(NamedTuple):
    """The fields of a job that the numbers need. Whole jobs might not fit into a function's memory.

    `lost_call_times`: the send times of the calls whose results the job needs before it can continue. `undelivered`:
    its pictures, if they were bought and never delivered.
    """

    has_ended: bool
    is_submitting: bool
    queued_at: datetime
    lost_call_times: tuple[datetime, ...]
    undelivered: UndeliveredPicture | None = None


def build_job_snapshot(job: Job) -> JobSnapshot:
    needs_result = job.status is JobStatus.UNKNOWN and not job.waits_for_bill
    lost = (call for call in job.lost_calls if needs_result and not (call.settlement and call.settlement.is_final))
    return JobSnapshot(
        job.needs_no_worker or job.waits_for_bill,
        job.status is JobStatus.SUBMITTING,
        job.queued_at,
        tuple(call.submitted_at for call in lost),
        find_undelivered_picture(job),
    )


def summarize_health(
    jobs: Collection[JobSnapshot], lanes: Iterable[ProviderHealth], day: BudgetDay, daily_budget: int, now: datetime
) -> StackHealth:
    """Summarizes the unfinished jobs; `daily_budget`: micro-dollars."""
    return StackHealth(
        open_jobs=sum(not job.has_ended for job in jobs),
        oldest_open_seconds=_max_age_seconds((job.queued_at for job in jobs if not job.has_ended), now),
        oldest_unknown_seconds=_max_age_seconds((moment for job in jobs for moment in job.lost_call_times), now),
        oldest_undelivered_seconds=max(
            _max_age_seconds((job.undelivered.waits_since for job in jobs if job.undelivered), now), 0
        ),
        calls_in_flight=sum(job.is_submitting for job in jobs),
        providers_paused=sum(lane.is_paused for lane in lanes),
        spent=day.spent,
        cap=day.resolve_cap(daily_budget),
    )


def _max_age_seconds(moments: Iterable[datetime], now: datetime) -> float:
    """Returns the seconds since the earliest moment; 0 if there is none."""
    return max(((now - moment).total_seconds() for moment in moments), default=0)
