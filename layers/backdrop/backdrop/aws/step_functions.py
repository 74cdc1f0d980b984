"""Who waits in Step Functions: answers to task tokens, and whether an execution still runs."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from backdrop.aws.aws_errors import error_code, unavailable
from backdrop.ports import Clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_stepfunctions import SFNClient

# What is said of one token for good (AWS Step Functions API reference, "SendTaskSuccess" and "SendTaskFailure"): it was
# used, timed out with its task, or was never handed out; its answer is none; or its machine has a KMS key that we may
# not use. AccessDeniedException is not among them: it means our own role, and all tokens.
UNANSWERABLE = frozenset(
    {
        "TaskDoesNotExist",
        "TaskTimedOut",
        "InvalidToken",
        "InvalidOutput",
        "KmsAccessDeniedException",
        "KmsInvalidStateException",
    }
)
GONE = "ExecutionDoesNotExist"
RUNNING = frozenset({"RUNNING", "PENDING_REDRIVE"})
# AWS lets an account ask some fifteen times a second.
KNOWN_FOR = timedelta(seconds=5)
# A run of reconcile asks once for each that runs: who stops meanwhile is found by the next one.
A_RUN = timedelta(minutes=4)


class TaskTokens:
    """Those who wait in Step Functions.

    Raises WaitError where it does not answer. An answer is False where nobody can ever give one for this token: it was
    used, has expired, or is foreign.
    """

    def __init__(self, client: "SFNClient") -> None:
        self._client = client

    def succeed(self, token: str, output: str) -> bool:
        """Answer a task with its output (JSON)."""
        return self._answer(self._client.send_task_success, taskToken=token, output=output)

    def fail(self, token: str, error: str, cause: str) -> bool:
        """Answer a task with its error and cause."""
        return self._answer(self._client.send_task_failure, taskToken=token, error=error, cause=cause)

    def _answer(self, send: "Callable[..., object]", **said: str) -> bool:
        try:
            send(**said)
        except (ClientError, BotoCoreError) as error:
            if error_code(error) in UNANSWERABLE:
                return False
            raise unavailable("Step Functions", error) from error
        return True


class Executions:
    """Executions in Step Functions, by their ARNs. One that cannot be looked at counts as running.

    That an execution runs holds for so long; that it has stopped for seconds, since it may be redriven.
    """

    def __init__(self, client: "SFNClient", clock: Clock, runs_for: timedelta = KNOWN_FOR) -> None:
        self._client = client
        self._clock = clock
        self._runs_for = runs_for
        self._known: dict[str, tuple[datetime, bool]] = {}

    def running(self, arn: str) -> bool:
        """Whether an execution runs still, as far as we may and can know."""
        now = self._clock.now()
        if arn not in self._known or now > self._known[arn][0]:
            self._known = {one: told for one, told in self._known.items() if now <= told[0]}
            runs = self._look(arn)
            self._known[arn] = (now + (self._runs_for if runs else KNOWN_FOR), runs)
        return self._known[arn][1]

    def _look(self, arn: str) -> bool:
        if not _is_here(arn, self._client):
            return True
        try:
            return self._client.describe_execution(executionArn=arn)["status"] in RUNNING
        except (ClientError, BotoCoreError) as error:
            return error_code(error) != GONE


def _is_here(arn: str, client: Any) -> bool:
    """Whether an ARN is of the region that we ask; others' executions do not exist there."""
    return arn.split(":")[3:4] == [client.meta.region_name]
