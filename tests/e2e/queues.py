"""The stack's queues, which are read without receiving messages, and the test's own queue that records every event."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import urllib3

from backdrop_local.clients import LocalClients
from backdrop_local.cloud import Cloud

MESSAGES_PATH = "_ministack/sqs/messages?QueueUrl="
# Created only once, because each pool loads all certificates of the machine.
HTTP = urllib3.PoolManager()


@dataclass(frozen=True)
class Message:
    """A message in a queue."""

    body: str
    receives: int
    attributes: dict[str, str]


@dataclass(frozen=True)
class Queue:
    """A queue of a local cloud."""

    cloud: Cloud
    url: str

    def messages(self) -> list[Message]:
        """Returns all messages, including those that workers hold, and changes nothing (a route of the emulator)."""
        url = f"{self.cloud.endpoint_url}/{MESSAGES_PATH}{quote(self.url, safe='')}"
        accounts: dict[str, dict[str, dict[str, list[dict[str, Any]]]]]
        accounts = HTTP.request("GET", url, timeout=60).json()["messages"]
        queues = [queue for regions in accounts.values() for named in regions.values() for queue in named.values()]
        return [_parse_message(entry) for queue in queues for entry in queue]

    @property
    def visibility_seconds(self) -> int:
        """The queue's visibility timeout."""
        response = self.cloud.clients.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["VisibilityTimeout"])
        return int(response.get("Attributes", {})["VisibilityTimeout"])


def _parse_message(entry: dict[str, Any]) -> Message:
    attributes = {name: value["StringValue"] for name, value in entry["MessageAttributes"].items()}
    return Message(entry["Body"], entry["ReceiveCount"], attributes)


class QueueRecorder:
    """Receives from a queue and keeps all of its messages."""

    def __init__(self, clients: LocalClients, url: str) -> None:
        self._clients = clients
        self._url = url
        self._bodies: list[dict[str, Any]] = []

    def read_all(self) -> list[dict[str, Any]]:
        """Returns the bodies of all messages so far, oldest first."""
        while messages := self._receive():
            for message in messages:
                self._clients.sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
                self._bodies.append(json.loads(message["Body"]))
        return list(self._bodies)

    def _receive(self) -> list[Any]:
        response = self._clients.sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10)
        return list(response.get("Messages", []))
