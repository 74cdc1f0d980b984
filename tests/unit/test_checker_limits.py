"""The checker's narrower limits: who may bring what, who may lift what, how often a photo may kill, what excuses."""

from collections.abc import Sequence

from simulation.invariants.final_state import check_dead_letter_contents
from simulation.invariants.ledger_writes import check_crash_count, check_lease, check_lifted_pauses, check_settle_time
from simulation.invariants.paid_calls import check_saved_provider_ids, is_rightly_paused
from simulation.invariants.violations import Invariant, Violation
from tests.unit.checker_items import failed, in_flight, job, lane, ledger, lost, source

NONE = range(1)


def names(breaches: Sequence[Violation]) -> list[str]:
    """The broken promises."""
    return [breach.invariant.name for breach in breaches]


def test_an_answer_is_called_lost_by_others_only_where_its_worker_left_it() -> None:
    before = job("submitting", in_flight())
    unknown, taken = job("unknown", lost()), job("submitting", in_flight(lease_until="2026-11-20T10:00:00Z"))
    assert not check_lease(before, unknown, "render-1", has_spooled_answer=True)
    assert names(check_lease(before, unknown, "render-1")) == [Invariant.LEASES_RESPECTED.name]
    assert names(check_lease(before, taken, "render-1", has_spooled_answer=True)) == [Invariant.LEASES_RESPECTED.name]


def test_a_photo_that_was_reported_before_has_its_time_again() -> None:
    told = source(problems=("no_instructions",))
    again = told | {"problems": [{"code": "no_instructions", "first_seen": "2026-11-20T11:00:00Z"}]}
    waits = told | {"settling_since": "2026-11-20T10:59:30Z"}
    assert not check_settle_time(told, told, 20)
    assert not check_settle_time(waits, again, 20)
    assert names(check_settle_time(told, again, 20)) == [Invariant.SETTLE_TIME_RESPECTED.name]


def test_five_crashes_are_counted_and_a_sixth_at_once() -> None:
    assert not check_crash_count(None, source(crash_count=6))
    assert not check_crash_count(source(crash_count=7), source(crash_count=7)), "told once"
    assert names(check_crash_count(source(crash_count=6), source(crash_count=7))) == [
        Invariant.POISON_PHOTOS_GIVEN_UP.name
    ]


def test_a_pause_that_a_call_can_test_is_lifted_by_who_made_one() -> None:
    assert not check_lifted_pauses(lane("key"), lane(), has_probed=True)
    assert not check_lifted_pauses(None, lane("key"), has_probed=False)
    assert not check_lifted_pauses(lane("budget"), lane(), has_probed=False), "a day has room again"
    assert not check_lifted_pauses(lane("key"), lane("key", "person"), has_probed=False)
    assert names(check_lifted_pauses(lane("key", "unhealthy"), lane("unhealthy"), has_probed=False)) == [
        Invariant.LANE_STATE_RESPECTED.name
    ]


def test_work_that_is_polled_for_has_its_name_in_the_ledger() -> None:
    assert not check_saved_provider_ids([])
    assert names(check_saved_provider_ids([("a.jpg", "work-1")])) == [Invariant.RESULTS_RECORDED.name]


def test_only_a_person_and_an_empty_budget_excuse_a_job_that_waits() -> None:
    assert is_rightly_paused(lane("person"), 0)
    assert not is_rightly_paused(lane("key", "unhealthy"), 0), "reconcile finds out"
    needs = lane("budget")["pauses"][0] | {"required_budget": 10}
    assert is_rightly_paused(lane() | {"pauses": [needs]}, 9)
    assert not is_rightly_paused(lane() | {"pauses": [needs]}, 10)


def test_of_the_letters_of_a_job_that_died_twice_the_newest_is_true() -> None:
    dead = ledger(failed("dead", "request_rejected", lost()))
    letters = [
        {"body": "{}", "attributes": {"job_id": "j1", "code": "request_rejected", "reason": "no", "money": money}}
        for money in ("not_spent", "unknown")
    ]
    died = {("j1", "request_rejected")}
    assert not check_dead_letter_contents(dead, letters, died, NONE)
    assert names(check_dead_letter_contents(dead, letters[::-1], died, NONE)) == [
        Invariant.DEAD_LETTERS_MATCH_JOBS.name
    ]
