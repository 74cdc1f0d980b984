"""The simulated queues keep the promises that the emulator's keep, asked in the product's own words."""

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

MOST_RECEIVES = 2


@dataclass(frozen=True)
class Queues:
    """A client, how a queue is made (its dead-letter queue by URL), and how time is passed."""

    client: Any
    make: Callable[..., str]
    wait: Callable[[float], None]


@pytest.fixture(scope="module", params=SERVICES)
def queues(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generator[Queues]:
    if request.param == "simulated":
        yield _simulated()
        return
    with emulator_alone(tmp_path_factory.mktemp("emulator")) as clients:
        yield Queues(clients.sqs, partial(_made, clients.sqs), time.sleep)


def _simulated() -> Queues:
    world = World()

    def make(letters: str = "") -> str:
        setup = {"dead_letter_queue": world.sqs.queues[letters], "max_receive_count": MOST_RECEIVES} if letters else {}
        return world.sqs.create_queue(f"q{number()}", visibility_seconds=30, **setup).url

    return Queues(world.sqs, make, world.clock.sleep)


def _made(client: Any, letters: str = "") -> str:
    attributes = {"VisibilityTimeout": "30"}
    if letters:
        arn = client.get_queue_attributes(QueueUrl=letters, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        attributes["RedrivePolicy"] = f'{{"deadLetterTargetArn": "{arn}", "maxReceiveCount": {MOST_RECEIVES}}}'
    return client.create_queue(QueueName=f"q{number()}", Attributes=attributes)["QueueUrl"]


def receive(queues: Queues, url: str, **sent: Any) -> list[dict[str, Any]]:
    """What one call gives."""
    answer = queues.client.receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=10,
        MessageSystemAttributeNames=["All"],
        MessageAttributeNames=["All"],
        **sent,
    )
    return answer.get("Messages", [])


def show(queues: Queues, url: str, message: dict[str, Any], seconds: int) -> None:
    """Have a message come again after so many seconds."""
    queues.client.change_message_visibility(
        QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=seconds
    )


def test_a_message_arrives_with_its_group_and_attributes(queues: Queues) -> None:
    url = queues.make()
    Queue(queues.client, url).send({"a": 1}, group="folder", attributes={"code": "damaged", "empty": ""})
    (message,) = receive(queues, url)
    assert message["Body"] == '{"a": 1}'
    assert {name: value["StringValue"] for name, value in message["MessageAttributes"].items()} == {"code": "damaged"}
    assert message["Attributes"]["MessageGroupId"] == "folder"
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"


def test_a_message_that_is_delayed_is_not_there_yet(queues: Queues) -> None:
    url = queues.make()
    for delay in (60, 1):
        Queue(queues.client, url).send({"delay": delay}, group="g", delay_seconds=delay)
    queues.wait(1.1)
    assert [message["Body"] for message in receive(queues, url)] == ['{"delay": 1}']


def test_a_received_message_is_out_of_sight_until_its_visibility_is_changed(queues: Queues) -> None:
    url = queues.make()
    Queue(queues.client, url).send({}, group="g")
    (message,) = receive(queues, url)
    assert receive(queues, url) == []
    show(queues, url, message, 0)
    (again,) = receive(queues, url)
    assert again["MessageId"] == message["MessageId"]
    assert again["Attributes"]["ApproximateReceiveCount"] == "2"


def test_a_deleted_message_is_gone(queues: Queues) -> None:
    url = queues.make()
    Queue(queues.client, url).send({}, group="g")
    (message,) = receive(queues, url, VisibilityTimeout=0)
    (message,) = receive(queues, url, VisibilityTimeout=0)
    queues.client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    assert receive(queues, url) == []


def test_a_message_nobody_deletes_becomes_a_dead_letter_that_names_its_queue(queues: Queues) -> None:
    letters = queues.make()
    url = queues.make(letters)
    Queue(queues.client, url).send({"a": 1}, group="g", attributes={"code": "x"})
    for _ in range(MOST_RECEIVES):
        (message,) = receive(queues, url)
        show(queues, url, message, 0)
    assert receive(queues, url) == []
    box = DeadLetterQueue(queues.client, letters)
    (letter,) = box.receive()
    assert (letter.body, letter.attributes, letter.source_queue) == ('{"a": 1}', {"code": "x"}, url.rpartition("/")[2])
    assert box.receive() == []
    box.delete(letter)
    assert Queue(queues.client, letters).count_messages() == 0


def test_a_letter_of_ours_names_no_queue(queues: Queues) -> None:
    letters = queues.make()
    Queue(queues.client, letters).send({"a": 1}, group="g")
    (letter,) = DeadLetterQueue(queues.client, letters).receive()
    assert (letter.source_queue, letter.attributes) == ("", {})


def test_letters_that_are_given_back_are_to_be_had_at_once(queues: Queues) -> None:
    letters = queues.make()
    for n in range(2):
        Queue(queues.client, letters).send({"n": n}, group="g")
    box = DeadLetterQueue(queues.client, letters)
    deleted, stays = box.receive()
    assert box.receive() == []
    box.delete(deleted)
    for letter in (deleted, stays):
        box.make_visible(letter)
    assert [letter.body for letter in box.receive()] == [stays.body]


def test_a_queue_counts_what_waits_what_is_delayed_and_what_is_out_together(queues: Queues) -> None:
    url = queues.make()
    queue = Queue(queues.client, url)
    for delay in (0, 0, 0, 60):
        queue.send({}, group="g", delay_seconds=delay)
    queues.client.receive_message(QueueUrl=url, MaxNumberOfMessages=1)
    assert queue.count_messages() == 4
    suffixes = ("", "Delayed", "NotVisible")
    names = [f"ApproximateNumberOfMessages{suffix}" for suffix in suffixes]
    found = queues.client.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    assert [found[name] for name in names] == ["2", "1", "1"]


@pytest.mark.parametrize(
    "sent", [{"MessageBody": "\u0000"}, {"MessageBody": "\uffff"}], ids=["a control character", "no character"]
)
def test_a_message_that_sqs_would_not_take_is_refused(queues: Queues, sent: dict[str, Any]) -> None:
    with pytest.raises(ClientError):
        queues.client.send_message(QueueUrl=queues.make(), **sent)


def test_nobody_can_change_the_visibility_of_a_message_that_is_not_out(queues: Queues) -> None:
    url = queues.make()
    Queue(queues.client, url).send({}, group="g")
    (message,) = receive(queues, url)
    queues.client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    with pytest.raises(ClientError):
        show(queues, url, message, 5)


def test_a_queue_that_is_not_there_says_so(queues: Queues) -> None:
    with pytest.raises(ClientError) as raised:
        queues.client.send_message(QueueUrl=queues.make() + "x", MessageBody="x")
    assert code_of(raised).rpartition(".")[2] in ("NonExistentQueue", "QueueDoesNotExist")
