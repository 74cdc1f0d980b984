"""The remaining time of a drop is estimated from its calls or its deliveries, whichever are slower."""

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
from tests.simulated.stage_worlds import NOW
from tests.unit.ledger_items import build_job, build_stored_job

CALL_SECONDS, LIMIT = 12, 10


def build_delivered_jobs(count: int, gap: float) -> list[Job]:
    """Returns jobs whose calls took twelve seconds, delivered one after another."""
    paid = NOW + timedelta(seconds=CALL_SECONDS)
    ends = [paid + timedelta(seconds=(n + 1) * gap) for n in range(count)]
    return [build_stored_job(submitted_at=NOW, paid_at=paid, stored_at=end, ended_at=end) for end in ends]


def estimate_seconds(done: Sequence[Job], status: JobStatus, left: int) -> float | None:
    """Returns the remaining seconds of a drop with this many photos that are not delivered."""
    stack = SimpleNamespace(count_lane_messages={"ideogram": 0}.__getitem__, max_in_flight={"ideogram": LIMIT})
    progresses = [PhotoProgress(DisplayStatus.STORED, jobs=[job]) for job in done]
    progresses += [PhotoProgress(DisplayStatus.RENDERING, jobs=[build_job(status=status)]) for _ in range(left)]
    seen = {f"{n}.jpg": progress for n, progress in enumerate(progresses)}
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
def test_slower_of_calls_and_deliveries_determines_remaining_time(
    gap: float, status: JobStatus, seconds: float
) -> None:
    assert estimate_seconds(build_delivered_jobs(20, gap), status, 100) == pytest.approx(seconds)


def test_no_estimate_is_shown_before_a_call_has_ended() -> None:
    assert estimate_seconds([], JobStatus.ACCEPTED, 100) is None


def test_few_or_earlier_deliveries_give_no_delivery_rate() -> None:
    assert measure_delivery_interval(build_delivered_jobs(4, 3.0), NOW) is None
    assert measure_delivery_interval(build_delivered_jobs(20, 3.0), NOW + timedelta(hours=1)) is None


def test_only_the_latest_deliveries_determine_the_current_rate() -> None:
    slow_start = [*build_delivered_jobs(20, 1.0), *build_delivered_jobs(300, 0.1)[200:]]
    assert measure_delivery_interval(slow_start, NOW) == pytest.approx(0.1, rel=0.01)
