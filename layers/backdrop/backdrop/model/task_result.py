"""What whoever waits for a request is answered: decided from the ledger's items, and within Step Functions' limits."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backdrop.model.image_request import Answered, Asked
from backdrop.model.job import Job, Source
from backdrop.model.receipt import receipt, request_errors

# Limits: AWS Step Functions API reference, "SendTaskSuccess" (bytes) and "SendTaskFailure" (characters).
MOST_OUTPUT_BYTES = 262_144
MOST_CAUSE = 32_768
LONGEST_WORDS = 1000
# What a job's part of the output can do without, the first first: its receipt has it all.
LONG_FIELDS = ("instructions", "provenance", "attempts"), ("results", "warnings")


@dataclass(frozen=True)
class Reply:
    """The answer to a task: its output, or the error that it ends with and the cause (both JSON texts)."""

    kind: Answered
    output: str = ""
    error: str = ""
    cause: str = ""


def reply(source: Source, asked: Asked, jobs: Iterable[Job]) -> Reply | None:
    """The answer to a request as its photo's jobs stand; None while one of its own is under way."""
    own = [job for job in jobs if job.job_id in asked.jobs.values()]
    if not all(job.ended for job in own):
        return None
    errors = request_errors(source, asked.problems, own)
    if errors:
        return Reply(Answered.FAILURE, error=errors[0]["code"], cause=_cause(errors))
    told = receipt(source, own) | ({"skipped": str(asked.why_skipped)} if asked.skipped else {})
    return Reply(Answered.SUCCESS, output=_output(told))


def _output(told: Mapping[str, Any]) -> str:
    """As much as a task may give: the long fields go first, the ids, ends and costs stay."""
    for names in LONG_FIELDS:
        if len(_text(told).encode()) <= MOST_OUTPUT_BYTES:
            break
        told = {**told, "jobs": [{n: value for n, value in job.items() if n not in names} for job in told["jobs"]]}
    return _text(told)


def _cause(errors: Sequence[dict[str, Any]]) -> str:
    """As many errors as a cause has room for, the first first."""
    shortened = [
        {**one, "message": one["message"][:LONGEST_WORDS], "hint": one["hint"][:LONGEST_WORDS]} for one in errors
    ]
    while len(_text(shortened)) > MOST_CAUSE:
        shortened.pop()
    return _text(shortened)


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
