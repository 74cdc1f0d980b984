"""Edge cases of the checks: leases, settle time, crash counts, pauses, and dead letters."""

from collections.abc import Sequence

from simulation.invariants.final_state import check_dead_letter_contents
from simulation.invariants.ledger_writes import check_crash_count, check_lease, check_lifted_pauses, check_settle_time
from simulation.invariants.paid_calls import check_saved_provider_ids, is_rightly_paused
from simulation.invariants.violations import Invariant, Violation
from tests.unit.checker_items import failed, in_flight, job, lane, ledger, lost, source

NONE = range(1)


def names(violations: Sequence[Violation]) -> list[str]:
    return [violation.invariant.name for violation in violations]


def test_other_workers_may_record_a_spooled_answer_as_lost() -> None:
    before = job("submitting", in_flight())
    unknown, taken_over = job("unknown", lost()), job("submitting", in_flight(lease_until="2026-11-20T10:00:00Z"))
    assert not check_lease(before, unknown, "render-1", has_spooled_answer=True)
    assert names(check_lease(before, unknown, "render-1")) == [Invariant.LEASES_RESPECTED.name]
    assert names(check_lease(before, taken_over, "render-1", has_spooled_answer=True)) == [
        Invariant.LEASES_RESPECTED.name
    ]


def test_reported_photo_gets_its_settle_time_again() -> None:
    reported = source(problems=("no_instructions",))
    reported_again = reported | {"problems": [{"code": "no_instructions", "first_seen": "2026-11-20T11:00:00Z"}]}
    settling = reported | {"settling_since": "2026-11-20T10:59:30Z"}
    assert not check_settle_time(reported, reported, 20)
    assert not check_settle_time(settling, reported_again, 20)
    assert names(check_settle_time(reported, reported_again, 20)) == [Invariant.SETTLE_TIME_RESPECTED.name]


def test_at_most_six_crashes_may_be_counted() -> None:
    assert not check_crash_count(None, source(crash_count=6))
    assert not check_crash_count(source(crash_count=7), source(crash_count=7)), "found when it was written"
    assert names(check_crash_count(source(crash_count=6), source(crash_count=7))) == [
        Invariant.POISON_PHOTOS_GIVEN_UP.name
    ]


def test_testable_pause_is_lifted_only_after_a_probe() -> None:
    assert not check_lifted_pauses(lane("key"), lane(), has_probed=True)
    assert not check_lifted_pauses(None, lane("key"), has_probed=False)
    assert not check_lifted_pauses(lane("budget"), lane(), has_probed=False), "the budget allows calls again"
    assert not check_lifted_pauses(lane("key"), lane("key", "person"), has_probed=False)
    assert names(check_lifted_pauses(lane("key", "unhealthy"), lane("unhealthy"), has_probed=False)) == [
        Invariant.LANE_STATE_RESPECTED.name
    ]


def test_provider_id_must_be_saved_before_polling() -> None:
    assert not check_saved_provider_ids([])
    assert names(check_saved_provider_ids([("a.jpg", "work-1")])) == [Invariant.RESULTS_RECORDED.name]


def test_only_operator_and_budget_pauses_excuse_waiting_jobs() -> None:
    assert is_rightly_paused(lane("person"), 0)
    assert not is_rightly_paused(lane("key", "unhealthy"), 0), "reconcile tests these reasons"
    budget_pause = lane("budget")["pauses"][0] | {"required_budget": 10}
    assert is_rightly_paused(lane() | {"pauses": [budget_pause]}, 9)
    assert not is_rightly_paused(lane() | {"pauses": [budget_pause]}, 10)


def test_newest_dead_letter_of_a_job_must_be_accurate() -> None:
    dead = ledger(failed("dead", "request_rejected", lost()))
    letters = [
        {"body": "{}", "attributes": {"job_id": "j1", "code": "request_rejected", "reason": "no", "money": money}}
        for money in ("not_spent", "unknown")
    ]
    dead_job_codes = {("j1", "request_rejected")}
    assert not check_dead_letter_contents(dead, letters, dead_job_codes, NONE)
    assert names(check_dead_letter_contents(dead, letters[::-1], dead_job_codes, NONE)) == [
        Invariant.DEAD_LETTERS_MATCH_JOBS.name
    ]
