"""The checker's promise about task tokens: what it lets pass, and what it does not."""

from typing import Any

import pytest

from proof.checker.books import Promise
from proof.checker.tokens import (
    Said,
    answer_breaches,
    called_off_breaches,
    note_breaches,
    silent_breaches,
    stopped_breaches,
)

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


def success(*jobs: str) -> Said:
    return Said("", frozenset(jobs))


def failure(code: str) -> Said:
    return Said(code, frozenset())


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
def test_a_true_answer_passes(said: Said, request_: dict[str, Any], stood: set[str]) -> None:
    assert answer_breaches(said, request_, {"j1": stood}) == []


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
def test_an_answer_that_is_early_or_untrue_does_not(said: Said, request_: dict[str, Any], stood: set[str]) -> None:
    assert {one.promise for one in answer_breaches(said, request_, {"j1": stood})} == {Promise.TOKENS}


def test_what_was_answered_stands() -> None:
    waits, answered = asked(answered_at=None, answer=None), asked(answer="success")
    assert note_breaches(None, waits) == note_breaches(waits, answered) == []
    assert len(note_breaches(answered, asked(outcome="undeliverable"))) == 1


def test_an_answer_that_was_taken_takes_the_place_of_one_that_was_not() -> None:
    foreign, answered = asked(outcome="undeliverable"), asked(outcome="failure")
    assert note_breaches(foreign, answered) == []
    assert len(note_breaches(foreign, foreign)) == len(note_breaches(answered, answered)) == 1


def test_whoever_waits_is_answered_or_waits_with_his_job() -> None:
    jobs = {"j1": {"status": "accepted"}}
    waits = [asked(answered_at=None)]
    assert silent_breaches({"t": True}, [asked()], {"j1": JOB}, ()) == []
    assert silent_breaches({"t": False}, waits, jobs, {"j1"}) == []
    assert len(silent_breaches({"t": False}, waits, jobs, ())) == 1
    assert len(silent_breaches({"t": False}, [], jobs, {"j1"})) == 1
    assert len(silent_breaches({"t": True}, waits, {"j1": JOB}, ())) == 1


def test_what_only_stopped_executions_wanted_is_called_off_and_nothing_else_is() -> None:
    theirs, others = JOB, JOB | {"is_execution_scoped": False}
    assert stopped_breaches(theirs, stopped=False) == stopped_breaches(others, stopped=True) == []
    assert len(stopped_breaches(theirs, stopped=True)) == 1
    assert called_off_breaches(theirs, running=False) == []
    assert len(called_off_breaches(theirs, running=True)) == len(called_off_breaches(others, running=False)) == 1
