"""Invariants about the places of a lane whose provider counts images. Hold on every write, unless clocks are wrong."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from simulation.invariants.violations import Invariant, JsonObject, Violation

MAX_WAIT_BEFORE_TURN = timedelta(seconds=60)
CLAIM_TOLERANCE = timedelta(seconds=10)
"""The time between a worker's decision and the end of its write."""
OPEN_OUTCOMES = frozenset({"in_flight", "lost"})


def check_leased_places(places: JsonObject, limit: int, now: datetime) -> list[Violation]:
    """Checks that calls never hold more places than there are."""
    leased = sum(lease["places"] for lease in places["leases"] if parse_time(lease["until"]) > now)
    return [Violation(Invariant.PLACES_RESPECTED, f"{leased} of {limit} places are leased")] if leased > limit else []


def check_turn(before: JsonObject, after: JsonObject, limit: int, now: datetime) -> list[Violation]:
    """Checks that no job gets places before a job that has waited for a minute."""
    known = {(lease["job_id"], lease["attempt_no"]) for lease in before["leases"]}
    new_job_ids = {lease["job_id"] for lease in after["leases"] if (lease["job_id"], lease["attempt_no"]) not in known}
    waiting = [
        waiter
        for waiter in before["waiters"]
        if waiter["places"] <= limit
        and parse_time(waiter["until"]) > now
        and parse_time(waiter["since"]) + MAX_WAIT_BEFORE_TURN + CLAIM_TOLERANCE < now
    ]
    if not waiting or not new_job_ids:
        return []
    first = min(waiting, key=lambda waiter: parse_time(waiter["since"]))
    # A turn may end between its job's decision and the end of its write.
    in_turn = {
        waiter["job_id"]
        for waiter in before["waiters"]
        if parse_time(waiter["since"]) <= parse_time(first["since"])
        and parse_time(waiter["until"]) + CLAIM_TOLERANCE > now
    }
    return [
        Violation(
            Invariant.TURNS_RESPECTED, f"{job_id[:8]} overtakes {first['job_id'][:8]}, waiting since {first['since']}"
        )
        for job_id in new_job_ids - in_turn
    ]


def check_open_calls(
    places: JsonObject, jobs: Iterable[JsonObject], provider: str, call_seconds: float, now: datetime
) -> list[Violation]:
    """Checks that a call for several images holds its places until it is answered or has surely ended."""
    held = {
        (lease["job_id"], lease["attempt_no"]): lease["places"]
        for lease in places["leases"]
        if parse_time(lease["until"]) > now
    }
    return [
        Violation(Invariant.PLACES_RESPECTED, f"{job['key']}: the open call {attempt['n']} holds no {count} places")
        for job in jobs
        if (count := int(job["instructions"].get("num_images", 1))) > 1
        for attempt in job["attempts"]
        if attempt["provider"] == provider and attempt["outcome"] in OPEN_OUTCOMES
        if now < parse_time(attempt["submitted_at"]) + timedelta(seconds=call_seconds)
        if held.get((job["job_id"], attempt["n"])) != count
    ]


def is_in_use(places: JsonObject, now: datetime) -> bool:
    """Whether a call for several images runs or waits."""
    entries = (*places["leases"], *places["waiters"])
    return any(entry["places"] > 1 and parse_time(entry["until"]) > now for entry in entries)


def has_lease(places: JsonObject, job_id: str, attempt_no: int) -> bool:
    return any((lease["job_id"], lease["attempt_no"]) == (job_id, attempt_no) for lease in places["leases"])


def parse_time(text: str) -> datetime:
    return datetime.fromisoformat(text)
