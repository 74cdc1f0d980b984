"""The 1min.ai adapter: the requests that it sends, and the meaning of every response."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from backdrop.model.codes import Code
from backdrop.model.job import MoneyStatus
from backdrop.model.provider_result import RetryClass
from backdrop.providers.onemin import OneMin
from tests.contract.adapter_calls import POLL_SECONDS, call, job_for
from tests.contract.adapters import PHOTO, Reply, Request, http, provide_key, recording, silence
from tests.contract.onemin import (
    DONE,
    ID,
    LOST,
    NEVER_SENT,
    OPTIONS,
    PRICE,
    REFERENCES,
    adapter,
    called,
    json_reply,
    outcome_of,
    record,
    uploaded,
)
from tests.contract.standin_client import KEY, StandinClient

# -- on the wire ---------------------------------------------------------------------------------------------


def sent(base: str = "", references: Sequence[bytes] = (), **given: Any) -> list[Request]:
    """Returns all requests of a call whose feature request is refused."""
    paths = [uploaded(f"development/images/{n}.jpg") for n in range(1 + len(references))]
    with recording(*paths, json_reply({"message": "no"}, 400)) as server:
        call(adapter(server, base), job_for("1min", **given), PHOTO, references)
        return server.requests


@pytest.mark.parametrize("base", ["", "/", "/onemin", "/onemin/"])
def test_pictures_are_uploaded_before_the_feature_request(base: str) -> None:
    upload, feature = sent(base)
    prefix = base.rstrip("/")
    assert upload.line == f"POST {prefix}/api/assets HTTP/1.1"
    assert feature.line == f"POST {prefix}/api/features HTTP/1.1"
    (part,) = upload.parts
    assert part.headers[0] == 'Content-Disposition: form-data; name="asset"; filename="photo.jpg"'
    assert part.headers[1] == "Content-Type: image/jpeg"
    assert part.data == PHOTO
    for request in (upload, feature):
        assert request.all("API-KEY") == [KEY]
        assert request.names.isdisjoint({"authorization", "x-api-key"})
    assert feature.all("Content-Type") == ["application/json"]


def test_every_given_field_and_path_is_sent_unchanged() -> None:
    *uploads, feature = sent("", REFERENCES, **OPTIONS, **NEVER_SENT, style_reference_images=["0", "1"])
    assert [request.parts[0].data for request in uploads] == [PHOTO, *REFERENCES]
    references = ["development/images/1.jpg", "development/images/2.jpg"]
    expected = {
        **OPTIONS,
        "num_images": 1,
        "imageUrl": "development/images/0.jpg",
        "style_reference_images": references,
    }
    body = {"type": "BACKGROUND_REPLACER", "model": "ideogram-3", "async": True, "promptObject": expected}
    assert json.loads(feature.body) == body


def test_prompt_alone_sends_prompt_photo_and_image_count() -> None:
    *_, feature = sent()
    wanted = {"prompt": "a beach", "imageUrl": "development/images/0.jpg", "num_images": 1}
    assert json.loads(feature.body)["promptObject"] == wanted


def test_record_id_is_reported_before_polling() -> None:
    with recording(uploaded(), record(), record(), DONE) as server:
        result = call(adapter(server), job_for("1min"))
        questions = server.requests[2:]
    assert (result.provider_result.retry_class, result.names) == (RetryClass.OK, [ID])
    assert [one.line for one in questions] == [f"GET /api/results/{ID} HTTP/1.1"] * 2
    assert [one.all("API-KEY") for one in questions] == [[KEY]] * 2


@pytest.mark.parametrize(
    ("given", "references"),
    [
        ({}, ()),
        (OPTIONS, ()),
        ({"style_type": "AUTO", "style_reference_images": ["0", "1"]}, REFERENCES),
        ({"style_type": "FICTION", "seed": 2_147_483_647, "num_images": 1}, ()),
        ({"num_images": 8}, ()),
        ({"prompt": "x" * 10_000, "negative_prompt": "y" * 10_000}, ()),
        ({"style_reference_images": [*"01234"]}, (*REFERENCES, *REFERENCES, REFERENCES[0])),
    ],
    ids=["prompt", "options", "references", "extremes", "eight", "long", "five references"],
)
def test_strict_stand_in_accepts_every_body(
    standin: StandinClient, given: dict[str, Any], references: tuple[bytes, ...]
) -> None:
    provider = OneMin(f"{standin.url}/onemin", 20, provide_key, PRICE, poll_seconds=POLL_SECONDS)
    result = call(provider, job_for("1min", **given), PHOTO, references)
    assert result.provider_result.is_usable, result
    image_count = given.get("num_images", 1)
    assert len({link.url for link in result.provider_result.links}) == image_count
    assert (result.provider_result.charged, result.provider_result.basis) == (image_count * PRICE, "configured")
    assert len(standin.jobs()) == 1


@pytest.mark.parametrize("place", ["record", "top", "list", "detail", "none"])
def test_every_picture_of_a_call_is_linked_once(standin: StandinClient, place: str) -> None:
    standin.control("settings", {"onemin_link_place": place})
    provider = OneMin(f"{standin.url}/onemin", 20, provide_key, PRICE, poll_seconds=POLL_SECONDS)
    result = call(provider, job_for("1min", num_images=3), PHOTO).provider_result
    assert [link.is_unrecognized for link in result.links] == [False] * 3
    assert len({link.url for link in result.links}) == len({link.seed for link in result.links}) == 3
    assert all(link.url and standin.fetch(link.url).status_code == 200 for link in result.links)
    assert result.charged == 3 * PRICE


# -- uploads -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "kind", "code"),
    [
        (json_reply({"message": "Invalid API Key"}, 401), RetryClass.PAUSE, Code.PROVIDER_KEY_REFUSED),
        (json_reply({"message": "Not enough credits"}, 402), RetryClass.PAUSE, Code.PROVIDER_OUT_OF_MONEY),
        (http(413, b"<html>413</html>", kind="text/html"), RetryClass.PERM, Code.REQUEST_REJECTED),
        (json_reply({"message": "Too many requests"}, 429), RetryClass.QUOTA, Code.PROVIDER_THROTTLED),
        (json_reply({"message": "Internal server error"}, 500), RetryClass.BACKOFF, Code.PROVIDER_UNAVAILABLE),
        (http(504, b"<html>504</html>", kind="text/html"), RetryClass.BACKOFF, Code.PROVIDER_UNAVAILABLE),
        (json_reply({}), RetryClass.BACKOFF, Code.PROVIDER_UNAVAILABLE),
        (http(200, b"<html>ok</html>"), RetryClass.BACKOFF, Code.PROVIDER_UNAVAILABLE),
        (silence, RetryClass.BACKOFF, Code.PROVIDER_UNAVAILABLE),
    ],
)
def test_failed_upload_is_not_charged(reply: Reply, kind: RetryClass, code: Code) -> None:
    with recording(reply) as server:
        assert outcome_of(call(adapter(server), job_for("1min")).provider_result) == (kind, code, MoneyStatus.NOT_SPENT)
        assert len(server.requests) == 1


def test_asset_can_be_identified_by_its_key() -> None:
    with recording(json_reply({"asset": {"key": "images/a.jpg"}}), json_reply({}, 400)) as server:
        call(adapter(server), job_for("1min"))
        assert json.loads(server.requests[1].body)["promptObject"]["imageUrl"] == "images/a.jpg"


def test_missing_asset_is_uploaded_once_more() -> None:
    gone = json_reply({"message": "Not Found"}, 404)
    with recording(uploaded(), gone, uploaded("second"), DONE) as server:
        assert call(adapter(server), job_for("1min")).provider_result.retry_class is RetryClass.OK
        assert json.loads(server.requests[3].body)["promptObject"]["imageUrl"] == "second"
    with recording(uploaded(), gone, uploaded(), gone) as server:
        assert outcome_of(call(adapter(server), job_for("1min")).provider_result) == (
            RetryClass.PAUSE,
            Code.PROVIDER_MISCONFIGURED,
            MoneyStatus.NOT_SPENT,
        )
        assert len(server.requests) == 4


# -- the feature ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (400, {"errorCode": "UNSUPPORTED_MODEL", "message": "Invalid model"}, RetryClass.PERM, Code.REQUEST_REJECTED),
        (400, {"message": "You have used up your credits"}, RetryClass.PERM, Code.REQUEST_REJECTED),
        (400, {"message": "Not enough credits"}, RetryClass.PAUSE, Code.PROVIDER_OUT_OF_MONEY),
        (400, {"message": "Prompt failed the safety checks"}, RetryClass.PERM, Code.REQUEST_REJECTED),
        (401, {"success": False, "error": {"message": "Invalid API key"}}, RetryClass.PAUSE, Code.PROVIDER_KEY_REFUSED),
        (402, {"errorCode": "INSUFFICIENT_CREDITS"}, RetryClass.PAUSE, Code.PROVIDER_OUT_OF_MONEY),
        (403, {"message": "Upgrade your plan"}, RetryClass.PAUSE, Code.PROVIDER_REFUSES),
        (403, {}, RetryClass.PAUSE, Code.PROVIDER_REFUSES),
        (406, {"message": "quota exceeded"}, RetryClass.PERM, Code.REQUEST_REJECTED),
        (406, {"message": "not acceptable"}, RetryClass.PERM, Code.REQUEST_REJECTED),
        (413, {}, RetryClass.PERM, Code.REQUEST_REJECTED),
        (422, {"message": "no"}, RetryClass.PERM, Code.REQUEST_REJECTED),
        (429, {"message": "Too many requests"}, RetryClass.QUOTA, Code.PROVIDER_THROTTLED),
        (500, {"message": "Internal server error"}, RetryClass.AMBIG, Code.CHARGE_UNKNOWN),
        (500, {"message": "Prompt or provided image failed the safety checks"}, RetryClass.AMBIG, Code.CHARGE_UNKNOWN),
        (502, {}, RetryClass.AMBIG, Code.CHARGE_UNKNOWN),
        (503, {}, RetryClass.AMBIG, Code.CHARGE_UNKNOWN),
        (504, {}, RetryClass.AMBIG, Code.CHARGE_UNKNOWN),
    ],
)
def test_refused_feature_request_has_its_documented_class(
    status: int, body: object, kind: RetryClass, code: Code
) -> None:
    result = called(json_reply(body, status))
    assert (result.provider_result.retry_class, result.provider_result.code, result.names) == (kind, code, [])
    assert result.provider_result.money is (MoneyStatus.UNKNOWN if kind is RetryClass.AMBIG else MoneyStatus.NOT_SPENT)
    assert result.provider_result.retry_after_seconds == (60 if kind is RetryClass.QUOTA else None)


def test_nested_error_message_is_reported() -> None:
    message = called(
        json_reply({"success": False, "error": {"message": "Invalid API key"}}, 401)
    ).provider_result.message
    assert message == "1min.ai answered 401: Invalid API key"


@pytest.mark.parametrize("body", [b"{}", b"", b"<html>ok</html>", b'{"aiRecord":null}', b'{"a'])
def test_200_without_a_record_may_have_been_charged(body: bytes) -> None:
    assert outcome_of(called(http(200, body)).provider_result) == LOST


def test_error_inside_a_200_is_classified_by_its_status() -> None:
    assert called(json_reply({"message": "no", "statusCode": 401})).provider_result.retry_class is RetryClass.PAUSE
