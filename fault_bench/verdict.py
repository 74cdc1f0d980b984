"""What a run shows: Backdrop's violations, and the figures by which the two pipelines are compared."""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import unquote_plus

from backdrop_local.standin.bill import BilledJob as BilledJob
from fault_bench.backdrop_pipeline import BackdropSnapshot
from fault_bench.bench_plan import MIN_KILLS, BenchPlan, ExpectedEnd, PhotoRequest
from fault_bench.bench_reviewers import BenchReviewers, identify_event
from fault_bench.faulted_run import ObservedRun
from simulation.invariants.job_ends import check_dead_letters, check_documents, check_ends, check_pictures
from simulation.invariants.paid_calls import MOST_UNDELIVERED
from simulation.invariants.reviews import (
    REFUSAL_CODES,
    check_acknowledged,
    check_decision_events,
    check_refused,
    identify_pictures,
)
from simulation.invariants.violations import (
    Charge,
    Invariant,
    JsonObject,
    PlainLedger,
    Violation,
    check_budget,
    check_charges,
    check_concurrency_limit,
    count_recorded_calls,
    hash_job_prompt,
    hash_prompt,
    is_mask,
    parse_ledger,
)

MASK_WORK = hash_prompt("")
NO_RETRIES: Mapping[str, int] = {}
BUDGET_MICRO_USD = 10_000_000_000
STATUS_BY_EXPECTED_END = {
    ExpectedEnd.STORED: "stored",
    ExpectedEnd.HELD: "held",
    ExpectedEnd.REFUSED: "refused",
    ExpectedEnd.DEAD: "dead",
}
MIN_LOST_ANSWERS_FOR_HELD = 2


@dataclass(frozen=True)
class DecisionCounts:
    """How many pictures people decided about, and how many other decisions were refused because they came second."""

    made: int = 0
    refused: int = 0

    @classmethod
    def from_run(cls, reviewers: BenchReviewers, letters: Iterable[JsonObject]) -> "DecisionCounts":
        """Returns the counts of reviewers who decided by command and by event about each picture."""
        return cls(len(reviewers.events), len(reviewers.refused) + sum(map(_is_refusal, letters)))


NO_DECISIONS = DecisionCounts()


@dataclass(frozen=True)
class PipelineFigures:
    """One pipeline's column of the table.

    `reported_count`: photos without a picture that have a report or a dead letter. `repeated_call_count`: paid calls
    beyond the first of a photo, and beyond its retries. `unrecorded_call_count`: those of them that the pipeline did
    not record. `retry_count`: how often a picture was bought again because its product differed. `mask_call_count`: the
    paid calls for masks, which no other figure about calls includes.
    """

    photo_count: int
    picture_count: int
    reported_count: int
    lost_count: int
    paid_call_count: int
    repeated_call_count: int
    unrecorded_call_count: int
    billed_usd: Decimal
    dead_letter_count: int
    false_dead_letter_count: int
    repeat_upload_calls: int
    edit_calls: int
    observed: ObservedRun
    retry_count: int = 0
    mask_call_count: int = 0
    decisions: DecisionCounts = NO_DECISIONS


def read_charges(jobs: Iterable[BilledJob]) -> list[Charge]:
    return [Charge(hash_prompt(job.order.prompt), job.micro_usd) for job in jobs]


def check_invariants(
    plan: BenchPlan, keys: Collection[str], snapshot: BackdropSnapshot, charges_billed: Sequence[Charge]
) -> list[Violation]:
    """Checks the invariants at rest on the bill, the buckets, and the stored items."""
    ledger = parse_ledger(snapshot.items)
    return [
        *check_charges(ledger, charges_billed, hash_job_prompt),
        *check_budget(ledger, BUDGET_MICRO_USD),
        *check_ends(keys, ledger, snapshot.receipts, snapshot.reports),
        *check_documents(ledger, snapshot.receipts, snapshot.reports),
        *check_pictures(ledger, snapshot.pictures),
        *check_expected_ends(plan, ledger),
    ]


def check_expected_ends(plan: BenchPlan, ledger: PlainLedger) -> list[Violation]:
    """Checks that each photo's current job ended as its fault allows; `held` needs two lost answers."""
    expected_by_key = {photo.key: photo.expected_end for photo in plan.photos}
    violations: list[Violation] = []
    for source in ledger.sources.values():
        for job in (ledger.jobs[job_id] for job_id in source["jobs"].values()):
            expected_end = expected_by_key.get(source["key"], ExpectedEnd.STORED)
            lost_count = sum(attempt["send_count"] for attempt in job["attempts"] if attempt["outcome"] == "lost")
            is_expected = job["status"] in (_find_expected_status(job, expected_end), "held")
            if not is_expected or (job["status"] == "held" and lost_count < MIN_LOST_ANSWERS_FOR_HELD):
                calls = ", ".join(f"{one['outcome']} after {one['send_count']}" for one in job["attempts"])
                detail = (
                    f"{source['key']} ({expected_end.name.lower()}) ended {job['status']} after {lost_count} lost"
                    f" answers; outcomes and how often each call was sent: {calls or 'none'}"
                )
                violations.append(Violation(Invariant.ENDS_FOR_A_CAUSE, detail))
    return violations


def _find_expected_status(job: JsonObject, expected_end: ExpectedEnd) -> str:
    """Returns the status with which a job should end. What people decide comes before what a fault does."""
    decisions = {review["decision"] for review in job["reviews"]}
    return "rejected" if decisions == {"rejected"} else STATUS_BY_EXPECTED_END[expected_end]


def check_decisions(
    plan: BenchPlan,
    ledger: PlainLedger,
    written_at: Mapping[str, datetime],
    reviewers: BenchReviewers,
    letters: Sequence[JsonObject],
) -> list[Violation]:
    """Checks that each decision of the reviewers was carried out or refused, and that nothing was delivered before it.

    `written_at`: when each object in the output bucket was written. `letters`: all dead letters of the run.
    """
    decisions = {
        picture: [review]
        for job in ledger.jobs.values()
        for picture, review in identify_pictures(job).items()
        if review["decision"]
    }
    refusals = {
        identify_event(json.loads(json.loads(letter["body"])["body"])["detail"]): letter["attributes"]
        for letter in letters
        if _is_refusal(letter)
    }
    return [
        *(violation for one in reviewers.confirmed for violation in check_acknowledged(one, decisions)),
        *(violation for one, text in reviewers.refused for violation in check_refused(one, text, decisions)),
        *check_decision_events(reviewers.events, decisions, refusals),
        *_check_requests(plan, ledger),
        *_check_delivery_times(ledger, written_at),
    ]


def _is_refusal(letter: JsonObject) -> bool:
    return letter["attributes"].get("code") in REFUSAL_CODES


def _check_requests(plan: BenchPlan, ledger: PlainLedger) -> list[Violation]:
    """Checks that each photo got what it requested: a decision, a mask, or another try."""
    jobs_by_key = {
        source["key"]: [ledger.jobs[job_id] for job_id in source["jobs"].values()] for source in ledger.sources.values()
    }
    details = {
        PhotoRequest.APPROVAL: "no person decided about it",
        PhotoRequest.MASK: "it has no mask",
        PhotoRequest.RETRY: "it was not bought again",
    }
    return [
        Violation(Invariant.INSTRUCTIONS_FOLLOWED, f"{photo.key}: {details[photo.request]}")
        for photo in plan.photos
        if photo.request is not PhotoRequest.NOTHING and not _is_granted(photo.request, jobs_by_key.get(photo.key, []))
    ]


def _is_granted(request: PhotoRequest, jobs: Sequence[JsonObject]) -> bool:
    """Whether a photo's jobs show what it requested. A picture that is held needs none of it."""
    pictures, masks = [job for job in jobs if not is_mask(job)], [job for job in jobs if is_mask(job)]
    if any(job["status"] == "held" for job in jobs):
        return True
    match request:
        case PhotoRequest.APPROVAL:
            return all(review["decision"] for job in pictures for review in job["reviews"] or [{"decision": None}])
        case PhotoRequest.RETRY:
            return any(_count_retries(job) for job in pictures)
        case _:
            return any(job["status"] == "stored" for job in masks)


def _check_delivery_times(ledger: PlainLedger, written_at: Mapping[str, datetime]) -> list[Violation]:
    """Checks that no approved picture was written before its approval. Times of objects have whole seconds."""
    approved_at = {
        result["key"]: datetime.fromisoformat(review["decided_at"]).replace(microsecond=0)
        for job in ledger.jobs.values()
        for review in job["reviews"]
        for result in job["results"]
        if result["n"] == review["n"]
    }
    return [
        Violation(Invariant.APPROVED_BEFORE_DELIVERY, f"{key}: written at {written_at[key]}, before {at}")
        for key, at in approved_at.items()
        if key in written_at and written_at[key] < at
    ]


def check_run(
    plan: BenchPlan, observed: ObservedRun, ledger: PlainLedger, dead_letters: Sequence[JsonObject]
) -> list[Violation]:
    """Checks what only the run itself shows: the limit, the dead letters, and whether every planned fault struck."""
    return [
        *check_concurrency_limit([observed.peak_in_flight], plan.concurrency_limit),
        *check_dead_letters(ledger, [letter for letter in dead_letters if not _is_refusal(letter)]),
        *(
            Violation(Invariant.FAULTS_FIRED, f"{name}: planned, but never struck")
            for name in list_unfired_faults(observed)
        ),
        *check_kill_count(observed),
        *check_unstorable_count(plan, observed),
    ]


def list_unfired_faults(observed: ObservedRun) -> list[str]:
    """Returns the planned faults that never struck."""
    return [name for name in observed.planned_counts if not observed.strike_counts[name]]


def check_kill_count(observed: ObservedRun) -> list[Violation]:
    """Checks that enough workers were killed between the provider's acceptance and its answer."""
    detail = f"{observed.kill_count} workers killed, {observed.missed_kill_count} missed, at least {MIN_KILLS} expected"
    return [Violation(Invariant.FAULTS_FIRED, detail)] if observed.kill_count < MIN_KILLS else []


def check_unstorable_count(plan: BenchPlan, observed: ObservedRun) -> list[Violation]:
    """Checks that little is bought while the output bucket refuses writes; each lane finds out on its own."""
    lane_count = len({photo.provider for photo in plan.photos})
    max_count = lane_count * max(MOST_UNDELIVERED, 2 * plan.concurrency_limit)
    detail = f"{observed.unstorable_count} bought while the output bucket refused writes, at most {max_count} expected"
    return [Violation(Invariant.FEW_BOUGHT_UNDELIVERED, detail)] if observed.unstorable_count > max_count else []


def check_repeats(repeat_upload_calls: int, edit_calls: int) -> list[Violation]:
    """Checks that repeated uploads buy nothing, and that one edited sidecar buys one job."""
    details = [f"{repeat_upload_calls} paid calls for repeated uploads"] if repeat_upload_calls else []
    details += [f"{edit_calls} paid calls for one edited sidecar"] if edit_calls != 1 else []
    return [Violation(Invariant.NO_REPEAT_PURCHASES, detail) for detail in details]


def build_figures(
    plan: BenchPlan,
    *,
    picture_keys: Collection[str],
    reported_keys: Collection[str],
    charges_billed: Sequence[Charge],
    recorded_calls: Mapping[str, int],
    dead_letter_keys: Sequence[str],
    repeats: tuple[int, int],
    observed: ObservedRun,
    retries: Mapping[str, int] = NO_RETRIES,
    decisions: DecisionCounts = NO_DECISIONS,
) -> PipelineFigures:
    """Builds a column of the table.

    `recorded_calls`, `retries`: calls in the pipeline's own records, by `prompt_sha`. Only masks have no prompt.
    """
    keys = {photo.key for photo in plan.photos}
    transient_keys = {photo.key for photo in plan.photos if photo.expected_end is ExpectedEnd.STORED}
    photo_works = {hash_prompt(str(photo.sidecar["prompt"])) for photo in plan.photos}
    paid_calls = Counter(
        charge.work_id for charge in charges_billed if charge.micro_usd and charge.work_id in photo_works
    )
    billed_micro_usd = sum(charge.micro_usd for charge in charges_billed if charge.work_id in photo_works | {MASK_WORK})
    completed_keys = keys & set(picture_keys)
    return PipelineFigures(
        photo_count=len(keys),
        picture_count=len(completed_keys),
        reported_count=len((keys & set(reported_keys)) - completed_keys),
        lost_count=len(keys - completed_keys - set(reported_keys)),
        paid_call_count=paid_calls.total(),
        repeated_call_count=sum(max(0, calls - 1 - retries.get(work, 0)) for work, calls in paid_calls.items()),
        unrecorded_call_count=sum(
            max(0, calls - max(1, recorded_calls.get(work, 0))) for work, calls in paid_calls.items()
        ),
        billed_usd=Decimal(billed_micro_usd) / 1_000_000,
        dead_letter_count=len(dead_letter_keys),
        false_dead_letter_count=sum(key in transient_keys for key in dead_letter_keys),
        repeat_upload_calls=repeats[0],
        edit_calls=repeats[1],
        observed=observed,
        retry_count=sum(retries.values()),
        mask_call_count=sum(charge.work_id == MASK_WORK and charge.micro_usd > 0 for charge in charges_billed),
        decisions=decisions,
    )


def count_recorded_calls_by_work(ledger: PlainLedger) -> Counter[str]:
    """Returns how many calls of each job may have been paid, according to the ledger, by `prompt_sha`."""
    call_counts = Counter[str]()
    for job in ledger.jobs.values():
        call_counts[hash_job_prompt(job)] += count_recorded_calls(job)
    return call_counts


def count_retries_by_work(ledger: PlainLedger) -> Counter[str]:
    """Returns how often each picture was bought again because its product differed, by `prompt_sha`."""
    return Counter({hash_job_prompt(job): count for job in ledger.jobs.values() if (count := _count_retries(job))})


def _count_retries(job: JsonObject) -> int:
    """Returns how many charges followed a verdict: each retry has the next charge number."""
    return max((attempt["charge_no"] for attempt in job["attempts"]), default=0) if job["judged_attempts"] else 0


def list_photos_with_pictures(ledger: PlainLedger, pictures: Collection[str]) -> set[str]:
    """Returns the keys of photos that have a complete picture of a current job."""
    current_job_ids = {job_id for source in ledger.sources.values() for job_id in source["jobs"].values()}
    return {
        job["key"]
        for job_id, job in ledger.jobs.items()
        if job_id in current_job_ids and any(result["key"] in pictures for result in job["results"])
    }


def find_backdrop_letter_keys(ledger: PlainLedger, letters: Iterable[JsonObject]) -> list[str]:
    """Returns the photos of Backdrop's dead letters."""
    job_ids = (letter["attributes"].get("job_id", "") for letter in letters)
    return [str(ledger.jobs[job_id]["key"]) for job_id in job_ids if job_id in ledger.jobs]


def find_naive_letter_keys(letters: Iterable[Mapping[str, Any]]) -> list[str]:
    """Returns the photos of the naive pipeline's dead letters, which are S3 events."""
    records = (record for letter in letters for record in json.loads(letter["body"]).get("Records", []))
    return [unquote_plus(record["s3"]["object"]["key"]) for record in records]
