"""The checker sees what is wrong with a paid call as it goes out, and with how many there are."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from simulation.invariants.paid_calls import (
    OutgoingCall,
    check_call_counts,
    check_outgoing_call,
    check_pauses_after_refusals,
    check_recorded_results,
    check_recovered_lanes,
    check_retries,
    check_reuse,
    check_shared_content,
    is_rightly_paused,
)
from simulation.invariants.violations import Invariant, JsonObject, Violation
from tests.unit.checker_items import attempt, failed, in_flight, job, lane, ledger, lost, waiting

CALL = OutgoingCall(
    job_id="j1",
    sha256="aa",
    open_call_count=0,
    calls_at_work=0,
    is_aware_of_lane=True,
    probe_count=1,
    answerable_lookups=0,
    remaining_seconds=290.0,
    max_call_seconds=180.0,
)
CLAIMED = job("submitting", in_flight())
CLOSED = lane(opened_since="2026-11-20T09:00:00Z")
TRYING = lane("key", is_half_open=True)


def names(breaches: Sequence[Violation]) -> set[str]:
    """The broken promises."""
    return {breach.invariant.name for breach in breaches}


@pytest.mark.parametrize("way", [None, lane(), CLOSED, TRYING], ids=["never", "open", "closed", "is_half_open"])
def test_a_claimed_job_may_be_paid_where_the_lane_lets_it(way: JsonObject | None) -> None:
    assert check_outgoing_call(CALL, CLAIMED, "j1", way) == []


@pytest.mark.parametrize(
    ("changes", "stored", "owner", "way", "promise"),
    [
        ({}, None, "j1", None, Invariant.CLAIMED_BEFORE_CALL),
        ({}, waiting(), "j1", None, Invariant.CLAIMED_BEFORE_CALL),
        ({}, job("submitting", attempt()), "j1", None, Invariant.CLAIMED_BEFORE_CALL),
        ({"sha256": "bb"}, CLAIMED, "j1", None, Invariant.CLAIMED_BEFORE_CALL),
        ({"open_call_count": 1}, CLAIMED, "j1", None, Invariant.ONE_CALL_AT_A_TIME),
        ({"calls_at_work": 1}, CLAIMED, "j1", None, Invariant.ONE_CALL_AT_A_TIME),
        ({}, CLAIMED, "j2", None, Invariant.CONTENT_PAID_ONCE),
        ({"answerable_lookups": 1}, CLAIMED, "j1", None, Invariant.LOOKED_UP_BEFORE_RETRY),
        ({"remaining_seconds": 170.0}, CLAIMED, "j1", None, Invariant.WITHIN_TIMEOUT),
        ({}, CLAIMED, "j1", lane("key"), Invariant.LANE_STATE_RESPECTED),
        ({}, CLAIMED, "j1", lane("key", "person", is_half_open=True), Invariant.LANE_STATE_RESPECTED),
        ({"probe_count": 2}, CLAIMED, "j1", CLOSED, Invariant.LANE_STATE_RESPECTED),
        ({"probe_count": 2}, CLAIMED, "j1", TRYING, Invariant.LANE_STATE_RESPECTED),
    ],
)
def test_a_call_that_should_not_go_out_is_seen(
    changes: dict[str, Any], stored: JsonObject | None, owner: str, way: JsonObject | None, promise: Invariant
) -> None:
    assert names(check_outgoing_call(replace(CALL, **changes), stored, owner, way)) == {promise.name}


def test_a_worker_that_began_before_the_lane_was_paused_may_not_know_it() -> None:
    assert check_outgoing_call(replace(CALL, is_aware_of_lane=False, probe_count=9), CLAIMED, "j1", lane("key")) == []


def test_a_second_lost_answer_is_a_persons_and_under_hold_the_first() -> None:
    twice = job("held", lost(), lost(2))
    assert check_retries(twice, max_lost=2) == []
    assert names(check_retries(twice, max_lost=1)) == {Invariant.RETRIED_ONCE.name}
    assert names(check_retries(job("unknown", lost(), lost(2), lost(3)), max_lost=2)) == {Invariant.RETRIED_ONCE.name}
    assert names(check_retries(job("submitting", lost(), in_flight(2)), max_lost=1)) == {Invariant.RETRIED_ONCE.name}
    bought_again = job("submitting", lost(), in_flight(2, charge_no=1))
    assert check_retries(bought_again, max_lost=1) == [], "a person said so"


def test_a_job_has_one_paid_call_unless_more_are_allowed() -> None:
    assert check_call_counts({"j1": 1}, [job()], {}) == []
    assert check_call_counts({"j1": 2}, [job()], {"j1": 2}) == []
    assert names(check_call_counts({"j1": 2}, [job()], {})) == {Invariant.PAID_ONCE.name}


def test_of_those_who_want_the_same_one_pays() -> None:
    mine, theirs = job(), job(job_id="j2", key="other.jpg")
    assert check_shared_content(ledger(mine, theirs), {"j1": 1}, {}) == []
    assert names(check_shared_content(ledger(mine, theirs), {"j1": 1, "j2": 1}, {})) == {
        Invariant.CONTENT_PAID_ONCE.name
    }
    assert check_shared_content(ledger(mine, theirs), {"j1": 1, "j2": 1}, {"j1": 2}) == [], (
        "paid again by a person's word"
    )
    in_vain = failed("dead", "unsafe_result", attempt())
    assert check_shared_content(ledger(in_vain, theirs), {"j1": 1, "j2": 1}, {}) == [], "what was paid came to nothing"


def test_what_is_delivered_from_anothers_file_costs_nothing() -> None:
    assert check_reuse(waiting(), job("paid", reused_from="j0")) == []
    assert names(check_reuse(waiting(), job("paid", attempt(), reused_from="j0"))) == {Invariant.CONTENT_PAID_ONCE.name}


def test_an_answer_that_was_heard_is_in_the_ledger() -> None:
    assert check_recorded_results(job(), 1) == []
    assert names(check_recorded_results(job("held", lost()), 1)) == {Invariant.RESULTS_RECORDED.name}


def test_who_hears_that_nobody_may_pay_pauses_the_lane() -> None:
    told = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
    ended = told + timedelta(seconds=2)
    assert check_pauses_after_refusals([(told, ended)], [told + timedelta(seconds=1)]) == []
    assert names(check_pauses_after_refusals([(told, ended)], [told - timedelta(seconds=1)])) == {
        Invariant.LANE_STATE_RESPECTED.name
    }


def test_a_lane_is_rightly_paused_for_the_budget_while_the_day_has_too_little_left() -> None:
    poor = {"pauses": [{"reason": "budget", "code": "budget_reached", "required_budget": 30}]}
    assert is_rightly_paused(poor, 29)
    assert not is_rightly_paused(poor, 30)
    assert is_rightly_paused(lane("person"), 1000)
    assert not is_rightly_paused(lane(), 0)


def test_a_good_answer_opens_a_closed_lane() -> None:
    assert check_recovered_lanes(True, [lane()]) == []
    assert check_recovered_lanes(False, [CLOSED]) == []
    assert names(check_recovered_lanes(True, [CLOSED])) == {Invariant.LANE_STATE_RESPECTED.name}
