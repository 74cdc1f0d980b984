"""The checker's promise about task tokens: what it lets pass, and what it does not."""

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


def asked(**changes: Any) -> dict[str, Any]:
    """A request that waits for one job."""
    return {
        "key": "a.jpg",
        "task_token": "t",
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
    ("said", "request_", "stood"),
    [
        (success("j1"), asked(), {"stored"}),
        (success("j1"), asked(), {"paid", "stored"}),
        (failure("crashed"), asked(), {"dead"}),
        (failure("cancelled"), asked(), {"cancelled", "accepted"}),
        (failure("missing_prompt"), asked(problems=[{"code": "missing_prompt"}]), {"stored"}),
    ],
)
def test_a_true_answer_passes(said: SentTaskResponse, request_: dict[str, Any], stood: set[str]) -> None:
    assert check_task_response(said, request_, {"j1": stood}) == []


@pytest.mark.parametrize(
    ("said", "request_", "stood"),
    [
        (success("j1"), asked(), {"paid"}),
        (success("j1"), asked(), {"dead"}),
        (success(), asked(), {"stored"}),
        (success("j1"), asked(problems=[{"code": "missing_prompt"}]), {"stored"}),
        (failure("crashed"), asked(), {"stored"}),
        (failure("crashed"), asked(), {"submitting"}),
        (failure("crashed"), asked(problems=[{"code": "missing_prompt"}]), {"stored"}),
    ],
)
def test_an_answer_that_is_early_or_untrue_does_not(
    said: SentTaskResponse, request_: dict[str, Any], stood: set[str]
) -> None:
    assert {one.invariant for one in check_task_response(said, request_, {"j1": stood})} == {
        Invariant.TASK_TOKENS_ANSWERED_ONCE
    }


def test_what_was_answered_stands() -> None:
    waits, answered = asked(answered_at=None, answer=None), asked(answer="success")
    assert check_request_write(None, waits) == check_request_write(waits, answered) == []
    assert len(check_request_write(answered, asked(outcome="undeliverable"))) == 1


def test_an_answer_that_was_taken_takes_the_place_of_one_that_was_not() -> None:
    foreign, answered = asked(outcome="undeliverable"), asked(outcome="failure")
    assert check_request_write(foreign, answered) == []
    assert len(check_request_write(foreign, foreign)) == len(check_request_write(answered, answered)) == 1


def test_whoever_waits_is_answered_or_waits_with_his_job() -> None:
    jobs = {"j1": {"status": "accepted"}}
    waits = [asked(answered_at=None)]
    assert check_unanswered_tokens({"t": True}, [asked()], {"j1": JOB}, ()) == []
    assert check_unanswered_tokens({"t": False}, waits, jobs, {"j1"}) == []
    assert len(check_unanswered_tokens({"t": False}, waits, jobs, ())) == 1
    assert len(check_unanswered_tokens({"t": False}, [], jobs, {"j1"})) == 1
    assert len(check_unanswered_tokens({"t": True}, waits, {"j1": JOB}, ())) == 1


def test_what_only_stopped_executions_wanted_is_called_off_and_nothing_else_is() -> None:
    theirs, others = JOB, JOB | {"is_execution_scoped": False}
    assert (
        check_purchase_for_stopped(theirs, all_stopped=False)
        == check_purchase_for_stopped(others, all_stopped=True)
        == []
    )
    assert len(check_purchase_for_stopped(theirs, all_stopped=True)) == 1
    assert check_cancel_of_unpaid(theirs, is_execution_running=False) == []
    assert (
        len(check_cancel_of_unpaid(theirs, is_execution_running=True))
        == len(check_cancel_of_unpaid(others, is_execution_running=False))
        == 1
    )
