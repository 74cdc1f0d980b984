"""The promises about what people see: every drop ends once, views and pictures are true, and so are dead letters."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from proof.checker.books import Breach, Ledger, Plain, Promise, certain, unknown

ENDS = frozenset({"stored", "refused", "dead", "held", "superseded", "cancelled"})
FAILED = frozenset({"refused", "dead", "held"})
MICRO = 1_000_000

type Views = Mapping[str, Plain]
"""Receipts or error reports by the key of their photo."""


def end_breaches(dropped: Iterable[str], ledger: Ledger, receipts: Views, reports: Views) -> list[Breach]:
    """Each dropped key is known, all its jobs have ended, and somebody was told. Holds at rest."""
    by_key = {source["key"]: source_id for source_id, source in ledger.sources.items()}
    return [
        Breach(Promise.ONE_END, f"{key}: {words}")
        for key in dropped
        if (words := _not_ended(key, by_key.get(key), ledger, receipts, reports))
    ]


def _not_ended(key: str, source_id: str | None, ledger: Ledger, receipts: Views, reports: Views) -> str:
    if source_id is None:
        return "lost: the ledger has never heard of it"
    source = ledger.sources[source_id]
    named = [ledger.jobs[job_id] for job_id in source["jobs"].values()]
    if not (named or source["problems"] or source.get("blocked_by_defaults")):
        return "neither a job nor a problem"
    open_jobs = [job["status"] for job in ledger.jobs_of(source_id) if job["status"] not in ENDS]
    if open_jobs:
        return f"still {', '.join(open_jobs)}"
    if any(job["status"] == "superseded" for job in named):
        return "superseded, though its photo names it"
    if named and key not in receipts:
        return "no receipt"
    wrong = source["problems"] or [job for job in named if job["status"] in FAILED]
    if wrong and key not in reports:
        return "no report of what is wrong"
    return ""


def view_breaches(ledger: Ledger, receipts: Views, reports: Views) -> list[Breach]:
    """Receipts and reports are what the items say, and there are no others. Holds at rest.

    A receipt is written when a job comes to be and at its end; between them it may be behind.
    """
    breaches: list[Breach] = []
    keys = {source["key"] for source in ledger.sources.values()}
    for source_id, source in ledger.sources.items():
        key, jobs = source["key"], ledger.jobs_of(source_id)
        if any(job["status"] not in ENDS for job in jobs):
            continue
        expected = (_lines(source, jobs), _wrong(source, jobs))
        shown = (_shown_lines(receipts.get(key)), _shown_wrong(reports.get(key)))
        breaches += [
            Breach(Promise.VIEWS_TRUE, f"{key}: {view} shows {seen}, the ledger says {told}")
            for view, told, seen in zip(("receipt", "report"), expected, shown, strict=True)
            if told != seen
        ]
    strays = (receipts.keys() | reports.keys()) - keys
    return breaches + [Breach(Promise.VIEWS_TRUE, f"{key}: a view of no source") for key in sorted(strays)]


def _lines(source: Plain, jobs: Sequence[Plain]) -> dict[str, Any] | None:
    """What a receipt must say of each job, and in all; None where there is no job."""
    if not jobs:
        return None
    lines = {job["job_id"]: _line(job, current=job["job_id"] in source["jobs"].values()) for job in jobs}
    return lines | {"total_usd": sum(certain(job) for job in jobs)}


def _line(job: Plain, *, current: bool) -> tuple[Any, ...]:
    attempts = tuple((attempt["n"], attempt["provider"], attempt["outcome"]) for attempt in job["attempts"])
    pictures = tuple(result["key"] for result in job["results"])
    warnings = tuple(warning["text"] for warning in job["warnings"])
    return job["status"], current, certain(job), unknown(job), attempts, pictures, warnings


def _shown_lines(receipt: Plain | None) -> dict[str, Any] | None:
    if receipt is None or not receipt["jobs"]:
        return None
    lines = {job["job_id"]: _shown_line(job) for job in receipt["jobs"]}
    return lines | {"total_usd": _micro(receipt["total_usd"])}


def _shown_line(job: Plain) -> tuple[Any, ...]:
    attempts = tuple((attempt["n"], attempt["provider"], attempt["outcome"]) for attempt in job["attempts"])
    pictures = tuple(result["key"] for result in job["results"])
    cost = job["cost"]
    money = _micro(cost["usd"]), _micro(cost["unknown_usd"])
    return job["status"], job["current"], *money, attempts, pictures, tuple(job.get("warnings", ()))


def _micro(usd: float) -> int:
    return round(usd * MICRO)


def _wrong(source: Plain, jobs: Sequence[Plain]) -> list[tuple[str, str]]:
    """Job and code of all that is wrong with a place now."""
    current = [job for job in jobs if job["job_id"] in source["jobs"].values() and job["problem"]]
    problems = [("", problem["code"]) for problem in source["problems"]]
    return sorted(problems + [(job["job_id"], job["problem"]["code"]) for job in current])


def _shown_wrong(report: Plain | None) -> list[tuple[str, str]]:
    return sorted((error["job_id"] or "", error["code"]) for error in report["errors"]) if report else []


def picture_breaches(ledger: Ledger, pictures: Collection[str]) -> list[Breach]:
    """Each current stored job has all its pictures, and there is no picture of no job. Holds at rest."""
    known = {result["key"] for job in ledger.jobs.values() for result in job["results"]}
    strays = sorted(key for key in pictures if key not in known)
    return missing_breaches(ledger, pictures) + [
        Breach(Promise.PICTURES_TRUE, f"{key}: a picture of no job") for key in strays
    ]


def missing_breaches(ledger: Ledger, pictures: Collection[str]) -> list[Breach]:
    """Each current stored job has all its pictures. Holds at rest."""
    current = {job_id for source in ledger.sources.values() for job_id in source["jobs"].values()}
    stored = [job for job in ledger.jobs.values() if job["status"] == "stored"]
    return [
        Breach(Promise.PICTURES_TRUE, f"{job['key']}: stored with {len(job['results'])} pictures, not all are there")
        for job in stored
        if job["job_id"] in current
        and not (job["results"] and all(result["key"] in pictures for result in job["results"]))
    ]


def stray_breaches(ledger: Ledger, marks: Mapping[str, str]) -> list[Breach]:
    """Each picture is of a job that its place had, and that was paid: `marks` are job ids by key. Holds at any moment.

    A worker that dies between a picture and the ledger may leave one that no job's results name.
    """
    return [
        Breach(Promise.PICTURES_TRUE, f"{key}: a picture of no job")
        for key, job_id in marks.items()
        if job_id not in ledger.jobs or not key.startswith(f"{ledger.jobs[job_id]['key']}/")
    ]


def letter_breaches(ledger: Ledger, letters: Sequence[Plain]) -> list[Breach]:
    """Dead letters, each `{"attributes": {name: text}, …}`, are those of the dead jobs, once each. Holds at rest."""
    count = Counter(str(letter["attributes"].get("job_id", "")) for letter in letters)
    dead = {job_id for job_id, job in ledger.jobs.items() if job["status"] == "dead"}
    false = [f"a letter for {name or 'no job'} ({_end(ledger, name)})" for name in count.keys() - dead]
    missing = [f"no letter for {name} ({_end(ledger, name)})" for name in dead - count.keys()]
    twice = [f"{times} letters for {name}" for name, times in count.items() if times > 1 and name in dead]
    return [Breach(Promise.LETTERS_TRUE, words) for words in sorted(false + missing + twice)]


def _end(ledger: Ledger, job_id: str) -> str:
    """How a job ended, for people."""
    job = ledger.jobs.get(job_id)
    return f"{job['key']} {job['status']}" if job else "unknown to the ledger"


def gone_breaches(ledger: Ledger, keys: Collection[str], excused: Collection[str]) -> list[Breach]:
    """Photos in the bucket no more: nothing of theirs waits, but `excused` jobs. Holds at rest."""
    open_jobs = {ident for ident, job in ledger.jobs.items() if job["status"] not in ENDS}.difference(excused)
    return [
        Breach(Promise.WANTED, f"{source['key']}: is gone, and something of it waits")
        for source_id, source in ledger.sources.items()
        if source["key"] in keys
        and (source["settling_since"] or any(job["job_id"] in open_jobs for job in ledger.jobs_of(source_id)))
    ]
