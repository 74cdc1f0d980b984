"""Estimates how long an upload will take, before it starts, from the times of the stack's newest jobs.

The slowest stage decides: the pace of intake, the slots of a lane with the duration of its calls, the pace at which a
lane really started calls while others waited, or the pace of deliveries. An estimate covers the time from the last
upload to the last delivery. Without measured calls there is none.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import mean, median

from backdrop.instructions.sources import TAGS
from backdrop.model.job import REQUEST, Job
from backdrop.model.object_keys import list_sidecar_keys

# AWS keeps idle workers for some minutes. Then intake, render, and deliver each start new ones (bench/results).
IDLE_AFTER = timedelta(minutes=5)
COLD_START_SECONDS = 3 * 2.0
# Instructions that arrive later than this say nothing about the pace of intake.
MAX_INTAKE_TIME = timedelta(minutes=10)
# Between two calls of a lane whose photos wait.
SHORTEST_PAUSE_SECONDS = 60.0
# How often a command that waits reads the state of photos.
POLL_SECONDS = 1.0


@dataclass(frozen=True)
class JobTimes:
    """When a delivered job's photo was uploaded, when the job was queued and sent to its provider, and so on.

    `uploaded_at` is None if intake did not process the photo at once, for example because it waited for a sidecar.
    """

    provider: str
    uploaded_at: datetime | None
    queued_at: datetime
    submitted_at: datetime
    paid_at: datetime
    stored_at: datetime


@dataclass(frozen=True)
class LaneLoad:
    """The calls of an upload in one lane, with those that are already there, and how many may be open at a time."""

    provider: str
    new_calls: int
    queued_calls: int
    max_in_flight: int

    @property
    def calls(self) -> int:
        return self.new_calls + self.queued_calls


def build_job_times(job: Job, uploaded_at: datetime) -> JobTimes | None:
    """Returns the times of a job, or None unless it called a provider and was delivered."""
    if not (job.submitted_at and job.paid_at and job.stored_at):
        return None
    # After a redrive, a job can have times of different calls.
    if not job.queued_at <= job.submitted_at <= job.paid_at <= job.stored_at:
        return None
    is_prompt = job.queued_at - uploaded_at < MAX_INTAKE_TIME and not waits_for_sidecar(job)
    return JobTimes(
        job.provider, uploaded_at if is_prompt else None, job.queued_at, job.submitted_at, job.paid_at, job.stored_at
    )


def waits_for_sidecar(job: Job) -> bool:
    """Whether intake waits before it creates this job: nothing but folder defaults gives its instructions."""
    return not {*list_sidecar_keys(job.key), TAGS, REQUEST} & {*job.provenance.values()}


def estimate_seconds(
    lanes: Iterable[LaneLoad], measured: Sequence[JobTimes], *, wait_seconds: float, now: datetime
) -> float | None:
    """Returns the seconds until everything in these lanes is delivered; None if no call has been measured.

    `wait_seconds`: how long photos without a sidecar wait for one, 0 if all have one.
    """
    loads = [one for one in lanes if one.new_calls]
    if not measured or not loads:
        return None
    is_idle = now - max(one.stored_at for one in measured) > IDLE_AFTER
    intake_times = [(one.uploaded_at, one.queued_at) for one in measured if one.uploaded_at]
    delivery_times = [(one.paid_at, one.stored_at) for one in measured]
    processing_seconds = max(
        sum(one.new_calls for one in loads) * _measure_pace(intake_times),
        sum(one.calls for one in loads) * _measure_pace(delivery_times),
        *(_estimate_lane_seconds(one, measured) for one in loads),
    )
    return (
        _measure_shortest(intake_times)
        + wait_seconds
        + (COLD_START_SECONDS if is_idle else 0)
        + processing_seconds
        + _measure_shortest(delivery_times)
        + POLL_SECONDS
    )


def _estimate_lane_seconds(load: LaneLoad, measured: Sequence[JobTimes]) -> float:
    """Returns the seconds until all calls of a lane have ended. A lane that was not measured is like the others."""
    times = [one for one in measured if one.provider == load.provider] or measured
    # A few calls that a provider's outage made very slow hardly change the median.
    call_seconds = median((one.paid_at - one.submitted_at).total_seconds() for one in times)
    # The lane was paused if no call began for a minute, and for longer than any job took.
    longest_job = max((one.stored_at - one.submitted_at).total_seconds() for one in times)
    pace = _measure_pace(((one.queued_at, one.submitted_at) for one in times), max(longest_job, SHORTEST_PAUSE_SECONDS))
    rounds = math.ceil(load.calls / max(load.max_in_flight, 1))
    return max(rounds * call_seconds, (load.calls - 1) * pace + call_seconds)


def _measure_shortest(ready_and_done: Iterable[tuple[datetime, datetime]]) -> float:
    """Returns the seconds that a stage takes if nothing else waits for it; 0 if it was not measured."""
    return min(((done - ready).total_seconds() for ready, done in ready_and_done), default=0.0)


def _measure_pace(ready_and_done: Iterable[tuple[datetime, datetime]], longest_gap: float = math.inf) -> float:
    """Returns the mean seconds between two completions of a stage while work waited for it; 0 if none ever waited.

    Leaves out what is longer than `longest_gap`.
    """
    pairs = sorted(ready_and_done, key=lambda one: one[1])
    gaps = [
        gap
        for (_, earlier_done), (ready, done) in pairwise(pairs)
        if ready < earlier_done and (gap := (done - earlier_done).total_seconds()) <= longest_gap
    ]
    return mean(gaps) if gaps else 0.0
