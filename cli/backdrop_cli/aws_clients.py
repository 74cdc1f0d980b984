"""The clients for AWS services, each created when it is first used."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from backdrop.aws.clients import CLIENT_CONFIG, LazyClient
from backdrop_cli.options import StackLocation

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_stepfunctions import SFNClient

COMMAND_CONCURRENCY = 16
"""Requests that a command makes at a time. With more, a gallery of photos of 50 MB would take more than 1 GB."""
_COMMAND_CONFIG = CLIENT_CONFIG.merge(Config(max_pool_connections=COMMAND_CONCURRENCY))
# A presigned URL must name the bucket's own region: other regions cannot resolve a new bucket yet.
SIGNING_CONFIG = CLIENT_CONFIG.merge(Config(signature_version="s3v4", s3={"addressing_style": "virtual"}))

# A function may run for 15 minutes. A repeated request would run it again.
INVOKING_CONFIG = _COMMAND_CONFIG.merge(Config(read_timeout=910, retries={"total_max_attempts": 1}))
SERVICES_WITH_CONFIG = {"signing": ("s3", SIGNING_CONFIG), "invoking": ("lambda", INVOKING_CONFIG)}


@dataclass(frozen=True)
class AwsClients:
    """The clients that the command uses.

    `signing` is an S3 client that presigns for browsers, and `invoking` a Lambda client that waits until a function has
    ended.
    """

    cloudformation: "CloudFormationClient"
    cloudwatch: Any
    dynamodb: "DynamoDBClient"
    events: "EventBridgeClient"
    functions: "LambdaClient"
    invoking: "LambdaClient"
    s3: "S3Client"
    secrets: "SecretsManagerClient"
    states: "SFNClient"
    signing: "S3Client"
    sns: Any
    sqs: "SQSClient"
    sts: Any

    def client(self, service: str) -> Any:
        """Returns the client of a service by its name in boto3."""
        return getattr(self, {"lambda": "functions", "stepfunctions": "states"}.get(service, service))


def connect_to_aws(location: StackLocation) -> AwsClients:
    """Returns clients with the user's own credentials."""
    session: Any = boto3.Session(profile_name=location.profile, region_name=location.region)

    def create_client(service: str) -> Any:
        name, config = SERVICES_WITH_CONFIG.get(service, (service, _COMMAND_CONFIG))
        return session.client(name, config=config)

    return build_lazy_clients(create_client)


def build_lazy_clients(create_client: Callable[[str], Any]) -> AwsClients:
    """Returns clients that `create_client` creates when they are first used, by their service's name in boto3."""

    def lazy_client(service: str) -> Any:
        return LazyClient(partial(create_client, service))

    return AwsClients(
        cloudformation=lazy_client("cloudformation"),
        cloudwatch=lazy_client("cloudwatch"),
        dynamodb=lazy_client("dynamodb"),
        events=lazy_client("events"),
        functions=lazy_client("lambda"),
        invoking=lazy_client("invoking"),
        s3=lazy_client("s3"),
        secrets=lazy_client("secretsmanager"),
        states=lazy_client("stepfunctions"),
        signing=lazy_client("signing"),
        sns=lazy_client("sns"),
        sqs=lazy_client("sqs"),
        sts=lazy_client("sts"),
    )
