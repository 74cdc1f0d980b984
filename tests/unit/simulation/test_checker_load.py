"""The checks of load and reports find calls that come too early or too often, and problems that no report states."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from simulation.invariants.final_state import check_end_statuses
from simulation.invariants.paid_calls import is_rightly_paused
from simulation.invariants.rate_limits import (
    check_first_trip,
    check_photo_report,
    check_provider_events,
    check_retry_after,
    check_timeouts,
    check_try_interval,
    check_unaffordable_jobs,
)
from simulation.invariants.violations import Invariant, Violation
from tests.unit.checker_items import KEY, failed, lane, ledger, waiting

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
PAUSED, RESUMED = "Provider Paused", "Provider Resumed"


def names(violations: Sequence[Violation]) -> list[str]:
    return [violation.invariant.name for violation in violations]


def probe_times(*minutes: int) -> list[datetime]:
    """Returns the times of probes, in minutes after noon."""
    return [NOON + timedelta(minutes=minute) for minute in minutes]


def report(*codes: str) -> dict[str, Any]:
    """Returns a photo's error report."""
    return {"errors": [{"job_id": "j1", "code": code} for code in codes]}


def test_paused_lane_is_probed_less_and_less_often() -> None:
    assert not check_try_interval(probe_times(0, 5, 10))
    assert not check_try_interval(probe_times(0, 5, 15, 30))
    assert names(check_try_interval(probe_times(0, 5, 10, 15))) == [Invariant.LANE_STATE_RESPECTED.name]


def test_lane_probes_only_after_three_bad_answers() -> None:
    assert not check_first_trip(3)
    assert names(check_first_trip(2)) == [Invariant.LANE_STATE_RESPECTED.name]


def test_call_before_retry_after_is_found() -> None:
    assert not check_retry_after(KEY, NOON, NOON)
    assert names(check_retry_after(KEY, NOON, NOON + timedelta(seconds=1))) == [Invariant.RETRY_AFTER_RESPECTED.name]


def test_lane_problem_in_a_photo_report_is_found() -> None:
    assert not check_photo_report(KEY, report("request_rejected", "budget_reached"))
    assert names(check_photo_report(KEY, report("provider_key_refused"))) == [Invariant.LANE_REPORTED_ONCE.name]
    assert names(check_photo_report(KEY, report("provider_throttled"))) == [Invariant.LANE_REPORTED_ONCE.name]


def event_detail(since: str) -> dict[str, str]:
    """Returns the detail of a lane's event. `since` is a time of day."""
    return {"provider": "ideogram", "since": f"2026-11-20T{since}:00Z"}


def test_last_lane_event_must_match_the_lane() -> None:
    events = [(PAUSED, event_detail("09:00")), (RESUMED, event_detail("09:01"))]
    assert not check_provider_events({"ideogram": lane()}, [])
    assert not check_provider_events({"ideogram": lane()}, events)
    assert not check_provider_events({"ideogram": lane("key")}, events[:1])
    assert names(check_provider_events({"ideogram": lane()}, events[:1])) == [Invariant.EVENTS_PUBLISHED.name]
    assert names(check_provider_events({"ideogram": lane("key")}, events)) == [Invariant.EVENTS_PUBLISHED.name]


def test_lane_events_may_arrive_out_of_order() -> None:
    reordered = [(PAUSED, event_detail("09:00")), (PAUSED, event_detail("09:02")), (RESUMED, event_detail("09:01"))]
    assert not check_provider_events({"ideogram": lane("key")}, reordered)
    outdated = [(PAUSED, event_detail("09:00")), (RESUMED, event_detail("09:01"))]
    assert names(check_provider_events({"ideogram": lane("key")}, outdated)) == [Invariant.EVENTS_PUBLISHED.name]


def test_unaffordable_job_must_be_in_a_report() -> None:
    assert not check_unaffordable_jobs([waiting()], {KEY: report("budget_reached")}, ())
    assert not check_unaffordable_jobs([waiting()], {}, ["ideogram"])
    assert names(check_unaffordable_jobs([waiting()], {}, ())) == [Invariant.ENDS_EXACTLY_ONCE.name]


def test_unaffordable_job_does_not_justify_a_pause() -> None:
    unaffordable = lane() | {"pauses": [lane("budget")["pauses"][0] | {"required_budget": 50}]}
    assert is_rightly_paused(unaffordable, 10, 50)
    assert is_rightly_paused(unaffordable, 0), "if nothing may be bought at all"
    assert not is_rightly_paused(unaffordable, 10, 49)


def test_failure_code_determines_the_status() -> None:
    status_by_code = {"unsafe_request": "refused"}
    assert not check_end_statuses(ledger(failed("refused", "unsafe_request")), status_by_code)
    assert names(check_end_statuses(ledger(failed("dead", "unsafe_request")), status_by_code)) == [
        Invariant.ENDS_FOR_A_CAUSE.name
    ]


def test_resume_event_without_a_pause_is_found() -> None:
    assert names(check_provider_events({"ideogram": lane()}, [(RESUMED, event_detail("09:00"))])) == [
        Invariant.EVENTS_PUBLISHED.name
    ]


def test_invocation_that_timed_out_is_found() -> None:
    assert not check_timeouts(0)
    assert names(check_timeouts(1)) == [Invariant.WITHIN_TIMEOUT.name]
