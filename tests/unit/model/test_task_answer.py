"""A task's answer fits the size limit of Step Functions, with the most important part first."""

import json
from typing import Any

import pytest

from backdrop.model.codes import Code
from backdrop.model.image_request import CallbackOutcome, ImageRequest
from backdrop.model.job import ANNOUNCED_STATUSES, MASK_VARIANT, Job, JobStatus, MoneyStatus
from backdrop.model.object_keys import ObjectKind
from backdrop.model.sentence import Sentence
from backdrop.model.task_result import MAX_CAUSE_LENGTH, MAX_OUTPUT_BYTES, build_task_result
from tests.unit.ledger_items import (
    NOW,
    build_dead_job,
    build_job,
    build_problem,
    build_result,
    build_source,
    build_stored_job,
)

ENDS = [one for one in JobStatus if one not in ("accepted", "submitting", "unknown", "paid", "review")]


def build_request(*jobs: Job, **changes: Any) -> ImageRequest:
    """Returns a request that named these jobs."""
    facts: dict[str, Any] = {"source_id": "s" * 64, "request_id": "m-1", "bucket": "photos", "key": "shoes/red.jpg"}
    facts |= {"task_token": "t", "jobs": {job.variant: job.job_id for job in jobs}, "requested_at": NOW}
    return ImageRequest(**facts | changes)


@pytest.mark.parametrize("status", JobStatus)
def test_request_is_answered_only_when_its_job_has_ended(status: JobStatus) -> None:
    job = build_stored_job(status=status, problem=build_problem() if status in ANNOUNCED_STATUSES else None)
    found = build_task_result(build_source(), build_request(job), [job])
    assert (found is not None) is (status in ENDS)
    assert found is None or (found.outcome is CallbackOutcome.SUCCESS) is (status is JobStatus.STORED)


def test_jobs_of_other_requests_do_not_matter() -> None:
    mine, other = build_stored_job(), build_job(job_id="job-2", variant="beach")
    found = build_task_result(build_source(), build_request(mine), [mine, other])
    assert found
    assert [job["job_id"] for job in json.loads(found.output)["jobs"]] == ["job-1"]


def test_failure_reports_the_cost_of_every_failed_job() -> None:
    stored, dead = build_stored_job(job_id="job-2", variant="a"), build_dead_job(variant="b")
    superseded = build_job(job_id="job-3", variant="c", status=JobStatus.SUPERSEDED, ended_at=NOW)
    found = build_task_result(build_source(), build_request(stored, dead, superseded), [stored, dead, superseded])
    assert found
    cause = json.loads(found.cause)
    assert found.error == "unsafe_result"
    assert [(one["job_id"], one["code"], one["money"]) for one in cause] == [
        ("job-1", "unsafe_result", "spent"),
        ("job-3", "superseded", "not_spent"),
    ]
    assert all(one.keys() == cause[0].keys() for one in cause)


def test_failed_mask_does_not_fail_the_request_that_bought_it() -> None:
    picture, mask = build_stored_job(), build_dead_job(job_id="job-2", variant=MASK_VARIANT)
    found = build_task_result(build_source(), build_request(picture, mask), [picture, mask])
    assert found
    assert found.outcome is CallbackOutcome.SUCCESS


def test_requested_cut_out_fails_its_request_also_if_it_has_become_a_mask() -> None:
    requested, mask = build_job(), build_dead_job(variant=MASK_VARIANT)
    assert requested.job_id == mask.job_id
    found = build_task_result(build_source(), build_request(requested, campaign="spring"), [mask])
    assert found
    assert (found.outcome, found.error) == (CallbackOutcome.FAILURE, "unsafe_result")


def test_requested_cut_out_that_was_stored_only_as_a_mask_is_superseded() -> None:
    requested, mask = build_job(), build_stored_job(variant=MASK_VARIANT, results=())
    assert requested.job_id == mask.job_id
    found = build_task_result(build_source(), build_request(requested), [mask])
    assert found
    assert (found.outcome, found.error) == (CallbackOutcome.FAILURE, "superseded")
    [error] = json.loads(found.cause)
    assert (error["status"], error["money"]) == ("superseded", "spent")


def test_refusals_are_reported_before_failures() -> None:
    dead = build_dead_job()
    problem = build_problem(Code.MISSING_PROMPT, MoneyStatus.NOT_SPENT, variant="beach")
    found = build_task_result(build_source(), build_request(dead, problems=(problem,)), [dead])
    assert found
    assert (found.error, [one["variant"] for one in json.loads(found.cause)]) == ("missing_prompt", ["beach", None])


@pytest.mark.parametrize(
    ("changes", "without"),
    [
        ({"instructions": {"metadata": {"x": "é" * 7000}}}, {"instructions", "provenance", "attempts"}),
        (
            {"results": tuple(build_result(key=f"shoes/{'x' * 800}/{n}.png") for n in range(20))},
            {"instructions", "provenance", "attempts", "results", "warnings"},
        ),
    ],
    ids=["instructions", "results"],
)
def test_too_long_output_omits_what_its_receipt_has(changes: dict[str, Any], without: set[str]) -> None:
    jobs = [build_stored_job(job_id=f"job-{n}", variant=f"v{n}", **changes) for n in range(20)]
    found = build_task_result(build_source(), build_request(*jobs), jobs)
    assert found
    assert len(found.output.encode()) <= MAX_OUTPUT_BYTES
    answer = json.loads(found.output)
    assert (len(answer["jobs"]), answer["total_usd"]) == (20, 1.2)
    assert all(
        without.isdisjoint(job) and {"job_id", "variant", "status", "cost"} <= job.keys() for job in answer["jobs"]
    )


def test_too_long_cause_contains_the_first_errors_completely() -> None:
    problems = tuple(
        build_problem(Code.INVALID_VALUE, MoneyStatus.NOT_SPENT, variant=f"v{n}", message=Sentence("é" * 5000))
        for n in range(50)
    )
    found = build_task_result(build_source(), build_request(problems=problems), [])
    assert found
    assert len(found.cause) <= MAX_CAUSE_LENGTH
    answer = json.loads(found.cause)
    assert [one["variant"] for one in answer] == [f"v{n}" for n in range(len(answer))]
    assert len(answer) > 10


def test_skipped_request_states_its_reason() -> None:
    found = build_task_result(build_source(), build_request(skipped_kind=ObjectKind.IGNORED), [])
    assert found
    assert (found.outcome, json.loads(found.output)["skipped"]) == (
        CallbackOutcome.SUCCESS,
        "not an image, by its name",
    )
