"""Invariants about single writes: optimistic locking, the allowed transitions, and no erased charges."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from simulation.invariants.job_ends import END_STATUSES
from simulation.invariants.paid_calls import DELIVERED_PAUSE_REASONS, UNTESTABLE_PAUSE_REASONS
from simulation.invariants.violations import NO_INSTRUCTIONS, Invariant, JsonObject, Violation, find_current_attempt

OPERATOR_TRANSITIONS = frozenset({("held", "accepted"), ("dead", "accepted")})
"""Transitions that only an operator may start if money was, or may have been, spent."""
ALLOWED_TRANSITIONS: Mapping[str, frozenset[str]] = {
    "accepted": frozenset({"submitting", "paid", "superseded", "cancelled", "refused", "dead"}),
    "submitting": frozenset({"accepted", "unknown", "paid", "refused", "dead", "superseded", "cancelled"}),
    "unknown": frozenset({"submitting", "paid", "accepted", "refused", "dead", "held", "superseded", "cancelled"}),
    "paid": frozenset({"review", "stored", "rejected", "dead", "accepted"}),
    "review": frozenset({"paid", "rejected", "superseded"}),
    "rejected": frozenset({"paid"}),
    "stored": frozenset({"paid"}),
    "refused": frozenset({"accepted"}),
    "dead": frozenset({"accepted", "paid"}),
    "held": frozenset({"accepted", "paid"}),
    "superseded": frozenset({"accepted", "paid"}),
    "cancelled": frozenset({"accepted"}),
}
"""Design, section 3. A job that its photo no longer names goes from a call without a charge straight to its end."""
STATUSES_WITH_KNOWN_COST = frozenset({"accepted", "superseded", "cancelled"})
"""Statuses that a job may have only if the cost of its current charge is known, unless it was bought and in review."""
BAD_RESULTS_BEFORE_TRIP = 3
MAX_CRASHES = 6
MAX_OPEN_TIME = timedelta(minutes=10, seconds=30)
"""Ten minutes, plus the tolerance for workers' clocks."""
FINAL_OUTCOMES = frozenset({"answered", "rejected"})


def check_lock_version(name: str, before: int, after: int) -> list[Violation]:
    """Checks that the lock version grows by one; 0 stands for an item that does not exist. Holds on every write."""
    if after == before + 1:
        return []
    return [Violation(Invariant.NO_LOST_UPDATES, f"{name}: version {after} was written over version {before}")]


def check_transition(before: JsonObject | None, after: JsonObject, *, by_operator: bool) -> list[Violation]:
    """Checks the change of the status, and what happened to the attempts. Holds on every write."""
    if before is None:
        is_reused = after["status"] == "paid" and after["reused_from"]
        is_new = after["status"] == "accepted" or is_reused
        return (
            []
            if is_new
            else [Violation(Invariant.ALLOWED_TRANSITIONS, f"{after['key']}: is created as {after['status']}")]
        )
    return [*_check_status(before, after, by_operator=by_operator), *_check_attempts(before, after)]


def _check_status(before: JsonObject, after: JsonObject, *, by_operator: bool) -> Iterator[Violation]:
    transition = str(before["status"]), str(after["status"])
    is_reused = transition[1] == "paid" and after["reused_from"] and "accepted" in ALLOWED_TRANSITIONS[transition[0]]
    if transition[0] != transition[1] and transition[1] not in ALLOWED_TRANSITIONS[transition[0]] and not is_reused:
        yield Violation(Invariant.ALLOWED_TRANSITIONS, f"{after['key']}: {transition[0]} became {transition[1]}")
    if transition in OPERATOR_TRANSITIONS and _may_have_been_charged(before) and not by_operator:
        yield Violation(
            Invariant.ALLOWED_TRANSITIONS,
            f"{after['key']}: a {transition[0]} job is bought again, but no operator asked for it",
        )
    if _is_retrying(before) and transition[1] in END_STATUSES:
        detail = f"{after['key']}: ended {transition[1]}, although an earlier attempt has its pictures"
        yield Violation(Invariant.ALLOWED_TRANSITIONS, detail)
    is_unpaid = transition[0] not in (transition[1], "review") and transition[1] in STATUSES_WITH_KNOWN_COST
    if is_unpaid and _has_uncertain_charge(after):
        yield Violation(
            Invariant.CHARGES_NEVER_ERASED,
            f"{after['key']}: {transition[1]}, although the cost of its lost call is unknown",
        )
    if transition == ("accepted", "paid") and not after["reused_from"] and not _has_result(after):
        yield Violation(Invariant.ALLOWED_TRANSITIONS, f"{after['key']}: paid without an answer")


def _is_retrying(job: JsonObject) -> bool:
    """Whether a picture is being bought again, and no attempt has been chosen yet."""
    return bool(job["judged_attempts"]) and all(
        judged["attempt_no"] != job["paid_attempt_no"] for judged in _list_judged(job)
    )


def is_retry_of_product(before: JsonObject | None, after: JsonObject) -> bool:
    """Whether a write makes a job that is paid ready to be bought again."""
    return before is not None and (before["status"], after["status"]) == ("paid", "accepted")


def check_retry_of_product(before: JsonObject | None, after: JsonObject) -> list[Violation]:
    """Checks that a paid picture is bought again only if the instructions ask for that, and all products differ.

    They must still do so when the call is claimed. Once no retry follows, the attempt with the highest score is
    delivered. Holds on every write.
    """
    if before is None or not is_retry_of_product(before, after):
        return _check_claimed_retry(before, after) + (
            _check_chosen_attempt(after) if after["status"] == "stored" else []
        )
    limit = before["instructions"].get("max_cost_usd")
    spent = sum(attempt["charged"] + attempt["unknown"] + attempt["reserved"] for attempt in before["attempts"])
    next_price = before["quoted"] + before["mask_quoted"]
    reasons = {
        **_list_retry_reasons(after["judged_attempts"], before["instructions"]),
        "it is no other charge": after["charge_no"] != before["charge_no"] + 1,
        "another provider gets it": after["provider"] != before["provider"],
        "it was delivered before": before["stored_at"] is not None,
        "people decided about it before": bool(before["reviews"]),
        "it costs more than allowed": limit is not None and spent + next_price > round(limit * 1_000_000),
    }
    return [
        Violation(Invariant.PAID_ONCE, f"{after['key']}: bought again, but {reason}")
        for reason, is_broken in reasons.items()
        if is_broken
    ]


def _list_retry_reasons(judged_attempts: Sequence[JsonObject], instructions: JsonObject) -> dict[str, bool]:
    """Returns which reasons forbid the retry that follows the last of these attempts."""
    subject: JsonObject = instructions.get("subject", {})
    scores = _list_scores(judged_attempts[-1])
    allowed_count = subject.get("retries", 1) if subject.get("otherwise") == "retry" else 0
    return {
        "the instructions allow no further retry": len(judged_attempts) > allowed_count,
        "not all products differ": not scores
        or any(score is None or score >= subject.get("min", 0.9) for score in scores),
    }


def _check_claimed_retry(before: JsonObject | None, after: JsonObject) -> list[Violation]:
    """Checks that a retry is claimed only while the instructions ask for it."""
    if before is None or (before["status"], after["status"]) != ("accepted", "submitting") or not _is_retrying(after):
        return []
    reasons = _list_retry_reasons(after["judged_attempts"], after["instructions"])
    return [
        Violation(Invariant.PAID_ONCE, f"{after['key']}: claimed again, but {reason}")
        for reason, is_broken in reasons.items()
        if is_broken
    ]


def _check_chosen_attempt(job: JsonObject) -> list[Violation]:
    """Checks that the best of several judged attempts is delivered."""
    best = [max([score for score in _list_scores(one) if score is not None], default=-1) for one in _list_judged(job)]
    numbers = [judged["attempt_no"] for judged in _list_judged(job)]
    if not best or job["reused_from"] or job["paid_attempt_no"] == numbers[best.index(max(best))]:
        return []
    detail = f"{job['key']}: attempt {job['paid_attempt_no']} is delivered, but the scores are {best}"
    return [Violation(Invariant.NEWEST_DELIVERED, detail)]


def _list_judged(job: JsonObject) -> list[JsonObject]:
    return job["judged_attempts"]


def _list_scores(judged: JsonObject) -> list[float | None]:
    return [fidelity["score"] for fidelity in judged["fidelities"] if fidelity]


def _has_uncertain_charge(job: JsonObject) -> bool:
    return any(attempt["unknown"] and attempt["charge_no"] == job["charge_no"] for attempt in job["attempts"])


def _may_have_been_charged(job: JsonObject) -> bool:
    """Whether money was, or may have been, spent since an operator last chose to pay again."""
    current_attempts = [attempt for attempt in job["attempts"] if attempt["charge_no"] == job["charge_no"]]
    return any(attempt["charged"] or attempt["unknown"] for attempt in current_attempts)


def _has_result(job: JsonObject) -> bool:
    return any(
        attempt["n"] == job["paid_attempt_no"] and attempt["outcome"] == "answered" for attempt in job["attempts"]
    )


def _check_attempts(before: JsonObject, after: JsonObject) -> Iterator[Violation]:
    """Checks that attempts stay. Those without a charge may be dropped, because many retries must not fill the item."""
    attempts_by_no = {attempt["n"]: attempt for attempt in after["attempts"]}
    for attempt in before["attempts"]:
        loss = _describe_loss(attempt, attempts_by_no.get(attempt["n"]))
        if loss:
            yield Violation(Invariant.CHARGES_NEVER_ERASED, f"{after['key']}: attempt {attempt['n']} {loss}")


def _describe_loss(before: JsonObject, after: JsonObject | None) -> str:
    if after is None:
        return "is gone, and its charge with it" if before["charged"] or before["outcome"] in FINAL_OUTCOMES else ""
    if after["charged"] < before["charged"]:
        return f"cost {before['charged']}, but now {after['charged']}"
    if before["outcome"] in FINAL_OUTCOMES and after["outcome"] != before["outcome"]:
        return f"was {before['outcome']}, but now is {after['outcome']}"
    if after["provider_id"] is None and before["provider_id"] is not None:
        return "has lost the provider's ID, with which it can be looked up"
    return ""


def check_claim(before: JsonObject | None, after: JsonObject, current_job_ids: Collection[str]) -> list[Violation]:
    """Checks that a claimed job is one that its photo names (`current_job_ids`). Holds on every write."""
    if after["status"] != "submitting" or (before and before["status"] == "submitting"):
        return []
    is_new_claim = before is None or before["status"] == "accepted"
    is_outdated = after["end_after_call"] is not None or (is_new_claim and after["job_id"] not in current_job_ids)
    return (
        [Violation(Invariant.ONLY_CURRENT_JOBS_BOUGHT, f"{after['key']}: claimed, but its photo no longer names it")]
        if is_outdated
        else []
    )


def check_lease(
    before: JsonObject, after: JsonObject, worker: str, *, has_spooled_answer: bool = False
) -> list[Violation]:
    """Checks that another worker's write does not take a job away from the worker that has its lease.

    That worker is alive. Others may mark the job or record its answer. They may take it over only if the worker parked
    it, and may declare the answer lost only if the worker did so itself and saved that (`has_spooled_answer`). Holds on
    every write.
    """
    attempt_before, attempt_after = find_current_attempt(before), find_current_attempt(after)
    if before["status"] != "submitting" or attempt_before is None or attempt_before["is_parked"]:
        return []
    is_taken_over = attempt_after is not None and attempt_after["lease_until"] != attempt_before["lease_until"]
    is_violated = (after["status"] == "unknown" and not has_spooled_answer) or (
        after["status"] == "submitting" and is_taken_over
    )
    return (
        [Violation(Invariant.LEASES_RESPECTED, f"{after['key']}: {worker} is still working on it")]
        if is_violated
        else []
    )


def check_settle_time(before: JsonObject | None, after: JsonObject, settle_seconds: float) -> list[Violation]:
    """Checks that a photo waited for instructions before a report says that it has none, each time.

    Holds on every write except an operator's, who may cancel the wait, if no clock jumps between a read and its write.
    A photo that was blocked by broken defaults has waited before.
    """
    if before and before.get("blocked_by_defaults"):
        return []
    known_first_seen = (
        [problem["first_seen"] for problem in before["problems"] if problem["code"] == NO_INSTRUCTIONS]
        if before
        else []
    )
    new_problems = [
        problem
        for problem in after["problems"]
        if problem["code"] == NO_INSTRUCTIONS and problem["first_seen"] not in known_first_seen
    ]
    if not new_problems:
        return []
    settling_since = datetime.fromisoformat(before["settling_since"]) if before and before["settling_since"] else None
    waited_seconds = (
        (datetime.fromisoformat(new_problems[0]["first_seen"]) - settling_since).total_seconds()
        if settling_since
        else 0.0
    )
    detail = f"{after['key']}: reported after {waited_seconds:.1f} s instead of {settle_seconds:.0f} s"
    return [Violation(Invariant.SETTLE_TIME_RESPECTED, detail)] if waited_seconds < settle_seconds else []


def check_lifted_pauses(
    before: JsonObject | None, after: JsonObject, *, has_probed: bool, has_delivered: bool = False
) -> list[Violation]:
    """Checks that a pause is lifted only by a worker that has verified that its reason is gone.

    `has_probed`: the worker sent a call while the lane was paused or probing, or looked one up. `has_delivered`: it
    delivered a picture. Reasons that nothing can test are not checked. Holds on every write except an operator's.
    """
    reasons_before, reasons_after = (
        _find_testable_reasons(before) if before else set[str](),
        _find_testable_reasons(after),
    )
    lifted = reasons_before - reasons_after
    untested = (set[str]() if has_probed else lifted - DELIVERED_PAUSE_REASONS) | (
        set[str]() if has_delivered else lifted & DELIVERED_PAUSE_REASONS
    )
    if not untested:
        return []
    detail = f"no longer paused for {', '.join(sorted(untested))}, but nothing tested that"
    return [Violation(Invariant.LANE_STATE_RESPECTED, detail)]


def _find_testable_reasons(lane: JsonObject) -> set[str]:
    return {pause["reason"] for pause in lane["pauses"]} - UNTESTABLE_PAUSE_REASONS


def check_lane_write(before: JsonObject | None, after: JsonObject, now: datetime) -> list[Violation]:
    """Checks that three bad answers in a row start probing, and that repeated failures of probes pause the lane.

    Holds on every write. `now`: when the write began, because the worker decides before it, and a write may take long.
    """
    is_restricted = bool(after["pauses"] or after["opened_since"])
    if after["failure_streak"] >= BAD_RESULTS_BEFORE_TRIP and not is_restricted:
        return [
            Violation(
                Invariant.LANE_STATE_RESPECTED,
                f"{after['failure_streak']} bad answers in a row, but the lane is neither probing nor paused",
            )
        ]
    has_probed = before is not None and after["next_probe_at"] not in (None, before["next_probe_at"])
    probing_since = datetime.fromisoformat(after["opened_since"]) if after["opened_since"] else now
    if has_probed and not after["pauses"] and now - probing_since > MAX_OPEN_TIME:
        return [
            Violation(
                Invariant.LANE_STATE_RESPECTED,
                f"probing since {probing_since:%H:%M:%S}, and its probe failed again, but no worker paused it",
            )
        ]
    return []


def check_crash_count(before: JsonObject | None, after: JsonObject) -> list[Violation]:
    """Checks the number of counted crashes: five, or six if two workers die at the same time. Holds on every write."""
    if after["crash_count"] <= MAX_CRASHES or (before and after["crash_count"] <= before["crash_count"]):
        return []
    return [Violation(Invariant.POISON_PHOTOS_GIVEN_UP, f"{after['key']}: {after['crash_count']} crashes were counted")]


def check_budget_cap(
    day: str, before: Mapping[str, int], after: Mapping[str, int], cap: int, surcharge: int
) -> list[Violation]:
    """Checks that a day's committed sum does not grow beyond its cap (micro-dollars). Holds on every write.

    An operator may set the cap below the sum. Then no claim may increase the sum. A settled charge may, because what a
    provider charges above its price list (`surcharge`: all of it until now) is known only after the call.
    """
    committed, growth = after.get("committed", 0), after.get("committed", 0) - before.get("committed", 0)
    is_claim = after.get("reserved", 0) > before.get("reserved", 0)
    if committed <= cap + surcharge or growth <= (0 if is_claim else surcharge):
        return []
    return [Violation(Invariant.WITHIN_BUDGET, f"{day}: {committed} committed, but the cap is {cap}")]


def check_picture_write(key: str, old_job_id: str, new_job_id: str, current_job_ids: Iterable[str]) -> list[Violation]:
    """Checks that a picture of a job that its photo no longer names does not replace one of a current job.

    Holds on every write, except by a worker that read the other picture and then the ledger: its job may have been
    current then. Such a worker has to restore the newest picture, which is checked at rest.
    """
    current_set = set(current_job_ids)
    if old_job_id == new_job_id or old_job_id not in current_set or new_job_id in current_set:
        return []
    return [
        Violation(
            Invariant.NEWEST_DELIVERED,
            f"{key}: the picture of {new_job_id[:8]}, which the photo no longer names, replaced that of "
            f"{old_job_id[:8]}",
        )
    ]
