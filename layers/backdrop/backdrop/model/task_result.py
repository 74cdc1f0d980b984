"""The answer to a waiting Step Functions task, built from ledger items within Step Functions' limits."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backdrop.model.image_request import CallbackOutcome, ImageRequest
from backdrop.model.job import Job, Source
from backdrop.model.receipt import build_receipt, list_request_errors

# Limits: AWS Step Functions API reference, "SendTaskSuccess" (bytes) and "SendTaskFailure" (characters).
MAX_OUTPUT_BYTES = 262_144
MAX_CAUSE_LENGTH = 32_768
MAX_MESSAGE_LENGTH = 1000
# The fields of a job that the output may omit, in this order. The receipt contains all of them.
DROPPABLE_FIELDS = ("instructions", "provenance", "attempts"), ("results", "warnings")


@dataclass(frozen=True)
class TaskResult:
    """The answer to a task: its output (JSON), or its error code and its cause (JSON)."""

    outcome: CallbackOutcome
    output: str = ""
    error: str = ""
    cause: str = ""


def build_task_result(source: Source, request: ImageRequest, jobs: Iterable[Job]) -> TaskResult | None:
    """Returns the answer to a request; None while one of its jobs has not ended.

    An item of a campaign does not wait for people: it is answered when its pictures wait for approval.
    """
    own_jobs = [job for job in jobs if job.job_id in request.jobs.values()]
    if not all(job.needs_no_worker if request.campaign else job.has_ended for job in own_jobs):
        return None
    errors = list_request_errors(request, own_jobs)
    if errors:
        return TaskResult(CallbackOutcome.FAILURE, error=errors[0]["code"], cause=_format_cause(errors))
    output = build_receipt(source, own_jobs) | ({"skipped": str(request.skip_reason)} if request.skipped_kind else {})
    return TaskResult(CallbackOutcome.SUCCESS, output=_format_output(output))


def _format_output(output: Mapping[str, Any]) -> str:
    """Omits the long fields first if the output is too large; IDs, statuses, and costs stay."""
    for names in DROPPABLE_FIELDS:
        if len(_to_json(output).encode()) <= MAX_OUTPUT_BYTES:
            break
        output = {
            **output,
            "jobs": [{n: value for n, value in job.items() if n not in names} for job in output["jobs"]],
        }
    return _to_json(output)


def _format_cause(errors: Sequence[dict[str, Any]]) -> str:
    """Keeps as many of the first errors as fit into a cause."""
    shortened = [
        {**one, "message": one["message"][:MAX_MESSAGE_LENGTH], "hint": one["hint"][:MAX_MESSAGE_LENGTH]}
        for one in errors
    ]
    while len(_to_json(shortened)) > MAX_CAUSE_LENGTH:
        shortened.pop()
    return _to_json(shortened)


def _to_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
