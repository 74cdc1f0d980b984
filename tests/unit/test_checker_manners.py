"""The checker sees bad manners: who comes too early or tries too often, and whom nobody tells what he waits for."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from proof.checker.books import Breach, Promise
from proof.checker.calls import paused
from proof.checker.manners import (
    alone_told_breaches,
    announced_breaches,
    closed_breaches,
    dear_breaches,
    early_breaches,
    late_breaches,
    tried_breaches,
)
from proof.checker.rest import fate_breaches
from tests.unit.checker_items import KEY, failed, lane, ledger, waiting

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
PAUSED, RESUMED = "Provider Paused", "Provider Resumed"


def names(breaches: Sequence[Breach]) -> list[str]:
    """The broken promises."""
    return [breach.promise.name for breach in breaches]


def tries(*minutes: int) -> list[datetime]:
    """When a lane was tried, in minutes after noon."""
    return [NOON + timedelta(minutes=minute) for minute in minutes]


def report(*codes: str) -> dict[str, Any]:
    """A photo's error report."""
    return {"errors": [{"job_id": "j1", "code": code} for code in codes]}


def test_a_paused_lane_is_tried_ever_more_seldom() -> None:
    assert not tried_breaches(tries(0, 5, 10))
    assert not tried_breaches(tries(0, 5, 15, 30))
    assert names(tried_breaches(tries(0, 5, 10, 15))) == [Promise.LANE_HEEDED.name]


def test_a_lane_is_closed_for_three_bad_answers() -> None:
    assert not closed_breaches(3)
    assert names(closed_breaches(2)) == [Promise.LANE_HEEDED.name]


def test_who_is_asked_to_come_later_comes_no_sooner() -> None:
    assert not early_breaches(KEY, NOON, NOON)
    assert names(early_breaches(KEY, NOON, NOON + timedelta(seconds=1))) == [Promise.WAITS.name]


def test_no_photo_s_report_tells_of_what_keeps_all_of_them_waiting() -> None:
    assert not alone_told_breaches(KEY, report("request_rejected", "budget_reached"))
    assert names(alone_told_breaches(KEY, report("provider_key_refused"))) == [Promise.LANE_TOLD.name]
    assert names(alone_told_breaches(KEY, report("provider_throttled"))) == [Promise.LANE_TOLD.name]


def told(since: str) -> dict[str, str]:
    """What an event of a lane says; `since`: a time of day, by which programs may order them."""
    return {"provider": "ideogram", "since": f"2026-11-20T{since}:00Z"}


def test_the_last_that_programs_heard_of_a_lane_is_how_it_is() -> None:
    heard = [(PAUSED, told("09:00")), (RESUMED, told("09:01"))]
    assert not announced_breaches({"ideogram": lane()}, [])
    assert not announced_breaches({"ideogram": lane()}, heard)
    assert not announced_breaches({"ideogram": lane("key")}, heard[:1])
    assert names(announced_breaches({"ideogram": lane()}, heard[:1])) == [Promise.TOLD.name]
    assert names(announced_breaches({"ideogram": lane("key")}, heard)) == [Promise.TOLD.name]


def test_what_programs_hear_late_and_out_of_order_tells_by_its_time_how_a_lane_is() -> None:
    overtaken = [(PAUSED, told("09:00")), (PAUSED, told("09:02")), (RESUMED, told("09:01"))]
    assert not announced_breaches({"ideogram": lane("key")}, overtaken)
    untold = [(PAUSED, told("09:00")), (RESUMED, told("09:01"))]
    assert names(announced_breaches({"ideogram": lane("key")}, untold)) == [Promise.TOLD.name]


def test_a_job_that_no_day_s_budget_covers_is_told_of() -> None:
    assert not dear_breaches([waiting()], {KEY: report("budget_reached")}, ())
    assert not dear_breaches([waiting()], {}, ["ideogram"])
    assert names(dear_breaches([waiting()], {}, ())) == [Promise.ONE_END.name]


def test_a_job_that_no_day_s_budget_covers_keeps_nobody_else_waiting() -> None:
    dear = lane() | {"pauses": [lane("budget")["pauses"][0] | {"required_budget": 50}]}
    assert paused(dear, 10, 50)
    assert paused(dear, 0), "where nothing may be bought at all"
    assert not paused(dear, 10, 49)


def test_what_went_wrong_decides_how_a_job_ends() -> None:
    ends = {"unsafe_request": "refused"}
    assert not fate_breaches(ledger(failed("refused", "unsafe_request")), ends)
    assert names(fate_breaches(ledger(failed("dead", "unsafe_request")), ends)) == [Promise.RIGHT_END.name]


def test_programs_hear_of_no_end_of_a_pause_without_its_beginning() -> None:
    assert names(announced_breaches({"ideogram": lane()}, [(RESUMED, told("09:00"))])) == [Promise.TOLD.name]


def test_no_invocation_is_ended_by_the_clock() -> None:
    assert not late_breaches(0)
    assert names(late_breaches(1)) == [Promise.IN_TIME.name]
