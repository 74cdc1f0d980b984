"""The time to go of a drop: by the slower of what was measured, the calls and the deliveries."""

from collections.abc import Sequence
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from backdrop.model.job import Job, JobStatus
from backdrop_cli.display_status import DisplayStatus
from backdrop_cli.stack import Stack
from backdrop_cli.uploads.time_estimates import measure_delivery_interval
from backdrop_cli.uploads.upload_tracker import ExpectedUpload, PhotoProgress, UploadTracker
from tests.simulated.simulation import NOW
from tests.unit.core_items import a_job, a_stored_job

CALL_SECONDS, LIMIT = 12, 10


def delivered(count: int, gap: float) -> list[Job]:
    """Jobs whose calls took twelve seconds, delivered one after another."""
    paid = NOW + timedelta(seconds=CALL_SECONDS)
    ends = [paid + timedelta(seconds=(n + 1) * gap) for n in range(count)]
    return [a_stored_job(submitted_at=NOW, paid_at=paid, stored_at=end, ended_at=end) for end in ends]


def seconds_to_go(done: Sequence[Job], status: JobStatus, left: int) -> float | None:
    """Of a drop with so many photos that are not back."""
    stack = SimpleNamespace(count_lane_messages={"ideogram": 0}.__getitem__, max_in_flight={"ideogram": LIMIT})
    sights = [PhotoProgress(DisplayStatus.STORED, jobs=[job]) for job in done]
    sights += [PhotoProgress(DisplayStatus.RENDERING, jobs=[a_job(status=status)]) for _ in range(left)]
    seen = {f"{n}.jpg": sight for n, sight in enumerate(sights)}
    follow = UploadTracker(cast("Stack", cast("Any", stack)), dict.fromkeys(seen, ExpectedUpload()), NOW)
    follow.progress = seen
    return follow.estimate_remaining_seconds()


@pytest.mark.parametrize(
    ("gap", "status", "seconds"),
    [
        (0.1, JobStatus.ACCEPTED, 120),
        (3.0, JobStatus.ACCEPTED, 300),
        (3.0, JobStatus.PAID, 300),
    ],
    ids=["calls are slower", "deliveries are slower", "all is paid"],
)
def test_the_slower_of_calls_and_deliveries_says_how_long_it_takes(
    gap: float, status: JobStatus, seconds: float
) -> None:
    assert seconds_to_go(delivered(20, gap), status, 100) == pytest.approx(seconds)


def test_nothing_is_said_before_a_call_is_over() -> None:
    assert seconds_to_go([], JobStatus.ACCEPTED, 100) is None


def test_few_deliveries_tell_no_speed_and_those_before_the_drop_do_not_count() -> None:
    assert measure_delivery_interval(delivered(4, 3.0), NOW) is None
    assert measure_delivery_interval(delivered(20, 3.0), NOW + timedelta(hours=1)) is None


def test_only_the_last_deliveries_tell_how_fast_it_goes_now() -> None:
    slow_start = [*delivered(20, 1.0), *delivered(300, 0.1)[200:]]
    assert measure_delivery_interval(slow_start, NOW) == pytest.approx(0.1, rel=0.01)
