"""The checks of single writes find every violation, and nothing else."""

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
    check_retry_of_product,
    check_settle_time,
    check_transition,
)
from simulation.invariants.violations import Invariant, JsonObject, Violation
from tests.unit.checker_items import PRICE, attempt, failed, in_flight, job, lane, lost, source, waiting


def names(violations: Sequence[Violation]) -> set[str]:
    return {violation.invariant.name for violation in violations}


def check_job_write(before: JsonObject | None, after: JsonObject, *, by_operator: bool = False) -> set[str]:
    return names(check_transition(before, after, by_operator=by_operator))


def test_lock_version_must_grow_by_one() -> None:
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
def test_allowed_transition_is_accepted(before: JsonObject | None, after: JsonObject) -> None:
    assert check_job_write(before, after) == set()


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
def test_transition_that_is_not_allowed_is_found(before: JsonObject | None, after: JsonObject) -> None:
    assert check_job_write(before, after) == {Invariant.ALLOWED_TRANSITIONS.name}


RETRYING = {"instructions": {"subject": {"otherwise": "retry"}}, "stored_at": None, "judged_attempts": []}


def judge(n: int, *scores: float | None) -> dict[str, Any]:
    """Returns an attempt whose pictures have these scores."""
    return {"attempt_no": n, "fidelities": [{"score": score} for score in scores]}


def check_retry(before_changes: dict[str, Any], after_changes: dict[str, Any]) -> set[str]:
    """Returns what a write breaks that makes a paid job ready to be bought again."""
    before = job("paid", attempt(), **RETRYING | before_changes)
    retried = RETRYING | {"charge_no": 1, "judged_attempts": [judge(1, 0.5, 0.2)]} | after_changes
    after = waiting(attempts=[attempt()], **retried)
    assert check_job_write(before, after) == set()
    return names(check_retry_of_product(before, after))


def test_retry_of_a_changed_product_is_accepted() -> None:
    assert check_retry({}, {}) == set()
    assert check_retry({"instructions": RETRYING["instructions"] | {"max_cost_usd": 0.06}}, {}) == set()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"instructions": {}}, {}),
        ({"instructions": {"subject": {"otherwise": "deliver"}}}, {}),
        ({"instructions": RETRYING["instructions"] | {"max_cost_usd": 0.059}}, {}),
        ({"instructions": {"subject": {"otherwise": "retry", "min": 0.5}}}, {}),
        ({"stored_at": "2026-11-20T09:00:00Z"}, {}),
        ({"reviews": [{"n": 1, "decision": "rejected"}]}, {}),
        ({"instructions": RETRYING["instructions"] | {"max_cost_usd": 0.06}, "mask_quoted": 1}, {}),
        ({}, {"charge_no": 0}),
        ({}, {"provider": "runware"}),
        ({}, {"judged_attempts": [judge(1, 0.5, 0.95)]}),
        ({}, {"judged_attempts": [judge(1, 0.5, None)]}),
        ({}, {"judged_attempts": [judge(1)]}),
        ({"judged_attempts": [judge(1, 0.5)]}, {"judged_attempts": [judge(1, 0.5), judge(2, 0.5)]}),
    ],
)
def test_retry_that_is_not_allowed_is_found(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert check_retry(before, after) == {Invariant.PAID_ONCE.name}


def test_attempt_that_is_not_the_best_is_found() -> None:
    judged = [judge(1, 0.5, None), judge(2, 0.7, 0.1), judge(3, 0.7)]
    for n, expected in ((1, {Invariant.NEWEST_DELIVERED.name}), (2, set()), (3, {Invariant.NEWEST_DELIVERED.name})):
        stored = job("stored", attempt(), paid_attempt_no=n, **RETRYING | {"judged_attempts": judged})
        assert names(check_retry_of_product(None, stored)) == expected
    assert check_retry_of_product(None, job("stored", attempt(), **RETRYING)) == []


def test_retry_that_loses_its_earlier_picture_is_found() -> None:
    retrying = waiting(attempts=[attempt()], **RETRYING | {"judged_attempts": [judge(1, 0.5)]})
    assert check_job_write(retrying, retrying | {"status": "paid", "paid_attempt_no": 1}) == set()
    for status in ("cancelled", "superseded", "refused", "dead"):
        assert check_job_write(retrying, retrying | {"status": status}) == {Invariant.ALLOWED_TRANSITIONS.name}


def test_operator_may_buy_a_held_job_again() -> None:
    before, after = failed("held", "charge_unknown", lost()), waiting(attempts=[lost()], charge_no=1)
    assert check_job_write(before, after, by_operator=True) == set()


@pytest.mark.parametrize(
    "attempts_after",
    [[], [attempt(charged=0)], [attempt(outcome="lost")], [attempt(provider_id=None)]],
    ids=["gone", "cheaper", "lost again", "without ID"],
)
def test_erased_charge_is_found(attempts_after: list[dict[str, Any]]) -> None:
    before = job("paid", attempt(provider_id="p1"))
    assert check_job_write(before, before | {"attempts": attempts_after}) == {Invariant.CHARGES_NEVER_ERASED.name}


def test_attempt_without_a_charge_may_be_dropped() -> None:
    before = waiting(attempts=[attempt(outcome="not_taken", charged=0)])
    assert check_job_write(before, before | {"attempts": []}) == set()


@pytest.mark.parametrize("status", ["accepted", "superseded", "cancelled"])
def test_job_with_an_unknown_charge_may_not_wait_or_end(status: str) -> None:
    assert check_job_write(job("unknown", lost()), job(status, lost())) == {Invariant.CHARGES_NEVER_ERASED.name}


def test_only_a_current_job_may_be_claimed() -> None:
    claimed = job("submitting", in_flight())
    assert not check_claim(waiting(), claimed, ["j1"])
    assert names(check_claim(waiting(), claimed, ["j2"])) == {Invariant.ONLY_CURRENT_JOBS_BOUGHT.name}
    outdated = job("submitting", in_flight(), end_after_call="superseded")
    assert names(check_claim(job("unknown", lost()), outdated, ["j1"])) == {Invariant.ONLY_CURRENT_JOBS_BOUGHT.name}
    assert not check_claim(claimed, outdated, []), "marked while its call was in flight"


def test_lease_of_a_worker_excludes_other_workers() -> None:
    before = job("submitting", in_flight())
    assert not check_lease(before, before | {"unwanted": "superseded"}, "render-1")
    assert names(check_lease(before, job("unknown", lost()), "render-1")) == {Invariant.LEASES_RESPECTED.name}
    taken_over = job("submitting", in_flight(lease_until="2026-11-20T10:00:00Z"))
    assert names(check_lease(before, taken_over, "render-1")) == {Invariant.LEASES_RESPECTED.name}
    assert not check_lease(before, job("paid", attempt()), "render-1"), "an answer can always be recorded"
    parked = job("submitting", in_flight(is_parked=True))
    assert not check_lease(parked, taken_over, "render-1"), "a parked job may be taken over"


def test_missing_instructions_are_not_reported_too_early() -> None:
    settling, reported = source(settling_since="2026-11-20T09:00:00Z"), source(problems=("no_instructions",))
    assert not check_settle_time(settling, reported, 20)
    assert not check_settle_time(reported, reported, 20), "reported before"
    assert names(check_settle_time(settling, reported, 40)) == {Invariant.SETTLE_TIME_RESPECTED.name}
    assert names(check_settle_time(None, reported, 20)) == {Invariant.SETTLE_TIME_RESPECTED.name}


def test_committed_sum_never_grows_beyond_the_cap() -> None:
    nothing: dict[str, int] = {}
    claimed, settled = {"committed": PRICE, "reserved": PRICE}, {"committed": PRICE, "confirmed": PRICE}
    claimed_twice = {"committed": 2 * PRICE, "reserved": 2 * PRICE}
    assert not check_budget_cap("today", nothing, claimed, PRICE, 0)
    assert not check_budget_cap("today", claimed, settled, 0, 0), "an operator lowered the cap"
    assert names(check_budget_cap("today", claimed, claimed_twice, PRICE, 0)) == {Invariant.WITHIN_BUDGET.name}


def test_only_a_charge_above_the_price_list_grows_beyond_the_cap() -> None:
    claimed, settled = {"committed": PRICE, "reserved": PRICE}, {"committed": PRICE + 1, "confirmed": PRICE + 1}
    claimed_again = {**settled, "committed": PRICE + 2, "reserved": 1}
    assert not check_budget_cap("today", claimed, settled, 0, 1)
    assert names(check_budget_cap("today", claimed, settled, 0, 0)) == {Invariant.WITHIN_BUDGET.name}
    assert names(check_budget_cap("today", settled, claimed_again, 0, 1)) == {Invariant.WITHIN_BUDGET.name}


def test_older_picture_must_not_replace_a_newer_one() -> None:
    assert not check_picture_write("a.png", "j1", "j2", ["j2"])
    assert not check_picture_write("a.png", "j1", "j1", [])
    assert names(check_picture_write("a.png", "j2", "j1", ["j2"])) == {Invariant.NEWEST_DELIVERED.name}


def test_three_bad_answers_must_start_probing() -> None:
    now = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
    assert not check_lane_write(None, lane(failure_streak=2, probe_count=0), now)
    assert not check_lane_write(None, lane(failure_streak=3, probe_count=0, opened_since="2026-11-20T09:00:00Z"), now)
    assert names(check_lane_write(None, lane(failure_streak=3, probe_count=0), now)) == {
        Invariant.LANE_STATE_RESPECTED.name
    }


def test_lane_that_probes_for_too_long_must_pause() -> None:
    now = datetime(2026, 11, 20, 9, 11, tzinfo=UTC)
    probing = {"failure_streak": 25, "opened_since": "2026-11-20T09:00:00Z", "probe_count": 15}
    before = lane(next_probe_at="2026-11-20T09:10:50Z", **probing)
    after = lane(next_probe_at="2026-11-20T09:11:10Z", **probing)
    assert not check_lane_write(before, before, now), "its probe has not failed again"
    assert not check_lane_write(before, lane("unhealthy", next_probe_at=after["next_probe_at"], **probing), now)
    assert names(check_lane_write(before, after, now)) == {Invariant.LANE_STATE_RESPECTED.name}
