"""The 1min.ai adapter: what it reads in the record of a piece of work."""

from datetime import UTC, datetime
from typing import Any

import pytest

from backdrop.model.codes import Code
from backdrop.model.job import MoneyStatus
from backdrop.model.provider_result import LookupStatus, ProviderResult, RetryClass
from tests.contract.adapters import Reply, http
from tests.contract.onemin import DONE, ID, LINK, LOST, PATH, PRICE, asked, called, fate, record, record_of, said

UNRECOGNIZED = (RetryClass.OK, None, MoneyStatus.SPENT)


@pytest.mark.parametrize("place", ["record", "top", "list"])
def test_the_picture_is_behind_its_temporary_link_wherever_that_stands(place: str) -> None:
    body: dict[str, Any] = {"aiRecord": record_of("SUCCESS", result=[PATH], data=[{"is_image_safe": True, "seed": 7}])}
    owner = body if place == "top" else body["aiRecord"]
    owner |= {"temporaryUrls": [LINK]} if place == "list" else {"temporaryUrl": LINK}
    answer = asked(said(body))
    assert isinstance(answer, ProviderResult)
    (link,) = answer.links
    assert (link.url, link.seed, link.expires_at) == (LINK, 7, datetime(2026, 4, 22, 10, 30, tzinfo=UTC))
    assert (answer.charged, answer.basis) == (PRICE, "configured")


@pytest.mark.parametrize("status", ["success", "COMPLETED"])
def test_a_state_may_be_spelled_otherwise(status: str) -> None:
    assert fate(asked(record(status, result=[PATH], temporaryUrl=LINK)))[0] is RetryClass.OK
    assert fate(asked(record("FAILED", result=["broken"]))) == LOST


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
def test_a_link_that_leads_elsewhere_than_to_the_records_own_picture_is_not_followed(link: str) -> None:
    answer = asked(record("SUCCESS", result=[PATH], temporaryUrl=link))
    assert fate(answer) == UNRECOGNIZED
    assert isinstance(answer, ProviderResult)
    assert [(one.url, one.is_unrecognized) for one in answer.links] == [(None, True)]


def test_without_a_temporary_link_the_passed_through_one_is_used() -> None:
    passed = "https://ideogram.ai/api/images/ephemeral/a.png?exp=1"
    answer = asked(record("SUCCESS", result=[PATH], data=[{"url": passed, "is_image_safe": True}]))
    assert isinstance(answer, ProviderResult)
    assert answer.links[0].url == passed
    assert fate(asked(record("SUCCESS", result=[PATH]))) == UNRECOGNIZED


@pytest.mark.parametrize(
    "more",
    [
        {"result": [PATH], "temporaryUrl": LINK, "data": [{"is_image_safe": False}]},
        {"result": [], "data": [{"is_image_safe": False}]},
    ],
    ids=str,
)
def test_an_unsafe_picture_is_spent_and_withheld(more: dict[str, Any]) -> None:
    assert fate(asked(record("SUCCESS", **more))) == (RetryClass.OK, Code.UNSAFE_RESULT, MoneyStatus.SPENT)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("Prompt failed the safety checks", LOST),
        ("Prompt or provided image failed the safety checks", LOST),
        ("Generation failed.", LOST),
        ("", LOST),
    ],
)
def test_a_failed_record_says_not_whether_it_cost_anything(words: str, expected: object) -> None:
    assert fate(asked(record("FAILURE", result=[words]))) == expected
    assert fate(called(record("FAILURE", result=[words])).said) == expected


NO_ANSWER: list[Reply] = [
    said({"message": "Invalid API Key"}, 401),
    said({"message": "Not enough credits"}, 402),
    said({"message": "Too many requests"}, 429),
    http(404, b"<html>404</html>", kind="text/html"),
    said({"message": "Internal server error"}, 500),
    http(200, b""),
    http(200, b"{}"),
    http(200, b"<html>ok</html>"),
    record("PROCESSING"),
    record("SUCCESS", ident="another's", result=[PATH], temporaryUrl=LINK),
    record("WONDERFUL"),
]


@pytest.mark.parametrize("reply", NO_ANSWER, ids=range(len(NO_ANSWER)))
def test_a_question_that_fails_says_nothing_of_the_work(reply: Reply) -> None:
    assert asked(reply) is LookupStatus.PENDING
    assert called(record(), reply, DONE, seconds=10).said.retry_class is RetryClass.OK


def test_an_unknown_record_leaves_the_charge_unknown() -> None:
    unknown = said({"aiRecord": None})
    assert asked(unknown) is LookupStatus.ABSENT
    assert fate(called(record(), unknown).said) == LOST


def test_work_that_outlives_the_call_is_parked_under_its_name() -> None:
    result = called(record(), seconds=2)
    assert (result.answer, result.names) == (LookupStatus.PENDING, [ID])
