"""Step Functions: answers to task tokens, and whether an execution is still running."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from backdrop.aws.aws_errors import read_aws_error_code, unavailable
from backdrop.ports import Clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_stepfunctions import SFNClient

# Permanent errors of a token (AWS Step Functions API reference, "SendTaskSuccess" and "SendTaskFailure"): the token was
# used, timed out with its task, or was never issued; the answer is not valid; or the state machine has a KMS key that
# we may not use. AccessDeniedException is not one of them: it concerns our own role, and therefore all tokens.
PERMANENT_TOKEN_ERRORS = frozenset(
    {
        "TaskDoesNotExist",
        "TaskTimedOut",
        "InvalidToken",
        "InvalidOutput",
        "KmsAccessDeniedException",
        "KmsInvalidStateException",
    }
)
EXECUTION_NOT_FOUND = "ExecutionDoesNotExist"
RUNNING_STATUSES = frozenset({"RUNNING", "PENDING_REDRIVE"})
# An account may call DescribeExecution about 15 times per second.
STATUS_CACHE_DURATION = timedelta(seconds=5)
# Each reconcile run checks a running execution once. The next run finds executions that stop in the meantime.
RECONCILE_CACHE_DURATION = timedelta(minutes=4)


class TaskTokens:
    """Answers task tokens.

    The methods return False if the token can never be answered because it was used, has expired, or is not ours. They
    raise RetryLaterError if Step Functions is unavailable.
    """

    def __init__(self, client: "SFNClient") -> None:
        self._client = client

    def send_success(self, token: str, output: str) -> bool:
        """Answers a task with its output (JSON)."""
        return self._send(self._client.send_task_success, taskToken=token, output=output)

    def send_failure(self, token: str, error: str, cause: str) -> bool:
        return self._send(self._client.send_task_failure, taskToken=token, error=error, cause=cause)

    def _send(self, send: "Callable[..., object]", **arguments: str) -> bool:
        try:
            send(**arguments)
        except (ClientError, BotoCoreError) as error:
            if read_aws_error_code(error) in PERMANENT_TOKEN_ERRORS:
                return False
            raise unavailable("Step Functions", error) from error
        return True


class ExecutionMonitor:
    """Reports whether executions are running. An execution counts as running if its status cannot be read.

    Caches `running` for `running_cache_duration`, but `stopped` only for seconds, because the execution may be
    redriven.
    """

    def __init__(
        self, client: "SFNClient", clock: Clock, running_cache_duration: timedelta = STATUS_CACHE_DURATION
    ) -> None:
        self._client = client
        self._clock = clock
        self._running_cache_duration = running_cache_duration
        self._cache: dict[str, tuple[datetime, bool]] = {}

    def is_running(self, arn: str) -> bool:
        now = self._clock.now()
        if arn not in self._cache or now > self._cache[arn][0]:
            self._cache = {arn: entry for arn, entry in self._cache.items() if now <= entry[0]}
            is_running = self._fetch_is_running(arn)
            cache_duration = self._running_cache_duration if is_running else STATUS_CACHE_DURATION
            self._cache[arn] = (now + cache_duration, is_running)
        return self._cache[arn][1]

    def _fetch_is_running(self, arn: str) -> bool:
        if not _is_in_client_region(arn, self._client):
            return True
        try:
            return self._client.describe_execution(executionArn=arn)["status"] in RUNNING_STATUSES
        except (ClientError, BotoCoreError) as error:
            return read_aws_error_code(error) != EXECUTION_NOT_FOUND


def _is_in_client_region(arn: str, client: Any) -> bool:
    """Only executions in the client's own region can be described."""
    return arn.split(":")[3:4] == [client.meta.region_name]
