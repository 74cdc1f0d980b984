"""The checks of places find what is wrong, and nothing else."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from simulation.invariants.places import check_leased_places, check_open_calls, check_turn, is_in_use
from simulation.invariants.violations import Invariant

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
LIMIT, TIMEOUT_SECONDS = 4, 180.0


def at(seconds: float) -> str:
    return (NOW + timedelta(seconds=seconds)).isoformat()


def lease(job_id: str, places: int, until: float = 60) -> dict[str, Any]:
    return {"job_id": job_id, "attempt_no": 1, "places": places, "until": at(until)}


def waiter(job_id: str, since: float, until: float = 10, places: int = 3) -> dict[str, Any]:
    return {"job_id": job_id, "places": places, "since": at(since), "until": at(until)}


def build(leases: list[dict[str, Any]] | None = None, waiters: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    return {"leases": leases or [], "waiters": waiters or []}


@pytest.mark.parametrize(("until", "is_wrong"), [(60, True), (-1, False)])
def test_too_many_leased_places_are_found(until: float, is_wrong: bool) -> None:
    places = build([lease("a", 3), lease("b", 2, until)])
    assert [one.invariant for one in check_leased_places(places, LIMIT, NOW)] == [Invariant.PLACES_RESPECTED] * is_wrong


@pytest.mark.parametrize(
    ("waiting", "is_wrong"),
    [
        (waiter("a", -75), True),
        (waiter("a", -65), False),
        (waiter("a", -75, until=-1), False),
        (waiter("a", -75, places=LIMIT + 1), False),
        (waiter("b", -75), False),
    ],
)
def test_overtaking_is_found(waiting: dict[str, Any], is_wrong: bool) -> None:
    before, after = build([lease("old", 1)], [waiting]), build([lease("old", 1), lease("b", 1)])
    assert [one.invariant for one in check_turn(before, after, LIMIT, NOW)] == [Invariant.TURNS_RESPECTED] * is_wrong


@pytest.mark.parametrize(("since", "until", "is_wrong"), [(-80, -1, False), (-80, -11, True), (-70, -1, True)])
def test_turn_that_ends_during_the_claim_still_counts(since: float, until: float, is_wrong: bool) -> None:
    before = build(waiters=[waiter("a", -75), waiter("b", since, until)])
    found = check_turn(before, build([lease("b", 1)]), LIMIT, NOW)
    assert [one.invariant for one in found] == [Invariant.TURNS_RESPECTED] * is_wrong


@pytest.mark.parametrize(
    ("outcome", "submitted_at", "leased", "is_wrong"),
    [
        ("in_flight", -10, [], True),
        ("lost", -10, [], True),
        ("lost", -10, [lease("a", 1)], True),
        ("lost", -10, [lease("a", 3, -1)], True),
        ("lost", -10, [lease("a", 3)], False),
        ("lost", -TIMEOUT_SECONDS, [], False),
        ("answered", -10, [], False),
    ],
)
def test_open_call_without_its_places_is_found(
    outcome: str, submitted_at: float, leased: list[dict[str, Any]], is_wrong: bool
) -> None:
    attempt = {"n": 1, "provider": "ideogram", "outcome": outcome, "submitted_at": at(submitted_at)}
    job = {"job_id": "a", "key": "a.jpg", "instructions": {"num_images": 3}, "attempts": [attempt]}
    violations = check_open_calls(build(leased), [job], "ideogram", TIMEOUT_SECONDS, NOW)
    assert [one.invariant for one in violations] == [Invariant.PLACES_RESPECTED] * is_wrong


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        (build([lease("a", 1)], [waiter("b", -5, places=1)]), False),
        (build([lease("a", 2)]), True),
        (build([lease("a", 2, -1)]), False),
        (build(None, [waiter("a", -5)]), True),
    ],
)
def test_lane_is_in_use_while_a_call_for_several_images_runs_or_waits(places: dict[str, Any], expected: bool) -> None:
    assert is_in_use(places, NOW) is expected
