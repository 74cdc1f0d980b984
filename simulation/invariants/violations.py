"""The stored items as plain data, and the invariants about money: paid once, and a bill that the ledger explains."""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

type JsonObject = Mapping[str, Any]

NO_INSTRUCTIONS = "no_instructions"
MASK_VARIANT = "@mask"
"""The variant of a cut-out that is bought only as a mask, and delivers no picture."""
BUDGET_FIELDS = ("reserved", "confirmed", "unknown", "committed")
BUDGET_PREFIXES = "budget#", "share#"
MAX_CACHED_BODIES = 20_000


class Invariant(StrEnum):
    """The rules that the product must keep. Every violation names one of them."""

    PAID_ONCE = "a job has at most one paid call, unless the ledger records more"
    BILL_RECONCILED = "the bill is at least the confirmed charges, and at most confirmed plus unknown charges"
    WITHIN_BUDGET = "no day exceeds its budget, and each day's sums equal those of its attempts"
    MANDATE_PAYS = "a paid call for a photo in a mandate's folder is charged to that mandate, and no other call is"
    WITHIN_MANDATE = (
        "a mandate allows and covers each call that is claimed under it, and its sums equal those of its calls"
    )
    WITHIN_CONCURRENCY_LIMIT = "no more calls are in flight than the limit allows"
    PLACES_RESPECTED = (
        "calls never hold more places than a provider that counts images has, and each holds its own until it has ended"
    )
    TURNS_RESPECTED = "once a job has waited a minute for its places, no other job gets places before it"
    ENDS_EXACTLY_ONCE = "every uploaded photo ends exactly once, with a receipt or an error report"
    ENDS_FOR_A_CAUSE = "a transient fault fails no photo; only a lasting fault or two lost answers do"
    DOCUMENTS_MATCH_LEDGER = "receipts and error reports agree with the ledger"
    NAMES_BELONG_TO_ONE_PHOTO = (
        "a name belongs to the photo that claimed it in the ledger, and no other photo's picture replaces its picture"
    )
    FRAMES_BOUGHT_SEPARATELY = "pictures for different frames are never the same purchase"
    PICTURES_MATCH_JOBS = "each picture belongs to a job, and each stored job has its pictures"
    DEAD_LETTERS_MATCH_JOBS = "each dead job has a dead letter, and no other job has one"
    NO_REPEAT_PURCHASES = "repeating an upload or a request buys nothing; editing one sidecar buys one job"
    NO_LOST_UPDATES = "no write overwrites an update that its writer has not read"
    ALLOWED_TRANSITIONS = "a job takes only the transitions that the design allows"
    CHARGES_NEVER_ERASED = "a recorded charge is never removed"
    CLAIMED_BEFORE_CALL = "every paid call has a claim in the ledger and sends the job's own bytes"
    ONE_CALL_AT_A_TIME = "a job has at most one call in flight"
    RETRIED_ONCE = (
        "after a lost answer that cannot be looked up, one more call follows, or none if the stack holds such jobs"
    )
    LOOKED_UP_BEFORE_RETRY = "a call that can be looked up is looked up before it is paid again"
    WITHIN_TIMEOUT = "no call starts that may outlive its invocation, and no invocation times out"
    ONLY_CURRENT_JOBS_BOUGHT = "a job that its photo no longer names is not bought"
    LEASES_RESPECTED = "no worker takes over a job from a worker that is still alive"
    RESULTS_RECORDED = "an answer that a worker received, and lived to record, is in the ledger"
    LANE_STATE_RESPECTED = "a paused lane buys nothing, and a probing lane sends one job at a time"
    FEW_BOUGHT_UNDELIVERED = (
        "while pictures cannot be delivered, a lane buys at most twice its slots, or 20, and one for each probe"
    )
    CANCELS_RESPECTED = "a canceled photo, whatever its state, is bought if it gets new instructions, and otherwise not"
    CONTENT_PAID_ONCE = "jobs with the same bytes and the same instructions are paid once"
    NEWEST_DELIVERED = "the newest version is delivered, and nothing older overwrites it"
    OLD_PHOTOS_IGNORED = (
        "nothing older than the stack or than two days, and none of our own output, is bought without a request"
    )
    SETTLE_TIME_RESPECTED = "a photo without instructions gets its settle time"
    INSTRUCTIONS_FOLLOWED = "a photo's jobs match its request, sidecar, tags, and folder defaults"
    MASK_BOUGHT_ON_REQUEST = (
        "a photo has a mask if, and only if, a picture asks for one and nothing else shows where the product is"
    )
    APPROVED_BEFORE_DELIVERY = (
        "a picture that needs a person's approval is not delivered before it is approved, and never if it is rejected"
    )
    DECISIONS_KEPT = (
        "the first decision about a picture counts, is never lost or reversed, and is shown to other reviewers"
    )
    REVIEW_FILES_KEPT = "each picture that waits for a person has the file that people see, and is announced"
    RESOLVED_AGAIN_ONLY_FOR_A_CAUSE = (
        "a photo is resolved again only if its bytes or its own instructions change, or if an operator reruns it"
    )
    BLOCKED_BY_BROKEN_DEFAULTS = (
        "a photo that inherits broken folder defaults is blocked until they are fixed, with one report for the folder"
    )
    POISON_PHOTOS_GIVEN_UP = "a photo that crashes its workers is abandoned after a few crashes"
    ONE_RECONCILE_RUN = "at most one reconciliation runs at a time"
    RETRY_AFTER_RESPECTED = "no call is sent earlier than the provider's Retry-After allows"
    EVENTS_PUBLISHED = "every end of a job and every pause of a lane is published as an event"
    TASK_TOKENS_ANSWERED_ONCE = "a task token is answered once, truthfully, after all jobs of its request have ended"
    LANE_REPORTED_ONCE = "a paused provider has one report instead of one for each photo, and none after it resumes"
    MESSAGE_CHAINS_END = "a chain of messages ends or moves forward before Lambda would stop it"
    DRAINED_IN_TIME = "after the faults end, all work ends within a bounded time"
    FAULTS_FIRED = "every planned fault strikes"


@dataclass(frozen=True)
class Violation:
    """A broken invariant, with the evidence."""

    invariant: Invariant
    detail: str

    def __str__(self) -> str:
        return f"{self.invariant.name}: {self.detail}"


@dataclass(frozen=True)
class Charge:
    """One entry of the provider's bill. `work_id`: what was made, as the check's `identify_work` identifies a job.

    `surcharge`: how much of it is above the price list, which no one can know if the answer is lost.
    """

    work_id: str
    micro_usd: int
    surcharge: int = 0


@dataclass(frozen=True)
class PlainLedger:
    """The stored items by kind: sources and jobs by their IDs, and what each day has booked, in micro-dollars.

    `days`: by day (`2026-11-21`), and by share of the day's budget (`2026-11-21#3`).
    """

    sources: Mapping[str, JsonObject]
    jobs: Mapping[str, JsonObject]
    days: Mapping[str, Mapping[str, int]]

    def find_jobs(self, source_id: str) -> list[JsonObject]:
        """Returns every job that the source ever had."""
        return [job for job in self.jobs.values() if job["source_id"] == source_id]


def parse_ledger(items: Iterable[JsonObject]) -> PlainLedger:
    """Parses items as DynamoDB stores them. Ignores items of other kinds."""
    sources: dict[str, JsonObject] = {}
    jobs: dict[str, JsonObject] = {}
    days: dict[str, Mapping[str, int]] = {}
    for item in items:
        partition_key, sort_key = item["pk"]["S"], item["sk"]["S"]
        if sort_key == "source" and partition_key.startswith("source#"):
            sources[partition_key.removeprefix("source#")] = parse_body(item["body"]["S"])
        elif sort_key.startswith("job#"):
            jobs[sort_key.removeprefix("job#")] = parse_body(item["body"]["S"])
        elif partition_key.startswith(BUDGET_PREFIXES):
            sums = {name: int(value["N"]) for name, value in item.items() if "N" in value}
            days[partition_key.partition("#")[2]] = sums
    return PlainLedger(sources, jobs, days)


@lru_cache(maxsize=MAX_CACHED_BODIES)
def parse_body(text: str) -> JsonObject:
    """Parses an item's record, once per text. Callers must not change the result."""
    return json.loads(text)


def hash_job_prompt(job: JsonObject) -> str:
    """Identifies a job by the `prompt_sha` of the bill. Each photo must have a prompt of its own."""
    return hash_prompt(str(job["purchase_spec"].get("prompt", "")))


def hash_prompt(prompt: str) -> str:
    """Returns the `prompt_sha` of the stand-in's bill."""
    return hashlib.sha256(prompt.encode()).hexdigest()


def is_mask(job: JsonObject) -> bool:
    """Whether the job is bought only as a mask, and delivers no picture."""
    return job["variant"] == MASK_VARIANT


def find_current_attempt(job: JsonObject) -> JsonObject | None:
    """Returns the job's latest attempt; None before the first one."""
    return next((attempt for attempt in job["attempts"] if attempt["n"] == job["attempt_no"]), None)


def sum_charged(job: JsonObject) -> int:
    """Returns the confirmed charges of all attempts, in micro-dollars."""
    return sum(attempt["charged"] for attempt in job["attempts"])


def sum_uncertain(job: JsonObject) -> int:
    """Returns what the attempts may have cost in addition, calls in flight included, in micro-dollars."""
    return sum(attempt["unknown"] + attempt["reserved"] for attempt in job["attempts"])


def count_recorded_calls(job: JsonObject) -> int:
    """Counts the attempts that have cost, or may have cost, money."""
    return sum(attempt["charged"] + attempt["unknown"] + attempt["reserved"] > 0 for attempt in job["attempts"])


def check_charges(
    ledger: PlainLedger, charges: Sequence[Charge], identify_work: Callable[[JsonObject], str]
) -> list[Violation]:
    """Checks that each work has no more charges than attempts, and a sum that they explain. Holds at all times."""
    call_counts, billed_by_work, surcharges = Counter[str](), Counter[str](), Counter[str]()
    for charge in charges:
        call_counts[charge.work_id] += charge.micro_usd > 0
        billed_by_work[charge.work_id] += charge.micro_usd
        surcharges[charge.work_id] += charge.surcharge
    jobs: defaultdict[str, list[JsonObject]] = defaultdict(list)
    for job in ledger.jobs.values():
        jobs[identify_work(job)].append(job)
    return [
        violation
        for work_id in billed_by_work.keys() | jobs.keys()
        for violation in _check_work(jobs[work_id], call_counts[work_id], billed_by_work[work_id], surcharges[work_id])
    ]


def _check_work(jobs: Sequence[JsonObject], calls: int, billed: int, surcharge: int) -> Iterable[Violation]:
    job_names = ", ".join(f"{job['key']} ({job['status']})" for job in jobs) or "no job at all"
    recorded_count = sum(count_recorded_calls(job) for job in jobs)
    if calls > recorded_count:
        yield Violation(Invariant.PAID_ONCE, f"{job_names}: {calls} paid calls, {recorded_count} recorded")
    charged, uncertain = sum(sum_charged(job) for job in jobs), sum(sum_uncertain(job) for job in jobs)
    if not charged <= billed <= charged + uncertain + surcharge * bool(uncertain):
        yield Violation(
            Invariant.BILL_RECONCILED, f"{job_names}: confirmed {charged}, unknown {uncertain}, billed {billed}"
        )


def check_budget(ledger: PlainLedger, cap: int) -> list[Violation]:
    """Checks that each day's sums equal its attempts' and stay within the cap (micro-dollars). Holds at all times."""
    over_cap = [
        Violation(Invariant.WITHIN_BUDGET, f"{day}: {booked['committed']} committed, but the cap is {cap}")
        for day, booked in ledger.days.items()
        if booked.get("committed", 0) > cap
    ]
    return check_day_sums(sum_attempts_by_day(ledger.jobs.values()), ledger.days) + over_cap


def sum_attempts_by_day(jobs: Iterable[JsonObject]) -> dict[str, Counter[str]]:
    """Returns the sums of the jobs' attempts by day, or by share of a day's budget, in micro-dollars."""
    days: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for attempt in (attempt for job in jobs for attempt in job["attempts"]):
        amounts = {"reserved": attempt["reserved"], "confirmed": attempt["charged"], "unknown": attempt["unknown"]}
        share = attempt.get("budget_share")
        account = attempt["budget_day"] if share is None else f"{attempt['budget_day']}#{share}"
        days[account].update(amounts | {"committed": sum(amounts.values())})
    return days


def check_day_sums(sums: Mapping[str, Mapping[str, int]], days: Mapping[str, Mapping[str, int]]) -> list[Violation]:
    """Checks that each day's, and each share's, sums equal those of its attempts. Holds at all times.

    What a day's item has granted to shares is committed in them.
    """
    violations: list[Violation] = []
    for day in sums.keys() | days.keys():
        booked_amounts = {name: days.get(day, {}).get(name, 0) for name in BUDGET_FIELDS}
        booked_amounts["committed"] -= days.get(day, {}).get("granted", 0)
        summed_amounts = {name: sums.get(day, {}).get(name, 0) for name in BUDGET_FIELDS}
        if booked_amounts != summed_amounts:
            violations.append(
                Violation(
                    Invariant.WITHIN_BUDGET, f"{day}: {booked_amounts} booked, but the attempts sum to {summed_amounts}"
                )
            )
    return violations


def check_concurrency_limit(in_flight: Iterable[int], limit: int) -> list[Violation]:
    """Checks the numbers of concurrent calls that the provider counted against the limit. Holds at all times."""
    peak = max(in_flight, default=0)
    return (
        [Violation(Invariant.WITHIN_CONCURRENCY_LIMIT, f"{peak} calls in flight, but only {limit} allowed")]
        if peak > limit
        else []
    )
