"""The fault bench finds every dead letter, including those that another consumer has received."""

from pathlib import Path

from fault_bench.bench_pipeline import BenchPipeline
from fault_bench.standin_provider import run_provider
from tests.contract.services import emulator_alone


def test_dead_letters_received_by_another_consumer_are_found(tmp_path: Path) -> None:
    with emulator_alone(tmp_path) as clients, run_provider(1, {}) as made:
        url = clients.sqs.create_queue(QueueName="letters")["QueueUrl"]
        for body in ("one", "two"):
            clients.sqs.send_message(QueueUrl=url, MessageBody=body)
        clients.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=1, VisibilityTimeout=2)
        names = dict.fromkeys(
            ("name", "photo_bucket", "picture_bucket", "event_queue_url", "lane_queue_url", "worker_folder"), ""
        )
        pipeline = BenchPipeline(
            clients=clients, provider=made, queue_urls=(), dead_letter_queue_url=url, event_suffixes=(), **names
        )
        assert sorted(letter["body"] for letter in pipeline.drain_dead_letters()) == ["one", "two"]
