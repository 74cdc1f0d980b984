"""The ledger's items as plain data, and the promises about money: paid once, the bill explained to the cent."""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

type JsonObject = Mapping[str, Any]
"""A JSON object."""

NO_INSTRUCTIONS = "no_instructions"
BUDGET_FIELDS = ("reserved", "confirmed", "unknown", "committed")
MAX_CACHED_BODIES = 20_000


class Invariant(StrEnum):
    """What is promised; a breach names one of them."""

    PAID_ONCE = "paid calls per job <= 1 unless the ledger records more"
    BILL_RECONCILED = "certain <= bill <= certain + unknown"
    WITHIN_BUDGET = "spend <= budget, and the day's sums are those of its attempts"
    WITHIN_CONCURRENCY_LIMIT = "calls in flight <= limit"
    ENDS_EXACTLY_ONCE = "every drop ends in exactly one end, with a receipt or a report"
    ENDS_FOR_A_CAUSE = "a fault that passes ends no photo; only what lasts does, and two lost answers"
    DOCUMENTS_MATCH_LEDGER = "receipts and reports agree with the ledger"
    PICTURES_MATCH_JOBS = "each picture belongs to a job, and each stored job has its pictures"
    DEAD_LETTERS_MATCH_JOBS = "a dead letter for each dead job, and for no other"
    NO_REPEAT_PURCHASES = "the same again buys nothing; one edited sidecar buys one"
    NO_LOST_UPDATES = "no write overwrites one that it has not seen"
    ALLOWED_TRANSITIONS = "a job goes only the ways that the design draws"
    CHARGES_NEVER_ERASED = "what was written down of a charge is never taken back"
    CLAIMED_BEFORE_CALL = "no call without its claim in the ledger, and none but with the job's own bytes"
    ONE_CALL_AT_A_TIME = "a job has one call under way at a time"
    RETRIED_ONCE = "a lost answer that nobody can be asked about is followed by one more call, under hold by none"
    LOOKED_UP_BEFORE_RETRY = "a call that can be asked about is asked about before it is paid again"
    WITHIN_TIMEOUT = "no call starts that may outlive its invocation, and no invocation is ended by the clock"
    ONLY_CURRENT_JOBS_BOUGHT = "what its photo names no more is not bought"
    LEASES_RESPECTED = "a job under way is left to its worker while that one lives"
    RESULTS_RECORDED = "an answer that a worker heard, and lived to write down, stands in the ledger"
    LANE_STATE_RESPECTED = "a paused lane pays nothing, and a closed one tries one job at a time"
    CANCELS_RESPECTED = (
        "what a person cancels is not bought, whatever it has become by then, until something new is said"
    )
    CONTENT_PAID_ONCE = "the same bytes asked the same thing are paid by one"
    NEWEST_DELIVERED = "the newest version is what is delivered, and nothing older is put over it"
    OLD_PHOTOS_IGNORED = "nothing older than the stack or two days, and nothing of our own, is bought unasked"
    SETTLE_TIME_RESPECTED = "a photo without a wish is given its time to settle"
    INSTRUCTIONS_FOLLOWED = (
        "what is asked for a photo is what lies there: request, sidecar, tags and its folders' defaults"
    )
    RESOLVED_AGAIN_ONLY_FOR_A_CAUSE = (
        "what was resolved is resolved anew only for its own bytes or word, or by a person's"
    )
    BLOCKED_BY_BROKEN_DEFAULTS = (
        "what inherits from a broken folder default is held until it is mended, with one report"
    )
    POISON_PHOTOS_GIVEN_UP = "a photo that kills its workers is given up after some"
    ONE_RECONCILE_RUN = "one reconciliation at a time"
    RETRY_AFTER_RESPECTED = "who is asked to come again later comes no sooner"
    EVENTS_PUBLISHED = "each end is announced, and so is each pause"
    TASK_TOKENS_ANSWERED_ONCE = "a task token is answered once, when all jobs of its request have ended, and truthfully"
    LANE_REPORTED_ONCE = "one report for a paused provider instead of one for each photo, and none when it goes on"
    MESSAGE_CHAINS_END = "a chain of messages ends, or moves forward, before Lambda would stop it"
    DRAINED_IN_TIME = "when the faults end, all comes to its end in bounded time"
    FAULTS_FIRED = "every announced fault did fire"


@dataclass(frozen=True)
class Violation:
    """One broken promise, with what shows it."""

    invariant: Invariant
    detail: str

    def __str__(self) -> str:
        return f"{self.invariant.name}: {self.detail}"


@dataclass(frozen=True)
class Charge:
    """One entry of the provider's bill: `work` says what was made, in the words of `work_of`."""

    work_id: str
    micro_usd: int


@dataclass(frozen=True)
class PlainLedger:
    """The stored items by kind: sources by id, jobs by id, what each day has booked in micro-dollars."""

    sources: Mapping[str, JsonObject]
    jobs: Mapping[str, JsonObject]
    days: Mapping[str, Mapping[str, int]]

    def find_jobs(self, source_id: str) -> list[JsonObject]:
        """All jobs ever of one place."""
        return [job for job in self.jobs.values() if job["source_id"] == source_id]


def parse_ledger(items: Iterable[JsonObject]) -> PlainLedger:
    """Items as DynamoDB stores them, sorted by what they are; kinds that are not known are left out."""
    sources: dict[str, JsonObject] = {}
    jobs: dict[str, JsonObject] = {}
    days: dict[str, Mapping[str, int]] = {}
    for item in items:
        partition_key, sort_key = item["pk"]["S"], item["sk"]["S"]
        if sort_key == "source":
            sources[partition_key.removeprefix("source#")] = parse_body(item["body"]["S"])
        elif sort_key.startswith("job#"):
            jobs[sort_key.removeprefix("job#")] = parse_body(item["body"]["S"])
        elif partition_key.startswith("budget#"):
            sums = {name: int(value["N"]) for name, value in item.items() if "N" in value}
            days[partition_key.removeprefix("budget#")] = sums
    return PlainLedger(sources, jobs, days)


@lru_cache(maxsize=MAX_CACHED_BODIES)
def parse_body(text: str) -> JsonObject:
    """An item's record as plain data, parsed once per text; not to be changed."""
    return json.loads(text)


def hash_job_prompt(job: JsonObject) -> str:
    """The work of a job where each photo has a prompt of its own: the bill's `prompt_sha`."""
    return hash_prompt(str(job["purchase_spec"].get("prompt", "")))


def hash_prompt(prompt: str) -> str:
    """How the stand-in's bill names a prompt."""
    return hashlib.sha256(prompt.encode()).hexdigest()


def find_current_attempt(job: JsonObject) -> JsonObject | None:
    """Returns the attempt that the job is at; None before its first one."""
    return next((attempt for attempt in job["attempts"] if attempt["n"] == job["attempt_no"]), None)


def sum_charged(job: JsonObject) -> int:
    """What a job cost for sure, over all attempts, in micro-dollars."""
    return sum(attempt["charged"] for attempt in job["attempts"])


def sum_uncertain(job: JsonObject) -> int:
    """What a job may have cost besides, calls in flight included, in micro-dollars."""
    return sum(attempt["unknown"] + attempt["reserved"] for attempt in job["attempts"])


def count_recorded_calls(job: JsonObject) -> int:
    """How many of a job's attempts may have moved money."""
    return sum(attempt["charged"] + attempt["unknown"] + attempt["reserved"] > 0 for attempt in job["attempts"])


def check_charges(
    ledger: PlainLedger, charges: Sequence[Charge], identify_work: Callable[[JsonObject], str]
) -> list[Violation]:
    """Per work: no more charges than recorded attempts, and an amount that the ledger explains. Holds at any moment."""
    call_counts, billed_by_work = Counter[str](), Counter[str]()
    for charge in charges:
        call_counts[charge.work_id] += charge.micro_usd > 0
        billed_by_work[charge.work_id] += charge.micro_usd
    jobs: defaultdict[str, list[JsonObject]] = defaultdict(list)
    for job in ledger.jobs.values():
        jobs[identify_work(job)].append(job)
    return [
        violation
        for work_id in billed_by_work.keys() | jobs.keys()
        for violation in _check_work(jobs[work_id], call_counts[work_id], billed_by_work[work_id])
    ]


def _check_work(jobs: Sequence[JsonObject], calls: int, billed: int) -> Iterable[Violation]:
    job_names = ", ".join(f"{job['key']} ({job['status']})" for job in jobs) or "no job at all"
    recorded_count = sum(count_recorded_calls(job) for job in jobs)
    if calls > recorded_count:
        yield Violation(Invariant.PAID_ONCE, f"{job_names}: {calls} paid calls, {recorded_count} recorded")
    charged, uncertain = sum(sum_charged(job) for job in jobs), sum(sum_uncertain(job) for job in jobs)
    if not charged <= billed <= charged + uncertain:
        yield Violation(
            Invariant.BILL_RECONCILED, f"{job_names}: certain {charged}, unknown {uncertain}, billed {billed}"
        )


def check_budget(ledger: PlainLedger, cap: int) -> list[Violation]:
    """Each day's sums are those of its attempts, and within the cap (micro-dollars). Holds at any moment."""
    over_cap = [
        Violation(Invariant.WITHIN_BUDGET, f"{day}: committed {booked['committed']}, the cap is {cap}")
        for day, booked in ledger.days.items()
        if booked.get("committed", 0) > cap
    ]
    return check_day_sums(sum_attempts_by_day(ledger.jobs.values()), ledger.days) + over_cap


def sum_attempts_by_day(jobs: Iterable[JsonObject]) -> dict[str, Counter[str]]:
    """What the attempts of jobs come to, by day, in micro-dollars."""
    days: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for attempt in (attempt for job in jobs for attempt in job["attempts"]):
        amounts = {"reserved": attempt["reserved"], "confirmed": attempt["charged"], "unknown": attempt["unknown"]}
        days[attempt["budget_day"]].update(amounts | {"committed": sum(amounts.values())})
    return days


def check_day_sums(sums: Mapping[str, Mapping[str, int]], days: Mapping[str, Mapping[str, int]]) -> list[Violation]:
    """Each day's sums are those of its attempts. Holds at any moment."""
    violations: list[Violation] = []
    for day in sums.keys() | days.keys():
        booked_amounts = {name: days.get(day, {}).get(name, 0) for name in BUDGET_FIELDS}
        summed_amounts = {name: sums.get(day, {}).get(name, 0) for name in BUDGET_FIELDS}
        if booked_amounts != summed_amounts:
            violations.append(
                Violation(Invariant.WITHIN_BUDGET, f"{day}: booked {booked_amounts}, the attempts say {summed_amounts}")
            )
    return violations


def check_concurrency_limit(in_flight: Iterable[int], limit: int) -> list[Violation]:
    """The calls in flight at a time, as the provider counted them, never passed the limit."""
    peak = max(in_flight, default=0)
    return (
        [Violation(Invariant.WITHIN_CONCURRENCY_LIMIT, f"{peak} calls in flight, {limit} allowed")]
        if peak > limit
        else []
    )
