"""The checks of paid calls find every violation in a call, and in the number of calls."""

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
from tests.unit.checker_items import attempt, in_flight, job, lane, ledger, lost, waiting

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
PROBING = lane(opened_since="2026-11-20T09:00:00Z")
ON_TRIAL = lane("key", is_half_open=True)


def names(violations: Sequence[Violation]) -> set[str]:
    return {violation.invariant.name for violation in violations}


@pytest.mark.parametrize(
    "lane_state", [None, lane(), PROBING, ON_TRIAL], ids=["never paused", "running", "probing", "on trial"]
)
def test_claimed_job_may_be_paid_if_the_lane_allows_it(lane_state: JsonObject | None) -> None:
    assert check_outgoing_call(CALL, CLAIMED, "j1", lane_state) == []


@pytest.mark.parametrize(
    ("changes", "stored", "owner", "lane_state", "invariant"),
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
        ({"probe_count": 2}, CLAIMED, "j1", PROBING, Invariant.LANE_STATE_RESPECTED),
        ({"probe_count": 2}, CLAIMED, "j1", ON_TRIAL, Invariant.LANE_STATE_RESPECTED),
    ],
)
def test_forbidden_call_is_found(
    changes: dict[str, Any], stored: JsonObject | None, owner: str, lane_state: JsonObject | None, invariant: Invariant
) -> None:
    assert names(check_outgoing_call(replace(CALL, **changes), stored, owner, lane_state)) == {invariant.name}


def test_worker_from_before_the_pause_may_call() -> None:
    assert check_outgoing_call(replace(CALL, is_aware_of_lane=False, probe_count=9), CLAIMED, "j1", lane("key")) == []


def test_lost_answers_beyond_the_maximum_are_found() -> None:
    twice = job("held", lost(), lost(2))
    assert check_retries(twice, max_lost=2) == []
    assert names(check_retries(twice, max_lost=1)) == {Invariant.RETRIED_ONCE.name}
    assert names(check_retries(job("unknown", lost(), lost(2), lost(3)), max_lost=2)) == {Invariant.RETRIED_ONCE.name}
    assert names(check_retries(job("submitting", lost(), in_flight(2)), max_lost=1)) == {Invariant.RETRIED_ONCE.name}
    bought_again = job("submitting", lost(), in_flight(2, charge_no=1))
    assert check_retries(bought_again, max_lost=1) == [], "an operator decided so"


def test_call_after_a_lost_answer_of_a_retry_is_found() -> None:
    retrying = {"judged_attempts": [{"attempt_no": 2, "fidelities": []}], "charge_no": 1}
    first = lost(), attempt(n=2)
    assert check_retries(job("paid", *first, lost(3, charge_no=1), **retrying), max_lost=2) == []
    for call in (lost(4, charge_no=1), in_flight(4, charge_no=1)):
        again = job("submitting", *first, lost(3, charge_no=1), call, **retrying)
        assert names(check_retries(again, max_lost=2)) == {Invariant.RETRIED_ONCE.name}


def test_second_paid_call_needs_a_permission() -> None:
    assert check_call_counts({"j1": 1}, [job()], {}) == []
    assert check_call_counts({"j1": 2}, [job()], {"j1": 2}) == []
    assert names(check_call_counts({"j1": 2}, [job()], {})) == {Invariant.PAID_ONCE.name}


def test_jobs_with_the_same_content_pay_once() -> None:
    first, second = job(), job(job_id="j2", key="other.jpg")
    assert check_shared_content(ledger(first, second), {"j1": 1}, {}, {}) == []
    both_paid = {"j1": 1, "j2": 1}
    assert names(check_shared_content(ledger(first, second), both_paid, {}, {})) == {Invariant.CONTENT_PAID_ONCE.name}
    assert check_shared_content(ledger(first, second), both_paid, {"j1": 2}, {}) == [], (
        "paid again by an operator's decision"
    )
    assert check_shared_content(ledger(first, second), both_paid, {}, {"j1": 1}) == [], "the purchase was unusable"


def test_job_that_reuses_a_file_is_not_charged() -> None:
    assert check_reuse(waiting(), job("paid", reused_from="j0")) == []
    assert names(check_reuse(waiting(), job("paid", attempt(), reused_from="j0"))) == {Invariant.CONTENT_PAID_ONCE.name}


def test_received_answer_must_be_in_the_ledger() -> None:
    assert check_recorded_results(job(), 1) == []
    assert names(check_recorded_results(job("held", lost()), 1)) == {Invariant.RESULTS_RECORDED.name}


def test_refusal_of_all_calls_must_pause_the_lane() -> None:
    refused_at = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
    ended_at = refused_at + timedelta(seconds=2)
    assert check_pauses_after_refusals([(refused_at, ended_at)], [refused_at + timedelta(seconds=1)]) == []
    assert names(check_pauses_after_refusals([(refused_at, ended_at)], [refused_at - timedelta(seconds=1)])) == {
        Invariant.LANE_STATE_RESPECTED.name
    }


def test_budget_pause_is_justified_while_too_little_is_left() -> None:
    paused_for_budget = {"pauses": [{"reason": "budget", "code": "budget_reached", "required_budget": 30}]}
    assert is_rightly_paused(paused_for_budget, 29)
    assert not is_rightly_paused(paused_for_budget, 30)
    assert is_rightly_paused(lane("person"), 1000)
    assert not is_rightly_paused(lane(), 0)


def test_good_answer_must_end_probing() -> None:
    assert check_recovered_lanes(True, [lane()]) == []
    assert check_recovered_lanes(False, [PROBING]) == []
    assert names(check_recovered_lanes(True, [PROBING])) == {Invariant.LANE_STATE_RESPECTED.name}
