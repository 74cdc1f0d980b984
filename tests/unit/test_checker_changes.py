"""The checker sees what is wrong with one write, and nothing in a right one."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from simulation.invariants.ledger_writes import (
    check_budget_cap,
    check_claim,
    check_lane_write,
    check_lease,
    check_lock_version,
    check_picture_write,
    check_settle_time,
    check_transition,
)
from simulation.invariants.violations import Invariant, JsonObject, Violation
from tests.unit.checker_items import PRICE, attempt, failed, in_flight, job, lane, lost, source, waiting


def names(breaches: Sequence[Violation]) -> set[str]:
    """The broken promises."""
    return {breach.invariant.name for breach in breaches}


def moved(before: JsonObject | None, after: JsonObject, *, by_person: bool = False) -> set[str]:
    """What one write of a job breaks."""
    return names(check_transition(before, after, by_operator=by_person))


def test_each_write_is_one_revision_on() -> None:
    assert not check_lock_version("a job", 0, 1)
    assert not check_lock_version("a job", 4, 5)
    assert names(check_lock_version("a job", 5, 5)) == {Invariant.NO_LOST_UPDATES.name}
    assert names(check_lock_version("a job", 3, 5)) == {Invariant.NO_LOST_UPDATES.name}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, waiting()),
        (None, job("paid", reused_from="j0")),
        (waiting(), job("submitting", in_flight())),
        (job("submitting", in_flight()), job("paid", attempt())),
        (job("submitting", in_flight()), job("unknown", lost())),
        (job("submitting", in_flight()), waiting()),
        (job("paid", attempt()), job("stored", attempt())),
        (job("stored", attempt()), job("paid", attempt())),
        (job("superseded"), job("paid", reused_from="j0")),
        (job("unknown", lost()), job("held", lost())),
        (failed("dead", "request_rejected"), waiting()),
    ],
)
def test_the_ways_that_the_design_draws_are_right(before: JsonObject | None, after: JsonObject) -> None:
    assert moved(before, after) == set()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, job("stored")),
        (job("stored", attempt()), job("submitting", attempt(), in_flight(2))),
        (waiting(), job("held")),
        (job("paid", attempt()), job("cancelled", attempt())),
        (waiting(), job("paid", attempt(outcome="in_flight"))),
        (failed("dead", "unsafe_result", attempt()), waiting(attempts=[attempt()])),
        (failed("held", "charge_unknown", lost()), waiting(attempts=[lost()], charge_no=1)),
    ],
)
def test_a_way_that_the_design_does_not_draw_is_seen(before: JsonObject | None, after: JsonObject) -> None:
    assert moved(before, after) == {Invariant.ALLOWED_TRANSITIONS.name}


def test_a_person_may_buy_once_more_what_was_paid_or_is_in_doubt() -> None:
    before, after = failed("held", "charge_unknown", lost()), waiting(attempts=[lost()], charge_no=1)
    assert moved(before, after, by_person=True) == set()


@pytest.mark.parametrize(
    "now",
    [[], [attempt(charged=0)], [attempt(outcome="lost")], [attempt(provider_id=None)]],
    ids=["gone", "cheaper", "lost again", "nameless"],
)
def test_money_that_was_written_down_is_never_taken_back(now: list[dict[str, Any]]) -> None:
    before = job("paid", attempt(provider_id="p1"))
    assert moved(before, before | {"attempts": now}) == {Invariant.CHARGES_NEVER_ERASED.name}


def test_an_attempt_that_took_nothing_may_be_left_out() -> None:
    before = waiting(attempts=[attempt(outcome="not_taken", charged=0)])
    assert moved(before, before | {"attempts": []}) == set()


@pytest.mark.parametrize("status", ["accepted", "superseded", "cancelled"])
def test_a_job_in_doubt_does_not_wait_or_end_as_if_nothing_was_paid(status: str) -> None:
    assert moved(job("unknown", lost()), job(status, lost())) == {Invariant.CHARGES_NEVER_ERASED.name}


def test_only_what_a_photo_names_is_claimed() -> None:
    claimed = job("submitting", in_flight())
    assert not check_claim(waiting(), claimed, ["j1"])
    assert names(check_claim(waiting(), claimed, ["j2"])) == {Invariant.ONLY_CURRENT_JOBS_BOUGHT.name}
    unwanted = job("submitting", in_flight(), end_after_call="superseded")
    assert names(check_claim(job("unknown", lost()), unwanted, ["j1"])) == {Invariant.ONLY_CURRENT_JOBS_BOUGHT.name}
    assert not check_claim(claimed, unwanted, []), "marked while its call is out"


def test_nobody_moves_a_job_whose_worker_lives() -> None:
    before = job("submitting", in_flight())
    assert not check_lease(before, before | {"unwanted": "superseded"}, "render-1")
    assert names(check_lease(before, job("unknown", lost()), "render-1")) == {Invariant.LEASES_RESPECTED.name}
    later = job("submitting", in_flight(lease_until="2026-11-20T10:00:00Z"))
    assert names(check_lease(before, later, "render-1")) == {Invariant.LEASES_RESPECTED.name}
    assert not check_lease(before, job("paid", attempt()), "render-1"), "an answer can always be recorded"
    parked = job("submitting", in_flight(is_parked=True))
    assert not check_lease(parked, later, "render-1"), "who parks his call has left it"


def test_a_photo_without_a_wish_is_not_reported_before_its_time() -> None:
    waits, told = source(settling_since="2026-11-20T09:00:00Z"), source(problems=("no_instructions",))
    assert not check_settle_time(waits, told, 20)
    assert not check_settle_time(told, told, 20), "reported before"
    assert names(check_settle_time(waits, told, 40)) == {Invariant.SETTLE_TIME_RESPECTED.name}
    assert names(check_settle_time(None, told, 20)) == {Invariant.SETTLE_TIME_RESPECTED.name}


def test_what_a_day_has_committed_never_grows_over_its_cap() -> None:
    assert not check_budget_cap("today", 0, PRICE, PRICE)
    assert not check_budget_cap("today", 2 * PRICE, 2 * PRICE, PRICE), "a person lowered it"
    assert names(check_budget_cap("today", PRICE, 2 * PRICE, PRICE)) == {Invariant.WITHIN_BUDGET.name}


def test_no_older_picture_is_put_over_a_newer_one() -> None:
    assert not check_picture_write("a.png", "j1", "j2", ["j2"])
    assert not check_picture_write("a.png", "j1", "j1", [])
    assert names(check_picture_write("a.png", "j2", "j1", ["j2"])) == {Invariant.NEWEST_DELIVERED.name}


def test_three_bad_answers_in_a_row_close_a_lane() -> None:
    now = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
    assert not check_lane_write(None, lane(failure_streak=2, probe_count=0), now)
    assert not check_lane_write(None, lane(failure_streak=3, probe_count=0, opened_since="2026-11-20T09:00:00Z"), now)
    assert names(check_lane_write(None, lane(failure_streak=3, probe_count=0), now)) == {
        Invariant.LANE_STATE_RESPECTED.name
    }


def test_a_lane_that_is_closed_for_long_is_paused() -> None:
    now = datetime(2026, 11, 20, 9, 11, tzinfo=UTC)
    closed = {"failure_streak": 5, "opened_since": "2026-11-20T09:00:00Z"}
    before, after = lane(probe_count=3, **closed), lane(probe_count=4, **closed)
    assert not check_lane_write(before, before, now), "no probe of it failed again"
    assert not check_lane_write(before, lane("unhealthy", probe_count=4, **closed), now)
    assert names(check_lane_write(before, after, now)) == {Invariant.LANE_STATE_RESPECTED.name}
