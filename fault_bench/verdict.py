"""What a run shows: Backdrop's violations, and the figures by which the two pipelines are compared."""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import unquote_plus

from backdrop_local.standin.bill import BilledJob as BilledJob
from fault_bench.backdrop_pipeline import BackdropSnapshot
from fault_bench.bench_plan import MIN_KILLS, BenchPlan, ExpectedEnd
from fault_bench.faulted_run import ObservedRun
from simulation.invariants.job_ends import check_dead_letters, check_documents, check_ends, check_pictures
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
    parse_ledger,
)

BUDGET_MICRO_USD = 10_000_000_000
STATUS_BY_EXPECTED_END = {
    ExpectedEnd.STORED: "stored",
    ExpectedEnd.HELD: "held",
    ExpectedEnd.REFUSED: "refused",
    ExpectedEnd.DEAD: "dead",
}
MIN_LOST_ANSWERS_FOR_HELD = 2


@dataclass(frozen=True)
class PipelineFigures:
    """One pipeline's column of the table.

    `reported_count`: photos without a picture that have a report or a dead letter. `repeated_call_count`: paid calls
    beyond the first of a photo. `unrecorded_call_count`: those of them that the pipeline did not record.
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
            is_expected = job["status"] == STATUS_BY_EXPECTED_END[expected_end] or job["status"] == "held"
            if not is_expected or (job["status"] == "held" and lost_count < MIN_LOST_ANSWERS_FOR_HELD):
                detail = (
                    f"{source['key']} ({expected_end.name.lower()}) ended "
                    f"{job['status']} after {lost_count} lost answers"
                )
                violations.append(Violation(Invariant.ENDS_FOR_A_CAUSE, detail))
    return violations


def check_run(
    plan: BenchPlan, observed: ObservedRun, ledger: PlainLedger, dead_letters: Sequence[JsonObject]
) -> list[Violation]:
    """Checks what only the run itself shows: the limit, the dead letters, and whether every planned fault struck."""
    return [
        *check_concurrency_limit([observed.peak_in_flight], plan.concurrency_limit),
        *check_dead_letters(ledger, dead_letters),
        *(
            Violation(Invariant.FAULTS_FIRED, f"{name}: planned, but never struck")
            for name in list_unfired_faults(observed)
        ),
        *check_kill_count(observed),
    ]


def list_unfired_faults(observed: ObservedRun) -> list[str]:
    """Returns the planned faults that never struck."""
    return [name for name in observed.planned_counts if not observed.strike_counts[name]]


def check_kill_count(observed: ObservedRun) -> list[Violation]:
    """Checks that enough workers were killed between the provider's acceptance and its answer."""
    detail = f"{observed.kill_count} workers killed, {observed.missed_kill_count} missed, at least {MIN_KILLS} expected"
    return [Violation(Invariant.FAULTS_FIRED, detail)] if observed.kill_count < MIN_KILLS else []


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
) -> PipelineFigures:
    """Builds a column of the table. `recorded_calls`: calls in the pipeline's own records, by `prompt_sha`."""
    keys = {photo.key for photo in plan.photos}
    transient_keys = {photo.key for photo in plan.photos if photo.expected_end is ExpectedEnd.STORED}
    photo_works = {hash_prompt(str(photo.sidecar["prompt"])) for photo in plan.photos}
    paid_calls = Counter(
        charge.work_id for charge in charges_billed if charge.micro_usd and charge.work_id in photo_works
    )
    billed_micro_usd = sum(charge.micro_usd for charge in charges_billed if charge.work_id in photo_works)
    completed_keys = keys & set(picture_keys)
    return PipelineFigures(
        photo_count=len(keys),
        picture_count=len(completed_keys),
        reported_count=len((keys & set(reported_keys)) - completed_keys),
        lost_count=len(keys - completed_keys - set(reported_keys)),
        paid_call_count=paid_calls.total(),
        repeated_call_count=sum(calls - 1 for calls in paid_calls.values()),
        unrecorded_call_count=sum(
            max(0, calls - max(1, recorded_calls.get(work, 0))) for work, calls in paid_calls.items()
        ),
        billed_usd=Decimal(billed_micro_usd) / 1_000_000,
        dead_letter_count=len(dead_letter_keys),
        false_dead_letter_count=sum(key in transient_keys for key in dead_letter_keys),
        repeat_upload_calls=repeats[0],
        edit_calls=repeats[1],
        observed=observed,
    )


def count_recorded_calls_by_work(ledger: PlainLedger) -> Counter[str]:
    """Returns how many calls of each job may have been paid, according to the ledger, by `prompt_sha`."""
    call_counts = Counter[str]()
    for job in ledger.jobs.values():
        call_counts[hash_job_prompt(job)] += count_recorded_calls(job)
    return call_counts


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
