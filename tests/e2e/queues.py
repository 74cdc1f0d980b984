"""The stack's queues, looked into without taking anything, and the one that only the tests empty."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import urllib3

from backdrop_local.clients import LocalClients
from backdrop_local.cloud import Cloud

LOOK = "_ministack/sqs/messages?QueueUrl="
ROUNDING_SECONDS = 2
# Made once: an opener of urllib reads all certificates of the machine each time it is made.
HTTP = urllib3.PoolManager()


@dataclass(frozen=True)
class Message:
    """One message in a queue. `hidden_seconds`: from its first receipt until it comes again, 0 if never received."""

    body: str
    receives: int
    hidden_seconds: int
    attributes: dict[str, str]

    def was_handed_back(self, visibility_seconds: int) -> bool:
        """Whether a worker gave it back; one in a worker's hands is hidden for just the queue's visibility time-out."""
        in_hands = abs(self.hidden_seconds - visibility_seconds) <= ROUNDING_SECONDS
        return self.receives > 1 or (self.receives == 1 and not in_hands)


@dataclass(frozen=True)
class Queue:
    """A queue of a local cloud."""

    cloud: Cloud
    url: str

    def messages(self) -> list[Message]:
        """All that it holds, in whatever hands; looking changes nothing (the emulator's own route)."""
        where = f"{self.cloud.endpoint_url}/{LOOK}{quote(self.url, safe='')}"
        accounts: dict[str, dict[str, dict[str, list[dict[str, Any]]]]]
        accounts = HTTP.request("GET", where, timeout=60).json()["messages"]
        queues = [queue for regions in accounts.values() for found in regions.values() for queue in found.values()]
        return [_message(one) for queue in queues for one in queue]

    @property
    def visibility_seconds(self) -> int:
        """How long a message stays hidden that a worker took and did not give back."""
        found = self.cloud.clients.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["VisibilityTimeout"])
        return int(found.get("Attributes", {})["VisibilityTimeout"])


def _message(found: dict[str, Any]) -> Message:
    received = found["FirstReceiveTimestamp"]
    hidden = found["VisibleAt"] - received if received else 0
    attributes = {name: value["StringValue"] for name, value in found["MessageAttributes"].items()}
    return Message(found["Body"], found["ReceiveCount"], hidden, attributes)


class Mailbox:
    """All messages that ever came into a queue that only the tests empty."""

    def __init__(self, clients: LocalClients, url: str) -> None:
        self._clients = clients
        self._url = url
        self._kept: list[dict[str, Any]] = []

    def letters(self) -> list[dict[str, Any]]:
        """What stands in each, oldest first."""
        while messages := self._receive():
            for message in messages:
                self._clients.sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
                self._kept.append(json.loads(message["Body"]))
        return list(self._kept)

    def _receive(self) -> list[Any]:
        answer = self._clients.sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10)
        return list(answer.get("Messages", []))
