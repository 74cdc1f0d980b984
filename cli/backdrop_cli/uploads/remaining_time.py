"""Estimates how much longer an upload will take, from the pictures that it has delivered so far.

Nothing but these counts: earlier uploads, the configured limits, and the length of a queue that others share say little
about a provider, a stack, or a machine that is busy now.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import accumulate
from statistics import median

from backdrop.model.codes import Code
from backdrop.model.job import Job, JobStatus

MIN_DELIVERIES = 3
"""Fewer deliveries say nothing about the pace of a lane."""
MIN_RECENT_DELIVERIES = 10
MIN_SECONDS = 1.0


@dataclass
class LaneProgress:
    """An upload's jobs in one lane: the times of those that were sent and delivered, of those sent, and the others."""

    delivered: list[tuple[datetime, datetime]] = field(default_factory=list[tuple[datetime, datetime]])
    sent_at: list[datetime] = field(default_factory=list[datetime])
    queued_count: int = 0

    @property
    def remaining_count(self) -> int:
        return len(self.sent_at) + self.queued_count


def estimate_remaining_seconds(
    jobs: Iterable[Job], unplanned_count: int, since: datetime, now: datetime
) -> float | None:
    """Returns the seconds until all jobs of an upload are delivered; None while a lane has delivered too few to tell.

    `unplanned_count` photos have no job yet; they are counted with those of the longest lane. Calls from before `since`
    belong to an earlier upload. A job that waits for another one's picture needs no time of its own.
    """
    lanes: defaultdict[str, LaneProgress] = defaultdict(LaneProgress)
    for job in jobs:
        _add_job(lanes[job.provider], job, since)
    if unplanned_count and lanes:
        longest = max(lanes.values(), key=lambda lane: (lane.remaining_count, len(lane.delivered)))
        longest.queued_count += unplanned_count
    estimates = [_estimate_lane_seconds(lane, now) for lane in lanes.values() if lane.remaining_count]
    known = [one for one in estimates if one is not None]
    return max(known) if known and len(known) == len(estimates) else None


def _add_job(lane: LaneProgress, job: Job, since: datetime) -> None:
    sent_at = job.submitted_at if job.submitted_at and job.submitted_at >= since else None
    if job.status is JobStatus.STORED and sent_at and job.stored_at:
        lane.delivered.append((sent_at, job.stored_at))
    elif job.status in (JobStatus.SUBMITTING, JobStatus.UNKNOWN, JobStatus.PAID):
        lane.sent_at.append(sent_at or since)
    elif job.status is JobStatus.ACCEPTED and job.wait_reason is not Code.OWNER_AT_WORK:
        lane.queued_count += 1


def _estimate_lane_seconds(lane: LaneProgress, now: datetime) -> float | None:
    """Returns the slower of two measurements: how often pictures arrived, and how long each took.

    Pictures that are sent together also arrive together, so only the second one tells when the next ones will.
    """
    if len(lane.delivered) < MIN_DELIVERIES:
        return None
    concurrency = _count_most_at_once(lane.delivered, lane.sent_at, now)
    recent = sorted(lane.delivered, key=lambda times: times[1])[-max(2 * concurrency, MIN_RECENT_DELIVERIES) :]
    interval = (recent[-1][1] - recent[0][1]).total_seconds() / (len(recent) - 1)
    job_seconds = _measure_job_seconds(recent[-concurrency:], lane.sent_at, now)
    in_flight_seconds = max((job_seconds - (now - one).total_seconds() for one in lane.sent_at), default=0.0)
    by_interval = lane.remaining_count * interval - (now - recent[-1][1]).total_seconds()
    by_duration = lane.queued_count * job_seconds / concurrency + max(in_flight_seconds, 0)
    return max(by_interval, by_duration, MIN_SECONDS)


def _count_most_at_once(
    delivered: Sequence[tuple[datetime, datetime]], sent_at: Collection[datetime], now: datetime
) -> int:
    """Returns the largest number of jobs that were between their call and their delivery at the same time."""
    changes = Counter[datetime]()
    for begin, end in [*delivered, *((one, now) for one in sent_at)]:
        changes[begin] += 1
        changes[end] -= 1
    return max(1, *accumulate(changes[one] for one in sorted(changes)))


def _measure_job_seconds(
    recent: Sequence[tuple[datetime, datetime]], sent_at: Sequence[datetime], now: datetime
) -> float:
    """Returns how long a job takes from its call to its delivery; longer if most of those in flight already took it."""
    delivered_seconds = median((end - begin).total_seconds() for begin, end in recent)
    elapsed_seconds = median((now - one).total_seconds() for one in sent_at) if sent_at else 0.0
    return max(delivered_seconds, elapsed_seconds)
