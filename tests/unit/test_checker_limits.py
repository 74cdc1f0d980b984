"""The checker's narrower limits: who may bring what, who may lift what, how often a photo may kill, what excuses."""

from collections.abc import Sequence

from proof.checker.books import Breach, Promise
from proof.checker.calls import named_breaches, paused
from proof.checker.changes import crash_breaches, lease_breaches, lift_breaches, patience_breaches
from proof.checker.rest import words_breaches
from tests.unit.checker_items import failed, in_flight, job, lane, ledger, lost, source

NONE = range(1)


def names(breaches: Sequence[Breach]) -> list[str]:
    """The broken promises."""
    return [breach.promise.name for breach in breaches]


def test_an_answer_is_called_lost_by_others_only_where_its_worker_left_it() -> None:
    before = job("submitting", in_flight())
    unknown, taken = job("unknown", lost()), job("submitting", in_flight(lease_until="2026-11-20T10:00:00Z"))
    assert not lease_breaches(before, unknown, "render-1", kept=True)
    assert names(lease_breaches(before, unknown, "render-1")) == [Promise.LEASED.name]
    assert names(lease_breaches(before, taken, "render-1", kept=True)) == [Promise.LEASED.name]


def test_a_photo_that_was_reported_before_has_its_time_again() -> None:
    told = source(problems=("no_instructions",))
    again = told | {"problems": [{"code": "no_instructions", "first_seen": "2026-11-20T11:00:00Z"}]}
    waits = told | {"settling_since": "2026-11-20T10:59:30Z"}
    assert not patience_breaches(told, told, 20)
    assert not patience_breaches(waits, again, 20)
    assert names(patience_breaches(told, again, 20)) == [Promise.PATIENT.name]


def test_five_crashes_are_counted_and_a_sixth_at_once() -> None:
    assert not crash_breaches(None, source(crash_count=6))
    assert not crash_breaches(source(crash_count=7), source(crash_count=7)), "told once"
    assert names(crash_breaches(source(crash_count=6), source(crash_count=7))) == [Promise.GIVEN_UP.name]


def test_a_pause_that_a_call_can_test_is_lifted_by_who_made_one() -> None:
    assert not lift_breaches(lane("key"), lane(), probed=True)
    assert not lift_breaches(None, lane("key"), probed=False)
    assert not lift_breaches(lane("budget"), lane(), probed=False), "a day has room again"
    assert not lift_breaches(lane("key"), lane("key", "person"), probed=False)
    assert names(lift_breaches(lane("key", "unhealthy"), lane("unhealthy"), probed=False)) == [Promise.LANE_HEEDED.name]


def test_work_that_is_polled_for_has_its_name_in_the_ledger() -> None:
    assert not named_breaches([])
    assert names(named_breaches([("a.jpg", "work-1")])) == [Promise.HEARD.name]


def test_only_a_person_and_an_empty_budget_excuse_a_job_that_waits() -> None:
    assert paused(lane("person"), 0)
    assert not paused(lane("key", "unhealthy"), 0), "reconcile finds out"
    needs = lane("budget")["pauses"][0] | {"required_budget": 10}
    assert paused(lane() | {"pauses": [needs]}, 9)
    assert not paused(lane() | {"pauses": [needs]}, 10)


def test_of_the_letters_of_a_job_that_died_twice_the_newest_is_true() -> None:
    dead = ledger(failed("dead", "request_rejected", lost()))
    letters = [
        {"body": "{}", "attributes": {"job_id": "j1", "code": "request_rejected", "reason": "no", "money": money}}
        for money in ("not_spent", "unknown")
    ]
    died = {("j1", "request_rejected")}
    assert not words_breaches(dead, letters, died, NONE)
    assert names(words_breaches(dead, letters[::-1], died, NONE)) == [Promise.LETTERS_TRUE.name]
