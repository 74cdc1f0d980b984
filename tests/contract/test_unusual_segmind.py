"""Unusual responses of Segmind, each bought through the ledger: what happens to the picture and the money, and the
number of paid calls.
"""

import base64
import json
from typing import Any, NamedTuple

import pytest

from backdrop.model.codes import Code
from backdrop.model.job import JobStatus, MoneyStatus
from backdrop.ports import SegmindEndpoint
from backdrop.providers.segmind import MODEL, Segmind
from tests.contract.adapter_calls import POLL_SECONDS
from tests.contract.adapters import CALL_SECONDS, Reply, http, provide_key, recording
from tests.contract.purchases import Purchase, Shop
from tests.contract.standin_client import picture
from tests.contract.test_segmind_wire import ID, LINK, TICKET, json_reply

PNG = picture("PNG", color="gold")
BASE64 = base64.b64encode(PNG).decode()
LISTED, REPORTED = 75_000, 80_000
V2 = Shop("segmind", f"POST /v2/{MODEL}", lambda server, work: adapter(server.url, work, SegmindEndpoint.V2))
V1 = Shop("segmind", f"POST /v1/{MODEL}", lambda server, work: adapter(server.url, work, SegmindEndpoint.V1))

STORED = Purchase(JobStatus.STORED, None, MoneyStatus.SPENT, REPORTED, calls=1, pictures=1, response=False)
KEPT = Purchase(
    JobStatus.DEAD, Code.RESULT_UNRECOGNIZED, MoneyStatus.SPENT, REPORTED, calls=1, pictures=0, response=True
)
REJECTED = Purchase(
    JobStatus.DEAD, Code.REQUEST_REJECTED, MoneyStatus.NOT_SPENT, 0, calls=1, pictures=0, response=False
)
UNSAFE = REJECTED._replace(status=JobStatus.REFUSED, code=Code.UNSAFE_REQUEST)
# An empty account pauses the lane. A refusal without a reason is retried once while it has affected only one photo.
OUT_OF_MONEY = Purchase(JobStatus.ACCEPTED, None, MoneyStatus.NOT_SPENT, 0, calls=1, pictures=0, response=False)
UNCLEAR = OUT_OF_MONEY._replace(calls=2)


def adapter(url: str, work: Any, endpoint: SegmindEndpoint) -> Segmind:
    return Segmind(url, CALL_SECONDS, provide_key, work, endpoint, poll_seconds=POLL_SECONDS)


def done(**result_fields: Any) -> Reply:
    return json_reply({"status": "COMPLETED", "request_id": ID, "metrics": {"cost": 0.08}, **result_fields})


def v1(body: bytes, status: int = 200, kind: str = "application/json") -> Reply:
    return http(status, body, kind=kind, more="x-cost: 0.08\r\n")


def v1_json(**result_fields: Any) -> Reply:
    return v1(json.dumps(result_fields).encode())


def interim(status: int, reply: Reply) -> Reply:
    def both(connection: Any) -> None:
        connection.sendall(b"HTTP/1.1 %d Wait\r\n\r\n" % status)
        reply(connection)

    return both


def whole(status: int, body: object) -> Reply:
    data = json.dumps(body).encode()
    return http(status, data, more=f"Content-Range: bytes 0-{len(data) - 1}/{len(data)}\r\n" if status == 206 else "")


class Unusual(NamedTuple):
    """The responses in order, and the outcome of the photo."""

    name: str
    replies: tuple[Reply, ...]
    expected: Purchase
    shop: Shop = V2


RECORD = {"status": "COMPLETED", "request_id": ID, "metrics": {"cost": 0.08}, "output": LINK}
RESPONSES = (
    Unusual(
        "finished submit without an ID",
        (json_reply({"status": "COMPLETED", "output": LINK}),),
        STORED._replace(charged=75_000),
    ),
    Unusual("ID that is a number", (json_reply({"request_id": 7, "status": "QUEUED"}),), KEPT._replace(charged=75_000)),
    *(Unusual(f"submit {n}", (whole(n, {"request_id": ID}), done(output=LINK)), STORED) for n in (201, 202, 203, 206)),
    *(Unusual(f"status and result {n}", (json_reply(TICKET), whole(n, RECORD)), STORED) for n in (201, 202, 203, 206)),
    *(
        Unusual(f"{n} before the submission's 200", (interim(n, json_reply(TICKET)), done(output=LINK)), STORED)
        for n in (102, 103)
    ),
    *(
        Unusual(f"{n} before each result", (json_reply(TICKET), interim(n, done(output=LINK))), STORED)
        for n in (102, 103)
    ),
    *(
        Unusual(f"picture in {result_fields}", (json_reply(TICKET), done(**result_fields)), STORED)
        for result_fields in (
            {"output": LINK},
            {"output": [LINK]},
            {"output": {"images": [LINK]}},
            {"output": {"images": [{"url": LINK}]}},
            {"output": {"image": {"url": LINK}}},
            {"output": {"image_url": LINK}},
            {"output": None, "image_url": LINK},
            {"output": {"seed": 7}, "images": [{"url": LINK}]},
            {"url": LINK},
            {"data": [{"url": LINK}]},
        )
    ),
    Unusual("base64 in output", (json_reply(TICKET), done(output=BASE64)), STORED),
    *(
        Unusual(f"no picture in {result_fields}", (json_reply(TICKET), done(**result_fields)), KEPT)
        for result_fields in (
            {},
            {"output": ""},
            {"output": None},
            {"output": 7},
            {"output": {"assets": [{"href": LINK}]}},
            {"output": "bm8gcGljdHVyZQ=="},
            {"result": {"link": LINK}},
            {"image": {"url": LINK}},
            {"output": "", "note": "our safety system has nothing against it"},
        )
    ),
    *(Unusual(f"v1 bytes under {n}", (v1(PNG, n, "image/png"),), STORED, V1) for n in (200, 201, 202, 203, 206)),
    Unusual("v1 bytes after 103", (interim(103, v1(PNG, 200, "image/png")),), STORED, V1),
    *(
        Unusual(f"v1 JSON with {name}", (v1_json(**result_fields),), STORED, V1)
        for name, result_fields in {
            "base64": {"image": BASE64},
            "base64 in a list": {"images": [BASE64]},
            "base64 in output": {"output": {"images": [BASE64]}},
            "data URI": {"image": f"data:image/png;base64,{BASE64}"},
            "base64 in lines": {"image": "\n".join(BASE64[n : n + 76] for n in range(0, len(BASE64), 76))},
            "link": {"image_url": LINK},
            "empty error next to it": {"error": None, "image": BASE64},
        }.items()
    ),
    Unusual("v1 JSON without a picture", (v1_json(image="aGVsbG8="),), KEPT, V1),
    Unusual("v1 empty image", (v1(b"", 200, "image/jpeg"),), KEPT._replace(response=False), V1),
    Unusual("v1 unknown bytes with a cost", (v1(b"GIF89a", 200, "application/octet-stream"),), KEPT, V1),
    *(
        Unusual(f"406 insufficient credits {name}", (reply,), OUT_OF_MONEY)
        for name, reply in {
            "as text": http(406, b"Insufficient credits", kind="text/plain"),
            "with numbers": json_reply({"error": "Insufficient credits. Balance 3.20, required 1,000.075"}, 406),
            "under msg": json_reply({"msg": "INSUFFICIENT CREDITS!"}, 406),
            "as a JSON text": http(406, b'"Insufficient credits"'),
        }.items()
    ),
    *(
        Unusual(f"406 {name}", (reply,), UNCLEAR)
        for name, reply in {
            "empty": http(406, b""),
            "HTML": http(406, b"<html><h1>406 Not Acceptable</h1></html>", kind="text/html"),
            "a limit in a text": json_reply({"error": "prompt exceeds the limit of 1000 characters"}, 406),
            "a prompt about credit": json_reply({"error": "cannot draw 'a credit card with a low balance'"}, 406),
            "team limit": json_reply({"error": "Team limit for July reached: 500 USD"}, 406),
            "a prompt that repeats a message": json_reply({"error": "rejected", "prompt": "Insufficient credits"}, 406),
        }.items()
    ),
    *(
        Unusual(f"406 for {name}", (json_reply(body, 406),), REJECTED)
        for name, body in {
            "a parameter": {"error": "exceeds the limit of 1000 characters", "parameter": "prompt"},
            "a param": {"error": "credit limit", "param": "seed"},
            "a location": {"detail": [{"loc": ["body", "prompt"], "msg": "limit", "type": "value_error"}]},
            "a field": {"errors": [{"field": "style_codes", "message": "balance"}]},
            "content type": {"error": "Invalid content type"},
        }.items()
    ),
    Unusual("400 about the balance", (json_reply({"error": "no balance, no credit"}, 400),), REJECTED),
    Unusual("400 with a safety word", (json_reply({"error": "a child safety seat is no seed"}, 400),), REJECTED),
    Unusual(
        "400 with the published safety message",
        (json_reply({"error": "Prompt or provided image failed the safety checks."}, 400),),
        UNSAFE,
    ),
    Unusual("500", (json_reply({"error": "Internal server error"}, 500),), REJECTED._replace(calls=3)),
    Unusual("500 in HTML", (http(500, b"<html>500</html>", kind="text/html"),), REJECTED._replace(calls=3)),
    Unusual("500 about safety", (json_reply({"error": "unsafe: timeout"}, 500),), REJECTED._replace(calls=3)),
    Unusual("500 of v1", (json_reply({"error": "x"}, 500),), REJECTED._replace(calls=3), V1),
    Unusual(
        "500 twice", (http(500, b""), http(500, b""), json_reply(TICKET), done(output=LINK)), STORED._replace(calls=3)
    ),
    Unusual("500 and then v1's picture", (http(500, b""), v1(PNG, 200, "image/png")), STORED._replace(calls=2), V1),
    Unusual(
        "failed job",
        (json_reply(TICKET), json_reply({"status": "FAILED", "error": "x"}, 422)),
        REJECTED._replace(calls=2),
    ),
    Unusual(
        "failed job, picture at the second attempt",
        (
            json_reply(TICKET),
            json_reply({"status": "FAILED", "error": "no"}, 422),
            json_reply(TICKET),
            done(output=LINK),
        ),
        STORED._replace(calls=2),
    ),
    Unusual(
        "failed job, content policy",
        (json_reply(TICKET), json_reply({"status": "FAILED", "detail": [{"type": "content_policy_violation"}]}, 422)),
        UNSAFE,
    ),
    Unusual(
        "failed job, published message",
        (json_reply(TICKET), json_reply({"status": "FAILED", "error": "Prompt is Mandatory and must be string"}, 422)),
        REJECTED,
    ),
    Unusual(
        "404 with a text that resembles the one for gone",
        (json_reply(TICKET), json_reply({"error": "the page was not found"}, 404), done(output=LINK)),
        STORED,
    ),
)


@pytest.mark.parametrize("unusual", RESPONSES, ids=lambda unusual: unusual.name)
def test_unusual_response_ends_with_picture_money_and_calls(unusual: Unusual) -> None:
    purchase = unusual.shop.buy(*unusual.replies)
    assert (
        purchase._replace(code=purchase.code if purchase.status is not JobStatus.ACCEPTED else None) == unusual.expected
    )


@pytest.mark.parametrize(
    ("reply", "reasons"),
    [
        (http(406, b"Insufficient credits", kind="text/plain"), {"balance"}),
        (json_reply({"error": "Insufficient credits. Balance 0.01, required 0.075"}, 406), {"balance"}),
        (json_reply({"error": "prompt exceeds the limit of 1000 characters"}, 406), {"refusal"}),
        (http(406, b""), {"refusal"}),
        (http(406, b"<html>406</html>", kind="text/html"), {"refusal"}),
        (json_reply({"error": "too long", "parameter": "prompt"}, 406), set[str]()),
    ],
    ids=["text", "published", "limit", "empty", "html", "parameter"],
)
def test_406_pauses_the_lane_only_for_what_it_proves(reply: Reply, reasons: set[str]) -> None:
    with recording(reply) as server:
        world = V2.drop(server)
        world.run_for(60)
    assert {pause.reason.value for pause in world.ledger.read_health("segmind").pauses} == reasons


def test_unrecognized_response_is_kept_without_the_key() -> None:
    with recording(json_reply(TICKET), done(output="", note="key standin-key")) as server:
        world = V2.drop(server)
        world.run_for(60)
    (kept,) = [key for key in world.output_bucket.list_keys() if key.endswith("_response.txt")]
    current = world.output_bucket.find_current(kept)
    assert current
    assert json.loads(current.data or b"")["note"] == "key (key)"
