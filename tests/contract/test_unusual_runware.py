"""Responses of Runware that its pages do not show, through the whole stack: the picture, the money, one charge.

Each runs the real adapter against a server that speaks these responses, with the product's ledger, its search for lost
answers and its delivery on simulated services. `RESPONSES` is the table of all that are tried.
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
from tests.contract.adapters import Recorder, Reply, Request, http, silence, the_key
from tests.contract.calling import the_id
from tests.contract.test_runware_answers import JOB, asked, details
from tests.contract.test_runware_wire import URL, said
from tests.simulated.simulation import KEY as PHOTO_KEY
from tests.simulated.simulation import assert_at_rest
from tests.unit.shelf import FakeWork

PRICE = 60_000
CALL_SECONDS, POLL_SECONDS = 1.0, 0.01
MOST_MINUTES = 60
PNG = build_picture("inside the response")
BASE64 = base64.b64encode(PNG).decode()
URI = f"data:image/png;base64,{BASE64}"
SUBMIT, POLL, DETAILS = "imageInference", "getResponse", "getTaskDetails"

type ByTask = Callable[[str], Reply]
"""The reply to a request about the task of this id."""


def says(*items: dict[str, Any], status: int = 200, more: str = "", **besides: Any) -> ByTask:
    """A response with these items of `data`, each of the task that was asked about."""
    return lambda ident: http(status, _body(ident, items, besides), more=more)


def _body(ident: str, items: Sequence[dict[str, Any]], besides: dict[str, Any]) -> bytes:
    data = [{"taskType": SUBMIT, "taskUUID": ident, **item} for item in items]
    return json.dumps({"data": data, **besides}).encode()


def fails(**error: Any) -> ByTask:
    """A response with one error of the task that was asked about."""
    status = error.pop("http", 200)
    return lambda ident: http(
        status, json.dumps({"data": [], "errors": [{"taskType": SUBMIT, "taskUUID": ident, **error}]}).encode()
    )


def keeps(response: object) -> ByTask:
    """All that is kept of a task: its request, and this as the response to it; items of `data` are the task's."""

    def reply(ident: str) -> Reply:
        known = json.loads(json.dumps(response).replace("THE_ID", ident))
        task = {"taskType": SUBMIT, "taskUUID": ident, "model": "ideogram:4@5"}
        kept = {"taskType": DETAILS, "taskUUID": ident, "request": [task], "response": known}
        return http(200, json.dumps({"data": [kept]}).encode())

    return reply


def question_fails(status: int, code: str, *, typed: bool, named: bool) -> ByTask:
    """A question that Runware does not answer: an error that may repeat the type of the task, and its id."""

    def reply(ident: str) -> Reply:
        error = {"code": code} | ({"taskType": SUBMIT} if typed else {}) | ({"taskUUID": ident} if named else {})
        return http(status, json.dumps({"errors": [error]}).encode())

    return reply


def after(*interim: int) -> ByTask:
    """An acknowledgement behind these interim responses."""

    def send(ident: str, connection: socket.socket) -> None:
        for status in interim:
            connection.sendall(b"HTTP/1.1 %d Wait\r\nLink: </a.css>\r\n\r\n" % status)
        ACK(ident)(connection)

    return lambda ident: lambda connection: send(ident, connection)


def lost(_: str) -> Reply:
    """The connection ends without a response."""
    return silence


LINKED = {"imageUUID": "a6c11624-0001", "imageURL": URL, "cost": 0.06, "seed": 7}
DONE = {"status": "success", **LINKED}
SECOND = {**DONE, "imageUUID": "a6c11624-0002"}
BARE = {"status": "success", "imageUUID": "a6c11624-0001", "cost": 0.06}
ACK, NOTHING, MADE = says({}), says(), says(DONE)
KEPT = keeps({"data": [{"taskUUID": "THE_ID", **DONE}]})


@dataclass(frozen=True)
class Unusual:
    """One conversation, and how its job ends: `charged` and `unknown` in micro-dollars.

    Each list of responses is played in its order, and its last one again and again. `sends`: how often the task goes
    out, always under one id, which Runware never charges twice.
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
    wanted: int = 1
    pictures: int = 1
    downloads: int = 1


def inside(name: str, **picture_fields: str) -> Unusual:
    """A picture inside the response, which is delivered without a download."""
    return Unusual(name, polls=(says({**BARE, **picture_fields}),), downloads=0)


def kept_for_a_person(name: str, poll: ByTask) -> Unusual:
    """A charged picture that Backdrop does not find."""
    spent: dict[str, Any] = {"ends": JobStatus.DEAD, "code": Code.RESULT_UNRECOGNIZED, "downloads": 0, "pictures": 0}
    return Unusual(name, polls=(poll,), **spent)


def both(name: str, *polls: ByTask, details: ByTask) -> Unusual:
    """Two pictures, which do not come at once."""
    two: dict[str, Any] = {"charged": 2 * PRICE, "wanted": 2, "pictures": 2, "downloads": 2}
    return Unusual(name, polls=(*polls, says(DONE, SECOND)), details=(details,), **two)


def one_of_two(name: str, poll: ByTask, details: ByTask) -> Unusual:
    """One picture where two are wanted: the other never comes."""
    return Unusual(name, polls=(poll,), details=(details,), wanted=2)


def failed(name: str, poll: ByTask) -> Unusual:
    """Work that Runware ended without saying what it cost."""
    doubt: dict[str, Any] = {"ends": JobStatus.DEAD, "code": Code.PROVIDER_FAILED, "charged": 0, "unknown": PRICE}
    return Unusual(name, polls=(poll,), downloads=0, pictures=0, **doubt)


# Their errors also answer a question that fails while the task goes on.
OF_QUESTIONS = {
    "failed": FAILED,
    "not started": NOT_STARTED,
    "key": KEY_REFUSED,
    "money": NO_CREDITS,
    "throttled": THROTTLED,
    "unclear": END_UNKNOWN,
}


def failing_questions() -> Iterator[Unusual]:
    """Each status and form of an error in response to a poll, with all codes of a meaning; then comes the picture.

    A 200 with the type of the task is not among them: its error is the task's.
    """
    refused = product((401, 429, 500, 503), (False, True), (False, True), OF_QUESTIONS)
    forms = (*refused, *product((200,), (False,), (False, True), OF_QUESTIONS))
    for status, typed, named, name in forms:
        codes = [code for code, meaning in RULES_BY_CODE.items() if meaning is OF_QUESTIONS[name]]
        failing = [question_fails(status, code, typed=typed, named=named) for code in codes]
        yield Unusual(f"failing polls: {status}, {name}{', typed' * typed}{', named' * named}", polls=(*failing, MADE))


RESPONSES = (
    *failing_questions(),
    *(Unusual(f"submit {status}", (says({}, status=status),)) for status in (201, 202, 203, 206)),
    *(Unusual(f"poll {status}", polls=(says(DONE, status=status),)) for status in (201, 202, 203, 206)),
    Unusual("103 before the submit's response", (after(103),)),
    Unusual("102 and 103 before the submit's response", (after(102, 103),)),
    Unusual("submit acknowledged with nothing", (NOTHING,)),
    Unusual("result in the submit's response", (MADE,), polls=(NOTHING,)),
    Unusual("result without a status in the submit's response", (says(LINKED),), polls=(NOTHING,)),
    Unusual("result in the submit's 201", (says(DONE, status=201),), polls=(NOTHING,)),
    Unusual("base64 in the submit's response", (says({**BARE, "imageBase64Data": BASE64}),), (NOTHING,), downloads=0),
    inside("base64", imageBase64Data=BASE64),
    inside("base64 in lines", imageBase64Data="\r\n".join(BASE64[n : n + 76] for n in range(0, len(BASE64), 76))),
    inside("data URI as base64", imageBase64Data=URI),
    inside("data URI", imageDataURI=URI),
    inside("data URI as link", imageURL=URI),
    inside("base64 beside a link", imageBase64Data=BASE64, imageURL=URL),
    Unusual("link without a status", polls=(says(LINKED),)),
    Unusual("completed with a link", polls=(says({**LINKED, "status": "completed"}),)),
    Unusual("an unknown state with a link", polls=(says({**LINKED, "status": "delivered"}),)),
    Unusual("a status in capitals", polls=(says({**LINKED, "status": "SUCCESS"}),)),
    Unusual("queued, then done", polls=(says({"status": "queued"}), says({"status": "queued"}), MADE)),
    Unusual("a UUID while it is processed", polls=(says({"status": "processing", "imageUUID": "a6"}), MADE)),
    Unusual("a UUID without a state, then done", polls=(says({"imageUUID": "a6"}), MADE)),
    Unusual("an unknown state, then done", polls=(says({"status": "finalizing"}), MADE)),
    Unusual(
        "the response is kept, and not polled",
        polls=(NOTHING,),
        details=(keeps({"data": [{"taskUUID": "THE_ID", **LINKED}]}),),
    ),
    Unusual("the kept response is a list", polls=(NOTHING,), details=(keeps([{"taskUUID": "THE_ID", **LINKED}]),)),
    both("one of two, then both", MADE, details=NOTHING),
    both("one of two, one of two kept, then both", MADE, MADE, details=KEPT),
    both("one of two kept, then both", NOTHING, details=KEPT),
    one_of_two("one of two for ever", MADE, NOTHING),
    one_of_two("one of two for ever, and kept", MADE, KEPT),
    one_of_two("one of two for ever, and the other at work", says(DONE, {"status": "processing"}), NOTHING),
    one_of_two("one of two kept for ever", NOTHING, KEPT),
    Unusual("kept without a response yet", polls=(NOTHING, MADE), details=(keeps([]),)),
    Unusual("kept with an empty response", polls=(NOTHING, MADE), details=(keeps(None),)),
    Unusual("lost submit, then queued", (lost,), polls=(says({"status": "queued"}), MADE)),
    Unusual("lost submit, then an unknown state", (lost,), polls=(says({"status": "finalizing"}), MADE)),
    Unusual("lost submit, then completed", (lost,), polls=(says({**LINKED, "status": "completed"}),)),
    Unusual("lost submit, then kept without a response", (lost,), polls=(NOTHING, MADE), details=(keeps([]),)),
    Unusual(
        "lost submit, then kept",
        (lost,),
        polls=(NOTHING,),
        details=(keeps({"data": [{"taskUUID": "THE_ID", **LINKED}]}),),
    ),
    Unusual("refused with an unknown code, and made", (fails(http=400, code="whoKnows"),)),
    Unusual("refused with standardError, and made", (fails(http=400, code="standardError"),)),
    Unusual("failed with inferenceError at once, and made", (fails(http=500, code="inferenceError"),)),
    Unusual("an error of no task beside the result", polls=(says(DONE, errors=[{"code": "whoKnows"}]),)),
    Unusual("no task is known, and the same is sent again", (lost, ACK), polls=(NOTHING, MADE), sends=2),
    Unusual("the id is taken, and made", (lost, fails(http=400, code="conflictTaskUUID")), (NOTHING, MADE), sends=2),
    *(
        Unusual(f"refused for now with {code}", (fails(http=400, code=code), ACK), sends=2)
        for code in ("modelNotReady", "environmentPaused", "authTimeout", "noAvailableServer")
    ),
    Unusual("a result twice, the second time without its picture", polls=(says(DONE, BARE),)),
    Unusual("an item without a picture before the picture", polls=(says({**BARE, "imageUUID": "a6"}, DONE),)),
    Unusual("an error with an unknown code, then done", polls=(fails(code="whoKnows"), MADE)),
    Unusual("an error without a code, then done", polls=(fails(message="try again"), MADE)),
    Unusual("an error with standardError, then done", polls=(fails(code="standardError"), MADE)),
    kept_for_a_person("success without a picture", says(BARE)),
    kept_for_a_person("completed without a picture", says({**BARE, "status": "completed"})),
    kept_for_a_person("base64 of something else", says({**BARE, "imageBase64Data": "aGVsbG8="})),
    kept_for_a_person("broken base64", says({**BARE, "imageBase64Data": "iVBORw0KGgo=="})),
    kept_for_a_person("a data URI of text", says({**BARE, "imageDataURI": "data:text/plain,hello"})),
    kept_for_a_person("a link under another name", says({**BARE, "resultURL": URL})),
    kept_for_a_person("a link that is a number", says({**BARE, "imageURL": 7})),
    failed("error without a code", says({"status": "error"})),
    failed("error with an unknown code", says({"status": "error", "code": "whoKnows"})),
    failed("error with a nested unknown code", says({"status": "error", "error": {"code": "whoKnows"}})),
    failed("error among the errors", fails(status="error", code="whoKnows")),
    failed("error without a code among the errors", fails(status="error")),
    failed("error with standardError", fails(status="error", code="standardError")),
    failed("error after a time-out", fails(status="error", code="timeoutProvider")),
    Unusual(
        "withheld by the content check",
        polls=(says({**DONE, "NSFWContent": True}),),
        ends=JobStatus.DEAD,
        code=Code.UNSAFE_RESULT,
        downloads=0,
        pictures=0,
    ),
)


@dataclass
class Conversation(Recorder):
    """Runware as one row of the table has it."""

    unusual: Unusual = field(default_factory=lambda: Unusual(""))
    heard: dict[str, list[str]] = field(default_factory=lambda: {SUBMIT: [], POLL: [], DETAILS: []})

    @override
    def reply_to(self, request: Request) -> Reply:
        """The next response to such a task."""
        (task,) = json.loads(request.body)
        heard = self.heard[task["taskType"]]
        heard.append(task["taskUUID"])
        played = {SUBMIT: self.unusual.submits, POLL: self.unusual.polls, DETAILS: self.unusual.details}
        replies = played[task["taskType"]]
        return replies[min(len(heard), len(replies)) - 1](task["taskUUID"])


def play(unusual: Unusual) -> tuple[World, Conversation]:
    """A photo for Runware in a stack whose adapter for it is the real one, until nothing is left to do."""
    world = World(other_providers={"runware": ProviderKind.LOOKUP_BY_OUR_ID})
    with Conversation([silence], unusual=unusual) as server:
        work = S3WorkStorage(cast("Any", world.s3), OUTPUT_BUCKET)
        clock: dict[str, Any] = {"poll_seconds": POLL_SECONDS, "now": lambda: world.clock.time}
        adapter = Runware(server.url, CALL_SECONDS, the_key, work, **clock)
        world.providers["runware"] = cast("Any", adapter)
        tags = {"prompt": "a beach", "provider": "runware", "num_images": str(unusual.wanted)}
        world.upload_photo(PHOTO_KEY, build_photo(), operation="replace", **tags)
        world.run_until_empty()
        for _ in range(MOST_MINUTES):
            if the_job(world).status is not JobStatus.ACCEPTED:
                return world, server
            world.run_for(60)
        raise AssertionError(f"the job is still accepted after {MOST_MINUTES} minutes")


def the_job(world: World) -> Job:
    (job,) = world.list_jobs(PHOTO_KEY)
    return job


@pytest.mark.parametrize("unusual", RESPONSES, ids=lambda one: one.name)
def test_unusual_response_ends_with_picture_money_and_one_charge(unusual: Unusual) -> None:
    world, server = play(unusual)
    job = the_job(world)
    assert (job.status, job.problem and job.problem.code) == (unusual.ends, unusual.code)
    assert (job.charged, job.unknown) == (unusual.charged, unusual.unknown)
    assert (len(world.read_pictures()), len(world.downloads.fetched_urls)) == (unusual.pictures, unusual.downloads)
    assert (len(server.heard[SUBMIT]), len({*server.heard[SUBMIT]})) == (unusual.sends, 1)
    for billed in {unusual.charged, unusual.charged + unusual.unknown}:
        assert_at_rest(world, billed)


@pytest.mark.parametrize(
    "unusual", [one for one in RESPONSES if one.code is Code.PROVIDER_FAILED], ids=lambda one: one.name
)
def test_error_of_unknown_cost_ends_within_minutes_and_is_not_bought_again_unasked(unusual: Unusual) -> None:
    world, _ = play(unusual)
    job = the_job(world)
    assert job.ended_at
    assert job.ended_at - job.queued_at < timedelta(minutes=2)
    orders = world.steps.redrive()
    (failure,) = orders.list_failures(FailureFilter())
    assert orders.plan(failure, pay_again=False).needs_pay_again
    paid = orders.plan(failure, pay_again=True)
    assert paid.transition
    assert (paid.transition.job.status, paid.transition.job.charge_no, paid.transition.job.unknown) == (
        JobStatus.ACCEPTED,
        1,
        PRICE,
    )


def test_unclear_error_that_persists_ends_within_minutes_at_an_unknown_cost() -> None:
    world, _ = play(Unusual("an error with an unknown code for ever", polls=(fails(code="whoKnows"),)))
    job = the_job(world)
    assert (job.status, job.problem and job.problem.code, job.unknown) == (JobStatus.DEAD, Code.PROVIDER_FAILED, PRICE)
    assert job.ended_at
    assert MAX_UNCLEAR_WAIT < job.ended_at - job.queued_at < MAX_UNCLEAR_WAIT + timedelta(minutes=2)


def test_unrecognized_response_is_kept_without_the_key() -> None:
    unusual = kept_for_a_person("the key in a field", says({**BARE, "note": "standin-key"}))
    world, _ = play(unusual)
    stored = world.output_bucket.objects[response_key(the_job(world).job_id, 1)][-1].data or b""
    assert json.loads(stored)["data"][0]["note"] == "(key)"


def test_kept_details_hold_the_response_without_our_request() -> None:
    item = {"taskUUID": the_id(JOB), **BARE, "note": "x" * 2_000_000}
    reply = details(JOB, {"data": [item]}, inputs={"seedImage": URI}, uploadEndpoint=OURS)
    answer = asked(said({"data": []}), reply)
    assert isinstance(answer, ProviderResult)
    assert json.loads(answer.raw_response) == {"data": [item]}


OURS = "https://b.s3.amazonaws.com/_backdrop/work/results/a?X-Amz-Credential=K%2F1&X-Amz-Signature=5e&X-Amz-Expires=9"
THEIRS = "https://theirs.s3.amazonaws.com/a.png?X-Amz-Credential=T%2F1&X-Amz-Signature=6f"


@pytest.mark.parametrize("escape", [("/", "/"), ("/", "\\/"), ("&", "\\u0026")], ids=["plain", "slashes", "ampersands"])
def test_kept_response_blanks_the_signatures_of_our_links_only(escape: tuple[str, str]) -> None:
    body = json.dumps({"ours": OURS, "url": THEIRS}).replace(*escape).encode()
    kept = json.loads(redact_response(body, "standin-key"))
    assert kept["url"] == THEIRS
    assert kept["ours"] == OURS.replace("K%2F1", "(blank)").replace("5e", "(blank)")


def test_a_request_that_is_cut_off_does_not_end_the_conversation() -> None:
    head = b"POST /v1 HTTP/1.1\r\nContent-Length: 9\r\n\r\n"
    with Conversation([silence], unusual=Unusual("")) as server:
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(head)
        adapter = Runware(server.url, CALL_SECONDS, the_key, FakeWork(), poll_seconds=POLL_SECONDS)
        assert isinstance(adapter.look_up(JOB, the_id(JOB)), ProviderResult)


def test_no_two_rows_have_the_same_name() -> None:
    assert len({one.name for one in RESPONSES}) == len(RESPONSES)
