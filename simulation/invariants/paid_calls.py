"""Invariants about paid calls: claimed first, one at a time, at most one retry, none while the lane is paused."""

from collections import defaultdict
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
"""Reasons whose end no call can detect."""
DELIVERED_PAUSE_REASONS = frozenset({"storage", "results"})
"""Reasons whose end only a delivered picture shows."""
MOST_UNDELIVERED = 20
"""Bought in a lane with few slots before it stops, if nothing can be delivered."""
UNUSABLE_END_STATUSES = END_STATUSES - {"stored", "rejected"}


@dataclass(frozen=True)
class OutgoingCall:
    """One paid call as it goes out.

    `sha256`: of the bytes that it carries. `open_call_count`: the other calls of this job that Backdrop has open.
    `calls_at_work`: those that the provider may still process. `is_aware_of_lane`: whether its worker started when the
    lane was already in its current state. `probe_count`: the open calls, this one included, whose workers started while
    the lane was paused or probing. `answerable_lookups`: the earlier calls of this charge that the provider would
    report in a lookup. `remaining_seconds`: until the invocation ends. `max_call_seconds`: how long a call may last.
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
    """Checks a call against the job, the lane, and the owner of the content, all as stored at this moment."""
    if job is None:
        return [Violation(Invariant.CLAIMED_BEFORE_CALL, f"{call.job_id}: a call for a job that is not in the ledger")]
    return [
        Violation(invariant, f"{job['key']}: {detail}")
        for invariant, detail in _find_call_violations(call, job, owner_job_id, lane)
    ]


def _find_call_violations(
    call: OutgoingCall, job: JsonObject, owner_job_id: str, lane: JsonObject | None
) -> Iterator[tuple[Invariant, str]]:
    if job["status"] != "submitting" or not _is_claimed(job):
        yield Invariant.CLAIMED_BEFORE_CALL, f"a call goes out while the job is {job['status']}"
    if job["sha256"] != call.sha256:
        yield Invariant.CLAIMED_BEFORE_CALL, "the call sends other bytes than the job's"
    if call.open_call_count or call.calls_at_work:
        yield (
            Invariant.ONE_CALL_AT_A_TIME,
            f"{call.open_call_count} other calls are open, and the provider may be processing {call.calls_at_work}",
        )
    if owner_job_id != job["job_id"]:
        yield Invariant.CONTENT_PAID_ONCE, f"a call goes out, but the content belongs to {owner_job_id[:8] or 'no job'}"
    if call.answerable_lookups:
        yield Invariant.LOOKED_UP_BEFORE_RETRY, "a second call goes out without a lookup of the first"
    if call.remaining_seconds < call.max_call_seconds:
        yield (
            Invariant.WITHIN_TIMEOUT,
            f"a call that may take {call.max_call_seconds:.0f} s starts with {call.remaining_seconds:.0f} s left",
        )
    if call.is_aware_of_lane and lane and allows_no_job(lane):
        yield Invariant.LANE_STATE_RESPECTED, f"a call goes out while the lane is paused ({_format_reasons(lane)})"
    if call.is_aware_of_lane and allows_at_most_one_job(lane) and call.probe_count > 1:
        yield Invariant.LANE_STATE_RESPECTED, f"{call.probe_count} probes at the same time"


def allows_at_most_one_job(lane: JsonObject | None) -> bool:
    return lane is not None and bool(lane["pauses"] or lane["opened_since"])


def allows_no_job(lane: JsonObject) -> bool:
    """Whether no call may go out: the lane is paused, and not half-open, or for a reason that no call can test."""
    pause_reasons = {pause["reason"] for pause in lane["pauses"]}
    return bool(pause_reasons) and (not lane["is_half_open"] or bool(pause_reasons & UNTESTABLE_PAUSE_REASONS))


def is_rightly_paused(lane: JsonObject, remaining_micro_usd: int, daily_budget_micro_usd: int = 0) -> bool:
    """Whether the lane is paused for an operator, for deliveries, or for a budget that is too small for its next job.

    `daily_budget_micro_usd`: every day's budget (0 if unknown). A job that costs more is no reason to keep the other
    jobs waiting. Lanes probe all other reasons, which end with their cause.
    """
    return any(
        pause["reason"] in UNTESTABLE_PAUSE_REASONS
        and not _is_pointless_budget_pause(pause, remaining_micro_usd, daily_budget_micro_usd)
        for pause in lane["pauses"]
    )


def _is_pointless_budget_pause(pause: JsonObject, remaining_micro_usd: int, daily_budget_micro_usd: int) -> bool:
    """Whether the budget is large enough now, or never will be."""
    return pause["reason"] == "budget" and (
        pause["required_budget"] <= remaining_micro_usd or 0 < daily_budget_micro_usd < pause["required_budget"]
    )


def describe_restrictions(lane: JsonObject | None) -> tuple[bool, bool]:
    """Returns whether the lane allows at most one job, and whether it allows none.

    A worker that starts after a change of this state must respect it.
    """
    return allows_at_most_one_job(lane), lane is not None and allows_no_job(lane)


def _format_reasons(lane: JsonObject) -> str:
    return ", ".join(str(pause["reason"]) for pause in lane["pauses"])


def _is_claimed(job: JsonObject) -> bool:
    attempt = find_current_attempt(job)
    return attempt is not None and attempt["outcome"] == "in_flight" and attempt["reserved"] > 0


def check_retries(job: JsonObject, *, max_lost: int) -> list[Violation]:
    """Checks how many answers were lost per charge. Holds on every write.

    `max_lost`: 1 if an operator decides after the first loss, 2 if one more call follows it. None follows a call that
    buys a picture again because its product differed.
    """
    lost_by_charge = defaultdict[int, list[int]](list)
    for attempt in job["attempts"]:
        if attempt["outcome"] == "lost":
            lost_by_charge[attempt["charge_no"]].append(attempt["n"])
    return [
        Violation(Invariant.RETRIED_ONCE, f"{job['key']}: {detail}")
        for charge_no, lost in lost_by_charge.items()
        if (detail := _find_forbidden_call(job, charge_no, lost, 1 if _is_retry(job, charge_no) else max_lost))
    ]


def _is_retry(job: JsonObject, charge_no: int) -> bool:
    """Whether a charge buys a picture again because its product differed."""
    first_attempt_no = job["judged_attempts"][0]["attempt_no"] if job["judged_attempts"] else None
    return any(attempt["n"] == first_attempt_no and charge_no > attempt["charge_no"] for attempt in job["attempts"])


def _find_forbidden_call(job: JsonObject, charge_no: int, lost: Sequence[int], max_lost: int) -> str:
    if len(lost) > max_lost:
        return f"{len(lost)} lost answers, but only {max_lost} allowed"
    if max_lost == 1 and any(call["n"] > lost[0] for call in job["attempts"] if call["charge_no"] == charge_no):
        return "a call follows a lost answer, although no other call may"
    return ""


def check_call_counts(
    call_counts: Mapping[str, int], jobs: Iterable[JsonObject], allowed: Mapping[str, int]
) -> list[Violation]:
    """Checks that each job has at most as many paid calls as are allowed for it, by default one. Holds at all times."""
    return [
        Violation(
            Invariant.PAID_ONCE, f"{job['key']}: {call_counts[job['job_id']]} paid calls, but only {max_calls} allowed"
        )
        for job in jobs
        if call_counts.get(job["job_id"], 0) > (max_calls := allowed.get(job["job_id"], 1))
    ]


def check_shared_content(
    ledger: PlainLedger, call_counts: Mapping[str, int], allowed: Mapping[str, int], wasted: Mapping[str, int]
) -> list[Violation]:
    """Checks that one of the jobs with the same content pays, unless its purchase failed. Holds at all times.

    `wasted`: how many calls each job had made when it last ended unusable. An operator may have revived it since, but
    another job may have bought the content meanwhile.
    """
    jobs_by_content: defaultdict[str, list[JsonObject]] = defaultdict(list)
    for job in ledger.jobs.values():
        jobs_by_content[job["content_id"]].append(job)
    return [
        Violation(
            Invariant.CONTENT_PAID_ONCE,
            f"{', '.join(job['key'] for job in jobs)}: {call_count} paid calls, but only {max_calls} allowed",
        )
        for jobs in jobs_by_content.values()
        if (call_count := sum(call_counts.get(job["job_id"], 0) for job in jobs))
        > (max_calls := _count_max_shared_calls(jobs, allowed, wasted))
    ]


def _count_max_shared_calls(jobs: Sequence[JsonObject], allowed: Mapping[str, int], wasted: Mapping[str, int]) -> int:
    """Returns 1, plus the calls that operators or lost answers excuse, plus the calls of jobs that ended unusable."""
    return 1 + sum(allowed.get(job["job_id"], 1) - 1 + wasted.get(job["job_id"], 0) for job in jobs)


def check_reuse(before: JsonObject | None, after: JsonObject) -> list[Violation]:
    """Checks that a job that reuses another job's file is not charged. Holds on every write."""
    is_reused = after["reused_from"] and not (before and before["reused_from"])
    cost = sum_charged(after) - (sum_charged(before) if before else 0)
    return (
        [Violation(Invariant.CONTENT_PAID_ONCE, f"{after['key']}: reuses a file, but was charged {cost}")]
        if is_reused and cost
        else []
    )


def check_recorded_results(job: JsonObject, result_count: int) -> list[Violation]:
    """Checks that every usable answer to a surviving worker is recorded as an answered attempt. Holds at rest."""
    answered_count = sum(attempt["outcome"] == "answered" for attempt in job["attempts"])
    detail = f"{job['key']}: {result_count} answers were received, but {answered_count} are in the ledger"
    return [Violation(Invariant.RESULTS_RECORDED, detail)] if answered_count < result_count else []


def check_saved_provider_ids(unsaved: Iterable[tuple[str, str]]) -> list[Violation]:
    """Reports work that is polled although the ledger does not have its ID, so that no other worker could look it up.

    `unsaved`: pairs of a photo's key and the provider's ID.
    """
    detail = "is polled, but its ID is not in the ledger"
    return [Violation(Invariant.RESULTS_RECORDED, f"{key}: {provider_id} {detail}") for key, provider_id in unsaved]


def check_pauses_after_refusals(
    refusals: Iterable[tuple[datetime, datetime]], paused_at: Sequence[datetime]
) -> list[Violation]:
    """Checks that a worker whose call is refused for lack of money or access pauses the lane. Holds at rest.

    `refusals`: when the provider refused, and when the worker ended normally. `paused_at`: when a paused lane was
    written.
    """
    return [
        Violation(
            Invariant.LANE_STATE_RESPECTED,
            f"the provider refused all calls at {refused_at:%H:%M:%S}, but no worker paused the lane",
        )
        for refused_at, ended_at in refusals
        if not any(refused_at <= at <= ended_at for at in paused_at)
    ]


def check_recovered_lanes(last_result_was_good: bool, lanes: Iterable[JsonObject]) -> list[Violation]:
    """Checks that no lane is still probing after the provider's last answer was good. Holds at rest."""
    is_tripped = last_result_was_good and any(lane["opened_since"] for lane in lanes)
    return (
        [Violation(Invariant.LANE_STATE_RESPECTED, "the last answer was good, but the lane is still probing")]
        if is_tripped
        else []
    )


def check_undelivered(lane: str, bought: int, slots: int) -> list[Violation]:
    """Checks how many pictures a lane has bought in a row that cannot be delivered, without probes."""
    limit = max(MOST_UNDELIVERED, 2 * slots)
    words = f"{lane} bought {bought} pictures that cannot be delivered, more than {limit}"
    return [Violation(Invariant.FEW_BOUGHT_UNDELIVERED, words)] if bought > limit else []
