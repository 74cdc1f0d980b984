"""Step Functions in memory: executions that run and stop, and tasks that wait for their tokens to be answered."""

import json
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from proof.world.wire import Wire, refusal

REGION = "eu-central-1"
# Limits: AWS Step Functions API reference, "SendTaskSuccess" and "SendTaskFailure".
MOST_OUTPUT_BYTES, MOST_ERROR, MOST_CAUSE = 262_144, 256, 32_768


@dataclass(frozen=True)
class TaskAnswer:
    """What a task was answered: its output, or its error and cause."""

    output: Any = None
    error: str = ""
    cause: Any = None


@dataclass
class SimulatedStates:
    """The client. `answers`: what each token that was handed out was answered; None while its task waits."""

    wire: Wire
    executions: dict[str, str] = field(default_factory=dict[str, str])
    answers: dict[str, TaskAnswer | None] = field(default_factory=dict[str, TaskAnswer | None])
    meta: Any = field(default_factory=lambda: SimpleNamespace(region_name=REGION))

    def begin(self, name: str) -> str:
        """Somebody starts an execution; its ARN."""
        arn = f"arn:aws:states:{REGION}:000000000000:execution:shop:{name}"
        self.executions[arn] = "RUNNING"
        return arn

    def stop(self, arn: str) -> None:
        """Somebody stops it; as on the emulator, its tokens can be answered still."""
        self.executions[arn] = "ABORTED"

    def hand_out(self, token: str) -> str:
        """A task of an execution begins to wait."""
        self.answers[token] = None
        return token

    def send_task_success(self, **sent: Any) -> dict[str, Any]:
        """Answer a task with its output."""
        return self.wire.carry("states", "send_task_success", sent, lambda: self._succeed(**sent))

    def send_task_failure(self, **sent: Any) -> dict[str, Any]:
        """Answer a task with its error."""
        return self.wire.carry("states", "send_task_failure", sent, lambda: self._fail(**sent))

    def describe_execution(self, **sent: Any) -> dict[str, Any]:
        """How an execution is."""
        return self.wire.carry("states", "describe_execution", sent, lambda: self._describe(**sent))

    def _succeed(self, *, taskToken: str, output: str) -> dict[str, Any]:  # noqa: N803
        if len(output.encode()) > MOST_OUTPUT_BYTES:
            raise refusal("InvalidOutput", "SendTaskSuccess", 400)
        return self._answer(taskToken, TaskAnswer(output=json.loads(output)))

    def _fail(self, *, taskToken: str, error: str, cause: str) -> dict[str, Any]:  # noqa: N803
        if len(error) > MOST_ERROR or len(cause) > MOST_CAUSE:
            raise refusal("ValidationException", "SendTaskFailure", 400)
        return self._answer(taskToken, TaskAnswer(error=error, cause=json.loads(cause)))

    def _answer(self, token: str, answer: TaskAnswer) -> dict[str, Any]:
        if token not in self.answers or self.answers[token]:
            raise refusal("TaskDoesNotExist", "SendTask", 400)
        self.answers[token] = answer
        return {}

    def _describe(self, *, executionArn: str) -> dict[str, Any]:  # noqa: N803
        if executionArn not in self.executions:
            raise refusal("ExecutionDoesNotExist", "DescribeExecution", 400)
        return {"executionArn": executionArn, "status": self.executions[executionArn]}
