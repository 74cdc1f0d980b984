"""AWS clients for one local cloud. They ignore the user's own AWS settings."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
from botocore.client import BaseClient
from botocore.config import Config
from botocore.session import Session

from backdrop_local.home import REGION

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_stepfunctions import SFNClient


@dataclass(frozen=True)
class LocalClients:
    """Typed clients, each created on first use."""

    endpoint_url: str

    @cached_property
    def cloudformation(self) -> CloudFormationClient:
        """Stacks, their outputs, and their resources."""
        return self._session.client("cloudformation", **self._settings)

    @cached_property
    def cloudwatch(self) -> Any:
        """The metrics of queues."""
        return self._session.client("cloudwatch", **self._settings)

    @cached_property
    def dynamodb(self) -> DynamoDBClient:
        """The ledger."""
        return self._session.client("dynamodb", **self._settings)

    @cached_property
    def events(self) -> EventBridgeClient:
        """The event bus."""
        return self._session.client("events", **self._settings)

    @cached_property
    def functions(self) -> LambdaClient:
        """The functions and their event source mappings."""
        return self._session.client("lambda", **self._settings)

    @cached_property
    def logs(self) -> CloudWatchLogsClient:
        """The functions' logs and metrics."""
        return self._session.client("logs", **self._settings)

    @cached_property
    def s3(self) -> S3Client:
        """The buckets."""
        return self._session.client("s3", **self._settings)

    @cached_property
    def secrets(self) -> SecretsManagerClient:
        """The providers' keys."""
        return self._session.client("secretsmanager", **self._settings)

    @cached_property
    def sns(self) -> Any:
        """Alarm notifications."""
        return self._session.client("sns", **self._settings)

    @cached_property
    def sqs(self) -> SQSClient:
        """The queues."""
        return self._session.client("sqs", **self._settings)

    @cached_property
    def sts(self) -> Any:
        """The identity of the person who runs a command."""
        return self._session.client("sts", **self._settings)

    @cached_property
    def stepfunctions(self) -> SFNClient:
        """Campaigns and other executions that wait for a photo."""
        return self._session.client("stepfunctions", **self._settings)

    def close(self) -> None:
        """Closes the connections of the clients that were used."""
        for client in vars(self).values():
            if isinstance(client, BaseClient):
                client.close()

    @cached_property
    def _session(self) -> boto3.Session:
        return boto3.Session("test", "test", region_name=REGION, botocore_session=_build_isolated_session())

    @property
    def _settings(self) -> dict[str, Any]:
        config = Config(proxies={}, s3={"addressing_style": "path"})
        return {"endpoint_url": self.endpoint_url, "config": config}


def _build_isolated_session() -> Session:
    """Returns a session that reads no environment variable and no file, such as AWS_PROFILE or ~/.aws/config."""
    variables = {
        name: (None, None, default, convert) for name, (_, _, default, convert) in Session.SESSION_VARIABLES.items()
    }
    no_files = dict.fromkeys(("config_file", "credentials_file"), (None, None, os.devnull, None))
    return Session(session_vars=variables | no_files)
