"""The checker sees what is wrong with one write, and nothing in a right one."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from proof.checker.books import Breach, Plain, Promise
from proof.checker.changes import (
    cap_breaches,
    fence_breaches,
    lane_breaches,
    lease_breaches,
    patience_breaches,
    picture_write_breaches,
    wanted_breaches,
    way_breaches,
)
from tests.unit.checker_items import PRICE, attempt, failed, in_flight, job, lane, lost, source, waiting


def names(breaches: Sequence[Breach]) -> set[str]:
    """The broken promises."""
    return {breach.promise.name for breach in breaches}


def moved(before: Plain | None, after: Plain, *, by_person: bool = False) -> set[str]:
    """What one write of a job breaks."""
    return names(way_breaches(before, after, by_person=by_person))


def test_each_write_is_one_revision_on() -> None:
    assert not fence_breaches("a job", 0, 1)
    assert not fence_breaches("a job", 4, 5)
    assert names(fence_breaches("a job", 5, 5)) == {Promise.FENCED.name}
    assert names(fence_breaches("a job", 3, 5)) == {Promise.FENCED.name}


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
def test_the_ways_that_the_design_draws_are_right(before: Plain | None, after: Plain) -> None:
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
def test_a_way_that_the_design_does_not_draw_is_seen(before: Plain | None, after: Plain) -> None:
    assert moved(before, after) == {Promise.WAYS.name}


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
    assert moved(before, before | {"attempts": now}) == {Promise.MONEY_STAYS.name}


def test_an_attempt_that_took_nothing_may_be_left_out() -> None:
    before = waiting(attempts=[attempt(outcome="not_taken", charged=0)])
    assert moved(before, before | {"attempts": []}) == set()


@pytest.mark.parametrize("status", ["accepted", "superseded", "cancelled"])
def test_a_job_in_doubt_does_not_wait_or_end_as_if_nothing_was_paid(status: str) -> None:
    assert moved(job("unknown", lost()), job(status, lost())) == {Promise.MONEY_STAYS.name}


def test_only_what_a_photo_names_is_claimed() -> None:
    claimed = job("submitting", in_flight())
    assert not wanted_breaches(waiting(), claimed, ["j1"])
    assert names(wanted_breaches(waiting(), claimed, ["j2"])) == {Promise.WANTED.name}
    unwanted = job("submitting", in_flight(), end_after_call="superseded")
    assert names(wanted_breaches(job("unknown", lost()), unwanted, ["j1"])) == {Promise.WANTED.name}
    assert not wanted_breaches(claimed, unwanted, []), "marked while its call is out"


def test_nobody_moves_a_job_whose_worker_lives() -> None:
    before = job("submitting", in_flight())
    assert not lease_breaches(before, before | {"unwanted": "superseded"}, "render-1")
    assert names(lease_breaches(before, job("unknown", lost()), "render-1")) == {Promise.LEASED.name}
    later = job("submitting", in_flight(lease_until="2026-11-20T10:00:00Z"))
    assert names(lease_breaches(before, later, "render-1")) == {Promise.LEASED.name}
    assert not lease_breaches(before, job("paid", attempt()), "render-1"), "an answer can always be recorded"
    parked = job("submitting", in_flight(is_parked=True))
    assert not lease_breaches(parked, later, "render-1"), "who parks his call has left it"


def test_a_photo_without_a_wish_is_not_reported_before_its_time() -> None:
    waits, told = source(settling_since="2026-11-20T09:00:00Z"), source(problems=("no_instructions",))
    assert not patience_breaches(waits, told, 20)
    assert not patience_breaches(told, told, 20), "reported before"
    assert names(patience_breaches(waits, told, 40)) == {Promise.PATIENT.name}
    assert names(patience_breaches(None, told, 20)) == {Promise.PATIENT.name}


def test_what_a_day_has_committed_never_grows_over_its_cap() -> None:
    assert not cap_breaches("today", 0, PRICE, PRICE)
    assert not cap_breaches("today", 2 * PRICE, 2 * PRICE, PRICE), "a person lowered it"
    assert names(cap_breaches("today", PRICE, 2 * PRICE, PRICE)) == {Promise.WITHIN_BUDGET.name}


def test_no_older_picture_is_put_over_a_newer_one() -> None:
    assert not picture_write_breaches("a.png", "j1", "j2", ["j2"])
    assert not picture_write_breaches("a.png", "j1", "j1", [])
    assert names(picture_write_breaches("a.png", "j2", "j1", ["j2"])) == {Promise.NEWEST.name}


def test_three_bad_answers_in_a_row_close_a_lane() -> None:
    now = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
    assert not lane_breaches(None, lane(failure_streak=2, probe_count=0), now)
    assert not lane_breaches(None, lane(failure_streak=3, probe_count=0, closed_since="2026-11-20T09:00:00Z"), now)
    assert names(lane_breaches(None, lane(failure_streak=3, probe_count=0), now)) == {Promise.LANE_HEEDED.name}


def test_a_lane_that_is_closed_for_long_is_paused() -> None:
    now = datetime(2026, 11, 20, 9, 11, tzinfo=UTC)
    closed = {"failure_streak": 5, "closed_since": "2026-11-20T09:00:00Z"}
    before, after = lane(probe_count=3, **closed), lane(probe_count=4, **closed)
    assert not lane_breaches(before, before, now), "no probe of it failed again"
    assert not lane_breaches(before, lane("unhealthy", probe_count=4, **closed), now)
    assert names(lane_breaches(before, after, now)) == {Promise.LANE_HEEDED.name}
