"""The checker sees what is wrong with a paid call as it goes out, and with how many there are."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from proof.checker.books import Breach, Plain, Promise
from proof.checker.calls import (
    Sent,
    charge_breaches,
    heard_breaches,
    paused,
    refused_breaches,
    retry_breaches,
    reuse_breaches,
    sent_breaches,
    shared_breaches,
    well_breaches,
)
from tests.unit.checker_items import attempt, failed, in_flight, job, lane, ledger, lost, waiting

CALL = Sent(job_id="j1", sha256="aa", open=0, at_work=0, fresh=True, probes=1, told=0, left=290.0, longest=180.0)
CLAIMED = job("submitting", in_flight())
CLOSED = lane(closed_since="2026-11-20T09:00:00Z")
TRYING = lane("key", is_in_trial=True)


def names(breaches: Sequence[Breach]) -> set[str]:
    """The broken promises."""
    return {breach.promise.name for breach in breaches}


@pytest.mark.parametrize("way", [None, lane(), CLOSED, TRYING], ids=["never", "open", "closed", "is_in_trial"])
def test_a_claimed_job_may_be_paid_where_the_lane_lets_it(way: Plain | None) -> None:
    assert sent_breaches(CALL, CLAIMED, "j1", way) == []


@pytest.mark.parametrize(
    ("changes", "stored", "owner", "way", "promise"),
    [
        ({}, None, "j1", None, Promise.CLAIMED_FIRST),
        ({}, waiting(), "j1", None, Promise.CLAIMED_FIRST),
        ({}, job("submitting", attempt()), "j1", None, Promise.CLAIMED_FIRST),
        ({"sha256": "bb"}, CLAIMED, "j1", None, Promise.CLAIMED_FIRST),
        ({"open": 1}, CLAIMED, "j1", None, Promise.ONE_CALL),
        ({"at_work": 1}, CLAIMED, "j1", None, Promise.ONE_CALL),
        ({}, CLAIMED, "j2", None, Promise.SHARED),
        ({"told": 1}, CLAIMED, "j1", None, Promise.ASKED_FIRST),
        ({"left": 170.0}, CLAIMED, "j1", None, Promise.IN_TIME),
        ({}, CLAIMED, "j1", lane("key"), Promise.LANE_HEEDED),
        ({}, CLAIMED, "j1", lane("key", "person", is_in_trial=True), Promise.LANE_HEEDED),
        ({"probes": 2}, CLAIMED, "j1", CLOSED, Promise.LANE_HEEDED),
        ({"probes": 2}, CLAIMED, "j1", TRYING, Promise.LANE_HEEDED),
    ],
)
def test_a_call_that_should_not_go_out_is_seen(
    changes: dict[str, Any], stored: Plain | None, owner: str, way: Plain | None, promise: Promise
) -> None:
    assert names(sent_breaches(replace(CALL, **changes), stored, owner, way)) == {promise.name}


def test_a_worker_that_began_before_the_lane_was_paused_may_not_know_it() -> None:
    assert sent_breaches(replace(CALL, fresh=False, probes=9), CLAIMED, "j1", lane("key")) == []


def test_a_second_lost_answer_is_a_persons_and_under_hold_the_first() -> None:
    twice = job("held", lost(), lost(2))
    assert retry_breaches(twice, most_lost=2) == []
    assert names(retry_breaches(twice, most_lost=1)) == {Promise.RETRIED_ONCE.name}
    assert names(retry_breaches(job("unknown", lost(), lost(2), lost(3)), most_lost=2)) == {Promise.RETRIED_ONCE.name}
    assert names(retry_breaches(job("submitting", lost(), in_flight(2)), most_lost=1)) == {Promise.RETRIED_ONCE.name}
    bought_again = job("submitting", lost(), in_flight(2, charge_no=1))
    assert retry_breaches(bought_again, most_lost=1) == [], "a person said so"


def test_a_job_has_one_paid_call_unless_more_are_allowed() -> None:
    assert charge_breaches({"j1": 1}, [job()], {}) == []
    assert charge_breaches({"j1": 2}, [job()], {"j1": 2}) == []
    assert names(charge_breaches({"j1": 2}, [job()], {})) == {Promise.PAID_ONCE.name}


def test_of_those_who_want_the_same_one_pays() -> None:
    mine, theirs = job(), job(job_id="j2", key="other.jpg")
    assert shared_breaches(ledger(mine, theirs), {"j1": 1}, {}) == []
    assert names(shared_breaches(ledger(mine, theirs), {"j1": 1, "j2": 1}, {})) == {Promise.SHARED.name}
    assert shared_breaches(ledger(mine, theirs), {"j1": 1, "j2": 1}, {"j1": 2}) == [], "paid again by a person's word"
    in_vain = failed("dead", "unsafe_result", attempt())
    assert shared_breaches(ledger(in_vain, theirs), {"j1": 1, "j2": 1}, {}) == [], "what was paid came to nothing"


def test_what_is_delivered_from_anothers_file_costs_nothing() -> None:
    assert reuse_breaches(waiting(), job("paid", reused_from="j0")) == []
    assert names(reuse_breaches(waiting(), job("paid", attempt(), reused_from="j0"))) == {Promise.SHARED.name}


def test_an_answer_that_was_heard_is_in_the_ledger() -> None:
    assert heard_breaches(job(), 1) == []
    assert names(heard_breaches(job("held", lost()), 1)) == {Promise.HEARD.name}


def test_who_hears_that_nobody_may_pay_pauses_the_lane() -> None:
    told = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
    ended = told + timedelta(seconds=2)
    assert refused_breaches([(told, ended)], [told + timedelta(seconds=1)]) == []
    assert names(refused_breaches([(told, ended)], [told - timedelta(seconds=1)])) == {Promise.LANE_HEEDED.name}


def test_a_lane_is_rightly_paused_for_the_budget_while_the_day_has_too_little_left() -> None:
    poor = {"pauses": [{"reason": "budget", "code": "budget_reached", "required_budget": 30}]}
    assert paused(poor, 29)
    assert not paused(poor, 30)
    assert paused(lane("person"), 1000)
    assert not paused(lane(), 0)


def test_a_good_answer_opens_a_closed_lane() -> None:
    assert well_breaches(True, [lane()]) == []
    assert well_breaches(False, [CLOSED]) == []
    assert names(well_breaches(True, [CLOSED])) == {Promise.LANE_HEEDED.name}
