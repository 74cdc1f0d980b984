"""Unusual responses of 1min.ai, each bought through the ledger: what happens to the picture and the money, and the
number of paid calls.
"""

import json
from typing import Any, NamedTuple

import pytest

from backdrop.model.codes import Code
from backdrop.model.job import JobStatus, MoneyStatus
from tests.contract.adapters import Reply, http, recording
from tests.contract.onemin import LINK, MADE, PATH, PRICE, adapter, json_reply, record, record_of, uploaded
from tests.contract.purchases import Purchase, Shop

SHOP = Shop("1min", "POST /api/features", lambda server, work: adapter(server), PRICE)
PASSED = "https://ideogram.ai/api/images/ephemeral/a.png?exp=1"
SAFE = [{"is_image_safe": True, "seed": 7, "url": PASSED}]

STORED = Purchase(JobStatus.STORED, None, MoneyStatus.SPENT, PRICE, calls=1, pictures=1, response=False)
KEPT = Purchase(JobStatus.DEAD, Code.RESULT_UNRECOGNIZED, MoneyStatus.SPENT, PRICE, calls=1, pictures=0, response=True)
WITHHELD = Purchase(JobStatus.DEAD, Code.UNSAFE_RESULT, MoneyStatus.SPENT, PRICE, calls=1, pictures=0, response=False)
REJECTED = Purchase(
    JobStatus.DEAD, Code.REQUEST_REJECTED, MoneyStatus.NOT_SPENT, 0, calls=1, pictures=0, response=False
)
UNSAFE = REJECTED._replace(status=JobStatus.REFUSED, code=Code.UNSAFE_REQUEST)
OUT_OF_MONEY = Purchase(JobStatus.ACCEPTED, None, MoneyStatus.NOT_SPENT, 0, calls=1, pictures=0, response=False)
UNCLEAR = OUT_OF_MONEY._replace(calls=2)
# Whether the first call was charged is unknown: OnLostAnswer allows one more call, and then a person decides.
IN_DOUBT = Purchase(JobStatus.HELD, Code.CHARGE_UNKNOWN, MoneyStatus.UNKNOWN, 0, calls=2, pictures=0, response=False)


def interim(status: int, reply: Reply) -> Reply:
    def both(connection: Any) -> None:
        connection.sendall(b"HTTP/1.1 %d Wait\r\n\r\n" % status)
        reply(connection)

    return both


def finished(
    status: int = 200, *, result: object = (PATH,), data: object = MADE, top: Any = None, **more: Any
) -> Reply:
    """Returns a record of successful work. `top`: additional fields next to the record."""
    document = record_of("SUCCESS", data=data, **more)
    document["aiRecordDetail"]["resultObject"] = result
    body: dict[str, Any] = {"aiRecord": document} | (top or {})
    return json_reply(body, status)


def in_detail(name: str, value: object) -> Reply:
    document = record_of("SUCCESS", result=[PATH], data=MADE)
    document["aiRecordDetail"][name] = value
    return json_reply({"aiRecord": document})


class Unusual(NamedTuple):
    """The responses in order, after the upload of the photo, and the outcome of the photo."""

    name: str
    replies: tuple[Reply, ...]
    expected: Purchase


DONE = finished(temporaryUrl=LINK)
ODD_RESULTS: tuple[object, ...] = (None, [], "", [{"url": PASSED}], {}, ["https://asset.1min.ai/other.png"], [7])
NO_PLAN = json_reply({"message": "Upgrade your plan"}, 403)
BLOCKED = record("FAILURE", result=["Prompt failed the safety checks"])
RESPONSES = (
    *(
        Unusual(f"feature {n}", (json_reply({"aiRecord": record_of("PROCESSING")}, n), DONE), STORED)
        for n in (201, 202, 203, 206)
    ),
    *(Unusual(f"finished feature {n}", (finished(n, temporaryUrl=LINK),), STORED) for n in (201, 202, 203, 206)),
    *(Unusual(f"record {n}", (record(), finished(n, temporaryUrl=LINK)), STORED) for n in (201, 202, 203, 206)),
    *(Unusual(f"{n} before the feature's 200", (interim(n, record()), DONE), STORED) for n in (102, 103)),
    *(Unusual(f"{n} before the record's 200", (record(), interim(n, DONE)), STORED) for n in (102, 103)),
    *(
        Unusual(f"result {result!r} with a passed-through link", (finished(result=result, data=SAFE),), STORED)
        for result in ODD_RESULTS
    ),
    Unusual("result is an absolute link", (finished(result=[LINK], data=SAFE, temporaryUrl=LINK),), STORED),
    Unusual(
        "result lacks the prefix of the link",
        (finished(result=["else/where.png"], data=SAFE, temporaryUrl=LINK),),
        STORED,
    ),
    Unusual("empty result with a temporary link", (finished(result=[], temporaryUrl=LINK),), STORED),
    Unusual("temporary link in the detail", (in_detail("temporaryUrl", LINK),), STORED),
    Unusual("temporary links in the detail", (in_detail("temporaryUrls", [LINK]),), STORED),
    Unusual("temporary link at the top", (finished(top={"temporaryUrl": LINK}),), STORED),
    Unusual("no safety verdict", (finished(data=[{"url": PASSED}]),), STORED),
    Unusual("no link at all", (finished(),), KEPT),
    Unusual("empty result and no link", (finished(result=[], data=[]),), KEPT),
    Unusual("no detail", (json_reply({"aiRecord": {**record_of("SUCCESS"), "aiRecordDetail": None}}),), KEPT),
    Unusual("temporary link to another picture", (finished(temporaryUrl=LINK.replace("result", "another")),), KEPT),
    Unusual("record without an ID", (json_reply({"aiRecord": {"status": "SUCCESS", "temporaryUrl": LINK}}),), KEPT),
    Unusual("link at another place", (in_detail("imageUrl", LINK),), KEPT),
    Unusual("unsafe", (finished(temporaryUrl=LINK, data=[{"is_image_safe": False}]),), WITHHELD),
    Unusual("unsafe without a result", (finished(result=[], data=[{"is_image_safe": False, "url": None}]),), WITHHELD),
    *(
        Unusual(f"400 {name}", (json_reply(body, 400),), REJECTED)
        for name, body in {
            "that repeats a prompt about a card": {"message": "Cannot draw a credit card on a balance board"},
            "about New Balance": {
                "errorCode": "BAD_REQUEST",
                "message": "New Balance shoes",
                "details": "upgrade, quota",
            },
            "about safety": {"message": "invalid", "details": "a child safety seat is unsafe"},
            "whose details repeat a message": {"errorCode": "BAD_REQUEST", "details": "Not enough credits"},
        }.items()
    ),
    *(
        Unusual(f"{status} {name}", (json_reply(body, status),), OUT_OF_MONEY)
        for status in (400, 402, 403, 406)
        for name, body in {
            "with the code": {"errorCode": "INSUFFICIENT_CREDITS", "message": "x", "details": None},
            "with the message": {"message": "Not enough credits."},
            "with the message inside": {"success": False, "error": {"message": "Not enough credits"}},
        }.items()
    ),
    Unusual("403 without a reason", (NO_PLAN, uploaded(), NO_PLAN), UNCLEAR),
    Unusual(
        "422 with the published safety message",
        (json_reply({"message": "Prompt or provided image failed the safety checks"}, 422),),
        UNSAFE,
    ),
    *(
        Unusual(
            f"{status} about safety",
            (failing := json_reply({"message": "failed", "details": details}, status), uploaded(), failing),
            IN_DOUBT,
        )
        for status in (500, 502, 504)
        for details in ("timeout while generating 'a child safety seat'",)
    ),
    Unusual(
        "failed record about safety",
        (record(), BLOCKED, BLOCKED, uploaded(), record(), BLOCKED),
        IN_DOUBT,
    ),
)


@pytest.mark.parametrize("unusual", RESPONSES, ids=lambda unusual: unusual.name)
def test_unusual_response_ends_with_picture_money_and_calls(unusual: Unusual) -> None:
    purchase = SHOP.buy(uploaded(), *unusual.replies)
    assert (
        purchase._replace(code=purchase.code if purchase.status is not JobStatus.ACCEPTED else None) == unusual.expected
    )


@pytest.mark.parametrize("status", [201, 202, 203, 206])
def test_upload_with_any_2xx_status_succeeds(status: int) -> None:
    body = json.dumps({"fileContent": {"path": "development/images/in.jpg"}}).encode()
    assert SHOP.buy(http(status, body), DONE) == STORED


@pytest.mark.parametrize(
    ("reply", "reasons"),
    [
        (json_reply({"errorCode": "INSUFFICIENT_CREDITS"}, 400), {"balance"}),
        (json_reply({"message": "a credit card with a low balance"}, 400), set[str]()),
        (json_reply({"message": "Upgrade your plan"}, 403), {"refusal"}),
    ],
    ids=["code", "prompt", "plan"],
)
def test_refusal_pauses_the_lane_only_for_what_it_proves(reply: Reply, reasons: set[str]) -> None:
    with recording(uploaded(), reply) as server:
        world = SHOP.drop(server)
        world.run_for(60)
    assert {pause.reason.value for pause in world.ledger.read_health("1min").pauses} == reasons
