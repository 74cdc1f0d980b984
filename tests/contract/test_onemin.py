"""The 1min.ai adapter: what it puts on the wire, and what every answer means."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from backdrop.model.codes import Code
from backdrop.model.job import MoneyStatus
from backdrop.model.provider_result import RetryClass
from backdrop.providers.onemin import OneMin
from tests.contract.adapters import PHOTO, Reply, Request, http, recording, silence, the_key
from tests.contract.calling import POLL_SECONDS, call, job_for
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
    fate,
    record,
    said,
    uploaded,
)
from tests.contract.standin_client import KEY, StandinClient

# -- on the wire ---------------------------------------------------------------------------------------------


def sent(base: str = "", references: Sequence[bytes] = (), **given: Any) -> list[Request]:
    """All requests of a call whose feature is refused."""
    paths = [uploaded(f"development/images/{n}.jpg") for n in range(1 + len(references))]
    with recording(*paths, said({"message": "no"}, 400)) as server:
        call(adapter(server, base), job_for("1min", **given), PHOTO, references)
        return server.requests


@pytest.mark.parametrize("base", ["", "/", "/onemin", "/onemin/"])
def test_pictures_are_uploaded_first_and_then_the_feature_is_asked_for(base: str) -> None:
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


def test_every_given_field_is_sent_and_paths_go_word_for_word() -> None:
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


def test_a_prompt_alone_is_prompt_photo_and_the_number_that_must_stand_there() -> None:
    *_, feature = sent()
    wanted = {"prompt": "a beach", "imageUrl": "development/images/0.jpg", "num_images": 1}
    assert json.loads(feature.body)["promptObject"] == wanted


def test_the_record_is_named_before_it_is_asked_for() -> None:
    with recording(uploaded(), record(), record(), DONE) as server:
        result = call(adapter(server), job_for("1min"))
        questions = server.requests[2:]
    assert (result.said.retry_class, result.names) == (RetryClass.OK, [ID])
    assert [one.line for one in questions] == [f"GET /api/results/{ID} HTTP/1.1"] * 2
    assert [one.all("API-KEY") for one in questions] == [[KEY]] * 2


@pytest.mark.parametrize(
    ("given", "references"),
    [
        ({}, ()),
        (OPTIONS, ()),
        ({"style_type": "AUTO", "style_reference_images": ["0", "1"]}, REFERENCES),
        ({"style_type": "FICTION", "seed": 2_147_483_647, "num_images": 1}, ()),
    ],
    ids=["prompt", "options", "references", "extremes"],
)
def test_the_strict_stand_in_takes_every_body(
    standin: StandinClient, given: dict[str, Any], references: tuple[bytes, ...]
) -> None:
    ours = OneMin(f"{standin.url}/onemin", 20, the_key, PRICE, poll_seconds=POLL_SECONDS)
    result = call(ours, job_for("1min", **given), PHOTO, references)
    assert result.said.is_usable, result
    assert (result.said.charged, result.said.basis) == (PRICE, "configured")
    assert len(standin.jobs()) == 1


# -- uploads -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "kind", "code"),
    [
        (said({"message": "Invalid API Key"}, 401), RetryClass.PAUSE, Code.PROVIDER_KEY_REFUSED),
        (said({"message": "Not enough credits"}, 402), RetryClass.PAUSE, Code.PROVIDER_OUT_OF_MONEY),
        (http(413, b"<html>413</html>", kind="text/html"), RetryClass.PERM, Code.REQUEST_REJECTED),
        (said({"message": "Too many requests"}, 429), RetryClass.QUOTA, Code.PROVIDER_THROTTLED),
        (said({"message": "Internal server error"}, 500), RetryClass.BACKOFF, Code.PROVIDER_UNAVAILABLE),
        (http(504, b"<html>504</html>", kind="text/html"), RetryClass.BACKOFF, Code.PROVIDER_UNAVAILABLE),
        (said({}), RetryClass.BACKOFF, Code.PROVIDER_UNAVAILABLE),
        (http(200, b"<html>ok</html>"), RetryClass.BACKOFF, Code.PROVIDER_UNAVAILABLE),
        (silence, RetryClass.BACKOFF, Code.PROVIDER_UNAVAILABLE),
    ],
)
def test_an_upload_that_fails_has_bought_nothing(reply: Reply, kind: RetryClass, code: Code) -> None:
    with recording(reply) as server:
        assert fate(call(adapter(server), job_for("1min")).said) == (kind, code, MoneyStatus.NOT_SPENT)
        assert len(server.requests) == 1


def test_an_asset_may_be_named_by_its_key_alone() -> None:
    with recording(said({"asset": {"key": "images/a.jpg"}}), said({}, 400)) as server:
        call(adapter(server), job_for("1min"))
        assert json.loads(server.requests[1].body)["promptObject"]["imageUrl"] == "images/a.jpg"


def test_an_asset_that_is_gone_is_uploaded_once_more() -> None:
    gone = said({"message": "Not Found"}, 404)
    with recording(uploaded(), gone, uploaded("second"), DONE) as server:
        assert call(adapter(server), job_for("1min")).said.retry_class is RetryClass.OK
        assert json.loads(server.requests[3].body)["promptObject"]["imageUrl"] == "second"
    with recording(uploaded(), gone, uploaded(), gone) as server:
        assert fate(call(adapter(server), job_for("1min")).said) == (
            RetryClass.PERM,
            Code.REQUEST_REJECTED,
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
def test_a_refused_feature_has_the_class_of_its_row(status: int, body: object, kind: RetryClass, code: Code) -> None:
    result = called(said(body, status))
    assert (result.said.retry_class, result.said.code, result.names) == (kind, code, [])
    assert result.said.money is (MoneyStatus.UNKNOWN if kind is RetryClass.AMBIG else MoneyStatus.NOT_SPENT)
    assert result.said.retry_after_seconds == (60 if kind is RetryClass.QUOTA else None)


def test_what_an_error_says_inside_is_told_in_words() -> None:
    told = called(said({"success": False, "error": {"message": "Invalid API key"}}, 401)).said.message
    assert told == "1min.ai answered 401: Invalid API key"


@pytest.mark.parametrize("body", [b"{}", b"", b"<html>ok</html>", b'{"aiRecord":null}', b'{"a'])
def test_a_200_that_names_no_record_may_have_been_charged(body: bytes) -> None:
    assert fate(called(http(200, body)).said) == LOST


def test_an_error_inside_a_200_has_the_class_of_its_own_status() -> None:
    assert called(said({"message": "no", "statusCode": 401})).said.retry_class is RetryClass.PAUSE
