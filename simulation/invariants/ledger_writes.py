"""The promises about one write: fenced, along the ways that the design draws, and never taking money back."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from simulation.invariants.paid_calls import UNTESTABLE_PAUSE_REASONS
from simulation.invariants.violations import NO_INSTRUCTIONS, Invariant, JsonObject, Violation, find_current_attempt

OPERATOR_TRANSITIONS = frozenset({("held", "accepted"), ("dead", "accepted")})
"""Ways that only a person opens where money was spent, or may have been."""
ALLOWED_TRANSITIONS: Mapping[str, frozenset[str]] = {
    "accepted": frozenset({"submitting", "paid", "superseded", "cancelled", "refused", "dead"}),
    "submitting": frozenset({"accepted", "unknown", "paid", "refused", "dead", "superseded", "cancelled"}),
    "unknown": frozenset({"submitting", "paid", "accepted", "refused", "dead", "held", "superseded", "cancelled"}),
    "paid": frozenset({"stored", "dead"}),
    "stored": frozenset({"paid"}),
    "refused": frozenset({"accepted"}),
    "dead": frozenset({"accepted", "paid"}),
    "held": frozenset({"accepted", "paid"}),
    "superseded": frozenset({"accepted"}),
    "cancelled": frozenset({"accepted"}),
}
"""Design 3. A job that its photo names no more goes from a call that took nothing straight to its end."""
STATUSES_WITH_KNOWN_COST = frozenset({"accepted", "superseded", "cancelled"})
"""Where a job is only when it is known what the charge that is meant now cost."""
BAD_RESULTS_BEFORE_TRIP = 3
MAX_CRASHES = 6
MAX_OPEN_TIME = timedelta(minutes=10, seconds=30)
"""Ten minutes, and what workers' clocks may be off."""
FINAL_OUTCOMES = frozenset({"answered", "rejected"})


def check_lock_version(name: str, before: int, after: int) -> list[Violation]:
    """An item's revision grows by one with each write; 0 stands for an item that was not there. Holds at any write."""
    if after == before + 1:
        return []
    return [Violation(Invariant.NO_LOST_UPDATES, f"{name}: revision {after} was written over {before}")]


def check_transition(before: JsonObject | None, after: JsonObject, *, by_operator: bool) -> list[Violation]:
    """The way of a job's status, and what became of its attempts. Holds at any write."""
    if before is None:
        is_reused = after["status"] == "paid" and after["reused_from"]
        is_new = after["status"] == "accepted" or is_reused
        return (
            [] if is_new else [Violation(Invariant.ALLOWED_TRANSITIONS, f"{after['key']}: begins as {after['status']}")]
        )
    return [*_check_status(before, after, by_operator=by_operator), *_check_attempts(before, after)]


def _check_status(before: JsonObject, after: JsonObject, *, by_operator: bool) -> Iterator[Violation]:
    transition = str(before["status"]), str(after["status"])
    is_reused = transition[1] == "paid" and after["reused_from"] and "accepted" in ALLOWED_TRANSITIONS[transition[0]]
    if transition[0] != transition[1] and transition[1] not in ALLOWED_TRANSITIONS[transition[0]] and not is_reused:
        yield Violation(Invariant.ALLOWED_TRANSITIONS, f"{after['key']}: {transition[0]} became {transition[1]}")
    if transition in OPERATOR_TRANSITIONS and _may_have_been_charged(before) and not by_operator:
        yield Violation(
            Invariant.ALLOWED_TRANSITIONS, f"{after['key']}: {transition[0]} is bought again, and nobody asked for it"
        )
    if transition[0] != transition[1] and transition[1] in STATUSES_WITH_KNOWN_COST and _has_uncertain_charge(after):
        yield Violation(
            Invariant.CHARGES_NEVER_ERASED, f"{after['key']}: {transition[1]}, and nobody knows what its lost call cost"
        )
    if transition == ("accepted", "paid") and not after["reused_from"] and not _has_result(after):
        yield Violation(Invariant.ALLOWED_TRANSITIONS, f"{after['key']}: paid without an answer")


def _has_uncertain_charge(job: JsonObject) -> bool:
    return any(one["unknown"] and one["charge_no"] == job["charge_no"] for one in job["attempts"])


def _may_have_been_charged(job: JsonObject) -> bool:
    """Whether money was spent, or may have been, since a person last chose to pay anew."""
    current_attempts = [attempt for attempt in job["attempts"] if attempt["charge_no"] == job["charge_no"]]
    return any(attempt["charged"] or attempt["unknown"] for attempt in current_attempts)


def _has_result(job: JsonObject) -> bool:
    return any(
        attempt["n"] == job["paid_attempt_no"] and attempt["outcome"] == "answered" for attempt in job["attempts"]
    )


def _check_attempts(before: JsonObject, after: JsonObject) -> Iterator[Violation]:
    """Attempts stay; only those that took nothing may be left out, since a storm must not fill the item."""
    attempts_by_no = {attempt["n"]: attempt for attempt in after["attempts"]}
    for attempt in before["attempts"]:
        loss = _describe_loss(attempt, attempts_by_no.get(attempt["n"]))
        if loss:
            yield Violation(Invariant.CHARGES_NEVER_ERASED, f"{after['key']}: attempt {attempt['n']} {loss}")


def _describe_loss(before: JsonObject, after: JsonObject | None) -> str:
    if after is None:
        return "is gone with its money" if before["charged"] or before["outcome"] in FINAL_OUTCOMES else ""
    if after["charged"] < before["charged"]:
        return f"cost {before['charged']}, and now {after['charged']}"
    if before["outcome"] in FINAL_OUTCOMES and after["outcome"] != before["outcome"]:
        return f"was {before['outcome']}, and now is {after['outcome']}"
    if after["provider_id"] is None and before["provider_id"] is not None:
        return "has lost the name by which it can be asked about"
    return ""


def check_claim(before: JsonObject | None, after: JsonObject, current_job_ids: Collection[str]) -> list[Violation]:
    """A job that is claimed is one that its photo names: `named` are those ids. Holds at any write."""
    if after["status"] != "submitting" or (before and before["status"] == "submitting"):
        return []
    is_new_claim = before is None or before["status"] == "accepted"
    is_outdated = after["end_after_call"] is not None or (is_new_claim and after["job_id"] not in current_job_ids)
    return (
        [Violation(Invariant.ONLY_CURRENT_JOBS_BOUGHT, f"{after['key']}: claimed, and its photo names it no more")]
        if is_outdated
        else []
    )


def check_lease(
    before: JsonObject, after: JsonObject, worker: str, *, has_spooled_answer: bool = False
) -> list[Violation]:
    """Somebody else wrote a job under way, whose worker (`holder`) lives: he may mark it, or bring its answer.

    He does not take it over, unless the worker parked it, which gives it away; and he calls its answer lost only where
    the worker itself said so, and left that where others find it (`kept`). Holds at any write.
    """
    attempt_before, attempt_after = find_current_attempt(before), find_current_attempt(after)
    if before["status"] != "submitting" or attempt_before is None or attempt_before["is_parked"]:
        return []
    is_taken_over = attempt_after is not None and attempt_after["lease_until"] != attempt_before["lease_until"]
    is_violated = (after["status"] == "unknown" and not has_spooled_answer) or (
        after["status"] == "submitting" and is_taken_over
    )
    return (
        [Violation(Invariant.LEASES_RESPECTED, f"{after['key']}: {worker} is still at work on it")]
        if is_violated
        else []
    )


def check_settle_time(before: JsonObject | None, after: JsonObject, settle_seconds: float) -> list[Violation]:
    """A photo is reported for want of a wish only when it has waited for one, each time that it is reported anew.

    Holds at any write but a person's, who may cancel the wait, where no clock jumps between a look and its write. A
    photo that broken defaults held has waited before.
    """
    if before and before.get("blocked_by_defaults"):
        return []
    known_first_seen = (
        [one["first_seen"] for one in before["problems"] if one["code"] == NO_INSTRUCTIONS] if before else []
    )
    new_problems = [
        one for one in after["problems"] if one["code"] == NO_INSTRUCTIONS and one["first_seen"] not in known_first_seen
    ]
    if not new_problems:
        return []
    settling_since = datetime.fromisoformat(before["settling_since"]) if before and before["settling_since"] else None
    waited_seconds = (
        (datetime.fromisoformat(new_problems[0]["first_seen"]) - settling_since).total_seconds()
        if settling_since
        else 0.0
    )
    detail = f"{after['key']}: reported after {waited_seconds:.1f} s, {settle_seconds:.0f} s are due"
    return [Violation(Invariant.SETTLE_TIME_RESPECTED, detail)] if waited_seconds < settle_seconds else []


def check_lifted_pauses(before: JsonObject | None, after: JsonObject, *, has_probed: bool) -> list[Violation]:
    """A pause for what a call can find out is lifted by who made one. Holds at any write but a person's.

    `probed`: the worker that writes sent a call while the lane was paused or closed, or looked one up.
    """
    reasons_before, reasons_after = (
        _find_testable_reasons(before) if before else set[str](),
        _find_testable_reasons(after),
    )
    if reasons_before <= reasons_after or has_probed:
        return []
    detail = f"no longer paused for {', '.join(sorted(reasons_before - reasons_after))}, and no call found that out"
    return [Violation(Invariant.LANE_STATE_RESPECTED, detail)]


def _find_testable_reasons(lane: JsonObject) -> set[str]:
    return {pause["reason"] for pause in lane["pauses"]} - UNTESTABLE_PAUSE_REASONS


def check_lane_write(before: JsonObject | None, after: JsonObject, now: datetime) -> list[Violation]:
    """A lane is closed by three bad answers in a row, and paused where its probes fail for long. Holds at any write."""
    is_restricted = bool(after["pauses"] or after["opened_since"])
    if after["failure_streak"] >= BAD_RESULTS_BEFORE_TRIP and not is_restricted:
        return [
            Violation(
                Invariant.LANE_STATE_RESPECTED, f"{after['failure_streak']} bad answers in a row, and the lane is open"
            )
        ]
    has_probed = before is not None and after["probe_count"] > before["probe_count"]
    since = datetime.fromisoformat(after["opened_since"]) if after["opened_since"] else now
    if has_probed and not after["pauses"] and now - since > MAX_OPEN_TIME:
        return [
            Violation(
                Invariant.LANE_STATE_RESPECTED,
                f"closed since {since:%H:%M:%S}, its probe failed again, and nobody paused it",
            )
        ]
    return []


def check_crash_count(before: JsonObject | None, after: JsonObject) -> list[Violation]:
    """Five crashes of a job's or a photo's workers are counted, a sixth where two die at once. Holds at any write."""
    if after["crash_count"] <= MAX_CRASHES or (before and after["crash_count"] <= before["crash_count"]):
        return []
    return [Violation(Invariant.POISON_PHOTOS_GIVEN_UP, f"{after['key']}: {after['crash_count']} crashes are counted")]


def check_budget_cap(day: str, before: int, after: int, cap: int) -> list[Violation]:
    """What a day has committed does not grow over its cap (micro-dollars). Holds at any write.

    A person may set the cap below what is committed already; then nothing more may come.
    """
    if after <= cap or after <= before:
        return []
    return [Violation(Invariant.WITHIN_BUDGET, f"{day}: {after} committed, the cap is {cap}")]


def check_picture_write(key: str, old_job_id: str, new_job_id: str, current_job_ids: Iterable[str]) -> list[Violation]:
    """One picture was written over another: the jobs' ids, and those that their photo names. Holds at any write.

    But for a worker that found the other there and asked the ledger behind that: its job may have been named then. It
    has to see to it that the newest is put there again, which shows at rest.
    """
    current = set(current_job_ids)
    if old_job_id == new_job_id or old_job_id not in current or new_job_id in current:
        return []
    return [
        Violation(
            Invariant.NEWEST_DELIVERED,
            f"{key}: the picture of {new_job_id[:8]}, which the photo names no more, lies over {old_job_id[:8]}'s",
        )
    ]
