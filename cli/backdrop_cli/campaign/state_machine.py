"""A stack's campaigns as executions of its state machine. AWS's own errors propagate."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from backdrop.aws.aws_errors import read_aws_error_code
from backdrop.campaigns.campaign import parse_execution_name
from backdrop.campaigns.report import parse_campaign_status
from backdrop_cli.errors import CommandError

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient
    from mypy_boto3_stepfunctions.type_defs import ExecutionListItemTypeDef

STATUS_RUNNING, STATUS_SUCCEEDED = "RUNNING", "SUCCEEDED"
# How far back executions are searched for a campaign's name.
MAX_LISTED_EXECUTIONS = 100
STOP_CAUSE = "Stopped by a person, with the `backdrop` command."
# An execution's name has at most 80 characters; the time takes 17.
MAX_NAME_PREFIX_LENGTH = 63


@dataclass(frozen=True)
class Execution:
    """One execution; `campaign_input` is its input."""

    arn: str
    status: str
    started_at: datetime
    campaign_input: Mapping[str, Any]
    error: str = ""
    cause: str = ""

    @property
    def name(self) -> str:
        """The campaign's name."""
        return str(self.campaign_input.get("name", self.execution_name))

    @property
    def execution_name(self) -> str:
        """The execution's name, which is also stored in its items."""
        return parse_execution_name(self.arn)

    @property
    def is_running(self) -> bool:
        return self.status == STATUS_RUNNING

    @property
    def display_status(self) -> str:
        """The status as in the report, or `running`."""
        return "running" if self.is_running else parse_campaign_status(self.status, self.error).value


class CampaignStateMachine:
    def __init__(self, client: "SFNClient", arn: str) -> None:
        self._client = client
        self._arn = arn

    def start(self, campaign_input: Mapping[str, Any], now: datetime) -> Execution:
        """Starts a campaign. Raises CommandError if another of its name starts in the same second."""
        name = f"{str(campaign_input['name'])[:MAX_NAME_PREFIX_LENGTH]}-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"
        try:
            response = self._client.start_execution(
                stateMachineArn=self._arn, name=name, input=json.dumps(campaign_input)
            )
        except ClientError as error:
            if read_aws_error_code(error) != "ExecutionAlreadyExists":
                raise
            raise CommandError(
                f"nothing was started: another campaign named {campaign_input['name']} started in the same second; "
                "run the command again"
            ) from error
        return Execution(response["executionArn"], STATUS_RUNNING, response["startDate"], campaign_input)

    def list_latest(self, limit: int = MAX_LISTED_EXECUTIONS, *, only_running: bool = False) -> Iterator[Execution]:
        """Yields the executions, or only the running ones, latest first."""
        status_filter: Any = {"statusFilter": STATUS_RUNNING} if only_running else {}
        listed: list[ExecutionListItemTypeDef] = []
        for page in self._client.get_paginator("list_executions").paginate(stateMachineArn=self._arn, **status_filter):
            listed += page["executions"]
            if len(listed) >= MAX_LISTED_EXECUTIONS:
                break
        listed.sort(key=lambda one: one["startDate"], reverse=True)
        return (self.describe_execution(one["executionArn"]) for one in listed[:limit])

    def describe_execution(self, arn: str) -> Execution:
        response = self._client.describe_execution(executionArn=arn)
        parsed_input: Any = json.loads(response.get("input") or "{}")
        campaign_input: dict[str, Any] = parsed_input if isinstance(parsed_input, dict) else {}
        failure = response.get("error") or "", response.get("cause") or ""
        return Execution(arn, response["status"], response["startDate"], campaign_input, *failure)

    def stop(self, arn: str) -> None:
        """Stops the execution; what it requested but has not bought yet ends without a charge."""
        self._client.stop_execution(executionArn=arn, cause=STOP_CAUSE)
