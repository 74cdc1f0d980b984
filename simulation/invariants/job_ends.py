"""Invariants about results: every photo ends once, and its documents, pictures, and dead letters match the ledger."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from simulation.invariants.violations import (
    Invariant,
    JsonObject,
    PlainLedger,
    Violation,
    is_mask,
    sum_charged,
    sum_uncertain,
)

END_STATUSES = frozenset({"stored", "rejected", "refused", "dead", "held", "superseded", "cancelled"})
REST_STATUSES = END_STATUSES | {"review"}
"""Statuses in which no worker has anything left to do: the job has ended, or waits for a person."""
FAILED_STATUSES = frozenset({"refused", "dead", "held"})
REPORTED_STATUSES = FAILED_STATUSES | {"rejected"}
RECEIPTS_PREFIX = "_backdrop/receipts/"
ERROR_REPORTS_PREFIX = "_backdrop/errors/"
LANE_REPORTS_PREFIX = "_backdrop/errors/_providers/"
MICRO_PER_USD = 1_000_000
NO_CLAIMANTS: Mapping[str, Collection[str]] = {}

type DocumentsByKey = Mapping[str, JsonObject]
"""Receipts or error reports, by the key of their photo."""


def check_ends(
    uploaded_keys: Iterable[str], ledger: PlainLedger, receipts: DocumentsByKey, reports: DocumentsByKey
) -> list[Violation]:
    """Checks that each uploaded key has ended jobs or problems, and the documents about them. Holds at rest."""
    by_key = {source["key"]: source_id for source_id, source in ledger.sources.items()}
    return [
        Violation(Invariant.ENDS_EXACTLY_ONCE, f"{key}: {detail}")
        for key in uploaded_keys
        if (detail := _describe_missing_end(key, by_key.get(key), ledger, receipts, reports))
    ]


def _describe_missing_end(
    key: str, source_id: str | None, ledger: PlainLedger, receipts: DocumentsByKey, reports: DocumentsByKey
) -> str:
    if source_id is None:
        return "lost: the ledger has no item for it"
    source = ledger.sources[source_id]
    current_jobs = [ledger.jobs[job_id] for job_id in source["jobs"].values()]
    if not (current_jobs or source["problems"] or source.get("blocked_by_defaults")):
        return "it has neither a job nor a problem"
    unfinished_statuses = [job["status"] for job in ledger.find_jobs(source_id) if job["status"] not in REST_STATUSES]
    if unfinished_statuses:
        return f"still {', '.join(unfinished_statuses)}"
    if any(job["status"] == "superseded" for job in current_jobs):
        return "superseded, although its photo names it"
    if current_jobs and key not in receipts:
        return "no receipt"
    failures = source["problems"] or [job for job in current_jobs if job["status"] in REPORTED_STATUSES]
    if failures and key not in reports:
        return "no error report"
    return ""


def check_documents(ledger: PlainLedger, receipts: DocumentsByKey, reports: DocumentsByKey) -> list[Violation]:
    """Checks that receipts and reports match the ledger, and that there are no others. Holds at rest.

    A receipt is written when a job is created, when it ends, and with each decision. It may be outdated in between.
    """
    violations: list[Violation] = []
    keys = {source["key"] for source in ledger.sources.values()}
    for source_id, source in ledger.sources.items():
        key, jobs = source["key"], ledger.find_jobs(source_id)
        if any(job["status"] not in REST_STATUSES for job in jobs):
            continue
        recorded_values = (_build_receipt_facts(source, jobs), _list_problem_codes(source, jobs))
        documented_values = (_read_receipt_facts(receipts.get(key)), _read_problem_codes(reports.get(key)))
        violations += [
            Violation(
                Invariant.DOCUMENTS_MATCH_LEDGER,
                f"{key}: the {document} shows {documented}, but the ledger has {recorded}",
            )
            for document, recorded, documented in zip(
                ("receipt", "report"), recorded_values, documented_values, strict=True
            )
            if recorded != documented
        ]
    unknown_keys = (receipts.keys() | reports.keys()) - keys
    return violations + [
        Violation(Invariant.DOCUMENTS_MATCH_LEDGER, f"{key}: a document without a source")
        for key in sorted(unknown_keys)
    ]


def _build_receipt_facts(source: JsonObject, jobs: Sequence[JsonObject]) -> dict[str, Any] | None:
    """Returns what the receipt must state for each job and in total, or None if there is no job."""
    if not jobs:
        return None
    facts = {job["job_id"]: _build_job_facts(job, is_current=job["job_id"] in source["jobs"].values()) for job in jobs}
    return facts | {"total_usd": sum(sum_charged(job) for job in jobs)}


def _build_job_facts(job: JsonObject, *, is_current: bool) -> tuple[Any, ...]:
    attempts = tuple((attempt["n"], attempt["provider"], attempt["outcome"]) for attempt in job["attempts"])
    pictures = tuple((result["key"], result.get("certificate")) for result in job["results"])
    warnings = tuple(f"{warning['code']}: {warning['text']}" for warning in job["warnings"])
    money = sum_charged(job), sum_uncertain(job)
    return job["status"], is_current, *money, attempts, pictures, warnings, _list_decisions(job)


def _read_receipt_facts(receipt: JsonObject | None) -> dict[str, Any] | None:
    if receipt is None or not receipt["jobs"]:
        return None
    facts = {job["job_id"]: _read_job_facts(job) for job in receipt["jobs"]}
    return facts | {"total_usd": _to_micro_usd(receipt["total_usd"])}


def _read_job_facts(job: JsonObject) -> tuple[Any, ...]:
    attempts = tuple((attempt["n"], attempt["provider"], attempt["outcome"]) for attempt in job["attempts"])
    pictures = tuple((result["key"], result.get("certificate")) for result in job["results"])
    cost = job["cost"]
    money = _to_micro_usd(cost["usd"]), _to_micro_usd(cost["unknown_usd"])
    warnings = tuple(job.get("warnings", ()))
    return job["status"], job["current"], *money, attempts, pictures, warnings, _list_decisions(job)


def _list_decisions(job: JsonObject) -> tuple[Any, ...]:
    """Returns the pictures that people decide about, with the decisions. A receipt has them under the same names."""
    reviews: Sequence[JsonObject] = job["reviews"]
    return tuple((review["n"], review["sha256"], review["decision"]) for review in reviews)


def _to_micro_usd(usd: float) -> int:
    return round(usd * MICRO_PER_USD)


def _list_problem_codes(source: JsonObject, jobs: Sequence[JsonObject]) -> list[tuple[str, str]]:
    """Returns the job ID and the code of each current problem."""
    current_jobs = [job for job in jobs if job["job_id"] in source["jobs"].values() and job["problem"]]
    problems = [("", problem["code"]) for problem in source["problems"]]
    return sorted(problems + [(job["job_id"], job["problem"]["code"]) for job in current_jobs])


def _read_problem_codes(report: JsonObject | None) -> list[tuple[str, str]]:
    return sorted((error["job_id"] or "", error["code"]) for error in report["errors"]) if report else []


def check_pictures(ledger: PlainLedger, pictures: Collection[str]) -> list[Violation]:
    """Checks that each current stored job has all its pictures, and each picture has a job. Holds at rest."""
    known_keys = {result["key"] for job in ledger.jobs.values() for result in job["results"]}
    unknown_keys = sorted(key for key in pictures if key not in known_keys)
    return check_missing_pictures(ledger, pictures) + [
        Violation(Invariant.PICTURES_MATCH_JOBS, f"{key}: no job has this picture") for key in unknown_keys
    ]


def check_missing_pictures(ledger: PlainLedger, pictures: Collection[str]) -> list[Violation]:
    """Checks that each current stored job has all its pictures. Holds at rest."""
    current_job_ids = {job_id for source in ledger.sources.values() for job_id in source["jobs"].values()}
    stored_jobs = [job for job in ledger.jobs.values() if job["status"] == "stored" and not is_mask(job)]
    return [
        Violation(
            Invariant.PICTURES_MATCH_JOBS,
            f"{job['key']}: stored with {len(job['results'])} pictures, some of them missing",
        )
        for job in stored_jobs
        if job["job_id"] in current_job_ids
        and not (job["results"] and all(result["key"] in pictures for result in job["results"]))
    ]


def check_unknown_pictures(
    ledger: PlainLedger, job_id_by_picture: Mapping[str, str], claimants: Mapping[str, Collection[str]] = NO_CLAIMANTS
) -> list[Violation]:
    """Checks that each picture was made by a job of its own photo, or of one that has claimed its name.

    Holds at all times. `job_id_by_picture`: the job ID in each picture's metadata. `claimants`: the source IDs of the
    photos that ever claimed a name, by the name. A worker that dies after it writes a picture and before
    it writes the ledger may leave a picture that no job's results name.
    """
    return [
        Violation(Invariant.PICTURES_MATCH_JOBS, f"{key}: no job of this photo made it")
        for key, job_id in job_id_by_picture.items()
        if (job := ledger.jobs.get(job_id)) is None
        or not (key.startswith(f"{job['key']}/") or job["source_id"] in claimants.get(key, ()))
    ]


def check_dead_letters(ledger: PlainLedger, letters: Sequence[JsonObject]) -> list[Violation]:
    """Checks that each dead job has exactly one dead letter, and that there are no others. Holds at rest.

    Each letter has the form `{"attributes": {name: text}, …}`.
    """
    letter_counts = Counter(str(letter["attributes"].get("job_id", "")) for letter in letters)
    dead_job_ids = {job_id for job_id, job in ledger.jobs.items() if job["status"] == "dead"}
    unexpected = [
        f"unexpected letter for {name or 'no job'} ({_describe_end(ledger, name)})"
        for name in letter_counts.keys() - dead_job_ids
    ]
    missing = [
        f"no dead letter for {name} ({_describe_end(ledger, name)})" for name in dead_job_ids - letter_counts.keys()
    ]
    repeated = [
        f"{count} dead letters for {name}"
        for name, count in letter_counts.items()
        if count > 1 and name in dead_job_ids
    ]
    return [Violation(Invariant.DEAD_LETTERS_MATCH_JOBS, detail) for detail in sorted(unexpected + missing + repeated)]


def _describe_end(ledger: PlainLedger, job_id: str) -> str:
    job = ledger.jobs.get(job_id)
    return f"{job['key']} {job['status']}" if job else "not in the ledger"


def check_deleted_photos(
    ledger: PlainLedger, keys: Collection[str], excused_job_ids: Collection[str]
) -> list[Violation]:
    """Checks that no job of a deleted photo, except the excused ones, is still under way. Holds at rest.

    Pictures that wait for a person keep waiting, because they are paid for.
    """
    unfinished_job_ids = {
        job_id for job_id, job in ledger.jobs.items() if job["status"] not in REST_STATUSES
    }.difference(excused_job_ids)
    return [
        Violation(
            Invariant.ONLY_CURRENT_JOBS_BOUGHT,
            f"{source['key']}: the photo is deleted, but a job of it is still under way",
        )
        for source_id, source in ledger.sources.items()
        if source["key"] in keys
        and (
            source["settling_since"] or any(job["job_id"] in unfinished_job_ids for job in ledger.find_jobs(source_id))
        )
    ]
