"""The promises about paid calls: claimed before they go out, one at a time, once more at most, never while paused."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from simulation.invariants.job_ends import END_STATUSES
from simulation.invariants.violations import (
    Invariant,
    JsonObject,
    PlainLedger,
    Violation,
    find_current_attempt,
    sum_charged,
)

UNTESTABLE_PAUSE_REASONS = frozenset({"person", "budget", "delivery"})
"""Reasons of which no call can tell whether they still hold."""
UNUSABLE_END_STATUSES = END_STATUSES - {"stored"}


@dataclass(frozen=True)
class OutgoingCall:
    """One paid call as it goes out.

    `sha256` is of the bytes that it carries. `open` and `at_work`: how many other calls of this job our side holds
    open, and the provider may still be at work on. `fresh`: its worker began when the lane was already as it is now.
    `probes`: how many calls are open, this one included, whose workers began when the lane was shut or closed.
    `told`: how many earlier calls of this charge the provider would tell of, if it was asked. `left`: seconds until the
    invocation ends, `longest`: how long a call may last.
    """

    job_id: str
    sha256: str
    open_call_count: int
    calls_at_work: int
    is_aware_of_lane: bool
    probe_count: int
    answerable_lookups: int = 0
    remaining_seconds: float = 0.0
    max_call_seconds: float = 0.0


def check_outgoing_call(
    call: OutgoingCall, job: JsonObject | None, owner_job_id: str, lane: JsonObject | None
) -> list[Violation]:
    """A call goes out: job and lane as stored at this moment, and the id of the job that owns the content."""
    if job is None:
        return [
            Violation(Invariant.CLAIMED_BEFORE_CALL, f"{call.job_id}: a call for a job that the ledger does not know")
        ]
    return [
        Violation(promise, f"{job['key']}: {detail}")
        for promise, detail in _find_call_violations(call, job, owner_job_id, lane)
    ]


def _find_call_violations(
    call: OutgoingCall, job: JsonObject, owner_job_id: str, lane: JsonObject | None
) -> Iterator[tuple[Invariant, str]]:
    if job["status"] != "submitting" or not _is_claimed(job):
        yield Invariant.CLAIMED_BEFORE_CALL, f"a call goes out while the job is {job['status']}"
    if job["sha256"] != call.sha256:
        yield Invariant.CLAIMED_BEFORE_CALL, "other bytes go out than the job is for"
    if call.open_call_count or call.calls_at_work:
        yield (
            Invariant.ONE_CALL_AT_A_TIME,
            f"{call.open_call_count} other calls are open, {call.calls_at_work} may be at work",
        )
    if owner_job_id != job["job_id"]:
        yield Invariant.CONTENT_PAID_ONCE, f"a call goes out while {owner_job_id[:8] or 'nobody'} is to pay"
    if call.answerable_lookups:
        yield Invariant.LOOKED_UP_BEFORE_RETRY, "a call goes out again, and the provider was not asked about the first"
    if call.remaining_seconds < call.max_call_seconds:
        yield (
            Invariant.WITHIN_TIMEOUT,
            f"a call of up to {call.max_call_seconds:.0f} s begins with {call.remaining_seconds:.0f} s left",
        )
    if call.is_aware_of_lane and lane and allows_no_job(lane):
        yield Invariant.LANE_STATE_RESPECTED, f"a call goes out while the lane is paused ({_format_reasons(lane)})"
    if call.is_aware_of_lane and allows_at_most_one_job(lane) and call.probe_count > 1:
        yield Invariant.LANE_STATE_RESPECTED, f"{call.probe_count} probes at a time"


def allows_at_most_one_job(lane: JsonObject | None) -> bool:
    """Whether one job at a time is all that may go."""
    return lane is not None and bool(lane["pauses"] or lane["opened_since"])


def allows_no_job(lane: JsonObject) -> bool:
    """Whether nobody may go: a lane that tries itself out, but not where only a person or a day can tell."""
    pause_reasons = {pause["reason"] for pause in lane["pauses"]}
    return bool(pause_reasons) and (not lane["is_half_open"] or bool(pause_reasons & UNTESTABLE_PAUSE_REASONS))


def is_rightly_paused(lane: JsonObject, remaining_micro_usd: int, daily_budget_micro_usd: int = 0) -> bool:
    """Whether a lane rightly lets nothing through: for a person, or for a budget that has too little left for it.

    `most` is what any day has (micro-dollars, 0: not known): a job that is dearer is no reason to keep others from
    theirs. All other reasons are tried out, and pass with what brought them about.
    """
    return any(
        pause["reason"] in UNTESTABLE_PAUSE_REASONS
        and not _is_pointless_budget_pause(pause, remaining_micro_usd, daily_budget_micro_usd)
        for pause in lane["pauses"]
    )


def _is_pointless_budget_pause(pause: JsonObject, remaining_micro_usd: int, daily_budget_micro_usd: int) -> bool:
    """Whether a lane is paused for a budget that has enough left, or will never have."""
    return pause["reason"] == "budget" and (
        pause["required_budget"] <= remaining_micro_usd or 0 < daily_budget_micro_usd < pause["required_budget"]
    )


def describe_restrictions(lane: JsonObject | None) -> tuple[bool, bool]:
    """Whether a lane is narrow, and whether it lets nobody through; a worker that began since it is so must know."""
    return allows_at_most_one_job(lane), lane is not None and allows_no_job(lane)


def _format_reasons(lane: JsonObject) -> str:
    return ", ".join(str(pause["reason"]) for pause in lane["pauses"])


def _is_claimed(job: JsonObject) -> bool:
    attempt = find_current_attempt(job)
    return attempt is not None and attempt["outcome"] == "in_flight" and attempt["reserved"] > 0


def check_retries(job: JsonObject, *, max_lost: int) -> list[Violation]:
    """Calls of one charge whose answers were lost: so many at most. Holds at any write.

    `most_lost`: 1 where a person decides after the first, 2 where one more call follows it.
    """
    lost_by_charge = Counter(attempt["charge_no"] for attempt in job["attempts"] if attempt["outcome"] == "lost")
    if max(lost_by_charge.values(), default=0) > max_lost:
        detail = f"{job['key']}: {max(lost_by_charge.values())} lost answers, {max_lost} are allowed"
        return [Violation(Invariant.RETRIED_ONCE, detail)]
    if max_lost == 1 and _retried_after_loss(job):
        return [
            Violation(Invariant.RETRIED_ONCE, f"{job['key']}: a call after a lost answer, which a person is to decide")
        ]
    return []


def _retried_after_loss(job: JsonObject) -> bool:
    """Whether an attempt follows one whose answer was lost, for the same charge."""
    first_lost_by_charge = {one["charge_no"]: one["n"] for one in reversed(job["attempts"]) if one["outcome"] == "lost"}
    return any(one["n"] > first_lost_by_charge.get(one["charge_no"], one["n"]) for one in job["attempts"])


def check_call_counts(
    call_counts: Mapping[str, int], jobs: Iterable[JsonObject], allowed: Mapping[str, int]
) -> list[Violation]:
    """Paid calls by job id: so many as are allowed for it, else one. Holds at any moment."""
    return [
        Violation(Invariant.PAID_ONCE, f"{job['key']}: {call_counts[job['job_id']]} paid calls, {max_calls} allowed")
        for job in jobs
        if call_counts.get(job["job_id"], 0) > (max_calls := allowed.get(job["job_id"], 1))
    ]


def check_shared_content(
    ledger: PlainLedger, call_counts: Mapping[str, int], allowed: Mapping[str, int]
) -> list[Violation]:
    """Of the jobs that want the same content one pays, unless what it paid for came to nothing. Holds at any moment."""
    jobs_by_content: defaultdict[str, list[JsonObject]] = defaultdict(list)
    for job in ledger.jobs.values():
        jobs_by_content[job["content_id"]].append(job)
    return [
        Violation(
            Invariant.CONTENT_PAID_ONCE,
            f"{', '.join(job['key'] for job in jobs)}: {call_count} paid calls, {max_calls} allowed",
        )
        for jobs in jobs_by_content.values()
        if (call_count := sum(call_counts.get(job["job_id"], 0) for job in jobs))
        > (max_calls := _count_max_shared_calls(jobs, call_counts, allowed))
    ]


def _count_max_shared_calls(
    jobs: Sequence[JsonObject], call_counts: Mapping[str, int], allowed: Mapping[str, int]
) -> int:
    """One, and as many more as people or lost answers excuse, or as jobs paid for what came to nothing."""
    excused_calls = sum(allowed.get(job["job_id"], 1) - 1 for job in jobs)
    wasted_calls = sum(call_counts.get(job["job_id"], 0) for job in jobs if job["status"] in UNUSABLE_END_STATUSES)
    return 1 + excused_calls + wasted_calls


def check_reuse(before: JsonObject | None, after: JsonObject) -> list[Violation]:
    """A job that is served from another's file is charged nothing for it. Holds at any write."""
    is_reused = after["reused_from"] and not (before and before["reused_from"])
    cost = sum_charged(after) - (sum_charged(before) if before else 0)
    return (
        [Violation(Invariant.CONTENT_PAID_ONCE, f"{after['key']}: reused, and charged {cost}")]
        if is_reused and cost
        else []
    )


def check_recorded_results(job: JsonObject, result_count: int) -> list[Violation]:
    """So many usable answers came to workers that lived on: as many attempts are answered. Holds at rest."""
    answered_count = sum(attempt["outcome"] == "answered" for attempt in job["attempts"])
    detail = f"{job['key']}: {result_count} answers were heard, {answered_count} are in the ledger"
    return [Violation(Invariant.RESULTS_RECORDED, detail)] if answered_count < result_count else []


def check_saved_provider_ids(unsaved: Iterable[tuple[str, str]]) -> list[Violation]:
    """Whoever polls for a work has its name in the ledger, so that others can ask. `unnamed`: keys and names."""
    detail = "is polled for, and its name is not in the ledger"
    return [Violation(Invariant.RESULTS_RECORDED, f"{key}: {name} {detail}") for key, name in unsaved]


def check_pauses_after_refusals(
    refusals: Iterable[tuple[datetime, datetime]], paused_at: Sequence[datetime]
) -> list[Violation]:
    """Who is told that nobody may pay now sees to it that the lane is paused. Holds at rest.

    `refusals`: when a worker was told so, and when it ended in good order; `paused_at`: when a paused lane was written.
    """
    return [
        Violation(
            Invariant.LANE_STATE_RESPECTED,
            f"the provider said at {refused_at:%H:%M:%S} that nobody may pay, and nobody paused the lane",
        )
        for refused_at, ended_at in refusals
        if not any(refused_at <= at <= ended_at for at in paused_at)
    ]


def check_recovered_lanes(last_result_was_good: bool, lanes: Iterable[JsonObject]) -> list[Violation]:
    """A lane whose provider's last answer was good is closed no more. Holds at rest."""
    is_tripped = last_result_was_good and any(lane["opened_since"] for lane in lanes)
    return (
        [Violation(Invariant.LANE_STATE_RESPECTED, "the last answer was good, and the lane is closed")]
        if is_tripped
        else []
    )
