"""The part of Step Functions that `backdrop campaign` uses: executions that run until they are stopped or end."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

from botocore.exceptions import ClientError

from simulation.world.world_clock import WORLD_START

MACHINE = "arn:aws:states:eu-central-1:123456789012:stateMachine:shop-campaign"
BEGAN = WORLD_START - timedelta(hours=1)


@dataclass
class FakeStepFunctions:
    """The calls of boto3's client that the command makes."""

    executions: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])

    def start_execution(self, **sent: Any) -> dict[str, Any]:
        arn = sent["stateMachineArn"].replace(":stateMachine:", ":execution:") + f":{sent['name']}"
        if arn in self.executions:
            fields = {"Error": {"Code": "ExecutionAlreadyExists", "Message": "Execution Already Exists"}}
            raise ClientError(cast("Any", fields), "StartExecution")
        began = BEGAN + timedelta(minutes=len(self.executions))
        self.executions[arn] = {"executionArn": arn, "status": "RUNNING", "startDate": began, "input": sent["input"]}
        return {"executionArn": arn, "startDate": began}

    def describe_execution(self, **sent: Any) -> dict[str, Any]:
        return self.executions[sent["executionArn"]]

    def stop_execution(self, **sent: Any) -> None:
        self.executions[sent["executionArn"]]["status"] = "ABORTED"

    def get_paginator(self, name: str) -> "FakeStepFunctions":
        assert name == "list_executions"
        return self

    def paginate(self, **sent: Any) -> Iterator[dict[str, Any]]:
        assert sent.pop("stateMachineArn") == MACHINE
        only = sent.pop("statusFilter", None)
        assert not sent
        yield {"executions": [one for one in self.executions.values() if only in (None, one["status"])]}

    def end_running(self, status: str = "SUCCEEDED", **fields: str) -> None:
        """Ends every running execution with this status."""
        for execution in self.executions.values():
            if execution["status"] == "RUNNING":
                execution |= {"status": status, **fields}
