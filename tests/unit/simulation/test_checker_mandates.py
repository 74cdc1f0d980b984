"""Each invariant of mandates holds in a correct example, and is violated in an incorrect one."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from simulation.invariants.mandates import (
    StoredMandate,
    check_claim_of_mandate,
    check_mandate_is_kept,
    check_mandate_sums,
    check_overcharge,
    check_waiting_jobs,
    find_owner,
)
from simulation.invariants.violations import Invariant

DAY = "2026-11-26"
JOB: dict[str, Any] = {
    "key": "agents/a.jpg",
    "operation": "remove",
    "variant": "",
    "mask_quoted": 0,
    "instructions": {},
}
ATTEMPT = {"mandate": "anna", "budget_day": DAY, "reserved": 10}
TERMS: dict[str, Any] = {
    "name": "anna",
    "state": "active",
    "limit": 100,
    "per_day": 50,
    "per_picture": 10,
    "operations": ["remove"],
    "until": DAY,
}


def check(
    owner: str | None = "anna", *, overcharged: bool = False, committed: int = 50, **terms: Any
) -> list[Invariant]:
    amounts = {"committed": committed, f"day_{DAY}": committed}
    mandate = StoredMandate(TERMS | terms, amounts, is_overcharged=overcharged)
    return [one.invariant for one in check_claim_of_mandate(JOB, ATTEMPT, owner, mandate)]


def test_claim_that_its_mandate_covers_is_correct() -> None:
    assert check() == []


@pytest.mark.parametrize(
    "facts",
    [
        {"committed": 51},
        {"limit": 49},
        {"per_picture": 9},
        {"operations": ["replace"]},
        {"until": "2026-11-25"},
        {"state": "suspended"},
        {"overcharged": True},
    ],
    ids=lambda facts: next(iter(facts)),
)
def test_claim_that_its_mandate_does_not_cover_is_found(facts: dict[str, Any]) -> None:
    assert check(**facts) == [Invariant.WITHIN_MANDATE]


@pytest.mark.parametrize("owner", [None, "ben"])
def test_claim_that_another_mandate_pays_is_found(owner: str | None) -> None:
    assert check(owner) == [Invariant.MANDATE_PAYS]


@pytest.mark.parametrize(
    ("status", "payer", "expected"),
    [
        ("accepted", "anna", []),
        ("accepted", None, [Invariant.MANDATE_PAYS]),
        ("unknown", "ben", [Invariant.MANDATE_PAYS]),
        ("refused", None, []),
    ],
)
def test_open_job_keeps_its_mandate(status: str, payer: str | None, expected: list[Invariant]) -> None:
    before = JOB | {"mandate": "anna", "status": status}
    violations = check_mandate_is_kept(before, JOB | {"mandate": payer, "status": "accepted"})
    assert [one.invariant for one in violations] == expected


def test_sums_must_equal_those_of_the_attempts() -> None:
    mandate = StoredMandate(TERMS, {"committed": 10, "confirmed": 10, f"day_{DAY}": 10})
    right = {"committed": 10, "confirmed": 10, f"day_{DAY}": 10}
    assert check_mandate_sums(right, mandate) == []
    assert len(check_mandate_sums(right | {"confirmed": 9}, mandate)) == 1


def test_sums_must_equal_those_of_the_latest_two_days() -> None:
    right = {"day_2026-11-20": 10, "day_2026-11-23": 20, "day_2026-11-24": 30}
    assert check_mandate_sums(right, StoredMandate(TERMS, right | {"day_2026-11-20": 0})) == []
    assert len(check_mandate_sums(right, StoredMandate(TERMS, right | {"day_2026-11-23": 0}))) == 1


def test_owner_of_a_photo_is_the_mandate_whose_folder_contains_it() -> None:
    names = {"photos/agents/anna/": "anna"}
    assert find_owner(names, "photos", "agents/anna/1.jpg") == "anna"
    assert find_owner(names, "photos", "agents/annabel/1.jpg") is None


@pytest.mark.parametrize(
    ("amounts", "expected"),
    [
        ({"charged": 10}, []),
        ({"unknown": 10}, []),
        ({"charged": 11}, [Invariant.WITHIN_MANDATE]),
        ({"charged": 4, "unknown": 7}, [Invariant.WITHIN_MANDATE]),
    ],
)
def test_amount_that_was_not_reserved_must_suspend_the_mandate(
    amounts: dict[str, int], expected: list[Invariant]
) -> None:
    nothing = {"n": 1, "mandate": "anna", "reserved": 0, "charged": 0, "unknown": 0}
    other = {**nothing, "n": 2, "mandate": "ben"}
    before, after = ({**JOB, "attempts": [nothing | amount, other]} for amount in ({"reserved": 10}, amounts))
    active = {name: StoredMandate(TERMS | {"name": name}) for name in ("anna", "ben")}
    assert [one.invariant for one in check_overcharge(before, after, active)] == expected
    assert check_overcharge(before, after, active | {"anna": StoredMandate(TERMS, is_overcharged=True)}) == []
    assert check_overcharge(None, after, active) == []


@pytest.mark.parametrize(("received_seconds", "violations"), [(5, []), (15, [Invariant.WITHIN_MANDATE])])
def test_message_of_waiting_job_leaves_lane_at_its_next_receipt(
    received_seconds: int, violations: list[Invariant]
) -> None:
    start = datetime(2026, 11, 26, tzinfo=UTC)
    accepted = {"job_id": "a1", "key": "agents/a.jpg", "status": "accepted", "problem": None}
    waiting = accepted | {"problem": {"code": "mandate_waits"}}
    versions = [(start + timedelta(seconds=n), job) for n, job in ((0, accepted), (10, waiting), (20, waiting))]
    received = [(start + timedelta(seconds=received_seconds), '{"job_id": "a1"}')]
    assert [one.invariant for one in check_waiting_jobs([versions], received)] == violations


def test_job_that_left_its_mandate_queue_may_be_in_its_lane() -> None:
    start = datetime(2026, 11, 26, tzinfo=UTC)
    waiting = {
        "job_id": "a1",
        "key": "agents/a.jpg",
        "status": "accepted",
        "problem": {"code": "mandate_waits"},
    }
    versions = [(start, waiting), (start, waiting | {"problem": None})]
    assert check_waiting_jobs([versions], [(start + timedelta(seconds=1), '{"job_id": "a1"}')]) == []
