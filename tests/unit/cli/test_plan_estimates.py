"""The estimate of an upload's duration, from the times of earlier jobs."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from backdrop_cli.uploads.plan_estimates import (
    COLD_START_SECONDS,
    JobTimes,
    LaneLoad,
    build_job_times,
    estimate_seconds,
)
from tests.simulated.stage_worlds import NOW
from tests.unit.ledger_items import build_stored_job

SECOND = timedelta(seconds=1)
ONE_CALL = LaneLoad("ideogram", 1, 0, 10)


def build_times(*seconds: float, provider: str = "ideogram", uploaded: float | None = None) -> JobTimes:
    """Returns the times of a job, in seconds before now: queued, submitted, paid, stored."""
    uploaded_at = None if uploaded is None else NOW - timedelta(seconds=uploaded)
    return JobTimes(provider, uploaded_at, *(NOW - timedelta(seconds=one) for one in seconds))


def estimate(load: LaneLoad, measured: Sequence[JobTimes], wait_seconds: float = 0) -> float:
    seconds = estimate_seconds([load], measured, wait_seconds=wait_seconds, now=NOW)
    assert seconds is not None
    return seconds


def test_nothing_measured_or_nothing_to_buy_has_no_estimate() -> None:
    measured = [build_times(20, 19, 9, 8)]
    assert estimate_seconds([ONE_CALL], [], wait_seconds=0, now=NOW) is None
    assert estimate_seconds([], measured, wait_seconds=0, now=NOW) is None
    assert estimate_seconds([LaneLoad("ideogram", 0, 5, 10)], measured, wait_seconds=0, now=NOW) is None


def test_single_call_takes_its_time_and_that_around_it() -> None:
    assert estimate(ONE_CALL, [build_times(20, 19, 9, 8)]) == pytest.approx(10 + 1 + 1)


def test_few_very_slow_calls_do_not_change_the_estimate() -> None:
    usual = [build_times(20 + n, 19 + n, 9 + n, 8 + n) for n in range(0, 60, 20)]
    slow = [build_times(901, 900, 300, 299), build_times(1801, 1800, 1200, 1199)]
    assert estimate(ONE_CALL, [*slow, *usual]) == pytest.approx(estimate(ONE_CALL, usual))


def test_queued_calls_of_others_are_processed_first() -> None:
    busy = LaneLoad("ideogram", 1, 99, 10)
    assert estimate(busy, [build_times(20, 19, 9, 8)]) == pytest.approx(10 * 10 + 1 + 1)


def test_waiting_for_sidecars_is_added() -> None:
    measured = [build_times(20, 19, 9, 8)]
    assert estimate(ONE_CALL, measured, wait_seconds=20) - estimate(ONE_CALL, measured) == pytest.approx(20)


def test_idle_stack_starts_new_workers() -> None:
    recent, old = build_times(299, 299, 299, 299), build_times(301, 301, 301, 301)
    assert estimate(ONE_CALL, [old]) - estimate(ONE_CALL, [recent]) == pytest.approx(COLD_START_SECONDS)
    assert estimate(ONE_CALL, [old, recent]) == pytest.approx(estimate(ONE_CALL, [recent]))


def test_calls_that_started_slowly_determine_the_pace() -> None:
    """Ten slots, but a call starts only every five seconds."""
    measured = [build_times(100, 100 - 5 * n, 98 - 5 * n, 97 - 5 * n) for n in range(10)]
    assert estimate(LaneLoad("ideogram", 100, 0, 10), measured) == pytest.approx(99 * 5 + 2 + 1 + 1)


def test_pause_of_the_lane_does_not_count_as_its_pace() -> None:
    """Two times ten calls began a second apart. Between them, the lane was paused for ten minutes."""
    started = [*range(640, 630, -1), *range(30, 20, -1)]
    measured = [build_times(800, one, one - 4, one - 5) for one in started]
    assert estimate(LaneLoad("ideogram", 30, 0, 10), measured) == pytest.approx(29 * 1 + 4 + 1 + 1)


def test_deliveries_that_waited_determine_the_pace() -> None:
    """All are paid at once, and one is delivered every five seconds."""
    measured = [build_times(101, 100, 98, 97 - 5 * n) for n in range(10)]
    assert estimate(LaneLoad("ideogram", 100, 0, 10), measured) == pytest.approx(100 * 5 + 1 + 1)


def test_photos_that_came_one_by_one_have_no_pace() -> None:
    measured = [build_times(100 - 20 * n, 99 - 20 * n, 89 - 20 * n, 88 - 20 * n) for n in range(4)]
    assert estimate(LaneLoad("ideogram", 100, 0, 10), measured) == pytest.approx(10 * 10 + 1 + 1)


def test_lane_is_measured_by_its_own_calls_if_there_are_any() -> None:
    measured = [build_times(20, 19, 9, 8), build_times(20, 19, 17, 16, provider="segmind")]
    assert estimate(LaneLoad("segmind", 1, 0, 10), measured) == pytest.approx(2 + 1 + 1)
    assert estimate(LaneLoad("runware", 1, 0, 10), measured) == pytest.approx(6 + 1 + 1)


def test_intake_that_waited_determines_the_pace() -> None:
    """All are uploaded at once, and intake processes one in five seconds."""
    measured = [build_times(100 - 5 * n, 99 - 5 * n, 98 - 5 * n, 97 - 5 * n, uploaded=102) for n in range(10)]
    assert estimate(LaneLoad("ideogram", 100, 50, 10), measured) == pytest.approx(2 + 100 * 5 + 1 + 1)


def test_job_without_a_delivered_call_is_not_measured() -> None:
    job = build_stored_job(
        queued_at=NOW, submitted_at=NOW + SECOND, paid_at=NOW + 2 * SECOND, stored_at=NOW + 3 * SECOND
    )
    times = build_job_times(job, NOW - SECOND)
    assert times == JobTimes(job.provider, NOW - SECOND, NOW, NOW + SECOND, NOW + 2 * SECOND, NOW + 3 * SECOND)
    assert build_job_times(replace(job, submitted_at=None), NOW) is None
    assert build_job_times(replace(job, submitted_at=NOW + 5 * SECOND), NOW) is None


@pytest.mark.parametrize(
    ("source", "minutes", "is_prompt"),
    [("tags", 0, True), ("tags", 11, False), ("_backdrop.json", 0, False)],
    ids=["at once", "after a late tag", "after waiting for a sidecar"],
)
def test_intake_is_measured_only_if_it_could_begin_at_once(source: str, minutes: int, is_prompt: bool) -> None:
    job = build_stored_job(queued_at=NOW, submitted_at=NOW, paid_at=NOW, stored_at=NOW, provenance={"prompt": source})
    times = build_job_times(job, NOW - timedelta(minutes=minutes))
    assert times is not None
    assert bool(times.uploaded_at) is is_prompt
