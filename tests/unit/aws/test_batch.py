"""Batch processing: an error's class decides what happens to its message, and no failure affects other messages."""

import io
import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, cast

import pytest
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError

from backdrop.aws.batch import (
    MAX_DELAY_SECONDS,
    BatchConsumer,
    ReceivedMessage,
    compute_delay_seconds,
    parse_batch,
)
from backdrop.aws.log import MESSAGE_LOG_KEYS
from backdrop.aws.sqs import Queue, queue_name_from_url
from backdrop.model.codes import Code
from backdrop.model.errors import BackdropError, ConflictError, MalformedMessageError, RetryLaterError
from simulation.world.world_clock import WorldClock

URL = "https://sqs.example/123456789012/intake"
DEAD_URL = "https://sqs.example/123456789012/dead"
SENT_AT = datetime.fromtimestamp(1795255200.5, UTC)
NOW = SENT_AT + timedelta(minutes=20)
SMALLEST_SQS_LIMIT = 262_144
THROTTLING = ClientError({"Error": {"Code": "ThrottlingException", "Message": "slower"}}, "AnyOperation")


class FakeSqs:
    """The two calls of boto3's SQS client that a consumer makes."""

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
    """An invocation of 60 seconds. Each message takes `seconds_a_message` of them."""

    def __init__(self, *, seconds_a_message: float = 0) -> None:
        self._left = 60_000.0
        self._share = seconds_a_message * 1000

    def get_remaining_time_in_millis(self) -> int:
        return round(self._left)

    def use_time(self) -> None:
        self._left -= self._share


class ConsumerHarness:
    """A batch consumer on a fake SQS, with its log and its metrics."""

    def __init__(self, captured: pytest.CaptureFixture[str]) -> None:
        self.sqs = FakeSqs()
        self.log = io.StringIO()
        client: Any = self.sqs
        logger = Logger(
            service=f"consumer-{uuid.uuid4()}", stream=self.log, level="INFO"
        )  # Powertools keeps one logger per name
        self.consumer = BatchConsumer(
            client, {"intake": URL}, Queue(client, DEAD_URL), logger, WorldClock(Random(0), NOW)
        )
        self._captured = captured

    def take(
        self,
        work: Callable[[ReceivedMessage], None],
        *bodies: str,
        times: int = 1,
        during: Invocation | None = None,
    ) -> list[str]:
        """Returns the IDs of the messages to deliver again. Each message has been received `times` times."""
        event = {"Records": [build_message(index, body, count=str(times)) for index, body in enumerate(bodies)]}
        answer = self.consumer.process_batch(parse_batch(event), cast("LambdaContext", during or Invocation()), work)
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    def read_log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.getvalue().splitlines()]

    def read_metrics(self) -> list[dict[str, Any]]:
        lines = (json.loads(line) for line in self._captured.readouterr().out.splitlines())
        return [{name: line[name] for name in line if name not in ("_aws", "service")} for line in lines]


@pytest.fixture
def harness(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> ConsumerHarness:
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Backdrop")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "intake")
    return ConsumerHarness(capsys)


def build_message(index: int, body: str, *, count: str = "1") -> dict[str, Any]:
    return {
        "messageId": f"m{index}",
        "receiptHandle": f"r{index}",
        "body": body,
        "attributes": {"ApproximateReceiveCount": count, "SentTimestamp": "1795255200500"},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:intake",
    }


def build_failing_work(error: Exception, *, only: str = "") -> Callable[[ReceivedMessage], None]:
    def work(message: ReceivedMessage) -> None:
        if only in message.body:
            raise error

    return work


def test_successful_message_is_not_delivered_again(harness: ConsumerHarness) -> None:
    seen: list[str] = []
    assert harness.take(lambda message: seen.append(message.body), "a", "b") == []
    assert seen == ["a", "b"]
    assert (harness.sqs.sent, harness.sqs.visibility, harness.read_log(), harness.read_metrics()) == ([], [], [], [])


def test_retry_later_error_returns_message_with_its_delay(harness: ConsumerHarness) -> None:
    wait = RetryLaterError(Code.BUDGET_REACHED, "Not today.", 61.4)
    assert harness.take(build_failing_work(wait), "a") == ["m0"]
    assert harness.sqs.visibility == [{"QueueUrl": URL, "ReceiptHandle": "r0", "VisibilityTimeout": 61}]
    assert harness.read_metrics() == [{"ReturnedToQueue": [1.0], "code": "budget_reached"}]
    (line,) = harness.read_log()
    assert (line["level"], line["code"], line["reason"]) == ("INFO", "budget_reached", "Not today.")


@pytest.mark.parametrize(("requested", "applied"), [(-5, 0), (0, 0), (10**9, MAX_DELAY_SECONDS)])
def test_delay_is_clamped_to_the_sqs_limits(harness: ConsumerHarness, requested: float, applied: int) -> None:
    harness.take(build_failing_work(RetryLaterError(Code.PROVIDER_THROTTLED, "Slower.", requested)), "a")
    assert harness.sqs.visibility[0]["VisibilityTimeout"] == applied


@pytest.mark.parametrize("code", Code)
def test_only_errors_without_their_own_delay_back_off_exponentially(code: Code) -> None:
    """For every other code, the delay is known: a rate limit, a lease, or a budget."""
    waits = [compute_delay_seconds(RetryLaterError(code, "x", 5), times) for times in (1, 2, 3, 4, 5, 6, 7, 8, 5_000)]
    if code in (Code.LEDGER_UNAVAILABLE, Code.STORAGE_UNAVAILABLE, Code.BUDGET_RESERVED):
        assert waits == [5, 10, 20, 40, 60, 60, 60, 60, 60]
    elif code is Code.FILE_UNREADABLE:
        assert waits == [5, 10, 20, 40, 80, 160, 300, 300, 300]
    else:
        assert waits == [5] * 9


def test_exponential_delay_is_sent_to_sqs(harness: ConsumerHarness) -> None:
    outage = RetryLaterError(Code.STORAGE_UNAVAILABLE, "The request to S3 failed (SlowDown).", 5)
    for times in (1, 4, 20):
        assert harness.take(build_failing_work(outage), "a", times=times) == ["m0"]
    assert [call["VisibilityTimeout"] for call in harness.sqs.visibility] == [5, 40, 60]
    assert [line["delay_seconds"] for line in harness.read_log()] == [5, 40, 60]


@pytest.mark.parametrize(("code", "warnings"), [(Code.SIGNING_FAILED, 1), (Code.PROVIDER_THROTTLED, 0)])
def test_only_what_a_person_must_end_is_among_the_errors(harness: ConsumerHarness, code: Code, warnings: int) -> None:
    harness.take(build_failing_work(RetryLaterError(code, "No key.", 60)), "a")
    assert [line["reason"] for line in harness.read_log() if line["level"] == "WARNING"] == ["No key."] * warnings


@pytest.mark.parametrize("code", Code)
def test_age_of_a_message_that_cannot_be_handled_is_measured(harness: ConsumerHarness, code: Code) -> None:
    """SQS's own metric of age leaves out a message that was received three times."""
    is_stuck = code in {
        *(Code.STORAGE_UNAVAILABLE, Code.LEDGER_UNAVAILABLE, Code.FILE_UNREADABLE, Code.SIGNING_FAILED),
    }
    harness.take(build_failing_work(RetryLaterError(code, "words", 5)), "a", times=9)
    ages = [line["StuckMessageSeconds"] for line in harness.read_metrics() if "StuckMessageSeconds" in line]
    assert ages == ([[1200.0]] if is_stuck else [])


def test_message_with_a_ledger_conflict_returns_after_a_second(harness: ConsumerHarness) -> None:
    assert harness.take(build_failing_work(ConflictError()), "a") == ["m0"]
    assert harness.sqs.visibility[0]["VisibilityTimeout"] == 1
    assert harness.read_metrics() == [{"ReturnedToQueue": [1.0], "code": "ledger_conflict"}]
    assert [(line["level"], line["code"]) for line in harness.read_log()] == [("INFO", "ledger_conflict")]


def test_malformed_message_becomes_a_dead_letter_and_is_not_retried(harness: ConsumerHarness) -> None:
    assert harness.take(build_failing_work(MalformedMessageError("it is no JSON")), "{oops") == []
    (letter,) = harness.sqs.sent
    assert letter["QueueUrl"] == DEAD_URL
    assert json.loads(letter["MessageBody"]) == {"queue": "intake", "body": "{oops"}
    texts = {name: value["StringValue"] for name, value in letter["MessageAttributes"].items()}
    assert texts == {"code": "damaged_message", "reason": "it is no JSON", "money": "not_spent"}
    assert harness.read_metrics() == [{"DeadLettered": [1.0], "code": "damaged_message", "provider": "none"}]
    assert [line["level"] for line in harness.read_log()] == ["WARNING"]


@pytest.mark.parametrize("body", ["x" * 262_144, "ü" * 131_072, '"' * 262_144, "👟" * 65_536], ids=len)
def test_malformed_message_of_any_size_fits_into_a_dead_letter(harness: ConsumerHarness, body: str) -> None:
    harness.take(build_failing_work(MalformedMessageError("it is too much " * 1_000)), body)
    (letter,) = harness.sqs.sent
    attributes = sum(len(name) + len(value["StringValue"]) for name, value in letter["MessageAttributes"].items())
    assert len(letter["MessageBody"].encode()) + attributes + 200 <= SMALLEST_SQS_LIMIT
    assert body[:10_000] in json.loads(letter["MessageBody"])["body"]


def test_message_is_retried_if_its_dead_letter_cannot_be_sent(harness: ConsumerHarness) -> None:
    harness.sqs.broken = True
    assert harness.take(build_failing_work(MalformedMessageError("it is no JSON")), "{oops") == ["m0"]
    assert harness.read_metrics() == []


def test_bug_is_logged_with_traceback_and_message_is_retried(harness: ConsumerHarness) -> None:
    assert harness.take(build_failing_work(KeyError("surprise")), "a") == ["m0"]
    (line,) = harness.read_log()
    assert (line["level"], line["code"], line["message_id"]) == ("ERROR", "crashed", "m0")
    assert "KeyError: 'surprise'" in line["exception"]
    assert harness.read_metrics() == [{"UnexpectedError": [1.0]}]
    assert harness.sqs.visibility == []


def test_uncaught_backdrop_error_is_logged_as_a_bug(harness: ConsumerHarness) -> None:
    assert harness.take(build_failing_work(BackdropError(Code.LINK_EXPIRED, "It expired.")), "a") == ["m0"]
    assert [(line["level"], line["code"]) for line in harness.read_log()] == [("ERROR", "link_expired")]


def test_log_keys_of_one_message_do_not_leak_into_the_next(harness: ConsumerHarness) -> None:
    def work(message: ReceivedMessage) -> None:
        if message.body == "a":
            harness.consumer.logger.append_keys(**dict.fromkeys(MESSAGE_LOG_KEYS, "of the first"))
        raise RetryLaterError(Code.BUDGET_REACHED, "Not today.", 60)

    harness.take(work, "a", "b")
    first, second = harness.read_log()
    assert {first[name] for name in MESSAGE_LOG_KEYS} == {"of the first"}
    assert {name: second[name] for name in MESSAGE_LOG_KEYS if name in second} == {"message_id": "m1"}


def test_message_is_retried_if_its_visibility_cannot_be_changed(harness: ConsumerHarness) -> None:
    harness.sqs.broken = True
    assert harness.take(build_failing_work(RetryLaterError(Code.BUDGET_REACHED, "Not today.", 60)), "a") == ["m0"]
    assert harness.read_metrics() == [{"UnexpectedError": [1.0]}]


def test_one_failure_does_not_affect_the_rest_of_the_batch(harness: ConsumerHarness) -> None:
    assert harness.take(build_failing_work(KeyError("x"), only="b"), "a", "b", "c") == ["m1"]
    assert harness.take(build_failing_work(RetryLaterError(Code.BUDGET_REACHED, "x", 1), only="b"), "a", "b", "c") == [
        "m1"
    ]
    assert harness.take(build_failing_work(MalformedMessageError("x"), only="b"), "a", "b", "c") == []


def test_batch_that_fails_completely_is_not_an_invocation_error(harness: ConsumerHarness) -> None:
    assert harness.take(build_failing_work(KeyError("x")), "a", "b") == ["m0", "m1"]


@pytest.mark.parametrize(
    ("seconds", "done"), [(4, 10), (4.4, 10), (4.5, 9), (11, 4), (20, 3), (45, 1), (61, 1)], ids=str
)
def test_messages_are_returned_unopened_when_no_time_is_left(
    harness: ConsumerHarness, seconds: float, done: int
) -> None:
    """Otherwise Lambda would stop the invocation mid-photo, and its messages would return minutes later."""
    bodies, seen, invocation = "abcdefghij", list[str](), Invocation(seconds_a_message=seconds)

    def work(message: ReceivedMessage) -> None:
        seen.append(message.body)
        invocation.use_time()

    assert harness.take(work, *bodies, during=invocation) == [f"m{index}" for index in range(done, 10)]
    assert seen == list(bodies[:done])
    returned = [(call["ReceiptHandle"], call["VisibilityTimeout"]) for call in harness.sqs.visibility]
    assert returned == [(f"r{index}", 0) for index in range(done, 10)]
    assert {line["code"] for line in harness.read_metrics()} <= {"too_little_time"}
    assert [line["level"] for line in harness.read_log()] == ["INFO"] * (10 - done)


def test_first_message_of_a_batch_is_always_opened(harness: ConsumerHarness) -> None:
    invocation, seen = Invocation(seconds_a_message=50), list[str]()
    invocation.use_time()
    assert harness.take(lambda message: seen.append(message.body), "a", "b", during=invocation) == ["m1"]
    assert seen == ["a"]


def test_queue_name_is_the_last_part_of_its_url() -> None:
    assert queue_name_from_url(URL) == "intake"


def test_message_is_parsed_from_what_lambda_passes() -> None:
    receipt = {"receipt": {"stringValue": '"etag"', "dataType": "String"}}
    records = [build_message(0, "a", count="3"), build_message(1, "b") | {"messageAttributes": receipt}]
    first, second = parse_batch({"Records": records})
    assert first == ReceivedMessage(
        message_id="m0",
        receipt_handle="r0",
        body="a",
        queue_name="intake",
        sent_at=datetime(2026, 11, 21, 10, 0, 0, 500_000, UTC),
        receive_count=3,
        receipt_etag="",
    )
    assert (second.message_id, second.receive_count, second.receipt_etag) == ("m1", 1, '"etag"')


def test_foreign_message_attribute_does_not_affect_the_batch() -> None:
    foreign = {"receipt": {"binaryValue": "AQID", "dataType": "Binary"}}
    records = [build_message(0, "a"), build_message(1, "b") | {"messageAttributes": foreign}]
    assert [message.receipt_etag for message in parse_batch({"Records": records})] == ["", ""]


def test_expired_visibility_is_no_error(harness: ConsumerHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    expired = ClientError({"Error": {"Code": "ReceiptHandleIsInvalid", "Message": "expired"}}, "AnyOperation")

    def change_message_visibility(**_: object) -> None:
        raise expired

    monkeypatch.setattr(harness.sqs, "change_message_visibility", change_message_visibility)
    assert harness.take(build_failing_work(RetryLaterError(Code.BUDGET_REACHED, "Not today.", 60)), "a") == ["m0"]
    assert {line["level"] for line in harness.read_log()} == {"INFO"}
    assert harness.read_metrics() == [{"ReturnedToQueue": [1.0], "code": "budget_reached"}]
