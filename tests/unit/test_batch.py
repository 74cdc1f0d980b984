"""How a door takes messages: each failure goes the way of its class, and no failure takes others with it."""

import io
import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError

from backdrop.aws.batch import (
    BACKOFF_CODES,
    MAX_DELAY_SECONDS,
    BatchConsumer,
    compute_delay_seconds,
    read_receipt_etag,
    read_receive_count,
    read_sent_at,
)
from backdrop.aws.log import MESSAGE_LOG_KEYS
from backdrop.aws.sqs import Queue, queue_name_from_url
from backdrop.model.codes import Code
from backdrop.model.errors import BackdropError, ConflictError, MalformedMessageError, RetryLaterError

URL = "https://sqs.example/123456789012/intake"
DEAD_URL = "https://sqs.example/123456789012/dead"
SMALLEST_SQS_LIMIT = 262_144
THROTTLING = ClientError({"Error": {"Code": "ThrottlingException", "Message": "slower"}}, "AnyOperation")


class Sqs:
    """The two calls of boto3's SQS client that a door makes."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.visibility: list[dict[str, Any]] = []
        self.broken = False

    def send_message(self, **call: Any) -> dict[str, str]:
        if self.broken:
            raise THROTTLING
        self.sent.append(call)
        return {"MessageId": "1"}

    def change_message_visibility(self, **call: Any) -> None:
        if self.broken:
            raise THROTTLING
        self.visibility.append(call)


class Invocation:
    """An invocation of 60 seconds, of which each message takes its share."""

    def __init__(self, *, seconds_a_message: float = 0) -> None:
        self._left = 60_000.0
        self._share = seconds_a_message * 1000

    def get_remaining_time_in_millis(self) -> int:
        return round(self._left)

    def spend(self) -> None:
        self._left -= self._share


class Door:
    """An inbox on a fake SQS, with its log and its metrics to look at."""

    def __init__(self, captured: pytest.CaptureFixture[str]) -> None:
        self.sqs = Sqs()
        self.log = io.StringIO()
        client: Any = self.sqs
        logger = Logger(
            service=f"door-{uuid.uuid4()}", stream=self.log, level="INFO"
        )  # one name is one logger for ever
        self.inbox = BatchConsumer(client, {"intake": URL}, Queue(client, DEAD_URL), logger)
        self._captured = captured

    def take(
        self,
        work: Callable[[SQSRecord], None],
        *bodies: str,
        times: int = 1,
        during: Invocation | None = None,
    ) -> list[str]:
        """The ids of the messages that shall come again; all came `times` times by now."""
        event = {"Records": [message(place, body, count=str(times)) for place, body in enumerate(bodies)]}
        answer = self.inbox.process_batch(event, cast("LambdaContext", during or Invocation()), work)
        return [str(failure["itemIdentifier"]) for failure in answer["batchItemFailures"]]

    def logged(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.getvalue().splitlines()]

    def counted(self) -> list[dict[str, Any]]:
        lines = (json.loads(line) for line in self._captured.readouterr().out.splitlines())
        return [{name: line[name] for name in line if name not in ("_aws", "service")} for line in lines]


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Door:
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Backdrop")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "intake")
    return Door(capsys)


def message(place: int, body: str, *, count: str = "1") -> dict[str, Any]:
    return {
        "messageId": f"m{place}",
        "receiptHandle": f"r{place}",
        "body": body,
        "attributes": {"ApproximateReceiveCount": count},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:intake",
    }


def failing(error: Exception, *, only: str = "") -> Callable[[SQSRecord], None]:
    def work(record: SQSRecord) -> None:
        if only in record.body:
            raise error

    return work


def test_work_that_succeeds_is_done_with(door: Door) -> None:
    seen: list[str] = []
    assert door.take(lambda record: seen.append(record.body), "a", "b") == []
    assert seen == ["a", "b"]
    assert (door.sqs.sent, door.sqs.visibility, door.logged(), door.counted()) == ([], [], [], [])


def test_a_wait_hands_the_message_back_with_its_delay(door: Door) -> None:
    wait = RetryLaterError(Code.BUDGET_REACHED, "Not today.", 61.4)
    assert door.take(failing(wait), "a") == ["m0"]
    assert door.sqs.visibility == [{"QueueUrl": URL, "ReceiptHandle": "r0", "VisibilityTimeout": 61}]
    assert door.counted() == [{"HandedBack": [1.0], "code": "budget_reached"}]
    (line,) = door.logged()
    assert (line["level"], line["code"], line["reason"]) == ("INFO", "budget_reached", "Not today.")


@pytest.mark.parametrize(("asked", "given"), [(-5, 0), (0, 0), (10**9, MAX_DELAY_SECONDS)])
def test_a_delay_stays_within_what_sqs_allows(door: Door, asked: float, given: int) -> None:
    door.take(failing(RetryLaterError(Code.PROVIDER_THROTTLED, "Slower.", asked)), "a")
    assert door.sqs.visibility[0]["VisibilityTimeout"] == given


@pytest.mark.parametrize("code", Code)
def test_a_service_out_of_order_is_asked_more_and_more_seldom_and_nobody_else(code: Code) -> None:
    """Every other wait knows its own length: a rate limit, a lease, a budget."""
    waits = [compute_delay_seconds(RetryLaterError(code, "x", 5), times) for times in (1, 2, 3, 4, 5, 6, 5_000)]
    assert waits == ([5, 10, 20, 40, 60, 60, 60] if code in BACKOFF_CODES else [5] * 7)


def test_what_nothing_else_makes_longer_is_backed_off() -> None:
    assert {
        Code.LEDGER_UNAVAILABLE,
        Code.STORAGE_UNAVAILABLE,
        Code.FILE_UNREADABLE,
        Code.BUDGET_RESERVED,
    } == BACKOFF_CODES


def test_the_growing_wait_is_what_sqs_is_told(door: Door) -> None:
    outage = RetryLaterError(Code.STORAGE_UNAVAILABLE, "The request to S3 failed (SlowDown).", 5)
    for times in (1, 4, 20):
        assert door.take(failing(outage), "a", times=times) == ["m0"]
    assert [call["VisibilityTimeout"] for call in door.sqs.visibility] == [5, 40, 60]
    assert [line["delay_seconds"] for line in door.logged()] == [5, 40, 60]


def test_a_message_that_others_overtook_comes_again_soon(door: Door) -> None:
    assert door.take(failing(ConflictError()), "a") == ["m0"]
    assert door.sqs.visibility[0]["VisibilityTimeout"] == 1
    assert door.counted() == [{"HandedBack": [1.0], "code": "ledger_conflict"}]
    assert [(line["level"], line["code"]) for line in door.logged()] == [("INFO", "ledger_conflict")]


def test_a_damaged_message_becomes_a_dead_letter_and_does_not_come_again(door: Door) -> None:
    assert door.take(failing(MalformedMessageError("it is no JSON")), "{oops") == []
    (letter,) = door.sqs.sent
    assert letter["QueueUrl"] == DEAD_URL
    assert json.loads(letter["MessageBody"]) == {"queue": "intake", "body": "{oops"}
    texts = {name: value["StringValue"] for name, value in letter["MessageAttributes"].items()}
    assert texts == {"code": "damaged_message", "reason": "it is no JSON", "money": "not_spent"}
    assert door.counted() == [{"DeadLettered": [1.0], "code": "damaged_message", "provider": "none"}]
    assert [line["level"] for line in door.logged()] == ["WARNING"]


@pytest.mark.parametrize("body", ["x" * 262_144, "ü" * 131_072, '"' * 262_144, "👟" * 65_536], ids=len)
def test_a_damaged_message_of_any_size_fits_into_a_dead_letter(door: Door, body: str) -> None:
    door.take(failing(MalformedMessageError("it is too much " * 1_000)), body)
    (letter,) = door.sqs.sent
    attributes = sum(len(name) + len(value["StringValue"]) for name, value in letter["MessageAttributes"].items())
    assert len(letter["MessageBody"].encode()) + attributes + 200 <= SMALLEST_SQS_LIMIT
    assert body[:10_000] in json.loads(letter["MessageBody"])["body"]


def test_a_dead_letter_that_cannot_be_sent_lets_the_message_come_again(door: Door) -> None:
    door.sqs.broken = True
    assert door.take(failing(MalformedMessageError("it is no JSON")), "{oops") == ["m0"]


def test_a_bug_is_logged_whole_and_its_message_comes_again(door: Door) -> None:
    assert door.take(failing(KeyError("surprise")), "a") == ["m0"]
    (line,) = door.logged()
    assert (line["level"], line["code"], line["message_id"]) == ("ERROR", "crashed", "m0")
    assert "KeyError: 'surprise'" in line["exception"]
    assert door.counted() == [{"UnexpectedError": [1.0]}]
    assert door.sqs.visibility == []


def test_an_error_that_no_step_should_let_through_is_a_bug(door: Door) -> None:
    assert door.take(failing(BackdropError(Code.LINK_EXPIRED, "It expired.")), "a") == ["m0"]
    assert [(line["level"], line["code"]) for line in door.logged()] == [("ERROR", "link_expired")]


def test_what_was_said_of_one_message_is_not_said_of_the_next(door: Door) -> None:
    def work(record: SQSRecord) -> None:
        if record.body == "a":
            door.inbox.logger.append_keys(**dict.fromkeys(MESSAGE_LOG_KEYS, "of the first"))
        raise RetryLaterError(Code.BUDGET_REACHED, "Not today.", 60)

    door.take(work, "a", "b")
    first, second = door.logged()
    assert {first[name] for name in MESSAGE_LOG_KEYS} == {"of the first"}
    assert {name: second[name] for name in MESSAGE_LOG_KEYS if name in second} == {"message_id": "m1"}


def test_a_wait_that_cannot_be_told_to_sqs_still_comes_again(door: Door) -> None:
    door.sqs.broken = True
    assert door.take(failing(RetryLaterError(Code.BUDGET_REACHED, "Not today.", 60)), "a") == ["m0"]


def test_one_failure_leaves_the_rest_of_the_batch_alone(door: Door) -> None:
    assert door.take(failing(KeyError("x"), only="b"), "a", "b", "c") == ["m1"]
    assert door.take(failing(RetryLaterError(Code.BUDGET_REACHED, "x", 1), only="b"), "a", "b", "c") == ["m1"]
    assert door.take(failing(MalformedMessageError("x"), only="b"), "a", "b", "c") == []


def test_a_batch_that_fails_whole_is_no_invocation_error(door: Door) -> None:
    assert door.take(failing(KeyError("x")), "a", "b") == ["m0", "m1"]


@pytest.mark.parametrize(
    ("seconds", "done"), [(4, 10), (4.4, 10), (4.5, 9), (11, 4), (20, 3), (45, 1), (61, 1)], ids=str
)
def test_what_a_batch_has_no_time_for_is_handed_back_at_once_and_unopened(
    door: Door, seconds: float, done: int
) -> None:
    """The function's limit would end it in the midst of a photo, and what it held would come again minutes later."""
    bodies, seen, invocation = "abcdefghij", list[str](), Invocation(seconds_a_message=seconds)

    def work(record: SQSRecord) -> None:
        seen.append(record.body)
        invocation.spend()

    assert door.take(work, *bodies, during=invocation) == [f"m{place}" for place in range(done, 10)]
    assert seen == list(bodies[:done])
    told = [(call["ReceiptHandle"], call["VisibilityTimeout"]) for call in door.sqs.visibility]
    assert told == [(f"r{place}", 0) for place in range(done, 10)]
    assert {line["code"] for line in door.counted()} <= {"too_little_time"}
    assert [line["level"] for line in door.logged()] == ["INFO"] * (10 - done)


def test_the_first_message_of_a_batch_is_always_opened(door: Door) -> None:
    invocation, seen = Invocation(seconds_a_message=50), list[str]()
    invocation.spend()
    assert door.take(lambda record: seen.append(record.body), "a", "b", during=invocation) == ["m1"]
    assert seen == ["a"]


def test_how_often_a_message_came_is_known() -> None:
    assert read_receive_count(SQSRecord(message(0, "a", count="3"))) == 3


def test_a_queue_is_known_by_the_last_part_of_its_url() -> None:
    assert queue_name_from_url(URL) == "intake"


def test_a_message_tells_when_its_queue_took_it() -> None:
    told = {"attributes": {"SentTimestamp": "1795255200500"}}
    assert read_sent_at(SQSRecord(told)) == datetime(2026, 11, 21, 10, 0, 0, 500_000, UTC)


def test_a_message_names_a_receipt_beside_its_body_or_none() -> None:
    named = {"messageAttributes": {"receipt": {"stringValue": '"etag"', "dataType": "String"}}}
    assert read_receipt_etag(SQSRecord(named)) == '"etag"'
    assert read_receipt_etag(SQSRecord({"messageAttributes": {}})) == ""
