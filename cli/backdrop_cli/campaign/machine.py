"""A stack's campaigns as executions of its state machine; AWS's own errors pass."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from backdrop.aws.aws_errors import error_code
from backdrop.campaigns.campaign import run_of
from backdrop.campaigns.report import fate_of
from backdrop_cli.errors import RefusedError

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient
    from mypy_boto3_stepfunctions.type_defs import ExecutionListItemTypeDef

RUNNING, SUCCEEDED = "RUNNING", "SUCCEEDED"
# How far back somebody looks for a campaign by its name.
MOST_SEEN = 100
STOPPED_BY_PERSON = "Stopped by a person, with the command `backdrop`."
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

    @property
    def runs(self) -> bool:
        """Whether it is not over."""
        return self.status == RUNNING

    @property
    def fate(self) -> str:
        """How it is, in the report's words."""
        return "running" if self.runs else fate_of(self.status, self.error).value


class Machine:
    """The state machine."""

    def __init__(self, client: "SFNClient", arn: str) -> None:
        self._client = client
        self._arn = arn

    def start(self, given: Mapping[str, Any], now: datetime) -> Execution:
        """Begin a campaign; RefusedError where another of its name begins this very second."""
        name = f"{str(given['name'])[:LONGEST_NAME]}-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"
        try:
            begun = self._client.start_execution(stateMachineArn=self._arn, name=name, input=json.dumps(given))
        except ClientError as error:
            if error_code(error) != "ExecutionAlreadyExists":
                raise
            words = f"another campaign called {given['name']} began this very second; call yours otherwise with --name"
            raise RefusedError(words) from error
        return Execution(begun["executionArn"], RUNNING, begun["startDate"], given)

    def latest(self, most: int = MOST_SEEN, *, running: bool = False) -> Iterator[Execution]:
        """The executions, or those that run, the latest first."""
        only: Any = {"statusFilter": RUNNING} if running else {}
        listed: list[ExecutionListItemTypeDef] = []
        for page in self._client.get_paginator("list_executions").paginate(stateMachineArn=self._arn, **only):
            listed += page["executions"]
            if len(listed) >= MOST_SEEN:
                break
        listed.sort(key=lambda one: one["startDate"], reverse=True)
        return (self.look(one["executionArn"]) for one in listed[:most])

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
