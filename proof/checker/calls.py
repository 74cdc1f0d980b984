"""The promises about paid calls: claimed before they go out, one at a time, once more at most, never while paused."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from proof.checker.books import Breach, Ledger, Plain, Promise, certain

UNTRIED = frozenset({"person", "budget", "delivery"})
"""Reasons of which no call can tell whether they still hold."""
UNUSABLE_ENDS = frozenset({"refused", "dead", "held", "superseded", "cancelled"})


@dataclass(frozen=True)
class Sent:
    """One paid call as it goes out.

    `sha256` is of the bytes that it carries. `open` and `at_work`: how many other calls of this job our side holds
    open, and the provider may still be at work on. `fresh`: its worker began when the lane was already as it is now.
    `probes`: how many calls are open, this one included, whose workers began when the lane was shut or closed.
    `told`: how many earlier calls of this charge the provider would tell of, if it was asked. `left`: seconds until the
    invocation ends, `longest`: how long a call may last.
    """

    job_id: str
    sha256: str
    open: int
    at_work: int
    fresh: bool
    probes: int
    told: int = 0
    left: float = 0.0
    longest: float = 0.0


def sent_breaches(sent: Sent, job: Plain | None, owner: str, lane: Plain | None) -> list[Breach]:
    """A call goes out: job and lane as stored at this moment, and the id of the job that owns the content."""
    if job is None:
        return [Breach(Promise.CLAIMED_FIRST, f"{sent.job_id}: a call for a job that the ledger does not know")]
    return [Breach(promise, f"{job['key']}: {words}") for promise, words in _sent(sent, job, owner, lane)]


def _sent(sent: Sent, job: Plain, owner: str, lane: Plain | None) -> Iterator[tuple[Promise, str]]:
    if job["status"] != "submitting" or not _claimed(job):
        yield Promise.CLAIMED_FIRST, f"a call goes out while the job is {job['status']}"
    if job["sha256"] != sent.sha256:
        yield Promise.CLAIMED_FIRST, "other bytes go out than the job is for"
    if sent.open or sent.at_work:
        yield Promise.ONE_CALL, f"{sent.open} other calls are open, {sent.at_work} may be at work"
    if owner != job["job_id"]:
        yield Promise.SHARED, f"a call goes out while {owner[:8] or 'nobody'} is to pay"
    if sent.told:
        yield Promise.ASKED_FIRST, "a call goes out again, and the provider was not asked about the first"
    if sent.left < sent.longest:
        yield Promise.IN_TIME, f"a call of up to {sent.longest:.0f} s begins with {sent.left:.0f} s left"
    if sent.fresh and lane and shut(lane):
        yield Promise.LANE_HEEDED, f"a call goes out while the lane is paused ({_reasons(lane)})"
    if sent.fresh and narrow(lane) and sent.probes > 1:
        yield Promise.LANE_HEEDED, f"{sent.probes} probes at a time"


def narrow(lane: Plain | None) -> bool:
    """Whether one job at a time is all that may go."""
    return lane is not None and bool(lane["pauses"] or lane["closed_since"])


def shut(lane: Plain) -> bool:
    """Whether nobody may go: a lane that tries itself out, but not where only a person or a day can tell."""
    reasons = {pause["reason"] for pause in lane["pauses"]}
    return bool(reasons) and (not lane["is_in_trial"] or bool(reasons & UNTRIED))


def paused(lane: Plain, left: int, most: int = 0) -> bool:
    """Whether a lane rightly lets nothing through: for a person, or for a budget that has too little left for it.

    `most` is what any day has (micro-dollars, 0: not known): a job that is dearer is no reason to keep others from
    theirs. All other reasons are tried out, and pass with what brought them about.
    """
    return any(pause["reason"] in UNTRIED and not _idle(pause, left, most) for pause in lane["pauses"])


def _idle(pause: Plain, left: int, most: int) -> bool:
    """Whether a lane is paused for a budget that has enough left, or will never have."""
    return pause["reason"] == "budget" and (pause["required_budget"] <= left or 0 < most < pause["required_budget"])


def shape(lane: Plain | None) -> tuple[bool, bool]:
    """Whether a lane is narrow, and whether it lets nobody through; a worker that began since it is so must know."""
    return narrow(lane), lane is not None and shut(lane)


def _reasons(lane: Plain) -> str:
    return ", ".join(str(pause["reason"]) for pause in lane["pauses"])


def _claimed(job: Plain) -> bool:
    attempt = next((one for one in job["attempts"] if one["n"] == job["attempt_no"]), None)
    return attempt is not None and attempt["outcome"] == "in_flight" and attempt["reserved"] > 0


def retry_breaches(job: Plain, *, most_lost: int) -> list[Breach]:
    """Calls of one charge whose answers were lost: so many at most. Holds at any write.

    `most_lost`: 1 where a person decides after the first, 2 where one more call follows it.
    """
    lost = Counter(attempt["charge_no"] for attempt in job["attempts"] if attempt["outcome"] == "lost")
    if max(lost.values(), default=0) > most_lost:
        words = f"{job['key']}: {max(lost.values())} lost answers, {most_lost} are allowed"
        return [Breach(Promise.RETRIED_ONCE, words)]
    if most_lost == 1 and _went_on(job):
        return [Breach(Promise.RETRIED_ONCE, f"{job['key']}: a call after a lost answer, which a person is to decide")]
    return []


def _went_on(job: Plain) -> bool:
    """Whether an attempt follows one whose answer was lost, for the same charge."""
    lost = {one["charge_no"]: one["n"] for one in reversed(job["attempts"]) if one["outcome"] == "lost"}
    return any(one["n"] > lost.get(one["charge_no"], one["n"]) for one in job["attempts"])


def charge_breaches(charges: Mapping[str, int], jobs: Iterable[Plain], allowed: Mapping[str, int]) -> list[Breach]:
    """Paid calls by job id: so many as are allowed for it, else one. Holds at any moment."""
    return [
        Breach(Promise.PAID_ONCE, f"{job['key']}: {charges[job['job_id']]} paid calls, {most} allowed")
        for job in jobs
        if charges.get(job["job_id"], 0) > (most := allowed.get(job["job_id"], 1))
    ]


def shared_breaches(ledger: Ledger, charges: Mapping[str, int], allowed: Mapping[str, int]) -> list[Breach]:
    """Of the jobs that want the same content one pays, unless what it paid for came to nothing. Holds at any moment."""
    groups: defaultdict[str, list[Plain]] = defaultdict(list)
    for job in ledger.jobs.values():
        groups[job["content_id"]].append(job)
    return [
        Breach(Promise.SHARED, f"{', '.join(job['key'] for job in jobs)}: {paid} paid calls, {most} allowed")
        for jobs in groups.values()
        if (paid := sum(charges.get(job["job_id"], 0) for job in jobs)) > (most := _most(jobs, charges, allowed))
    ]


def _most(jobs: Sequence[Plain], charges: Mapping[str, int], allowed: Mapping[str, int]) -> int:
    """One, and as many more as people or lost answers excuse, or as jobs paid for what came to nothing."""
    excused = sum(allowed.get(job["job_id"], 1) - 1 for job in jobs)
    in_vain = sum(charges.get(job["job_id"], 0) for job in jobs if job["status"] in UNUSABLE_ENDS)
    return 1 + excused + in_vain


def reuse_breaches(before: Plain | None, after: Plain) -> list[Breach]:
    """A job that is served from another's file is charged nothing for it. Holds at any write."""
    served = after["reused_from"] and not (before and before["reused_from"])
    cost = certain(after) - (certain(before) if before else 0)
    return [Breach(Promise.SHARED, f"{after['key']}: reused, and charged {cost}")] if served and cost else []


def heard_breaches(job: Plain, heard: int) -> list[Breach]:
    """So many usable answers came to workers that lived on: as many attempts are answered. Holds at rest."""
    answered = sum(attempt["outcome"] == "answered" for attempt in job["attempts"])
    words = f"{job['key']}: {heard} answers were heard, {answered} are in the ledger"
    return [Breach(Promise.HEARD, words)] if answered < heard else []


def named_breaches(unnamed: Iterable[tuple[str, str]]) -> list[Breach]:
    """Whoever polls for a work has its name in the ledger, so that others can ask. `unnamed`: keys and names."""
    words = "is polled for, and its name is not in the ledger"
    return [Breach(Promise.HEARD, f"{key}: {name} {words}") for key, name in unnamed]


def refused_breaches(refusals: Iterable[tuple[datetime, datetime]], paused_at: Sequence[datetime]) -> list[Breach]:
    """Who is told that nobody may pay now sees to it that the lane is paused. Holds at rest.

    `refusals`: when a worker was told so, and when it ended in good order; `paused_at`: when a paused lane was written.
    """
    return [
        Breach(
            Promise.LANE_HEEDED, f"the provider said at {told:%H:%M:%S} that nobody may pay, and nobody paused the lane"
        )
        for told, ended in refusals
        if not any(told <= at <= ended for at in paused_at)
    ]


def well_breaches(last_was_good: bool, lanes: Iterable[Plain]) -> list[Breach]:
    """A lane whose provider's last answer was good is closed no more. Holds at rest."""
    closed = last_was_good and any(lane["closed_since"] for lane in lanes)
    return [Breach(Promise.LANE_HEEDED, "the last answer was good, and the lane is closed")] if closed else []
