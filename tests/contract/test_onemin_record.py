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


# -- several pictures ------------------------------------------------------------------------------------------

PATHS = [f"development/images/{n}.png" for n in range(3)]
SIGNED = [f"https://s3.us-east-1.amazonaws.com/asset.1min.ai/{path}?X-Amz-Expires=604800" for path in PATHS]
PASSED = [f"https://ideogram.ai/api/images/ephemeral/{n}.png?exp=1" for n in range(3)]
SAFE = [{"url": url, "is_image_safe": True, "seed": n} for n, url in enumerate(PASSED)]
WITHHELD = {"url": None, "is_image_safe": False, "seed": 9}


def look_up_three(**more: Any) -> ProviderResult:
    answer = look_up_with(record("SUCCESS", **more), num_images=3)
    assert isinstance(answer, ProviderResult)
    return answer


@pytest.mark.parametrize(
    ("more", "urls"),
    [
        ({"result": PATHS, "data": SAFE, "temporaryUrls": SIGNED}, SIGNED),
        ({"result": PATHS, "data": SAFE, "temporaryUrls": SIGNED[::-1]}, SIGNED),
        ({"result": PATHS, "data": SAFE, "temporaryUrl": SIGNED[0]}, [SIGNED[0], *PASSED[1:]]),
        ({"result": PATHS[:1], "data": SAFE, "temporaryUrl": SIGNED[0]}, [SIGNED[0], *PASSED[1:]]),
        ({"result": PATHS, "data": SAFE}, PASSED),
        ({"data": SAFE}, PASSED),
        ({"temporaryUrls": SIGNED}, SIGNED),
        ({"result": PATHS, "temporaryUrls": SIGNED}, SIGNED),
    ],
)
def test_each_picture_has_its_own_link(more: dict[str, Any], urls: list[str]) -> None:
    answer = look_up_three(**more)
    assert [link.url for link in answer.links] == urls
    assert (answer.charged, answer.basis, answer.raw_response) == (3 * PRICE, "configured", b"")


def test_picture_without_a_link_is_charged_and_the_response_is_kept() -> None:
    answer = look_up_three(result=PATHS, temporaryUrl=SIGNED[0])
    assert [(link.url, link.is_unrecognized) for link in answer.links] == [
        (SIGNED[0], False),
        (None, True),
        (None, True),
    ]
    assert (answer.charged, bool(answer.raw_response)) == (3 * PRICE, True)


@pytest.mark.parametrize("paths", [PATHS, [PATHS[0], PATHS[2]], []])
def test_withheld_picture_does_not_withhold_the_others(paths: list[str]) -> None:
    answer = look_up_three(result=paths, data=[SAFE[0], WITHHELD, SAFE[2]], temporaryUrls=[SIGNED[0], SIGNED[2]])
    delivered = [SIGNED[0], SIGNED[2]] if paths else [PASSED[0], PASSED[2]]
    assert [link.url for link in answer.links] == [*delivered, None]
    assert (answer.code, answer.charged) == (None, 3 * PRICE)


def test_withheld_pictures_alone_are_an_unsafe_result() -> None:
    answer = look_up_three(data=[WITHHELD] * 3)
    assert (answer.code, answer.charged, len(answer.links)) == (Code.UNSAFE_RESULT, 3 * PRICE, 3)


def test_fewer_pictures_than_requested_are_charged_by_their_number() -> None:
    answer = look_up_three(result=PATHS[:2], data=SAFE[:2])
    assert ([link.url for link in answer.links], answer.charged) == (PASSED[:2], 2 * PRICE)


def test_additional_pictures_are_neither_linked_nor_charged() -> None:
    answer = look_up_with(record("SUCCESS", result=PATHS, data=SAFE, temporaryUrls=SIGNED))
    assert isinstance(answer, ProviderResult)
    assert ([link.url for link in answer.links], answer.charged) == (SIGNED[:1], PRICE)
