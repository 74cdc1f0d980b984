"""The remaining time of an upload is within a factor of two of the truth from the first few pictures on."""

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest

from backdrop.model.codes import Code
from backdrop.model.job import Job, JobStatus
from backdrop_cli.uploads.remaining_time import MIN_DELIVERIES, estimate_remaining_seconds
from tests.unit.ledger_items import NOW, build_job, build_problem, build_stored_job

MAX_FACTOR = 2
MOMENTS = 40
TOLERANCE_SECONDS = 3
"""The end of a drain is a matter of seconds, in which a factor means nothing."""


@dataclass(frozen=True)
class Drain:
    """A lane that makes `max_in_flight` calls at a time, and a stage that delivers one picture at a time.

    `call_seconds` is how long a call takes that begins at this second.
    """

    photo_count: int
    max_in_flight: int
    call_seconds: Callable[[float], float]
    delivery_seconds: float = 0.0
    provider: str = "ideogram"

    def run(self) -> list[tuple[float, float, float]]:
        """Returns when each job was sent, paid, and delivered, in seconds from the start."""
        free_at = [0.0] * self.max_in_flight
        times: list[tuple[float, float, float]] = []
        delivered_at = 0.0
        for _ in range(self.photo_count):
            sent_at = heapq.heappop(free_at)
            paid_at = sent_at + self.call_seconds(sent_at)
            heapq.heappush(free_at, paid_at)
            times.append((sent_at, paid_at, 0.0))
        delivered: list[tuple[float, float, float]] = []
        for sent_at, paid_at, _ in sorted(times, key=lambda one: one[1]):
            delivered_at = max(paid_at, delivered_at) + self.delivery_seconds
            delivered.append((sent_at, paid_at, delivered_at))
        return delivered


def build_jobs(drain: Drain, seconds: float) -> list[Job]:
    """Returns the jobs of a drain as the ledger has them at this second."""

    def at(second: float) -> datetime:
        return NOW + timedelta(seconds=second)

    jobs: list[Job] = []
    for sent, paid, delivered in drain.run():
        if delivered <= seconds:
            job = build_stored_job(submitted_at=at(sent), paid_at=at(paid), stored_at=at(delivered))
        elif paid <= seconds:
            job = build_job(status=JobStatus.PAID, submitted_at=at(sent), paid_at=at(paid))
        elif sent <= seconds:
            job = build_job(status=JobStatus.SUBMITTING, submitted_at=at(sent))
        else:
            job = build_job()
        jobs.append(replace(job, provider=drain.provider))
    return jobs


def estimate(jobs: Sequence[Job], seconds: float, unplanned_count: int = 0) -> float | None:
    return estimate_remaining_seconds(jobs, unplanned_count, NOW, NOW + timedelta(seconds=seconds))


STEADY = [
    Drain(100, 10, lambda _: 12.0),
    Drain(100, 10, lambda _: 60.0),
    Drain(100, 1, lambda _: 7.0),
    Drain(12, 20, lambda _: 30.0),
    Drain(100, 10, lambda _: 2.0, 3.0),
    Drain(60, 30, lambda _: 5.0, 0.4),
    Drain(40, 4, lambda second: 8.0 + second % 5),
]


@pytest.mark.parametrize("drain", STEADY, ids=lambda one: f"{one.photo_count}-{one.max_in_flight}")
def test_estimate_of_a_steady_lane_is_within_a_factor_of_two(drain: Drain) -> None:
    ends = [delivered for *_, delivered in drain.run()]
    compared = 0
    for seconds in range(0, int(ends[-1]), int(ends[-1]) // MOMENTS + 1):
        estimated, truth = estimate(build_jobs(drain, seconds), seconds), ends[-1] - seconds
        if sum(one <= seconds for one in ends) < MIN_DELIVERIES:
            assert estimated is None
            continue
        assert estimated is not None
        compared += 1
        assert truth / MAX_FACTOR - TOLERANCE_SECONDS <= estimated <= truth * MAX_FACTOR + TOLERANCE_SECONDS, seconds
    assert compared or ends[-1] - ends[MIN_DELIVERIES - 1] < 1


@pytest.mark.parametrize(("before", "after"), [(3.0, 15.0), (15.0, 3.0)], ids=["slower", "faster"])
def test_estimate_follows_a_lane_that_changes_its_pace(before: float, after: float) -> None:
    drain = Drain(200, 5, lambda second: before if second < 60 else after)
    ends = [delivered for *_, delivered in drain.run()]
    adapted_at = 60 + before + 3 * after
    for seconds in range(int(adapted_at), int(ends[-1]), int(ends[-1]) // MOMENTS + 1):
        estimated, truth = estimate(build_jobs(drain, seconds), seconds), ends[-1] - seconds
        assert estimated is not None
        assert truth / MAX_FACTOR - TOLERANCE_SECONDS <= estimated <= truth * MAX_FACTOR + TOLERANCE_SECONDS, seconds


def test_lane_that_stalls_takes_longer_at_once() -> None:
    drain = Drain(100, 10, lambda second: 5.0 if second < 20 else 500.0)
    before, during = estimate(build_jobs(drain, 20), 20), estimate(build_jobs(drain, 60), 60)
    assert before is not None
    assert during is not None
    assert during > 4 * before


def test_slower_lane_decides_and_an_unmeasured_one_prevents_an_estimate() -> None:
    fast, slow = Drain(40, 4, lambda _: 2.0), Drain(40, 4, lambda _: 10.0, provider="segmind")
    seconds = 15.0
    jobs = [*build_jobs(fast, seconds), *build_jobs(slow, seconds)]
    assert estimate(jobs, seconds) == estimate(build_jobs(slow, seconds), seconds)
    assert estimate([*build_jobs(fast, 5), *build_jobs(slow, 5)], 5) is None
    assert estimate(build_jobs(fast, 5), 5) is not None


def test_photos_without_jobs_count_as_queued() -> None:
    drain = Drain(40, 4, lambda _: 4.0)
    jobs = build_jobs(drain, 10)
    all_known = estimate(jobs, 10)
    assert all_known is not None
    registered = [one for one in jobs if one.status is not JobStatus.ACCEPTED]
    assert estimate(registered, 10, unplanned_count=len(jobs) - len(registered)) == all_known


def test_job_that_waits_for_the_same_picture_needs_no_time() -> None:
    jobs = build_jobs(Drain(40, 4, lambda _: 4.0), 10)
    waiting = [build_job(problem=build_problem(Code.OWNER_AT_WORK, retryable=True)) for _ in range(40)]
    assert estimate([*jobs, *waiting], 10) == estimate(jobs, 10)


def test_deliveries_of_an_earlier_upload_do_not_count() -> None:
    drain = Drain(40, 4, lambda _: 4.0)
    jobs = build_jobs(drain, 10)
    later = NOW + timedelta(seconds=9)
    assert estimate_remaining_seconds(jobs, 0, later, NOW + timedelta(seconds=10)) is None


def test_nothing_that_remains_needs_no_estimate() -> None:
    assert estimate(build_jobs(Drain(5, 5, lambda _: 2.0), 3), 3) is None
