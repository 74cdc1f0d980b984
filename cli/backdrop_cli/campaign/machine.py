"""A stack's campaigns as executions of its state machine; AWS's own errors pass."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from backdrop.core.campaign import run_of

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

RUNNING, SUCCEEDED = "RUNNING", "SUCCEEDED"
# How far back somebody looks for a campaign by its name.
MOST_SEEN = 100
STOPPED_BY_PERSON = "Stopped by `backdrop campaign stop`."
# Of an execution's name of 80 letters the time takes 17.
LONGEST_NAME = 63


@dataclass(frozen=True)
class Execution:
    """One execution; `given` is its input."""

    arn: str
    status: str
    began: datetime
    given: Mapping[str, Any]
    error: str = ""
    cause: str = ""

    @property
    def name(self) -> str:
        """The campaign's own name."""
        return str(self.given.get("name", self.run))

    @property
    def run(self) -> str:
        """The execution's name, which its items are marked with."""
        return run_of(self.arn)


class Machine:
    """The state machine."""

    def __init__(self, client: "SFNClient", arn: str) -> None:
        self._client = client
        self._arn = arn

    def start(self, given: Mapping[str, Any], now: datetime) -> Execution:
        """Begin a campaign."""
        name = f"{str(given['name'])[:LONGEST_NAME]}-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"
        begun = self._client.start_execution(stateMachineArn=self._arn, name=name, input=json.dumps(given))
        return Execution(begun["executionArn"], RUNNING, begun["startDate"], given)

    def latest(self, most: int = MOST_SEEN) -> Iterator[Execution]:
        """The executions, the latest first."""
        pages = self._client.get_paginator("list_executions").paginate(stateMachineArn=self._arn)
        listed = (one for page in pages for one in page["executions"])
        return (self.look(one["executionArn"]) for one in islice(listed, most))

    def look(self, arn: str) -> Execution:
        """One execution as it is now."""
        found = self._client.describe_execution(executionArn=arn)
        read: Any = json.loads(found.get("input") or "{}")
        given: dict[str, Any] = read if isinstance(read, dict) else {}
        said = found.get("error") or "", found.get("cause") or ""
        return Execution(arn, found["status"], found["startDate"], given, *said)

    def stop(self, arn: str) -> None:
        """End it; what it asked for and is not bought yet ends unpaid."""
        self._client.stop_execution(executionArn=arn, cause=STOPPED_BY_PERSON)
