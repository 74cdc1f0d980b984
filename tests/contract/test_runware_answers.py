"""Every answer of Runware and what it means: class, code, money, links; and that no answer charges anything twice."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from backdrop.model.codes import Code
from backdrop.model.job import Job, MoneyStatus
from backdrop.model.provider_result import LookupStatus, ProviderResult, RetryClass
from backdrop.pipeline.recovery import MAX_PENDING_DURATION
from backdrop.providers.runware import MAX_PARTIAL_WAIT
from tests.contract.adapters import NOW, PHOTO, Reply, http, recording
from tests.contract.calling import Called, call, claimed, job_for, the_id
from tests.contract.test_runware_wire import URL, ack, adapter, result, said
from tests.unit.shelf import FakeWork

JOB, TWO = job_for("runware"), job_for("runware", num_images=2)
NOTHING = said({"data": []})
LOST = (RetryClass.AMBIG, Code.CHARGE_UNKNOWN, MoneyStatus.UNKNOWN)
ANOTHERS = "00000000-0000-4000-8000-000000000000"


def error(code: str, job: Job = JOB, **more: Any) -> dict[str, Any]:
    return {"code": code, "message": "in words", "taskType": "imageInference", "taskUUID": the_id(job), **more}


def called(*replies: Reply, job: Job = JOB, seconds: float = 10) -> Called:
    """What a call leads to that is answered so."""
    with recording(*replies) as server:
        return call(adapter(server, seconds=seconds), job)


def asked(
    *replies: Reply, job: Job = JOB, after: timedelta = timedelta(minutes=1), **options: Any
) -> ProviderResult | LookupStatus:
    """What a look-up so long after the call says that is answered so."""
    with recording(*replies) as server:
        ours = adapter(server, now=lambda: NOW + after, **options)
        return ours.look_up(claimed(job, the_id(job)), the_id(job))


def fate(answer: ProviderResult | LookupStatus) -> tuple[RetryClass, Code | None, MoneyStatus]:
    assert isinstance(answer, ProviderResult), answer
    return answer.retry_class, answer.code, answer.money


def details(job: Job, response: dict[str, Any], **request: Any) -> Reply:
    """All that is known of a task: what was asked, and what was answered."""
    known = {"taskType": "imageInference", "model": "ideogram:4@5", "positivePrompt": "a beach", **request}
    return said(
        {"data": [{"taskType": "getTaskDetails", "taskUUID": the_id(job), "request": [known], "response": response}]}
    )


# -- the submit ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"{}", b"", b"<html>no</html>"], ids=repr)
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, RetryClass.PERM),
        (401, RetryClass.PAUSE),
        (402, RetryClass.PAUSE),
        (403, RetryClass.PAUSE),
        (404, RetryClass.PAUSE),
        (408, RetryClass.AMBIG),
        (413, RetryClass.PERM),
        (429, RetryClass.QUOTA),
        (500, RetryClass.AMBIG),
        (502, RetryClass.AMBIG),
        (503, RetryClass.BACKOFF),
        (504, RetryClass.AMBIG),
        (307, RetryClass.PAUSE),
    ],
)
def test_where_no_code_tells_the_status_does(body: bytes, status: int, kind: RetryClass) -> None:
    assert called(http(status, body)).said.retry_class is kind


def test_an_error_may_stand_by_itself() -> None:
    assert called(said({"error": error("invalidApiKey")}, 401)).said.code is Code.PROVIDER_KEY_REFUSED
    assert called(said({"error": "insufficientCredits"}, 400)).said.code is Code.PROVIDER_OUT_OF_MONEY


def test_an_error_of_another_task_is_none_of_ours() -> None:
    others = [
        error("invalidApiKey", taskUUID=ANOTHERS),
        error("forbidden", taskUUID=None, context={"taskUUID": ANOTHERS}),
    ]
    taken = said({"data": [{"taskType": "imageInference", "taskUUID": the_id(JOB)}], "errors": others})
    assert called(taken, said({"data": [result(JOB)], "errors": others})).said.retry_class is RetryClass.OK


@pytest.mark.parametrize("body", [b"{}", b"", b"<html>ok</html>", b'{"data":', b"[]"])
def test_a_200_that_says_nothing_may_have_been_taken(body: bytes) -> None:
    assert fate(called(http(200, body)).said) == LOST


def test_an_empty_acknowledgement_is_one() -> None:
    assert called(NOTHING, said({"data": [result(JOB)]})).said.retry_class is RetryClass.OK


# -- the id is known already -----------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 400, 409])
@pytest.mark.parametrize(
    "place", [{}, {"taskUUID": None, "context": {"taskUUID": the_id(JOB)}}], ids=["own", "context"]
)
def test_a_conflict_means_that_the_task_was_taken(status: int, place: dict[str, Any]) -> None:
    conflict = said({"data": [], "errors": [error("conflictTaskUUID", **place)]}, status)
    found = called(conflict, details(JOB, {}), said({"data": [result(JOB)]}))
    assert (found.said.retry_class, found.said.charged) == (RetryClass.OK, 60_000)


def test_a_conflict_with_another_request_is_refused() -> None:
    conflict = said({"errors": [error("conflictTaskUUID")]}, 400)
    answer = called(conflict, details(JOB, {}, positivePrompt="another")).said
    assert fate(answer) == (RetryClass.PERM, Code.REQUEST_REJECTED, MoneyStatus.NOT_SPENT)


# -- what became of it -----------------------------------------------------------------------------------------


def test_results_are_links_that_live_a_day_with_their_seeds_and_costs() -> None:
    found = said({"data": [result(TWO, 0, seed=7), result(TWO, 1, cost=0.09), result(TWO, 0, seed=7)]})
    answer = called(ack(TWO), found, job=TWO).said
    assert [(link.url, link.seed) for link in answer.links] == [(URL, 7), (URL, None)]
    assert (answer.charged, answer.basis) == (150_000, "reported")
    expires = answer.links[0].expires_at
    assert expires
    assert timedelta(hours=23) < expires - datetime.now(UTC) <= timedelta(hours=24)
    later = asked(found, job=TWO)
    assert isinstance(later, ProviderResult)
    assert later.links[0].expires_at == NOW + timedelta(days=1)


@pytest.mark.parametrize("cost", [None, 0, -0.06, "0.06", False, float("nan")], ids=repr)
def test_a_cost_that_is_none_is_the_price_lists(cost: object) -> None:
    answer = called(ack(JOB), said({"data": [result(JOB, cost=cost)]})).said
    assert (answer.charged, answer.basis) == (60_000, "price_list")


@pytest.mark.parametrize("running", [{"status": "processing", "progress": 40}, {"status": "pending"}], ids=str)
def test_a_task_at_work_is_waited_for_until_all_its_results_are_there(running: dict[str, Any]) -> None:
    at_work = said({"data": [{"taskType": "imageInference", "taskUUID": the_id(TWO), **running}]})
    half = said({"data": [result(TWO, 0), {"taskUUID": the_id(TWO), **running}]})
    assert (
        len(called(ack(TWO), at_work, half, said({"data": [result(TWO, 0), result(TWO, 1)]}), job=TWO).said.links) == 2
    )
    assert asked(half, job=TWO) is LookupStatus.PENDING


HALF, WHOLE = {"data": [result(TWO, 0)]}, {"data": [result(TWO, 0), result(TWO, 1)]}
AND_AT_WORK = {"data": [result(TWO, 0), {"taskUUID": the_id(TWO), "status": "processing"}]}


@pytest.mark.parametrize(
    "replies",
    [
        (said(HALF), NOTHING),
        (said(HALF), details(TWO, HALF)),
        (said(AND_AT_WORK), NOTHING),
        (NOTHING, details(TWO, HALF)),
        (NOTHING, details(TWO, AND_AT_WORK)),
    ],
    ids=["polled", "polled and kept", "polled at work", "kept", "kept at work"],
)
def test_fewer_results_than_asked_for_are_taken_only_when_the_others_are_overdue(replies: tuple[Reply, Reply]) -> None:
    assert asked(*replies, job=TWO) is LookupStatus.PENDING
    assert asked(*replies, job=TWO, after=MAX_PARTIAL_WAIT) is LookupStatus.PENDING
    answer = asked(*replies, job=TWO, after=MAX_PARTIAL_WAIT + timedelta(seconds=1))
    assert isinstance(answer, ProviderResult)
    assert (len(answer.links), answer.charged) == (1, 60_000)


BARE: dict[str, Any] = {"imageURL": None}


@pytest.mark.parametrize(
    "items",
    [
        (result(JOB, 0), result(JOB, 0, **BARE)),
        (result(JOB, 0, **BARE), result(JOB, 0)),
        (result(JOB, 0), result(JOB, 1, **BARE)),
        (result(JOB, 1, **BARE), result(JOB, 0)),
        (result(JOB, imageUUID=None, **BARE), result(JOB, 0)),
    ],
    ids=["same result, first", "same result, last", "other result, first", "other result, last", "without an ID"],
)
def test_a_result_with_a_picture_wins_over_one_without(items: tuple[dict[str, Any], ...]) -> None:
    answer = asked(said({"data": [*items]}))
    assert isinstance(answer, ProviderResult)
    assert ([link.url for link in answer.links], answer.charged) == ([URL], 60_000)


def test_a_result_without_a_picture_keeps_its_place_among_those_asked_for() -> None:
    answer = asked(said({"data": [result(TWO, 0, **BARE), result(TWO, 1)]}), job=TWO)
    assert isinstance(answer, ProviderResult)
    assert [(link.url, link.is_unrecognized) for link in answer.links] == [(None, True), (URL, False)]


def test_more_results_than_asked_for_are_all_used() -> None:
    answer = asked(said({"data": [result(JOB, 0), result(JOB, 1)]}))
    assert isinstance(answer, ProviderResult)
    assert ([link.url for link in answer.links], answer.charged) == ([URL, URL], 120_000)


def test_overdue_results_are_still_looked_for_in_the_kept_response() -> None:
    answer = asked(said(HALF), details(TWO, WHOLE), job=TWO, after=timedelta(hours=1))
    assert isinstance(answer, ProviderResult)
    assert len(answer.links) == 2


def test_missing_results_are_overdue_before_the_task_is_given_up() -> None:
    assert 2 * MAX_PARTIAL_WAIT <= MAX_PENDING_DURATION


def test_fewer_results_than_asked_for_are_taken_at_once_with_an_error_of_the_task() -> None:
    answer = asked(said({**HALF, "errors": [error("inferenceError", TWO)]}), job=TWO)
    assert isinstance(answer, ProviderResult)
    assert (len(answer.links), answer.charged) == (1, 60_000)


def test_an_error_about_no_task_does_not_cut_its_results_short() -> None:
    half = said({"data": [result(TWO, 0)], "errors": [{"code": "whoKnows"}]})
    assert asked(half, NOTHING, job=TWO) is LookupStatus.PENDING


@pytest.mark.parametrize("state", ["queued", "completed", "finalizing", ""])
def test_a_task_that_a_response_names_is_never_absent(state: str) -> None:
    named = said({"data": [{"taskType": "imageInference", "taskUUID": the_id(TWO), "status": state}]})
    one_of_two = said({"data": [result(TWO, 0)]})
    if state != "completed":
        assert asked(named, NOTHING, job=TWO) is LookupStatus.PENDING
    assert asked(one_of_two, NOTHING, job=TWO) is LookupStatus.PENDING
    assert asked(NOTHING, details(TWO, {}), job=TWO) is LookupStatus.PENDING


def test_another_tasks_result_is_never_taken_for_ours() -> None:
    anothers = said({"data": [result(JOB, taskUUID=ANOTHERS)]})
    assert asked(anothers, NOTHING) is LookupStatus.ABSENT
    assert called(ack(JOB), anothers, NOTHING, said({"data": [result(JOB)]})).said.retry_class is RetryClass.OK


def test_an_unsafe_picture_is_spent_and_withheld() -> None:
    answer = asked(said({"data": [result(JOB, NSFWContent=True)]}))
    assert fate(answer) == (RetryClass.OK, Code.UNSAFE_RESULT, MoneyStatus.SPENT)
    one_of_two = asked(said({"data": [result(TWO, 0, NSFWContent=True), result(TWO, 1)]}), job=TWO)
    assert isinstance(one_of_two, ProviderResult)
    assert (one_of_two.code, one_of_two.charged) == (None, 120_000)
    assert [link.is_usable for link in one_of_two.links] == [False, True]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("providerContentPolicyViolation", (RetryClass.PERM, Code.UNSAFE_REQUEST, MoneyStatus.NOT_SPENT)),
        ("inferenceError", (RetryClass.BACKOFF, Code.PROVIDER_UNAVAILABLE, MoneyStatus.NOT_SPENT)),
        ("invalidModel", (RetryClass.PERM, Code.REQUEST_REJECTED, MoneyStatus.NOT_SPENT)),
        ("insufficientCredits", (RetryClass.PAUSE, Code.PROVIDER_OUT_OF_MONEY, MoneyStatus.NOT_SPENT)),
        ("timeoutProvider", (RetryClass.AMBIG, Code.PROVIDER_FAILED, MoneyStatus.UNKNOWN)),
    ],
)
def test_a_task_that_was_given_up_is_told_as_the_end_of_its_id(code: str, expected: object) -> None:
    as_error = said({"data": [], "errors": [error(code, status="error")]})
    as_item = said({"data": [error(code, status="error")]})
    kept = details(JOB, {"errors": [error(code)]})
    ends = asked(as_error), asked(as_item), asked(NOTHING, kept), called(ack(JOB), as_error).said
    for answer in ends:
        assert isinstance(answer, ProviderResult)
        assert (fate(answer), answer.is_final) == (expected, True)


NO_ANSWER: list[Reply] = [
    said({"errors": [error("invalidApiKey", taskType="authentication", taskUUID=None)]}, 401),
    said({"errors": [error("rateLimitExceeded", taskType="getResponse")]}, 429),
    said({"errors": [error("internalServerError")]}, 500),
    said({"errors": [error("whoKnows")]}, 400),
    http(500, b"<html>no</html>", kind="text/html"),
    http(503, b"{}"),
    http(200, b""),
    http(200, b"{}"),
]


@pytest.mark.parametrize("reply", NO_ANSWER, ids=range(len(NO_ANSWER)))
def test_a_question_that_fails_says_nothing_of_the_task(reply: Reply) -> None:
    assert asked(reply) is LookupStatus.PENDING
    assert asked(NOTHING, reply) is LookupStatus.PENDING
    assert called(ack(JOB), reply, said({"data": [result(JOB)]})).said.retry_class is RetryClass.OK


@pytest.mark.parametrize("nothing", [NOTHING, said({"errors": [error("taskFailedOrNotFound")]}, 404)])
def test_an_empty_answer_proves_nothing_until_all_that_is_known_was_asked_for(nothing: Reply) -> None:
    found = asked(nothing, details(JOB, {"data": [result(JOB, status=None)]}))
    assert fate(found)[0] is RetryClass.OK
    assert asked(nothing, nothing) is LookupStatus.ABSENT


def test_a_task_that_was_taken_is_at_work_for_as_long_as_nobody_says_otherwise() -> None:
    assert called(ack(JOB), NOTHING, seconds=2).answer is LookupStatus.PENDING


# -- the picture comes by itself -------------------------------------------------------------------------------


def test_a_picture_that_was_written_to_us_needs_no_link() -> None:
    name = f"runware-{the_id(JOB)}"
    answer = asked(said({"data": [result(JOB)]}), work=FakeWork(results={name: PHOTO}), uploads=True)
    assert isinstance(answer, ProviderResult)
    assert [(link.url, link.result_name) for link in answer.links] == [(None, name)]


@pytest.mark.parametrize("shelf", [FakeWork(), FakeWork(broken=True)], ids=["absent", "broken"])
def test_a_picture_that_did_not_come_is_fetched(shelf: FakeWork) -> None:
    answer = asked(said({"data": [result(JOB)]}), work=shelf, uploads=True)
    assert isinstance(answer, ProviderResult)
    assert [(link.url, link.result_name) for link in answer.links] == [(URL, None)]
