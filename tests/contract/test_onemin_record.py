"""The 1min.ai adapter: how it reads records of work."""

from datetime import UTC, datetime
from typing import Any

import pytest

from backdrop.model.codes import Code
from backdrop.model.job import MoneyStatus
from backdrop.model.provider_result import LookupStatus, ProviderResult, RetryClass
from tests.contract.adapters import Reply, http
from tests.contract.onemin import (
    DONE,
    ID,
    LINK,
    LOST,
    PATH,
    PRICE,
    called,
    json_reply,
    look_up_with,
    outcome_of,
    record,
    record_of,
)

UNRECOGNIZED = (RetryClass.OK, None, MoneyStatus.SPENT)


@pytest.mark.parametrize("location", ["record", "top", "list"])
def test_temporary_link_is_found_in_every_known_place(location: str) -> None:
    body: dict[str, Any] = {"aiRecord": record_of("SUCCESS", result=[PATH], data=[{"is_image_safe": True, "seed": 7}])}
    owner = body if location == "top" else body["aiRecord"]
    owner |= {"temporaryUrls": [LINK]} if location == "list" else {"temporaryUrl": LINK}
    answer = look_up_with(json_reply(body))
    assert isinstance(answer, ProviderResult)
    (link,) = answer.links
    assert (link.url, link.seed, link.expires_at) == (LINK, 7, datetime(2026, 4, 22, 10, 30, tzinfo=UTC))
    assert (answer.charged, answer.basis) == (PRICE, "configured")


@pytest.mark.parametrize("status", ["success", "COMPLETED"])
def test_other_spellings_of_a_state_are_accepted(status: str) -> None:
    assert outcome_of(look_up_with(record(status, result=[PATH], temporaryUrl=LINK)))[0] is RetryClass.OK
    assert outcome_of(look_up_with(record("FAILED", result=["broken"]))) == LOST


@pytest.mark.parametrize(
    "link",
    [
        "https://s3.us-east-1.amazonaws.com/asset.1min.ai/development/images/anothers.png",
        f"https://s3.us-east-1.amazonaws.com/asset.1min.ai/../{PATH}",
        f"https://s3.us-east-1.amazonaws.com/asset.1min.ai/%2e%2e/{PATH}",
        f"https://s3.us-east-1.amazonaws.com/asset.1min.ai/x{PATH}",
        "http://[",
    ],
)
def test_link_to_another_picture_is_not_followed(link: str) -> None:
    answer = look_up_with(record("SUCCESS", result=[PATH], temporaryUrl=link))
    assert outcome_of(answer) == UNRECOGNIZED
    assert isinstance(answer, ProviderResult)
    assert [(one.url, one.is_unrecognized) for one in answer.links] == [(None, True)]


def test_passed_through_link_is_used_without_a_temporary_one() -> None:
    passed = "https://ideogram.ai/api/images/ephemeral/a.png?exp=1"
    answer = look_up_with(record("SUCCESS", result=[PATH], data=[{"url": passed, "is_image_safe": True}]))
    assert isinstance(answer, ProviderResult)
    assert answer.links[0].url == passed
    assert outcome_of(look_up_with(record("SUCCESS", result=[PATH]))) == UNRECOGNIZED


@pytest.mark.parametrize(
    "more",
    [
        {"result": [PATH], "temporaryUrl": LINK, "data": [{"is_image_safe": False}]},
        {"result": [], "data": [{"is_image_safe": False}]},
    ],
    ids=str,
)
def test_unsafe_picture_is_charged_and_withheld(more: dict[str, Any]) -> None:
    assert outcome_of(look_up_with(record("SUCCESS", **more))) == (RetryClass.OK, Code.UNSAFE_RESULT, MoneyStatus.SPENT)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("Prompt failed the safety checks", LOST),
        ("Prompt or provided image failed the safety checks", LOST),
        ("Generation failed.", LOST),
        ("", LOST),
    ],
)
def test_failed_record_leaves_the_charge_unknown(words: str, expected: object) -> None:
    assert outcome_of(look_up_with(record("FAILURE", result=[words]))) == expected
    assert outcome_of(called(record("FAILURE", result=[words])).provider_result) == expected


NO_ANSWER: list[Reply] = [
    json_reply({"message": "Invalid API Key"}, 401),
    json_reply({"message": "Not enough credits"}, 402),
    json_reply({"message": "Too many requests"}, 429),
    http(404, b"<html>404</html>", kind="text/html"),
    json_reply({"message": "Internal server error"}, 500),
    http(200, b""),
    http(200, b"{}"),
    http(200, b"<html>ok</html>"),
    record("PROCESSING"),
    record("SUCCESS", provider_id="another's", result=[PATH], temporaryUrl=LINK),
    record("WONDERFUL"),
]


@pytest.mark.parametrize("reply", NO_ANSWER, ids=range(len(NO_ANSWER)))
def test_failed_poll_leaves_the_work_pending(reply: Reply) -> None:
    assert look_up_with(reply) is LookupStatus.PENDING
    assert called(record(), reply, DONE, seconds=10).provider_result.retry_class is RetryClass.OK


def test_unknown_record_leaves_the_charge_unknown() -> None:
    unknown = json_reply({"aiRecord": None})
    assert look_up_with(unknown) is LookupStatus.ABSENT
    assert outcome_of(called(record(), unknown).provider_result) == LOST


def test_unfinished_work_is_parked_under_its_id() -> None:
    result = called(record(), seconds=2)
    assert (result.answer, result.names) == (LookupStatus.PENDING, [ID])
