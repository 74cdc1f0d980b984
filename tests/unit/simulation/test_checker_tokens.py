"""The checks of task tokens accept correct answers, and find all others."""

from typing import Any

import pytest

from simulation.invariants.task_tokens import (
    SentTaskResponse,
    check_cancel_of_unpaid,
    check_purchase_for_stopped,
    check_request_write,
    check_task_response,
    check_unanswered_tokens,
)
from simulation.invariants.violations import Invariant

JOB = {"key": "a.jpg", "is_execution_scoped": True, "status": "stored"}


def request_item(**changes: Any) -> dict[str, Any]:
    """Returns a request that waits for one job."""
    return {
        "key": "a.jpg",
        "task_token": "t",
        "campaign": "",
        "jobs": {"": "j1"},
        "problems": [],
        "outcome": "success",
        "answered_at": "then",
        **changes,
    }


def success(*jobs: str) -> SentTaskResponse:
    return SentTaskResponse("", frozenset(jobs))


def failure(code: str) -> SentTaskResponse:
    return SentTaskResponse(code, frozenset())


@pytest.mark.parametrize(
    ("response", "request_", "statuses"),
    [
        (success("j1"), request_item(), {"stored"}),
        (success("j1"), request_item(), {"paid", "stored"}),
        (failure("crashed"), request_item(), {"dead"}),
        (failure("cancelled"), request_item(), {"cancelled", "accepted"}),
        (failure("missing_prompt"), request_item(problems=[{"code": "missing_prompt"}]), {"stored"}),
        (success("j1"), request_item(campaign="spring"), {"review"}),
        (failure("rejected"), request_item(), {"review", "rejected"}),
    ],
)
def test_correct_answer_is_accepted(response: SentTaskResponse, request_: dict[str, Any], statuses: set[str]) -> None:
    assert check_task_response(response, request_, {"j1": statuses}) == []


@pytest.mark.parametrize(
    ("response", "request_", "statuses"),
    [
        (success("j1"), request_item(), {"paid"}),
        (success("j1"), request_item(), {"dead"}),
        (success(), request_item(), {"stored"}),
        (success("j1"), request_item(problems=[{"code": "missing_prompt"}]), {"stored"}),
        (failure("crashed"), request_item(), {"stored"}),
        (failure("crashed"), request_item(), {"submitting"}),
        (failure("crashed"), request_item(problems=[{"code": "missing_prompt"}]), {"stored"}),
        (success("j1"), request_item(), {"review"}),
        (failure("rejected"), request_item(campaign="spring"), {"review"}),
    ],
)
def test_early_or_wrong_answer_is_found(
    response: SentTaskResponse, request_: dict[str, Any], statuses: set[str]
) -> None:
    assert {violation.invariant for violation in check_task_response(response, request_, {"j1": statuses})} == {
        Invariant.TASK_TOKENS_ANSWERED_ONCE
    }


def test_mask_decides_nothing_about_the_answer() -> None:
    with_mask = request_item(jobs={"": "j1", "@mask": "j2"})
    both = success("j1", "j2")
    assert check_task_response(both, with_mask, {"j1": {"stored"}, "j2": {"dead"}}) == []
    for statuses in ({"j1": {"dead"}, "j2": {"stored"}}, {"j1": {"stored"}, "j2": {"paid"}}):
        assert len(check_task_response(both, with_mask, statuses)) == 1
    assert len(check_task_response(failure("dead"), with_mask, {"j1": {"stored"}, "j2": {"dead"}})) == 1


def test_second_answer_is_found() -> None:
    pending, answered = request_item(answered_at=None, answer=None), request_item(answer="success")
    assert check_request_write(None, pending) == check_request_write(pending, answered) == []
    assert len(check_request_write(answered, request_item(outcome="undeliverable"))) == 1


def test_delivered_answer_may_replace_an_undeliverable_one() -> None:
    undeliverable, answered = request_item(outcome="undeliverable"), request_item(outcome="failure")
    assert check_request_write(undeliverable, answered) == []
    assert len(check_request_write(undeliverable, undeliverable)) == len(check_request_write(answered, answered)) == 1


def test_token_is_answered_or_waits_for_its_job() -> None:
    jobs = {"j1": {"status": "accepted"}}
    pending = [request_item(answered_at=None)]
    assert check_unanswered_tokens({"t": True}, [request_item()], {"j1": JOB}, ()) == []
    assert check_unanswered_tokens({"t": False}, pending, jobs, {"j1"}) == []
    assert len(check_unanswered_tokens({"t": False}, pending, jobs, ())) == 1
    assert len(check_unanswered_tokens({"t": False}, [], jobs, {"j1"})) == 1
    assert len(check_unanswered_tokens({"t": True}, pending, {"j1": JOB}, ())) == 1


def test_token_waits_for_people_but_a_campaign_does_not() -> None:
    in_review = {"j1": {"status": "review"}}
    assert check_unanswered_tokens({"t": False}, [request_item(answered_at=None)], in_review, ()) == []
    of_campaign = [request_item(answered_at=None, campaign="spring")]
    assert len(check_unanswered_tokens({"t": False}, of_campaign, in_review, ())) == 2


def test_only_jobs_of_stopped_executions_are_canceled() -> None:
    execution_job, other_job = JOB, JOB | {"is_execution_scoped": False}
    assert (
        check_purchase_for_stopped(execution_job, all_stopped=False)
        == check_purchase_for_stopped(other_job, all_stopped=True)
        == []
    )
    assert len(check_purchase_for_stopped(execution_job, all_stopped=True)) == 1
    assert check_cancel_of_unpaid(execution_job, is_execution_running=False) == []
    assert (
        len(check_cancel_of_unpaid(execution_job, is_execution_running=True))
        == len(check_cancel_of_unpaid(other_job, is_execution_running=False))
        == 1
    )
