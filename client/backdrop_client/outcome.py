"""How far a photo is, read from its receipt and its error report alone."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from backdrop.model.job import FAILED_STATUSES, MASK_VARIANT, JobStatus

type JsonObject = Mapping[str, Any]


class State(StrEnum):
    """The state of a photo, or of one of its variants: those of variants that end last come first."""

    UPLOADED = "uploaded"
    WAITING = "waiting"
    WORKING = "working"
    REVIEW = "review"
    FAILED = "failed"
    REFUSED = "refused"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    STORED = "stored"


OPEN_STATES = frozenset({State.UPLOADED, State.WAITING, State.WORKING})
_STATES = {
    JobStatus.REVIEW: State.REVIEW,
    JobStatus.STORED: State.STORED,
    JobStatus.REJECTED: State.REJECTED,
    JobStatus.REFUSED: State.REFUSED,
    JobStatus.DEAD: State.FAILED,
    JobStatus.HELD: State.FAILED,
    JobStatus.SUPERSEDED: State.CANCELLED,
    JobStatus.CANCELLED: State.CANCELLED,
}


@dataclass(frozen=True)
class Outcome:
    """The state of the variant that decides about the photo, with its entry in the error report if it has one."""

    state: State
    error: JsonObject | None = None

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES


def find_outcome(receipt: JsonObject | None, report: JsonObject | None, named: Collection[str] = ()) -> Outcome:
    """Returns how far a photo is. `named`: the variants that its own sidecar names.

    The pipeline writes the receipt first. So a variant that failed counts as in progress until the report says why, and
    the receipt of a delivered variant overrules an earlier report.
    """
    jobs = {one["variant"] or "": one for one in list_current_jobs(receipt)}
    errors: Mapping[Any, JsonObject] = {
        (one["job_id"], one["variant"] or ""): one for one in (report["errors"] if report else ())
    }
    variants = [*jobs, *_list_variants_without_job(receipt, errors, named)] or [""]
    outcomes = [_find_variant_outcome(jobs.get(one), errors, one) for one in variants]
    return min(outcomes, key=lambda outcome: list(State).index(outcome.state))


def _list_variants_without_job(
    receipt: JsonObject | None, errors: Mapping[Any, JsonObject], named: Collection[str]
) -> set[str]:
    """Returns the refused variants, and those of the sidecar that intake has not decided about.

    Folder defaults and campaigns name variants too, and a photo has those of one source. So the sidecar's are not to
    come if the photo has jobs for others, or had jobs for them. If the photo has a job without a variant, a refused one
    is that of a campaign, which left this job as it was.
    """
    known = {one["variant"] or "" for one in (receipt or {}).get("jobs", ())}
    current = {one["variant"] or "" for one in list_current_jobs(receipt)}
    if "" in current:
        return set()
    refused = {variant for job_id, variant in errors if job_id is None and variant not in ("", MASK_VARIANT)}
    undecided = {*named} - known if current <= {*named} else set[str]()
    return (refused | undecided) - current


def list_current_jobs(receipt: JsonObject | None) -> list[JsonObject]:
    """Returns the photo's current jobs, without that of a mask."""
    return [one for one in (receipt or {}).get("jobs", ()) if one["current"] and one["variant"] != MASK_VARIANT]


def list_awaited_providers(receipt: JsonObject | None) -> list[str]:
    """Returns the providers that have not been called yet for the photo's current jobs."""
    waiting = (one for one in list_current_jobs(receipt) if one["status"] == JobStatus.ACCEPTED)
    return list(dict.fromkeys(one["provider"] for one in waiting))


def _find_variant_outcome(job: JsonObject | None, errors: Mapping[Any, JsonObject], variant: str) -> Outcome:
    if job is None:
        error = errors.get((None, variant)) or errors.get((None, ""))
        if error is None:
            return Outcome(State.UPLOADED)
        return Outcome(State.WAITING if error["retryable"] else State.REFUSED, error)
    status, error = JobStatus(job["status"]), errors.get((job["job_id"], variant))
    if status in FAILED_STATUSES | {JobStatus.REJECTED} and error is None:
        return Outcome(State.WORKING)
    if state := _STATES.get(status):
        return Outcome(state, error)
    return Outcome(State.WAITING if error else State.WORKING, error)
