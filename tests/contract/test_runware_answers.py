"""Every response of Runware, and the class, code, money, and links that result. No response causes a second charge."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from backdrop.model.codes import Code
from backdrop.model.job import Job, MoneyStatus
from backdrop.model.provider_result import LookupStatus, ProviderResult, RetryClass
from backdrop.pipeline.recovery import MAX_PENDING_DURATION
from backdrop.providers.runware import MAX_PARTIAL_WAIT
from tests.contract.adapter_calls import Called, call, claimed, get_task_id, job_for
from tests.contract.adapters import NOW, PHOTO, Reply, http, recording
from tests.contract.test_runware_wire import URL, ack, adapter, json_reply, result
from tests.unit.work_in_memory import FakeWork

JOB, TWO = job_for("runware"), job_for("runware", num_images=2)
NOTHING = json_reply({"data": []})
LOST = (RetryClass.AMBIG, Code.CHARGE_UNKNOWN, MoneyStatus.UNKNOWN)
OTHER_TASK_ID = "00000000-0000-4000-8000-000000000000"


def error(code: str, job: Job = JOB, **more: Any) -> dict[str, Any]:
    return {"code": code, "message": "in words", "taskType": "imageInference", "taskUUID": get_task_id(job), **more}


def called(*replies: Reply, job: Job = JOB, seconds: float = 10) -> Called:
    """Makes a call that gets these replies."""
    with recording(*replies) as server:
        return call(adapter(server, seconds=seconds), job)


def look_up_with(
    *replies: Reply, job: Job = JOB, after: timedelta = timedelta(minutes=1), **options: Any
) -> ProviderResult | LookupStatus:
    """Makes a lookup that gets these replies. `after`: the time since the call."""
    with recording(*replies) as server:
        provider = adapter(server, now=lambda: NOW + after, **options)
        return provider.look_up(claimed(job, get_task_id(job)), get_task_id(job))


def outcome_of(answer: ProviderResult | LookupStatus) -> tuple[RetryClass, Code | None, MoneyStatus]:
    assert isinstance(answer, ProviderResult), answer
    return answer.retry_class, answer.code, answer.money


def details(job: Job, response: dict[str, Any], **request: Any) -> Reply:
    """Returns a task's details: its request and its response."""
    known = {"taskType": "imageInference", "model": "ideogram:4@5", "positivePrompt": "a beach", **request}
    return json_reply(
        {
            "data": [
                {"taskType": "getTaskDetails", "taskUUID": get_task_id(job), "request": [known], "response": response}
            ]
        }
    )


# -- the submit ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"{}", b"", b"<html>no</html>"], ids=repr)
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, RetryClass.PAUSE),
        (401, RetryClass.PAUSE),
        (402, RetryClass.PAUSE),
        (403, RetryClass.PAUSE),
        (404, RetryClass.PAUSE),
        (408, RetryClass.AMBIG),
        (413, RetryClass.PAUSE),
        (429, RetryClass.QUOTA),
        (500, RetryClass.AMBIG),
        (502, RetryClass.AMBIG),
        (503, RetryClass.BACKOFF),
        (504, RetryClass.AMBIG),
        (307, RetryClass.PAUSE),
    ],
)
def test_status_determines_the_class_without_a_known_code(body: bytes, status: int, kind: RetryClass) -> None:
    is_edge = status == 403 and body != b"{}"
    assert called(http(status, body)).provider_result.retry_class is (RetryClass.BACKOFF if is_edge else kind)


def test_error_outside_a_list_is_accepted() -> None:
    assert called(json_reply({"error": error("invalidApiKey")}, 401)).provider_result.code is Code.PROVIDER_KEY_REFUSED
    assert called(json_reply({"error": "insufficientCredits"}, 400)).provider_result.code is Code.PROVIDER_OUT_OF_MONEY


def test_error_of_another_task_is_ignored() -> None:
    others = [
        error("invalidApiKey", taskUUID=OTHER_TASK_ID),
        error("forbidden", taskUUID=None, context={"taskUUID": OTHER_TASK_ID}),
    ]
    taken = json_reply({"data": [{"taskType": "imageInference", "taskUUID": get_task_id(JOB)}], "errors": others})
    assert (
        called(taken, json_reply({"data": [result(JOB)], "errors": others})).provider_result.retry_class
        is RetryClass.OK
    )


@pytest.mark.parametrize("body", [b"{}", b"", b"<html>ok</html>", b'{"data":', b"[]"])
def test_empty_200_may_have_been_accepted(body: bytes) -> None:
    assert outcome_of(called(http(200, body)).provider_result) == LOST


def test_empty_acknowledgement_is_accepted() -> None:
    assert called(NOTHING, json_reply({"data": [result(JOB)]})).provider_result.retry_class is RetryClass.OK


# -- IDs that are already in use ----------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 400, 409])
@pytest.mark.parametrize(
    "id_fields", [{}, {"taskUUID": None, "context": {"taskUUID": get_task_id(JOB)}}], ids=["own", "context"]
)
def test_id_conflict_means_the_task_was_accepted(status: int, id_fields: dict[str, Any]) -> None:
    conflict = json_reply({"data": [], "errors": [error("conflictTaskUUID", **id_fields)]}, status)
    found = called(conflict, details(JOB, {}), json_reply({"data": [result(JOB)]}))
    assert (found.provider_result.retry_class, found.provider_result.charged) == (RetryClass.OK, 60_000)


def test_id_conflict_with_another_request_is_refused() -> None:
    conflict = json_reply({"errors": [error("conflictTaskUUID")]}, 400)
    answer = called(conflict, details(JOB, {}, positivePrompt="another")).provider_result
    assert outcome_of(answer) == (RetryClass.PERM, Code.REQUEST_REJECTED, MoneyStatus.NOT_SPENT)


def test_removal_that_is_kept_under_its_older_name_is_ours() -> None:
    job = job_for("runware", operation="remove", prompt=None)
    kept = {"taskType": "imageBackgroundRemoval", "model": "runware:112@9", "positivePrompt": None}
    conflict = json_reply({"errors": [error("conflictTaskUUID", job=job)]}, 400)
    found = called(conflict, details(job, {}, **kept), json_reply({"data": [result(job)]}), job=job)
    assert found.provider_result.retry_class is RetryClass.OK


# -- results -------------------------------------------------------------------------------------------


def test_results_have_links_seeds_and_costs() -> None:
    found = json_reply({"data": [result(TWO, 0, seed=7), result(TWO, 1, cost=0.09), result(TWO, 0, seed=7)]})
    answer = called(ack(TWO), found, job=TWO).provider_result
    assert [(link.url, link.seed) for link in answer.links] == [(URL, 7), (URL, None)]
    assert (answer.charged, answer.basis) == (150_000, "reported")
    expires = answer.links[0].expires_at
    assert expires
    assert timedelta(hours=23) < expires - datetime.now(UTC) <= timedelta(hours=24)
    later = look_up_with(found, job=TWO)
    assert isinstance(later, ProviderResult)
    assert later.links[0].expires_at == NOW + timedelta(days=1)


@pytest.mark.parametrize("cost", [None, 0, -0.06, "0.06", False, float("nan")], ids=repr)
def test_invalid_cost_is_replaced_by_the_list_price(cost: object) -> None:
    answer = called(ack(JOB), json_reply({"data": [result(JOB, cost=cost)]})).provider_result
    assert (answer.charged, answer.basis) == (60_000, "price_list")


@pytest.mark.parametrize("running", [{"status": "processing", "progress": 40}, {"status": "pending"}], ids=str)
def test_running_task_is_polled_until_complete(running: dict[str, Any]) -> None:
    at_work = json_reply({"data": [{"taskType": "imageInference", "taskUUID": get_task_id(TWO), **running}]})
    half = json_reply({"data": [result(TWO, 0), {"taskUUID": get_task_id(TWO), **running}]})
    assert (
        len(
            called(
                ack(TWO), at_work, half, json_reply({"data": [result(TWO, 0), result(TWO, 1)]}), job=TWO
            ).provider_result.links
        )
        == 2
    )
    assert look_up_with(half, job=TWO) is LookupStatus.PENDING


HALF, WHOLE = {"data": [result(TWO, 0)]}, {"data": [result(TWO, 0), result(TWO, 1)]}
AND_AT_WORK = {"data": [result(TWO, 0), {"taskUUID": get_task_id(TWO), "status": "processing"}]}


@pytest.mark.parametrize(
    "replies",
    [
        (json_reply(HALF), NOTHING),
        (json_reply(HALF), details(TWO, HALF)),
        (json_reply(AND_AT_WORK), NOTHING),
        (NOTHING, details(TWO, HALF)),
        (NOTHING, details(TWO, AND_AT_WORK)),
    ],
    ids=["polled", "polled and in details", "polled, other pending", "in details", "in details, other pending"],
)
def test_partial_results_are_used_once_others_are_overdue(replies: tuple[Reply, Reply]) -> None:
    assert look_up_with(*replies, job=TWO) is LookupStatus.PENDING
    assert look_up_with(*replies, job=TWO, after=MAX_PARTIAL_WAIT) is LookupStatus.PENDING
    answer = look_up_with(*replies, job=TWO, after=MAX_PARTIAL_WAIT + timedelta(seconds=1))
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
def test_result_with_a_picture_replaces_one_without(items: tuple[dict[str, Any], ...]) -> None:
    answer = look_up_with(json_reply({"data": [*items]}))
    assert isinstance(answer, ProviderResult)
    assert ([link.url for link in answer.links], answer.charged) == ([URL], 60_000)


def test_result_without_a_picture_counts_as_a_result() -> None:
    answer = look_up_with(json_reply({"data": [result(TWO, 0, **BARE), result(TWO, 1)]}), job=TWO)
    assert isinstance(answer, ProviderResult)
    assert [(link.url, link.is_unrecognized) for link in answer.links] == [(None, True), (URL, False)]


def test_additional_results_are_all_used() -> None:
    answer = look_up_with(json_reply({"data": [result(JOB, 0), result(JOB, 1)]}))
    assert isinstance(answer, ProviderResult)
    assert ([link.url for link in answer.links], answer.charged) == ([URL, URL], 120_000)


def test_overdue_results_are_searched_in_the_task_details() -> None:
    answer = look_up_with(json_reply(HALF), details(TWO, WHOLE), job=TWO, after=timedelta(hours=1))
    assert isinstance(answer, ProviderResult)
    assert len(answer.links) == 2


def test_results_are_overdue_before_the_task_times_out() -> None:
    assert 2 * MAX_PARTIAL_WAIT <= MAX_PENDING_DURATION


def test_partial_results_with_an_error_are_used_at_once() -> None:
    answer = look_up_with(json_reply({**HALF, "errors": [error("inferenceError", TWO)]}), job=TWO)
    assert isinstance(answer, ProviderResult)
    assert (len(answer.links), answer.charged) == (1, 60_000)


def test_error_without_a_task_does_not_end_polling() -> None:
    half = json_reply({"data": [result(TWO, 0)], "errors": [{"code": "whoKnows"}]})
    assert look_up_with(half, NOTHING, job=TWO) is LookupStatus.PENDING


@pytest.mark.parametrize("state", ["queued", "completed", "finalizing", ""])
def test_task_named_in_a_response_is_never_reported_as_absent(state: str) -> None:
    named = json_reply({"data": [{"taskType": "imageInference", "taskUUID": get_task_id(TWO), "status": state}]})
    one_of_two = json_reply({"data": [result(TWO, 0)]})
    if state != "completed":
        assert look_up_with(named, NOTHING, job=TWO) is LookupStatus.PENDING
    assert look_up_with(one_of_two, NOTHING, job=TWO) is LookupStatus.PENDING
    assert look_up_with(NOTHING, details(TWO, {}), job=TWO) is LookupStatus.PENDING


def test_result_of_another_task_is_ignored() -> None:
    other_result = json_reply({"data": [result(JOB, taskUUID=OTHER_TASK_ID)]})
    assert look_up_with(other_result, NOTHING) is LookupStatus.ABSENT
    assert (
        called(ack(JOB), other_result, NOTHING, json_reply({"data": [result(JOB)]})).provider_result.retry_class
        is RetryClass.OK
    )


def test_unsafe_picture_is_charged_and_withheld() -> None:
    answer = look_up_with(json_reply({"data": [result(JOB, NSFWContent=True)]}))
    assert outcome_of(answer) == (RetryClass.OK, Code.UNSAFE_RESULT, MoneyStatus.SPENT)
    one_of_two = look_up_with(json_reply({"data": [result(TWO, 0, NSFWContent=True), result(TWO, 1)]}), job=TWO)
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
def test_failed_task_is_final_for_its_id(code: str, expected: object) -> None:
    as_error = json_reply({"data": [], "errors": [error(code, status="error")]})
    as_item = json_reply({"data": [error(code, status="error")]})
    kept = details(JOB, {"errors": [error(code)]})
    ends = (
        look_up_with(as_error),
        look_up_with(as_item),
        look_up_with(NOTHING, kept),
        called(ack(JOB), as_error).provider_result,
    )
    for answer in ends:
        assert isinstance(answer, ProviderResult)
        assert (outcome_of(answer), answer.is_final) == (expected, True)


@pytest.mark.parametrize("task_type", ["removeBackground", "imageBackgroundRemoval"])
def test_failed_removal_is_final_under_both_names_of_its_task(task_type: str) -> None:
    """A failed item names the task, and the model page shows removals under an older name."""
    answer = look_up_with(json_reply({"data": [], "errors": [error("inferenceError", taskType=task_type)]}))
    assert isinstance(answer, ProviderResult)
    assert (answer.code, answer.money, answer.is_final) == (Code.PROVIDER_UNAVAILABLE, MoneyStatus.NOT_SPENT, True)


NO_ANSWER: list[Reply] = [
    json_reply({"errors": [error("invalidApiKey", taskType="authentication", taskUUID=None)]}, 401),
    json_reply({"errors": [error("rateLimitExceeded", taskType="getResponse")]}, 429),
    json_reply({"errors": [error("internalServerError")]}, 500),
    json_reply({"errors": [error("whoKnows")]}, 400),
    http(500, b"<html>no</html>", kind="text/html"),
    http(503, b"{}"),
    http(200, b""),
    http(200, b"{}"),
]


@pytest.mark.parametrize("reply", NO_ANSWER, ids=range(len(NO_ANSWER)))
def test_failed_poll_leaves_the_task_pending(reply: Reply) -> None:
    assert look_up_with(reply) is LookupStatus.PENDING
    assert look_up_with(NOTHING, reply) is LookupStatus.PENDING
    assert called(ack(JOB), reply, json_reply({"data": [result(JOB)]})).provider_result.retry_class is RetryClass.OK


@pytest.mark.parametrize("nothing", [NOTHING, json_reply({"errors": [error("taskFailedOrNotFound")]}, 404)])
def test_empty_response_proves_absence_only_with_the_details(nothing: Reply) -> None:
    found = look_up_with(nothing, details(JOB, {"data": [result(JOB, status=None)]}))
    assert outcome_of(found)[0] is RetryClass.OK
    assert look_up_with(nothing, nothing) is LookupStatus.ABSENT


def test_accepted_task_remains_pending_without_other_evidence() -> None:
    assert called(ack(JOB), NOTHING, seconds=2).answer is LookupStatus.PENDING


# -- pictures that Runware uploads --------------------------------------------------------------------------------


def test_picture_uploaded_to_us_needs_no_link() -> None:
    name = f"runware-{get_task_id(JOB)}"
    answer = look_up_with(json_reply({"data": [result(JOB)]}), work=FakeWork(results={name: PHOTO}), uploads=True)
    assert isinstance(answer, ProviderResult)
    assert [(link.url, link.result_name) for link in answer.links] == [(None, name)]


@pytest.mark.parametrize("shelf", [FakeWork(), FakeWork(broken=True)], ids=["absent", "broken"])
def test_picture_that_was_not_uploaded_is_downloaded(shelf: FakeWork) -> None:
    answer = look_up_with(json_reply({"data": [result(JOB)]}), work=shelf, uploads=True)
    assert isinstance(answer, ProviderResult)
    assert [(link.url, link.result_name) for link in answer.links] == [(URL, None)]
