"""The simulated queues behave like the emulator's for the calls of the product's adapters."""

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError

from backdrop.aws.sqs import DeadLetterQueue, Queue
from simulation.world.simulated_stack import World
from tests.contract.services import SERVICES, code_of, emulator_alone, number

MAX_RECEIVES = 2


@dataclass(frozen=True)
class Queues:
    """A client, and functions that create a queue (with its dead-letter queue's URL) and that wait."""

    client: Any
    make: Callable[..., str]
    wait: Callable[[float], None]


@pytest.fixture(scope="module", params=SERVICES)
def queues(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generator[Queues]:
    if request.param == "simulated":
        yield _simulated()
        return
    with emulator_alone(tmp_path_factory.mktemp("emulator")) as clients:
        yield Queues(clients.sqs, partial(_create_queue, clients.sqs), time.sleep)


def _simulated() -> Queues:
    world = World()

    def make(letters: str = "") -> str:
        setup = {"dead_letter_queue": world.sqs.queues[letters], "max_receive_count": MAX_RECEIVES} if letters else {}
        return world.sqs.create_queue(f"q{number()}", visibility_seconds=30, **setup).url

    return Queues(world.sqs, make, world.clock.sleep)


def _create_queue(client: Any, letters: str = "") -> str:
    attributes = {"VisibilityTimeout": "30"}
    if letters:
        arn = client.get_queue_attributes(QueueUrl=letters, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        attributes["RedrivePolicy"] = f'{{"deadLetterTargetArn": "{arn}", "maxReceiveCount": {MAX_RECEIVES}}}'
    return client.create_queue(QueueName=f"q{number()}", Attributes=attributes)["QueueUrl"]


def receive(queues: Queues, url: str, **sent: Any) -> list[dict[str, Any]]:
    """Returns the messages of one call."""
    answer = queues.client.receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=10,
        MessageSystemAttributeNames=["All"],
        MessageAttributeNames=["All"],
        **sent,
    )
    return answer.get("Messages", [])


def set_visibility(queues: Queues, url: str, message: dict[str, Any], seconds: int) -> None:
    """Makes a message visible again after this number of seconds."""
    queues.client.change_message_visibility(
        QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=seconds
    )


def test_message_arrives_with_its_group_and_attributes(queues: Queues) -> None:
    url = queues.make()
    Queue(queues.client, url).send({"a": 1}, group="folder", attributes={"code": "damaged", "empty": ""})
    (message,) = receive(queues, url)
    assert message["Body"] == '{"a": 1}'
    assert {name: value["StringValue"] for name, value in message["MessageAttributes"].items()} == {"code": "damaged"}
    assert message["Attributes"]["MessageGroupId"] == "folder"
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"


def test_delayed_message_is_not_received_early(queues: Queues) -> None:
    url = queues.make()
    for delay in (60, 1):
        Queue(queues.client, url).send({"delay": delay}, group="g", delay_seconds=delay)
    queues.wait(1.1)
    assert [message["Body"] for message in receive(queues, url)] == ['{"delay": 1}']


def test_received_message_is_hidden_until_its_visibility_changes(queues: Queues) -> None:
    url = queues.make()
    Queue(queues.client, url).send({}, group="g")
    (message,) = receive(queues, url)
    assert receive(queues, url) == []
    set_visibility(queues, url, message, 0)
    (again,) = receive(queues, url)
    assert again["MessageId"] == message["MessageId"]
    assert again["Attributes"]["ApproximateReceiveCount"] == "2"


def test_deleted_message_is_not_received_again(queues: Queues) -> None:
    url = queues.make()
    Queue(queues.client, url).send({}, group="g")
    (message,) = receive(queues, url, VisibilityTimeout=0)
    (message,) = receive(queues, url, VisibilityTimeout=0)
    queues.client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    assert receive(queues, url) == []


def test_undeleted_message_becomes_a_dead_letter_that_names_its_queue(queues: Queues) -> None:
    letters = queues.make()
    url = queues.make(letters)
    Queue(queues.client, url).send({"a": 1}, group="g", attributes={"code": "x"})
    for _ in range(MAX_RECEIVES):
        (message,) = receive(queues, url)
        set_visibility(queues, url, message, 0)
    assert receive(queues, url) == []
    dead_letter_queue = DeadLetterQueue(queues.client, letters)
    (letter,) = dead_letter_queue.receive()
    assert (letter.body, letter.attributes, letter.source_queue) == ('{"a": 1}', {"code": "x"}, url.rpartition("/")[2])
    assert dead_letter_queue.receive() == []
    dead_letter_queue.delete(letter)
    assert Queue(queues.client, letters).count_messages() == 0


def test_dead_letter_that_we_sent_names_no_queue(queues: Queues) -> None:
    letters = queues.make()
    Queue(queues.client, letters).send({"a": 1}, group="g")
    (letter,) = DeadLetterQueue(queues.client, letters).receive()
    assert (letter.source_queue, letter.attributes) == ("", {})


def test_released_dead_letters_can_be_received_at_once(queues: Queues) -> None:
    letters = queues.make()
    for n in range(2):
        Queue(queues.client, letters).send({"n": n}, group="g")
    dead_letter_queue = DeadLetterQueue(queues.client, letters)
    deleted, kept = dead_letter_queue.receive()
    assert dead_letter_queue.receive() == []
    dead_letter_queue.delete(deleted)
    for letter in (deleted, kept):
        dead_letter_queue.make_visible(letter)
    assert [letter.body for letter in dead_letter_queue.receive()] == [kept.body]


def test_count_includes_visible_delayed_and_hidden_messages(queues: Queues) -> None:
    url = queues.make()
    queue = Queue(queues.client, url)
    for delay in (0, 0, 0, 60):
        queue.send({}, group="g", delay_seconds=delay)
    queues.client.receive_message(QueueUrl=url, MaxNumberOfMessages=1)
    assert queue.count_messages() == 4
    suffixes = ("", "Delayed", "NotVisible")
    names = [f"ApproximateNumberOfMessages{suffix}" for suffix in suffixes]
    attributes = queues.client.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    assert [attributes[name] for name in names] == ["2", "1", "1"]


@pytest.mark.parametrize(
    "sent", [{"MessageBody": "\u0000"}, {"MessageBody": "\uffff"}], ids=["a control character", "no character"]
)
def test_message_with_invalid_characters_is_refused(queues: Queues, sent: dict[str, Any]) -> None:
    with pytest.raises(ClientError):
        queues.client.send_message(QueueUrl=queues.make(), **sent)


def test_visibility_of_a_deleted_message_cannot_be_changed(queues: Queues) -> None:
    url = queues.make()
    Queue(queues.client, url).send({}, group="g")
    (message,) = receive(queues, url)
    queues.client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    with pytest.raises(ClientError):
        set_visibility(queues, url, message, 5)


def test_missing_queue_raises_the_documented_error(queues: Queues) -> None:
    with pytest.raises(ClientError) as raised:
        queues.client.send_message(QueueUrl=queues.make() + "x", MessageBody="x")
    assert code_of(raised).rpartition(".")[2] in ("NonExistentQueue", "QueueDoesNotExist")
