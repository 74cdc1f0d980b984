"""The bench finds every dead letter, also those that somebody else reads at that moment."""

from pathlib import Path

from proof.chaos.pipeline import Pipeline
from proof.chaos.provider import provider
from tests.contract.services import emulator_alone


def test_letters_that_somebody_else_reads_are_waited_for(tmp_path: Path) -> None:
    with emulator_alone(tmp_path) as clients, provider(1, {}) as made:
        url = clients.sqs.create_queue(QueueName="letters")["QueueUrl"]
        for body in ("one", "two"):
            clients.sqs.send_message(QueueUrl=url, MessageBody=body)
        clients.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=1, VisibilityTimeout=2)
        names = dict.fromkeys(("name", "photos", "pictures", "events", "lane", "workers"), "")
        pipeline = Pipeline(clients=clients, provider=made, queues=(), letters=url, suffixes=(), **names)
        assert sorted(letter["body"] for letter in pipeline.take_letters()) == ["one", "two"]
