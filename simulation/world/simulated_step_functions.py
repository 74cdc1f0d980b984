"""Step Functions in memory: executions that run and stop, and tasks that wait for their tokens to be answered."""

import json
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from simulation.world.transport import Transport, build_client_error

REGION = "eu-central-1"
# Limits: AWS Step Functions API reference, "SendTaskSuccess" and "SendTaskFailure".
MAX_OUTPUT_BYTES, MAX_ERROR_LENGTH, MAX_CAUSE_LENGTH = 262_144, 256, 32_768


@dataclass(frozen=True)
class TaskResponse:
    """The answer to a task: its output, or its error and cause."""

    output: Any = None
    error: str = ""
    cause: Any = None


@dataclass
class SimulatedStepFunctions:
    """The client. `responses`: the answer to each issued token; None while its task waits."""

    transport: Transport
    executions: dict[str, str] = field(default_factory=dict[str, str])
    responses: dict[str, TaskResponse | None] = field(default_factory=dict[str, TaskResponse | None])
    meta: Any = field(default_factory=lambda: SimpleNamespace(region_name=REGION))

    def start_execution(self, name: str) -> str:
        """A user starts an execution. Returns its ARN."""
        arn = f"arn:aws:states:{REGION}:000000000000:execution:shop:{name}"
        self.executions[arn] = "RUNNING"
        return arn

    def stop_execution(self, arn: str) -> None:
        """A user stops an execution. As on the emulator, its tokens can still be answered."""
        self.executions[arn] = "ABORTED"

    def issue_token(self, token: str) -> str:
        """A task of an execution starts to wait."""
        self.responses[token] = None
        return token

    def send_task_success(self, **request: Any) -> dict[str, Any]:
        return self.transport.execute("states", "send_task_success", request, lambda: self._succeed(**request))

    def send_task_failure(self, **request: Any) -> dict[str, Any]:
        return self.transport.execute("states", "send_task_failure", request, lambda: self._fail(**request))

    def describe_execution(self, **request: Any) -> dict[str, Any]:
        return self.transport.execute("states", "describe_execution", request, lambda: self._describe(**request))

    def _succeed(self, *, taskToken: str, output: str) -> dict[str, Any]:  # noqa: N803
        if len(output.encode()) > MAX_OUTPUT_BYTES:
            raise build_client_error("InvalidOutput", "SendTaskSuccess", 400)
        return self._respond(taskToken, TaskResponse(output=json.loads(output)))

    def _fail(self, *, taskToken: str, error: str, cause: str) -> dict[str, Any]:  # noqa: N803
        if len(error) > MAX_ERROR_LENGTH or len(cause) > MAX_CAUSE_LENGTH:
            raise build_client_error("ValidationException", "SendTaskFailure", 400)
        return self._respond(taskToken, TaskResponse(error=error, cause=json.loads(cause)))

    def _respond(self, token: str, response: TaskResponse) -> dict[str, Any]:
        if token not in self.responses or self.responses[token]:
            raise build_client_error("TaskDoesNotExist", "SendTask", 400)
        self.responses[token] = response
        return {}

    def _describe(self, *, executionArn: str) -> dict[str, Any]:  # noqa: N803
        if executionArn not in self.executions:
            raise build_client_error("ExecutionDoesNotExist", "DescribeExecution", 400)
        return {"executionArn": executionArn, "status": self.executions[executionArn]}
