"""The AWS services that people's orders go to, each client made when it is first used."""

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
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_stepfunctions import SFNClient

# What is signed for a browser names the bucket's own region: elsewhere a bucket of today is not known yet.
SIGNING_CONFIG = CLIENT_CONFIG.merge(Config(signature_version="s3v4", s3={"addressing_style": "virtual"}))


@dataclass(frozen=True)
class AwsClients:
    """The AWS services that people's orders go to."""

    cloudformation: "CloudFormationClient"
    dynamodb: "DynamoDBClient"
    functions: "LambdaClient"
    s3: "S3Client"
    secrets: "SecretsManagerClient"
    states: "SFNClient"
    signing: "S3Client"
    sns: Any
    sqs: "SQSClient"

    def client(self, service: str) -> Any:
        """The client of a service by the name that boto3 has for it."""
        return getattr(self, {"lambda": "functions", "stepfunctions": "states"}.get(service, service))


def connect_to_aws(location: StackLocation) -> AwsClients:
    """Clients with the person's own credentials."""
    session: Any = boto3.Session(profile_name=location.profile, region_name=location.region)

    def create_client(service: str) -> Any:
        is_signing = service == "signing"
        return session.client("s3" if is_signing else service, config=SIGNING_CONFIG if is_signing else CLIENT_CONFIG)

    return build_lazy_clients(create_client)


def build_lazy_clients(create_client: Callable[[str], Any]) -> AwsClients:
    """Each client, made by the name that boto3 has for its service, when it is needed."""

    def lazy_client(service: str) -> Any:
        return LazyClient(partial(create_client, service))

    return AwsClients(
        cloudformation=lazy_client("cloudformation"),
        dynamodb=lazy_client("dynamodb"),
        functions=lazy_client("lambda"),
        s3=lazy_client("s3"),
        secrets=lazy_client("secretsmanager"),
        states=lazy_client("stepfunctions"),
        signing=lazy_client("signing"),
        sns=lazy_client("sns"),
        sqs=lazy_client("sqs"),
    )
