"""Every response of Segmind, and the class, code, money, and links that result, or that the work is still pending."""

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from backdrop.model.codes import Code
from backdrop.model.job import AttemptOutcome, Job, MoneyStatus
from backdrop.model.provider_result import LookupStatus, ProviderResult, RetryClass
from backdrop.ports import SegmindEndpoint
from backdrop.providers.http import MAX_ANSWER_BYTES
from backdrop.providers.segmind import Segmind
from tests.contract.adapter_calls import POLL_SECONDS, Called, call, claimed, job_for
from tests.contract.adapters import CALL_SECONDS, PHOTO, Reply, http, provide_key, recording
from tests.contract.standin_client import picture
from tests.contract.test_segmind_wire import DONE, FOREIGN, ID, LINK, TICKET, json_reply
from tests.unit.work_in_memory import FakeWork

HTML = http(405, b"<!doctype html><title>405</title>", kind="text/html")
LOST = (RetryClass.AMBIG, Code.CHARGE_UNKNOWN, MoneyStatus.UNKNOWN)


def outcome_of(answer: ProviderResult) -> tuple[RetryClass, Code | None, MoneyStatus]:
    return answer.retry_class, answer.code, answer.money


def called(
    *replies: Reply, endpoint: SegmindEndpoint = SegmindEndpoint.V2, seconds: float = CALL_SECONDS, **given: Any
) -> Called:
    """Makes a call that gets these replies."""
    with recording(*replies) as server:
        provider = Segmind(server.url, seconds, provide_key, FakeWork(), endpoint, poll_seconds=POLL_SECONDS)
        return call(provider, job_for("segmind", **given))


def look_up_with(*replies: Reply, job: Job | None = None) -> ProviderResult | LookupStatus:
    """Makes a lookup that gets these replies."""
    with recording(*replies) as server:
        provider = Segmind(server.url, CALL_SECONDS, provide_key, FakeWork())
        return provider.look_up(claimed(job or job_for("segmind"), ID), ID)


# -- the submit ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("endpoint", SegmindEndpoint)
@pytest.mark.parametrize(
    ("status", "words", "kind", "code"),
    [
        (400, "Missing required field: image", RetryClass.PERM, Code.REQUEST_REJECTED),
        (400, "blocked by the safety system", RetryClass.PERM, Code.REQUEST_REJECTED),
        (400, "Prompt or provided image failed the safety checks", RetryClass.PERM, Code.UNSAFE_REQUEST),
        (401, "Missing Authorization or x-api-key in header", RetryClass.PAUSE, Code.PROVIDER_KEY_REFUSED),
        (403, "Forbidden", RetryClass.PAUSE, Code.PROVIDER_KEY_REFUSED),
        (404, "Model not found", RetryClass.PAUSE, Code.PROVIDER_MISCONFIGURED),
        (405, "", RetryClass.PAUSE, Code.PROVIDER_MISCONFIGURED),
        (406, "Invalid content type", RetryClass.PERM, Code.REQUEST_REJECTED),
        (406, "Insufficient credits. Balance 0.01, required 0.075", RetryClass.PAUSE, Code.PROVIDER_OUT_OF_MONEY),
        (406, "Team spend limit reached", RetryClass.PAUSE, Code.PROVIDER_REFUSES),
        (406, "seed must be at least 100", RetryClass.PAUSE, Code.PROVIDER_REFUSES),
        (410, "Model has been deprecated", RetryClass.PAUSE, Code.PROVIDER_MISCONFIGURED),
        (422, "content policy violation", RetryClass.PERM, Code.REQUEST_REJECTED),
        (429, "rate_limit_exceeded", RetryClass.QUOTA, Code.PROVIDER_THROTTLED),
        (500, "Internal server error", RetryClass.BACKOFF, Code.PROVIDER_UNAVAILABLE),
        (500, "NSFW content", RetryClass.BACKOFF, Code.PROVIDER_UNAVAILABLE),
        (502, "", RetryClass.AMBIG, Code.CHARGE_UNKNOWN),
        (503, "", RetryClass.AMBIG, Code.CHARGE_UNKNOWN),
        (504, "", RetryClass.AMBIG, Code.CHARGE_UNKNOWN),
        (307, "", RetryClass.PAUSE, Code.PROVIDER_MISCONFIGURED),
        (418, "", RetryClass.PAUSE, Code.PROVIDER_REFUSES),
    ],
)
def test_refused_submit_has_its_documented_class(
    endpoint: SegmindEndpoint, status: int, words: str, kind: RetryClass, code: Code
) -> None:
    result = called(json_reply({"error": words}, status), endpoint=endpoint)
    assert (result.provider_result.retry_class, result.provider_result.code, result.names) == (kind, code, [])
    assert result.provider_result.money is (MoneyStatus.UNKNOWN if kind is RetryClass.AMBIG else MoneyStatus.NOT_SPENT)
    assert str(status) in result.provider_result.message
    assert words in result.provider_result.message


@pytest.mark.parametrize("body", [b"{}", b"", b"<html>no</html>", b"[1]"], ids=repr)
@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, RetryClass.PERM), (401, RetryClass.PAUSE), (406, RetryClass.PAUSE), (500, RetryClass.BACKOFF)],
)
def test_status_without_a_message_is_classified(body: bytes, status: int, kind: RetryClass) -> None:
    assert called(http(status, body)).provider_result.retry_class is kind


@pytest.mark.parametrize("body", [b"{}", b"", b"<html>ok</html>", b'{"request_id":', b'{"error":"x"}'])
def test_200_without_an_id_may_have_been_charged(body: bytes) -> None:
    result = called(http(200, body))
    assert (outcome_of(result.provider_result), result.names) == (LOST, [])


def test_error_inside_a_200_is_classified_by_its_status() -> None:
    assert (
        called(json_reply({"error": "invalid_api_key", "status_code": 401})).provider_result.retry_class
        is RetryClass.PAUSE
    )
    for status in (500, 503):
        assert called(json_reply({"error": "x", "status_code": status})).provider_result.retry_class is RetryClass.AMBIG


def header(text: str) -> Reply:
    return http(429, b"{}", more=f"x-rate-limit-reset-at-utc: {text}\r\n" if text else "")


@pytest.mark.parametrize("form", ["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S", "epoch"])
def test_retry_after_is_parsed_in_every_form(form: str) -> None:
    then = datetime.now(UTC) + timedelta(seconds=600)
    text = str(then.timestamp()) if form == "epoch" else then.strftime(form)
    wait = called(header(text)).provider_result.retry_after_seconds
    assert wait
    assert 60 < wait <= 600


@pytest.mark.parametrize("text", ["", "soon", "1e400", "0", "9999-01-01 00:00:00", "inf"])
def test_invalid_retry_after_means_one_minute(text: str) -> None:
    assert called(header(text)).provider_result.retry_after_seconds == 60


# -- results -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "form",
    [{"output": LINK}, {"output": [LINK]}, {"images": [{"url": LINK}]}, {"images": [LINK]}, {"image_url": LINK}],
    ids=str,
)
def test_picture_is_found_in_every_known_place(form: dict[str, Any]) -> None:
    body = {"status": "COMPLETED", "request_id": ID, "metrics": {"cost": 0.075}, **form}
    result = called(json_reply(TICKET), json_reply(body), seed=123)
    assert (result.provider_result.charged, result.provider_result.basis, result.names) == (75_000, "reported", [ID])
    (link,) = result.provider_result.links
    assert (link.url, link.seed) == (LINK, 123)
    assert link.expires_at
    assert timedelta(days=6) < link.expires_at - datetime.now(UTC) <= timedelta(days=7)


@pytest.mark.parametrize("cost", [None, 0, -1, "0.1", True, float("nan"), 1e9, {}], ids=repr)
def test_invalid_cost_is_replaced_by_the_list_price(cost: object) -> None:
    result = called(json_reply(TICKET), json_reply({**DONE, "metrics": {"cost": cost}}), rendering_speed="QUALITY")
    assert (result.provider_result.charged, result.provider_result.basis) == (112_500, "price_list")


@pytest.mark.parametrize("body", [{"output": ""}, {"output": None}, {}, {"output": 7}], ids=str)
def test_result_without_a_picture_is_charged_and_its_response_kept(body: dict[str, Any]) -> None:
    result = called(
        json_reply(TICKET), json_reply({"status": "COMPLETED", "metrics": {"cost": 0.075}, **body})
    ).provider_result
    assert (result.retry_class, result.charged, bool(result.raw_response)) == (RetryClass.OK, 75_000, True)
    assert [link.is_unrecognized for link in result.links] == [True]


FAILURES: list[tuple[dict[str, Any], RetryClass, Code]] = [
    ({"error": "Prompt is Mandatory and must be string"}, RetryClass.PERM, Code.REQUEST_REJECTED),
    ({"error": "blocked: content policy violation"}, RetryClass.BACKOFF, Code.PROVIDER_UNAVAILABLE),
    ({"detail": [{"type": "content_policy_violation"}]}, RetryClass.PERM, Code.UNSAFE_REQUEST),
    ({"error": "The model provider did not answer: timeout"}, RetryClass.BACKOFF, Code.PROVIDER_UNAVAILABLE),
    ({}, RetryClass.BACKOFF, Code.PROVIDER_UNAVAILABLE),
]


@pytest.mark.parametrize("status", [200, 422])
@pytest.mark.parametrize(("body", "kind", "code"), FAILURES)
def test_failed_job_is_not_charged(status: int, body: dict[str, Any], kind: RetryClass, code: Code) -> None:
    failed = json_reply({"status": "FAILED", **body}, status)
    for answer in (called(json_reply(TICKET), failed).provider_result, look_up_with(failed)):
        assert isinstance(answer, ProviderResult)
        assert outcome_of(answer) == (kind, code, MoneyStatus.NOT_SPENT)


def test_422_without_a_state_is_a_failed_job() -> None:
    answer = look_up_with(json_reply({}, 422))
    assert isinstance(answer, ProviderResult)
    assert (answer.retry_class, answer.money) == (RetryClass.BACKOFF, MoneyStatus.NOT_SPENT)


def test_job_is_not_retried_after_two_model_failures() -> None:
    job = claimed(job_for("segmind"), "the first")
    (attempt,) = job.attempts
    again = replace(
        job,
        attempt_no=2,
        attempts=(replace(attempt, outcome=AttemptOutcome.NOT_TAKEN), replace(attempt, n=2, provider_id=ID)),
    )
    with recording(json_reply({"status": "FAILED", "error": "timeout"}, 422)) as server:
        answer = Segmind(server.url, CALL_SECONDS, provide_key, FakeWork()).look_up(again, ID)
    assert isinstance(answer, ProviderResult)
    assert outcome_of(answer) == (RetryClass.PERM, Code.REQUEST_REJECTED, MoneyStatus.NOT_SPENT)


NO_ANSWER: list[Reply] = [
    json_reply({"error": "Unauthorized"}, 401),
    json_reply({"error": "Forbidden"}, 403),
    json_reply({"error": "Insufficient credits"}, 406),
    json_reply({"error": "rate_limit_exceeded"}, 429),
    json_reply({"error": "Internal server error"}, 500),
    http(404, b"{}"),
    http(404, b"<html>404</html>", kind="text/html"),
    http(200, b""),
    http(200, b"<html>ok</html>"),
    http(422, b"<html>no</html>"),
    HTML,
    json_reply({"status": "PROCESSING", "request_id": ID}),
    json_reply({**DONE, "request_id": "another's"}),
]


@pytest.mark.parametrize("reply", NO_ANSWER, ids=range(len(NO_ANSWER)))
def test_failed_poll_leaves_the_work_pending(reply: Reply) -> None:
    assert look_up_with(reply) is LookupStatus.PENDING
    assert called(json_reply(TICKET), reply, json_reply(DONE), seconds=10).provider_result.retry_class is RetryClass.OK


def test_unfinished_work_is_parked_under_its_id() -> None:
    result = called(json_reply(TICKET), json_reply({"status": "QUEUED"}), seconds=2)
    assert (result.answer, result.names) == (LookupStatus.PENDING, [ID])


def test_missing_record_leaves_the_charge_unknown() -> None:
    gone = json_reply({"error": f"Request {ID} not found"}, 404)
    assert look_up_with(gone) is LookupStatus.ABSENT
    assert outcome_of(called(json_reply(TICKET), gone).provider_result) == LOST


def test_unreadable_result_is_requested_again() -> None:
    assert (
        called(json_reply(TICKET), json_reply({**DONE, "output": ""}), http(500, b""), json_reply(DONE))
        .provider_result.links[0]
        .url
        == LINK
    )


def find_photo_link(work: FakeWork) -> str:
    """Returns the link or the base64 text in which a call sends the photo."""
    return work.create_download_link(PHOTO, provider_url="") or base64.b64encode(PHOTO).decode()


@pytest.mark.parametrize("reached", [True, False], ids=["link", "base64"])
@pytest.mark.parametrize("echo_field", ["image", "image_url", "url", "output"])
@pytest.mark.parametrize("endpoint", SegmindEndpoint)
def test_photo_repeated_in_a_response_is_not_a_result(
    endpoint: SegmindEndpoint, echo_field: str, reached: bool
) -> None:
    work = FakeWork(reached=reached)
    echo = {"status": "COMPLETED", "request_id": ID, echo_field: find_photo_link(work)}
    for result, found in (({}, [None]), ({"data": [LINK]}, [LINK])):
        record = json_reply({**echo, **result})
        with recording(*([json_reply(TICKET)] if endpoint is SegmindEndpoint.V2 else []), record) as server:
            provider = Segmind(server.url, CALL_SECONDS, provide_key, work, endpoint, poll_seconds=POLL_SECONDS)
            answer = call(provider, job_for("segmind"), PHOTO).provider_result
        assert ([link.url for link in answer.links], work.results) == (found, {})


def test_image_of_a_v2_record_is_not_a_result() -> None:
    with recording(json_reply({"status": "COMPLETED", "request_id": ID, "image": LINK})) as server:
        answer = Segmind(server.url, CALL_SECONDS, provide_key, FakeWork()).look_up(job_for("segmind"), ID)
    assert isinstance(answer, ProviderResult)
    assert [link.is_unrecognized for link in answer.links] == [True]


def test_foreign_link_does_not_hide_a_later_picture() -> None:
    answer = called(
        json_reply(TICKET), json_reply({"status": "COMPLETED", "output": FOREIGN, "image_url": LINK})
    ).provider_result
    assert [link.url for link in answer.links] == [LINK]


def test_picture_of_v1_may_be_longer_than_its_json() -> None:
    image = b"\xff\xd8\xff" + bytes(MAX_ANSWER_BYTES)
    assert v1(http(200, image, kind="image/jpeg"), FakeWork()).is_usable


def test_v2_picture_that_cannot_be_stored_is_requested_again() -> None:
    record = json_reply({**DONE, "output": base64.b64encode(picture("PNG", color="gold")).decode()})
    work = FakeWork(broken=True)
    with recording(record) as server:
        provider = Segmind(server.url, CALL_SECONDS, provide_key, work)
        assert provider.look_up(job_for("segmind"), ID) is LookupStatus.PENDING
        work.broken = False
        answer = provider.look_up(job_for("segmind"), ID)
    assert isinstance(answer, ProviderResult)
    assert (answer.is_usable, len(work.results)) == (True, 1)


# -- v1: the picture itself ----------------------------------------------------------------------------------


def v1(reply: Reply, work: FakeWork) -> ProviderResult:
    with recording(reply) as server:
        return call(
            Segmind(server.url, CALL_SECONDS, provide_key, work, SegmindEndpoint.V1), job_for("segmind")
        ).provider_result


def test_v1_picture_is_stored_with_the_cost_of_its_header() -> None:
    work, picture = FakeWork(), b"\xff\xd8\xff" + bytes(3_000_000)
    more = "x-cost: 0.0375\r\nx-seed-value: 42\r\n"
    answer = v1(http(200, picture, kind="image/jpeg", more=more), work)
    (link,) = answer.links
    assert (answer.charged, answer.basis, link.url, link.seed) == (37_500, "reported", None, 42)
    assert work.results == {link.result_name: picture}
    assert answer.is_usable


@pytest.mark.parametrize("cost", ["", "x-cost: null\r\n", "x-cost: 0\r\n", "x-cost: NaN\r\n"], ids=repr)
def test_v1_without_a_cost_has_the_list_price(cost: str) -> None:
    answer = v1(http(200, b"\xff\xd8\xff", kind="image/jpeg", more=cost), FakeWork())
    assert (answer.charged, answer.basis) == (75_000, "price_list")


def test_v1_can_respond_with_a_link() -> None:
    answer = v1(json_reply({"data": [{"url": LINK}]}), FakeWork())
    assert (answer.retry_class, answer.links[0].url) == (RetryClass.OK, LINK)


def test_empty_picture_of_v1_is_charged_but_not_recognized() -> None:
    answer = v1(http(200, b"", kind="image/png", more="x-cost: 0.075\r\n"), FakeWork())
    assert outcome_of(answer) == (RetryClass.OK, None, MoneyStatus.SPENT)
    assert [link.is_unrecognized for link in answer.links] == [True]


@pytest.mark.parametrize("kind", ["text/html", "application/octet-stream"])
def test_v1_200_without_a_picture_may_have_been_charged(kind: str) -> None:
    assert outcome_of(v1(http(200, b"<html>ok</html>", kind=kind), FakeWork())) == LOST


@pytest.mark.parametrize("kind", ["application/octet-stream", "binary/octet-stream", "text/html"])
def test_v1_picture_is_recognized_by_its_bytes(kind: str) -> None:
    work, picture = FakeWork(), b"\x89PNG" + bytes(100)
    answer = v1(http(200, picture, kind=kind, more="x-cost: 0.075\r\n"), work)
    assert (answer.retry_class, answer.charged, list(work.results.values())) == (RetryClass.OK, 75_000, [picture])


def test_v1_picture_that_cannot_be_stored_is_charged() -> None:
    work = FakeWork()
    with recording(http(200, b"\xff\xd8\xff", kind="image/jpeg")) as server:
        prepared = Segmind(server.url, CALL_SECONDS, provide_key, work, SegmindEndpoint.V1).prepare(
            job_for("segmind"), b"\xff\xd8\xff"
        )
        work.broken = True
        assert not isinstance(prepared, ProviderResult)
        answer = prepared.send(lambda name: None)
    assert isinstance(answer, ProviderResult)
    assert outcome_of(answer) == (RetryClass.OK, Code.RESULT_GONE, MoneyStatus.SPENT)
