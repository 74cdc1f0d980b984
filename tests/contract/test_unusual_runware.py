"""Undocumented responses of Runware: what happens to the picture and the money, with only one charge.

Each runs the real adapter against a server that sends these responses, with the product's ledger, recovery, and
delivery on simulated services. `RESPONSES` is the table of all responses.
"""

import base64
import json
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import product
from typing import Any, cast, override

import pytest

from backdrop.aws.work_links import S3WorkStorage
from backdrop.model.codes import Code
from backdrop.model.job import Job, JobStatus
from backdrop.model.object_keys import response_key
from backdrop.model.provider_result import ProviderResult
from backdrop.operate.redrive import FailureFilter
from backdrop.providers import polling, runware
from backdrop.providers.runware import MAX_UNCLEAR_WAIT, Runware
from backdrop.providers.runware_errors import (
    END_UNKNOWN,
    FAILED,
    KEY_REFUSED,
    NO_CREDITS,
    NOT_STARTED,
    RULES_BY_CODE,
    THROTTLED,
)
from backdrop.providers.unrecognized_results import redact_response
from simulation.world.sample_images import build_photo, build_picture
from simulation.world.simulated_provider import ProviderKind
from simulation.world.simulated_stack import OUTPUT_BUCKET, World
from tests.contract.adapter_calls import get_task_id
from tests.contract.adapters import Recorder, Reply, Request, http, provide_key, silence
from tests.contract.skipped_time import skip_waits
from tests.contract.test_runware_answers import JOB, details, look_up_with
from tests.contract.test_runware_wire import URL, json_reply
from tests.simulated.stage_worlds import KEY as PHOTO_KEY
from tests.simulated.stage_worlds import assert_at_rest
from tests.unit.work_in_memory import FakeWork

PRICE = 60_000
CALL_SECONDS, POLL_SECONDS = 1.0, 0.5
MAX_MINUTES = 60
PNG = build_picture("inside the response")
BASE64 = base64.b64encode(PNG).decode()
URI = f"data:image/png;base64,{BASE64}"
SUBMIT, POLL, DETAILS = "imageInference", "getResponse", "getTaskDetails"

type ByTask = Callable[[str], Reply]
"""Returns the reply to a request about the task with this ID."""


def respond(*items: dict[str, Any], status: int = 200, more: str = "", **fields: Any) -> ByTask:
    """Returns a response with these items of `data`, each about the requested task."""
    return lambda provider_id: http(status, _body(provider_id, items, fields), more=more)


def _body(provider_id: str, items: Sequence[dict[str, Any]], fields: dict[str, Any]) -> bytes:
    data = [{"taskType": SUBMIT, "taskUUID": provider_id, **item} for item in items]
    return json.dumps({"data": data, **fields}).encode()


def fail(**error: Any) -> ByTask:
    """Returns a response with one error about the requested task."""
    status = error.pop("http", 200)
    return lambda provider_id: http(
        status, json.dumps({"data": [], "errors": [{"taskType": SUBMIT, "taskUUID": provider_id, **error}]}).encode()
    )


def respond_with_details(response: object) -> ByTask:
    """Returns a task's details: its request and this response."""

    def reply(provider_id: str) -> Reply:
        known = json.loads(json.dumps(response).replace("THE_ID", provider_id))
        task = {"taskType": SUBMIT, "taskUUID": provider_id, "model": "ideogram:4@5"}
        kept = {"taskType": DETAILS, "taskUUID": provider_id, "request": [task], "response": known}
        return http(200, json.dumps({"data": [kept]}).encode())

    return reply


def fail_poll(status: int, code: str, *, typed: bool, named: bool) -> ByTask:
    """Returns the error of a poll, which may repeat the type and the ID of the task."""

    def reply(provider_id: str) -> Reply:
        error = {"code": code} | ({"taskType": SUBMIT} if typed else {}) | ({"taskUUID": provider_id} if named else {})
        return http(status, json.dumps({"errors": [error]}).encode())

    return reply


def after(*interim: int) -> ByTask:
    """Returns an acknowledgement after these interim responses."""

    def send(provider_id: str, connection: socket.socket) -> None:
        for status in interim:
            connection.sendall(b"HTTP/1.1 %d Wait\r\nLink: </a.css>\r\n\r\n" % status)
        ACK(provider_id)(connection)

    return lambda provider_id: lambda connection: send(provider_id, connection)


def lost(_: str) -> Reply:
    """Closes the connection without a response."""
    return silence


LINKED = {"imageUUID": "a6c11624-0001", "imageURL": URL, "cost": 0.06, "seed": 7}
DONE = {"status": "success", **LINKED}
SECOND = {**DONE, "imageUUID": "a6c11624-0002"}
BARE = {"status": "success", "imageUUID": "a6c11624-0001", "cost": 0.06}
ACK, NOTHING, MADE = respond({}), respond(), respond(DONE)
KEPT = respond_with_details({"data": [{"taskUUID": "THE_ID", **DONE}]})


@dataclass(frozen=True)
class Unusual:
    """A sequence of responses, and the outcome of its job. `charged` and `unknown` are in micro-dollars.

    Each list of responses is sent in order, and the last one is repeated. `sends`: how often the task is sent, always
    with the same ID, which Runware never charges twice. `wanted`: the number of requested pictures.
    """

    name: str
    submits: Sequence[ByTask] = (ACK,)
    polls: Sequence[ByTask] = (MADE,)
    details: Sequence[ByTask] = (NOTHING,)
    ends: JobStatus = JobStatus.STORED
    code: Code | None = None
    charged: int = PRICE
    unknown: int = 0
    sends: int = 1
    requested: int = 1
    pictures: int = 1
    downloads: int = 1


def picture_in_response(name: str, **picture_fields: str) -> Unusual:
    """Returns a case with the picture in the response, so that it is not downloaded."""
    return Unusual(name, polls=(respond({**BARE, **picture_fields}),), downloads=0)


def kept_for_a_person(name: str, poll: ByTask) -> Unusual:
    """Returns a case with a charged picture that Backdrop does not find."""
    spent: dict[str, Any] = {"ends": JobStatus.DEAD, "code": Code.RESULT_UNRECOGNIZED, "downloads": 0, "pictures": 0}
    return Unusual(name, polls=(poll,), **spent)


def two_pictures(name: str, *polls: ByTask, details: ByTask) -> Unusual:
    """Returns a case with two pictures that arrive separately."""
    two: dict[str, Any] = {"charged": 2 * PRICE, "requested": 2, "pictures": 2, "downloads": 2}
    return Unusual(name, polls=(*polls, respond(DONE, SECOND)), details=(details,), **two)


def one_of_two(name: str, poll: ByTask, details: ByTask) -> Unusual:
    """Returns a case with two requested pictures. One of them never arrives."""
    return Unusual(name, polls=(poll,), details=(details,), requested=2)


def failed(name: str, poll: ByTask) -> Unusual:
    """Returns a case with work that failed at an unknown cost."""
    doubt: dict[str, Any] = {"ends": JobStatus.DEAD, "code": Code.PROVIDER_FAILED, "charged": 0, "unknown": PRICE}
    return Unusual(name, polls=(poll,), downloads=0, pictures=0, **doubt)


# Errors with these meanings also occur when a poll fails while the task continues.
MEANINGS_OF_POLL_ERRORS = {
    "failed": FAILED,
    "not started": NOT_STARTED,
    "key": KEY_REFUSED,
    "money": NO_CREDITS,
    "throttled": THROTTLED,
    "unclear": END_UNKNOWN,
}


def failing_questions() -> Iterator[Unusual]:
    """Yields each status and form of an error in response to a poll, with all codes of a meaning, before the picture.

    A 200 with the type of the task is not among them, because its error is about the task.
    """
    refused = product((401, 429, 500, 503), (False, True), (False, True), MEANINGS_OF_POLL_ERRORS)
    forms = (*refused, *product((200,), (False,), (False, True), MEANINGS_OF_POLL_ERRORS))
    for status, typed, named, name in forms:
        codes = [code for code, meaning in RULES_BY_CODE.items() if meaning is MEANINGS_OF_POLL_ERRORS[name]]
        failing = [fail_poll(status, code, typed=typed, named=named) for code in codes]
        yield Unusual(f"failing polls: {status}, {name}{', typed' * typed}{', named' * named}", polls=(*failing, MADE))


RESPONSES = (
    *failing_questions(),
    *(Unusual(f"submit {status}", (respond({}, status=status),)) for status in (201, 202, 203, 206)),
    *(Unusual(f"poll {status}", polls=(respond(DONE, status=status),)) for status in (201, 202, 203, 206)),
    Unusual("103 before the submission's response", (after(103),)),
    Unusual("102 and 103 before the submission's response", (after(102, 103),)),
    Unusual("empty acknowledgement of the submission", (NOTHING,)),
    Unusual("result in the submission's response", (MADE,), polls=(NOTHING,)),
    Unusual("result without a status in the submission's response", (respond(LINKED),), polls=(NOTHING,)),
    Unusual("result in the submission's 201", (respond(DONE, status=201),), polls=(NOTHING,)),
    Unusual(
        "base64 in the submission's response", (respond({**BARE, "imageBase64Data": BASE64}),), (NOTHING,), downloads=0
    ),
    picture_in_response("base64", imageBase64Data=BASE64),
    picture_in_response(
        "base64 in lines", imageBase64Data="\r\n".join(BASE64[n : n + 76] for n in range(0, len(BASE64), 76))
    ),
    picture_in_response("data URI as base64", imageBase64Data=URI),
    picture_in_response("data URI", imageDataURI=URI),
    picture_in_response("data URI as link", imageURL=URI),
    picture_in_response("base64 with a link", imageBase64Data=BASE64, imageURL=URL),
    Unusual("link without a status", polls=(respond(LINKED),)),
    Unusual("completed with a link", polls=(respond({**LINKED, "status": "completed"}),)),
    Unusual("an unknown state with a link", polls=(respond({**LINKED, "status": "delivered"}),)),
    Unusual("a status in capitals", polls=(respond({**LINKED, "status": "SUCCESS"}),)),
    Unusual("queued, then done", polls=(respond({"status": "queued"}), respond({"status": "queued"}), MADE)),
    Unusual("a UUID during processing", polls=(respond({"status": "processing", "imageUUID": "a6"}), MADE)),
    Unusual("a UUID without a state, then done", polls=(respond({"imageUUID": "a6"}), MADE)),
    Unusual("an unknown state, then done", polls=(respond({"status": "finalizing"}), MADE)),
    Unusual(
        "the response is only in the details",
        polls=(NOTHING,),
        details=(respond_with_details({"data": [{"taskUUID": "THE_ID", **LINKED}]}),),
    ),
    Unusual(
        "the response in the details is a list",
        polls=(NOTHING,),
        details=(respond_with_details([{"taskUUID": "THE_ID", **LINKED}]),),
    ),
    two_pictures("one of two, then both", MADE, details=NOTHING),
    two_pictures("one of two polled and in details, then both", MADE, MADE, details=KEPT),
    two_pictures("one of two only in details, then both", NOTHING, details=KEPT),
    one_of_two("only one of two ever polled", MADE, NOTHING),
    one_of_two("only one of two ever polled or in details", MADE, KEPT),
    one_of_two("one of two, while the other never ends", respond(DONE, {"status": "processing"}), NOTHING),
    one_of_two("only one of two ever in details", NOTHING, KEPT),
    Unusual("details without a response at first", polls=(NOTHING, MADE), details=(respond_with_details([]),)),
    Unusual("details with an empty response", polls=(NOTHING, MADE), details=(respond_with_details(None),)),
    Unusual("lost submit, then queued", (lost,), polls=(respond({"status": "queued"}), MADE)),
    Unusual("lost submit, then an unknown state", (lost,), polls=(respond({"status": "finalizing"}), MADE)),
    Unusual("lost submit, then completed", (lost,), polls=(respond({**LINKED, "status": "completed"}),)),
    Unusual(
        "lost submit, then details without a response",
        (lost,),
        polls=(NOTHING, MADE),
        details=(respond_with_details([]),),
    ),
    Unusual(
        "lost submit, then a result only in details",
        (lost,),
        polls=(NOTHING,),
        details=(respond_with_details({"data": [{"taskUUID": "THE_ID", **LINKED}]}),),
    ),
    Unusual("refused with an unknown code, but made", (fail(http=400, code="whoKnows"),)),
    Unusual("refused with standardError, but made", (fail(http=400, code="standardError"),)),
    Unusual("failed with inferenceError at once, but made", (fail(http=500, code="inferenceError"),)),
    Unusual("an error without a task next to the result", polls=(respond(DONE, errors=[{"code": "whoKnows"}]),)),
    Unusual("the task is unknown, so it is sent again", (lost, ACK), polls=(NOTHING, MADE), sends=2),
    Unusual(
        "the ID is in use, and the picture is made",
        (lost, fail(http=400, code="conflictTaskUUID")),
        (NOTHING, MADE),
        sends=2,
    ),
    *(
        Unusual(f"refused for now with {code}", (fail(http=400, code=code), ACK), sends=2)
        for code in ("modelNotReady", "environmentPaused", "authTimeout", "noAvailableServer")
    ),
    Unusual("a result twice, the second time without its picture", polls=(respond(DONE, BARE),)),
    Unusual("an item without a picture before the picture", polls=(respond({**BARE, "imageUUID": "a6"}, DONE),)),
    Unusual("an error with an unknown code, then done", polls=(fail(code="whoKnows"), MADE)),
    Unusual("an error without a code, then done", polls=(fail(message="try again"), MADE)),
    Unusual("an error with standardError, then done", polls=(fail(code="standardError"), MADE)),
    kept_for_a_person("success without a picture", respond(BARE)),
    kept_for_a_person("completed without a picture", respond({**BARE, "status": "completed"})),
    kept_for_a_person("base64 of something else", respond({**BARE, "imageBase64Data": "aGVsbG8="})),
    kept_for_a_person("broken base64", respond({**BARE, "imageBase64Data": "iVBORw0KGgo=="})),
    kept_for_a_person("a data URI of text", respond({**BARE, "imageDataURI": "data:text/plain,hello"})),
    kept_for_a_person("a link under another name", respond({**BARE, "resultURL": URL})),
    kept_for_a_person("a link that is a number", respond({**BARE, "imageURL": 7})),
    failed("error without a code", respond({"status": "error"})),
    failed("error with an unknown code", respond({"status": "error", "code": "whoKnows"})),
    failed("error with a nested unknown code", respond({"status": "error", "error": {"code": "whoKnows"}})),
    failed("error among the errors", fail(status="error", code="whoKnows")),
    failed("error without a code among the errors", fail(status="error")),
    failed("error with standardError", fail(status="error", code="standardError")),
    failed("error after a timeout", fail(status="error", code="timeoutProvider")),
    Unusual(
        "withheld by the content check",
        polls=(respond({**DONE, "NSFWContent": True}),),
        ends=JobStatus.DEAD,
        code=Code.UNSAFE_RESULT,
        downloads=0,
        pictures=0,
    ),
)


@dataclass
class Conversation(Recorder):
    """A server that plays back one row of the table."""

    unusual: Unusual = field(default_factory=lambda: Unusual(""))
    task_ids: dict[str, list[str]] = field(default_factory=lambda: {SUBMIT: [], POLL: [], DETAILS: []})

    @override
    def reply_to(self, request: Request) -> Reply:
        """Returns the next response to this type of task."""
        (task,) = json.loads(request.body)
        ids = self.task_ids[task["taskType"]]
        ids.append(task["taskUUID"])
        played = {SUBMIT: self.unusual.submits, POLL: self.unusual.polls, DETAILS: self.unusual.details}
        replies = played[task["taskType"]]
        return replies[min(len(ids), len(replies)) - 1](task["taskUUID"])


def play(unusual: Unusual) -> tuple[World, Conversation]:
    """Buys a photo from Runware, in a stack with the real adapter, until no work is left."""
    world = World(other_providers={"runware": ProviderKind.LOOKUP_BY_OUR_ID})
    with Conversation([silence], unusual=unusual) as server, pytest.MonkeyPatch.context() as patch:
        skip_waits(patch, runware, polling)
        work = S3WorkStorage(cast("Any", world.s3), OUTPUT_BUCKET)
        clock: dict[str, Any] = {"poll_seconds": POLL_SECONDS, "now": lambda: world.clock.time}
        adapter = Runware(server.url, CALL_SECONDS, provide_key, work, **clock)
        world.providers["runware"] = cast("Any", adapter)
        tags = {"prompt": "a beach", "provider": "runware", "num_images": str(unusual.requested)}
        world.upload_photo(PHOTO_KEY, build_photo(), operation="replace", **tags)
        world.run_until_empty()
        for _ in range(MAX_MINUTES):
            if read_job(world).status is not JobStatus.ACCEPTED:
                return world, server
            world.run_for(60)
        raise AssertionError(f"the job is still accepted after {MAX_MINUTES} minutes")


def read_job(world: World) -> Job:
    (job,) = world.list_jobs(PHOTO_KEY)
    return job


@pytest.mark.parametrize("unusual", RESPONSES, ids=lambda unusual: unusual.name)
def test_unusual_response_ends_with_picture_money_and_one_charge(unusual: Unusual) -> None:
    world, server = play(unusual)
    job = read_job(world)
    assert (job.status, job.problem and job.problem.code) == (unusual.ends, unusual.code)
    assert (job.charged, job.unknown) == (unusual.charged, unusual.unknown)
    assert (len(world.read_pictures()), len(world.downloads.fetched_urls)) == (unusual.pictures, unusual.downloads)
    assert (len(server.task_ids[SUBMIT]), len({*server.task_ids[SUBMIT]})) == (unusual.sends, 1)
    for billed in {unusual.charged, unusual.charged + unusual.unknown}:
        assert_at_rest(world, billed)


@pytest.mark.parametrize(
    "unusual", [row for row in RESPONSES if row.code is Code.PROVIDER_FAILED], ids=lambda unusual: unusual.name
)
def test_error_of_unknown_cost_ends_and_needs_pay_again(unusual: Unusual) -> None:
    world, _ = play(unusual)
    job = read_job(world)
    assert job.ended_at
    assert job.ended_at - job.queued_at < timedelta(minutes=2)
    redrive = world.steps.redrive()
    (failure,) = redrive.list_failures(FailureFilter())
    assert redrive.plan(failure, pay_again=False).needs_pay_again
    paid = redrive.plan(failure, pay_again=True)
    assert paid.transition
    assert (paid.transition.job.status, paid.transition.job.charge_no, paid.transition.job.unknown) == (
        JobStatus.ACCEPTED,
        1,
        PRICE,
    )


def test_persistent_unclear_error_ends_at_an_unknown_cost() -> None:
    world, _ = play(Unusual("an error with an unknown code forever", polls=(fail(code="whoKnows"),)))
    job = read_job(world)
    assert (job.status, job.problem and job.problem.code, job.unknown) == (JobStatus.DEAD, Code.PROVIDER_FAILED, PRICE)
    assert job.ended_at
    assert MAX_UNCLEAR_WAIT < job.ended_at - job.queued_at < MAX_UNCLEAR_WAIT + timedelta(minutes=2)


def test_unrecognized_response_is_kept_without_the_key() -> None:
    unusual = kept_for_a_person("the key in a field", respond({**BARE, "note": "standin-key"}))
    world, _ = play(unusual)
    stored = world.output_bucket.objects[response_key(read_job(world).job_id, 1)][-1].data or b""
    assert json.loads(stored)["data"][0]["note"] == "(key)"


def test_kept_details_contain_the_response_without_our_request() -> None:
    item = {"taskUUID": get_task_id(JOB), **BARE, "note": "x" * 2_000_000}
    reply = details(JOB, {"data": [item]}, inputs={"seedImage": URI}, uploadEndpoint=OUR_LINK)
    answer = look_up_with(json_reply({"data": []}), reply)
    assert isinstance(answer, ProviderResult)
    assert json.loads(answer.raw_response) == {"data": [item]}


OUR_LINK = (
    "https://b.s3.amazonaws.com/_backdrop/work/results/a?X-Amz-Credential=K%2F1&X-Amz-Signature=5e&X-Amz-Expires=9"
)
THEIR_LINK = "https://theirs.s3.amazonaws.com/a.png?X-Amz-Credential=T%2F1&X-Amz-Signature=6f"


@pytest.mark.parametrize("escape", [("/", "/"), ("/", "\\/"), ("&", "\\u0026")], ids=["plain", "slashes", "ampersands"])
def test_kept_response_blanks_the_signatures_of_our_links_only(escape: tuple[str, str]) -> None:
    body = json.dumps({"ours": OUR_LINK, "url": THEIR_LINK}).replace(*escape).encode()
    kept = json.loads(redact_response(body, "standin-key"))
    assert kept["url"] == THEIR_LINK
    assert kept["ours"] == OUR_LINK.replace("K%2F1", "(blank)").replace("5e", "(blank)")


def test_truncated_request_does_not_stop_the_server() -> None:
    head = b"POST /v1 HTTP/1.1\r\nContent-Length: 9\r\n\r\n"
    with Conversation([silence], unusual=Unusual("")) as server:
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(head)
        adapter = Runware(server.url, CALL_SECONDS, provide_key, FakeWork(), poll_seconds=POLL_SECONDS)
        assert isinstance(adapter.look_up(JOB, get_task_id(JOB)), ProviderResult)


def test_names_of_the_rows_are_unique() -> None:
    assert len({row.name for row in RESPONSES}) == len(RESPONSES)
