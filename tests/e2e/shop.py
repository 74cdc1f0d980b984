"""A deployed stack as its operator sees it: its names, its stand-in, its queues, logs, and the books at the end."""

import json
import os
import signal
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from backdrop_local.clients import Clients
from backdrop_local.cloud import Cloud
from backdrop_local.home import STACK
from tests.contract.standin_client import StandinClient

PATIENCE_SECONDS = 60.0
POLL_SECONDS = 0.1
RECEIPTS = "_backdrop/receipts/"
QUEUES = ("IntakeQueueUrl", "IdeogramQueueUrl", "DeliverQueueUrl")
COUNTS = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


def eventually[T](look: Callable[[], T | None], what: str, instead: Callable[[], object] | None = None) -> T:
    """Looks again and again until there is something to see; `instead` says what there is when it is not."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (seen := look()):
        if time.monotonic() > deadline:
            pytest.fail(f"{what}: not within {PATIENCE_SECONDS:.0f} s; instead: {instead() if instead else None}")
        time.sleep(POLL_SECONDS)
    return seen


class Mailbox:
    """All messages that ever came into a queue that only the tests empty."""

    def __init__(self, clients: Clients, url: str) -> None:
        self._clients = clients
        self._url = url
        self._kept: list[dict[str, Any]] = []

    def letters(self) -> list[dict[str, Any]]:
        """`{"body": …, "attributes": {name: text}}` each, oldest first."""
        while messages := self._receive():
            for message in messages:
                self._clients.sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
                attributes = message.get("MessageAttributes", {})
                texts = {name: value["StringValue"] for name, value in attributes.items()}
                self._kept.append({"body": json.loads(message["Body"]), "attributes": texts})
        return list(self._kept)

    def _receive(self) -> list[Any]:
        answer = self._clients.sqs.receive_message(
            QueueUrl=self._url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        )
        return list(answer.get("Messages", []))


class Shop:
    """One deployed cloud for all tests of a worker; every picture it sold stands in its books."""

    def __init__(self, cloud: Cloud, standin: StandinClient) -> None:
        self.cloud = cloud
        self.clients = cloud.clients
        self.standin = standin
        self.dead_letters = Mailbox(self.clients, self.outputs["DeadLetterQueueUrl"])
        self.events = Mailbox(self.clients, self._subscribe())
        standin.control("settings", {"pictures": "prepared"})

    @cached_property
    def outputs(self) -> dict[str, str]:
        """The stack's outputs by name."""
        return self.cloud.outputs()

    @property
    def photos(self) -> str:
        """The input bucket."""
        return self.outputs["InputBucketName"]

    @property
    def pictures(self) -> str:
        """The output bucket."""
        return self.outputs["OutputBucketName"]

    def _subscribe(self) -> str:
        """A queue that hears all that the stack tells the world."""
        url = self.clients.sqs.create_queue(QueueName="everything-the-bus-tells")["QueueUrl"]
        found = self.clients.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        arn = found.get("Attributes", {})["QueueArn"]
        bus, rule = self.outputs["EventBusName"], "everything"
        pattern = json.dumps({"source": ["backdrop"]})
        self.clients.events.put_rule(Name=rule, EventBusName=bus, EventPattern=pattern)
        self.clients.events.put_targets(Rule=rule, EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])
        return url

    # -- queues --------------------------------------------------------------------------------------------

    def send(self, queue: str, body: object) -> None:
        """Puts a message into the queue of this output; a text goes as it is."""
        text = body if isinstance(body, str) else json.dumps(body)
        self.clients.sqs.send_message(QueueUrl=self.outputs[queue], MessageBody=text)

    def settle(self) -> None:
        """Returns once nothing is on its way any more."""
        for _ in range(2):
            for name in QUEUES:
                eventually(lambda name=name: self.waiting(name) == 0, f"an empty {name}")

    def waiting(self, name: str) -> int:
        """How many messages a queue holds, those in a worker's hands and the delayed ones included."""
        found = self.clients.sqs.get_queue_attributes(
            QueueUrl=self.outputs[name],
            AttributeNames=list(COUNTS),  # pyright: ignore[reportArgumentType]
        )
        return sum(int(found.get("Attributes", {})[count]) for count in COUNTS)

    def empty_lane(self) -> None:
        """Throws away what waits in Ideogram's lane, for however long it was to wait."""
        self.clients.sqs.purge_queue(QueueUrl=self.outputs["IdeogramQueueUrl"])

    # -- functions -----------------------------------------------------------------------------------------

    @contextmanager
    def render_with(self, **variables: str) -> Generator[None]:
        """Within this block render runs anew, in another environment."""
        name = f"{STACK}-render"
        before = self.clients.functions.get_function_configuration(FunctionName=name)
        usual = before.get("Environment", {}).get("Variables", {})
        self._restart(name, {**usual, **variables})
        try:
            yield
        finally:
            self._restart(name, usual)

    def _restart(self, name: str, variables: dict[str, str]) -> None:
        self.clients.functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables})

    def render_workers(self) -> set[int]:
        """The processes of this cloud in which render runs."""
        folder = str(self.cloud.home.emulator / "tmp" / f"ministack-lambda-{STACK}-render")
        return {
            int(place.parent.name) for place in Path("/proc").glob("[0-9]*/cmdline") if folder in _command_line(place)
        }

    def kill_render_workers(self) -> None:
        """Ends them without a word, as a machine that fails does."""
        for pid in self.render_workers():
            os.kill(pid, signal.SIGKILL)

    @contextmanager
    def in_flight_limit(self, most: int) -> Generator[None]:
        """Within this block Ideogram's lane allows so many calls at a time."""
        arn = self.queue_arn("IdeogramQueueUrl")
        listed = self.clients.functions.list_event_source_mappings(EventSourceArn=arn)
        mapping = listed["EventSourceMappings"][0]
        usual = mapping.get("ScalingConfig", {}).get("MaximumConcurrency", 10)
        self._limit(mapping.get("UUID", ""), most)
        try:
            yield
        finally:
            self._limit(mapping.get("UUID", ""), usual)

    def _limit(self, mapping: str, most: int) -> None:
        scaling = {"MaximumConcurrency": most}
        self.clients.functions.update_event_source_mapping(UUID=mapping, ScalingConfig=scaling)  # pyright: ignore[reportArgumentType]

    def queue_arn(self, name: str) -> str:
        """The ARN of the queue of this output."""
        found = self.clients.sqs.get_queue_attributes(QueueUrl=self.outputs[name], AttributeNames=["QueueArn"])
        return found.get("Attributes", {})["QueueArn"]

    # -- what was said -------------------------------------------------------------------------------------

    def log(self, function: str) -> list[str]:
        """Every line that a function wrote."""
        pages = self.clients.logs.get_paginator("filter_log_events").paginate(
            logGroupName=f"/aws/lambda/{STACK}-{function}"
        )
        return [event.get("message", "") for page in pages for event in page["events"]]

    def metrics(self, function: str, name: str) -> list[dict[str, Any]]:
        """The embedded-metric lines of a function that hold this metric."""
        lines = (json.loads(line) for line in self.log(function) if '"CloudWatchMetrics"' in line)
        return [line for line in lines if name in line]

    # -- money ---------------------------------------------------------------------------------------------

    def bill_of(self, prompt_sha: str) -> list[dict[str, Any]]:
        """The charges for a prompt."""
        return [job for job in self.standin.jobs() if job["prompt_sha"] == prompt_sha]

    def receipts(self) -> list[dict[str, Any]]:
        """Every receipt in the output bucket."""
        pages = self.clients.s3.get_paginator("list_objects_v2").paginate(Bucket=self.pictures, Prefix=RECEIPTS)
        keys = [found.get("Key", "") for page in pages for found in page.get("Contents", [])]
        return [self.read_json(key) for key in keys]

    def read_json(self, key: str) -> dict[str, Any]:
        """A JSON object of the output bucket."""
        return json.loads(self.clients.s3.get_object(Bucket=self.pictures, Key=key)["Body"].read())

    def check_the_books(self) -> None:
        """What the receipts call certain was billed, and all that was billed stands in a receipt."""
        eventually(lambda: not self.imbalance(), "receipts that explain the bill", self.imbalance)
        assert self.standin.see("bill")["duplicates"] == []

    def imbalance(self) -> str:
        """How bill and receipts differ; empty where certain <= bill <= certain + unknown."""
        billed, receipts = Decimal(self.standin.total_usd()), self.receipts()
        jobs = [job for receipt in receipts for job in receipt["jobs"]]
        certain = _sum(job["cost"]["usd"] for job in jobs)
        unknown = _sum(job["cost"]["unknown_usd"] for job in jobs)
        total = _sum(receipt["total_usd"] for receipt in receipts)
        if certain <= billed <= certain + unknown and certain == total:
            return ""
        return f"bill {billed}, certain {certain}, unknown {unknown}, totals {total}"


def _sum(amounts: Iterable[float]) -> Decimal:
    return sum((Decimal(str(amount)) for amount in amounts), Decimal(0))


def _command_line(place: Path) -> str:
    try:
        return place.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
