"""The checker sees bad manners: who comes too early or tries too often, and whom nobody tells what he waits for."""

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


def names(breaches: Sequence[Violation]) -> list[str]:
    """The broken promises."""
    return [breach.invariant.name for breach in breaches]


def tries(*minutes: int) -> list[datetime]:
    """When a lane was tried, in minutes after noon."""
    return [NOON + timedelta(minutes=minute) for minute in minutes]


def report(*codes: str) -> dict[str, Any]:
    """A photo's error report."""
    return {"errors": [{"job_id": "j1", "code": code} for code in codes]}


def test_a_paused_lane_is_tried_ever_more_seldom() -> None:
    assert not check_try_interval(tries(0, 5, 10))
    assert not check_try_interval(tries(0, 5, 15, 30))
    assert names(check_try_interval(tries(0, 5, 10, 15))) == [Invariant.LANE_STATE_RESPECTED.name]


def test_a_lane_is_closed_for_three_bad_answers() -> None:
    assert not check_first_trip(3)
    assert names(check_first_trip(2)) == [Invariant.LANE_STATE_RESPECTED.name]


def test_who_is_asked_to_come_later_comes_no_sooner() -> None:
    assert not check_retry_after(KEY, NOON, NOON)
    assert names(check_retry_after(KEY, NOON, NOON + timedelta(seconds=1))) == [Invariant.RETRY_AFTER_RESPECTED.name]


def test_no_photo_s_report_tells_of_what_keeps_all_of_them_waiting() -> None:
    assert not check_photo_report(KEY, report("request_rejected", "budget_reached"))
    assert names(check_photo_report(KEY, report("provider_key_refused"))) == [Invariant.LANE_REPORTED_ONCE.name]
    assert names(check_photo_report(KEY, report("provider_throttled"))) == [Invariant.LANE_REPORTED_ONCE.name]


def told(since: str) -> dict[str, str]:
    """What an event of a lane says; `since`: a time of day, by which programs may order them."""
    return {"provider": "ideogram", "since": f"2026-11-20T{since}:00Z"}


def test_the_last_that_programs_heard_of_a_lane_is_how_it_is() -> None:
    heard = [(PAUSED, told("09:00")), (RESUMED, told("09:01"))]
    assert not check_provider_events({"ideogram": lane()}, [])
    assert not check_provider_events({"ideogram": lane()}, heard)
    assert not check_provider_events({"ideogram": lane("key")}, heard[:1])
    assert names(check_provider_events({"ideogram": lane()}, heard[:1])) == [Invariant.EVENTS_PUBLISHED.name]
    assert names(check_provider_events({"ideogram": lane("key")}, heard)) == [Invariant.EVENTS_PUBLISHED.name]


def test_what_programs_hear_late_and_out_of_order_tells_by_its_time_how_a_lane_is() -> None:
    overtaken = [(PAUSED, told("09:00")), (PAUSED, told("09:02")), (RESUMED, told("09:01"))]
    assert not check_provider_events({"ideogram": lane("key")}, overtaken)
    untold = [(PAUSED, told("09:00")), (RESUMED, told("09:01"))]
    assert names(check_provider_events({"ideogram": lane("key")}, untold)) == [Invariant.EVENTS_PUBLISHED.name]


def test_a_job_that_no_day_s_budget_covers_is_told_of() -> None:
    assert not check_unaffordable_jobs([waiting()], {KEY: report("budget_reached")}, ())
    assert not check_unaffordable_jobs([waiting()], {}, ["ideogram"])
    assert names(check_unaffordable_jobs([waiting()], {}, ())) == [Invariant.ENDS_EXACTLY_ONCE.name]


def test_a_job_that_no_day_s_budget_covers_keeps_nobody_else_waiting() -> None:
    dear = lane() | {"pauses": [lane("budget")["pauses"][0] | {"required_budget": 50}]}
    assert is_rightly_paused(dear, 10, 50)
    assert is_rightly_paused(dear, 0), "where nothing may be bought at all"
    assert not is_rightly_paused(dear, 10, 49)


def test_what_went_wrong_decides_how_a_job_ends() -> None:
    ends = {"unsafe_request": "refused"}
    assert not check_end_statuses(ledger(failed("refused", "unsafe_request")), ends)
    assert names(check_end_statuses(ledger(failed("dead", "unsafe_request")), ends)) == [
        Invariant.ENDS_FOR_A_CAUSE.name
    ]


def test_programs_hear_of_no_end_of_a_pause_without_its_beginning() -> None:
    assert names(check_provider_events({"ideogram": lane()}, [(RESUMED, told("09:00"))])) == [
        Invariant.EVENTS_PUBLISHED.name
    ]


def test_no_invocation_is_ended_by_the_clock() -> None:
    assert not check_timeouts(0)
    assert names(check_timeouts(1)) == [Invariant.WITHIN_TIMEOUT.name]
