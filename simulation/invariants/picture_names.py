"""Invariants about names: one photo has a name, as claimed in the ledger, and only its pictures have the name's key."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from simulation.invariants.job_ends import END_STATUSES
from simulation.invariants.output_keys import list_named_keys
from simulation.invariants.violations import Invariant, JsonObject, PlainLedger, Violation

type Claims = Mapping[str, str]
"""The source ID of the photo that claimed a name last, by the key in the output bucket."""


def list_names(job: JsonObject) -> Iterator[str]:
    """Yields the names of a job's pictures, as keys in the output bucket."""
    return list_named_keys(job["key"], job["instructions"])


def needs_name(source: JsonObject, jobs: Iterable[JsonObject], name: str) -> bool:
    """Whether a current job of a photo names it; if the photo was deleted, a current job that has not ended."""
    return any(
        name in list_names(job) and not (source["was_missing"] and job["status"] in END_STATUSES)
        for job in jobs
        if job["job_id"] in source["jobs"].values()
    )


def check_claimed_names(source: JsonObject, jobs: Iterable[JsonObject], claims: Claims) -> list[Violation]:
    """Checks that a photo has claimed all names that it needs. Holds on every write."""
    names = dict.fromkeys(name for job in jobs if job["job_id"] in source["jobs"].values() for name in list_names(job))
    return [
        Violation(
            Invariant.NAMES_BELONG_TO_ONE_PHOTO,
            f"{source['key']}: needs the name {name}, which {_describe_claim(claims.get(name))}",
        )
        for name in names
        if claims.get(name) != source["source_id"] and needs_name(source, jobs, name)
    ]


def _describe_claim(source_id: str | None) -> str:
    return f"the photo {source_id[:8]} has claimed" if source_id else "no photo has claimed"


def check_named_picture(
    key: str, job: JsonObject, replaced_job: JsonObject | None, claims: Claims, claimants: Iterable[str]
) -> list[Violation]:
    """Checks a picture that a job has just written under a name.

    Its photo must have claimed the name before (`claimants`: the IDs of all photos that ever did), and must have it now
    if the picture replaces that of another photo. Holds on every write.
    """
    if job["source_id"] not in claimants:
        detail = f"{key}: a picture of {job['key']}, which has never claimed this name"
        return [Violation(Invariant.NAMES_BELONG_TO_ONE_PHOTO, detail)]
    is_foreign = replaced_job is not None and replaced_job["source_id"] != job["source_id"]
    if is_foreign and claims.get(key) != job["source_id"]:
        detail = f"{key}: a picture of {job['key']}, which does not have this name, replaces that of another photo"
        return [Violation(Invariant.NAMES_BELONG_TO_ONE_PHOTO, detail)]
    return []


def check_final_names(ledger: PlainLedger, claims: Claims) -> list[Violation]:
    """Checks that each picture under a name of a current stored job belongs to the photo that has the name.

    Holds at rest. Deleted photos may have lost their names.
    """
    return [
        Violation(
            Invariant.NAMES_BELONG_TO_ONE_PHOTO, f"{name}: delivered for {source['key']}, which has not claimed it"
        )
        for source_id, source in ledger.sources.items()
        if not source["was_missing"]
        for job in ledger.find_jobs(source_id)
        if job["job_id"] in source["jobs"].values() and job["status"] == "stored"
        for name in list_names(job)
        if claims.get(name) != source_id
    ]


def without_lost_names(ledger: PlainLedger, claims: Claims) -> PlainLedger:
    """Returns the ledger without the current jobs of deleted photos whose names other photos have claimed since.

    Their pictures may have been replaced.
    """
    sources = {
        source_id: {
            **source,
            "jobs": {
                variant: job_id
                for variant, job_id in source["jobs"].items()
                if all(claims.get(name) == source_id for name in list_names(ledger.jobs[job_id]))
            },
        }
        if source["was_missing"]
        else source
        for source_id, source in ledger.sources.items()
    }
    return replace(ledger, sources=sources)
