"""The AWS services that people's orders go to, each client made when it is first used."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from backdrop.aws.clients import QUICK, LazyClient
from backdrop_cli.options import Place

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_stepfunctions import SFNClient

# What is signed for a browser names the bucket's own region: elsewhere a bucket of today is not known yet.
SIGNING = QUICK.merge(Config(signature_version="s3v4", s3={"addressing_style": "virtual"}))


@dataclass(frozen=True)
class Clients:
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

    def of(self, service: str) -> Any:
        """The client of a service by the name that boto3 has for it."""
        return getattr(self, {"lambda": "functions", "stepfunctions": "states"}.get(service, service))


def on_aws(place: Place) -> Clients:
    """Clients with the person's own credentials."""
    session: Any = boto3.Session(profile_name=place.profile, region_name=place.region)

    def client(service: str) -> Any:
        signs = service == "signing"
        return session.client("s3" if signs else service, config=SIGNING if signs else QUICK)

    return of_session(client)


def of_session(make: Callable[[str], Any]) -> Clients:
    """Each client, made by the name that boto3 has for its service, when it is needed."""

    def later(service: str) -> Any:
        return LazyClient(partial(make, service))

    return Clients(
        cloudformation=later("cloudformation"),
        dynamodb=later("dynamodb"),
        functions=later("lambda"),
        s3=later("s3"),
        secrets=later("secretsmanager"),
        states=later("stepfunctions"),
        signing=later("signing"),
        sns=later("sns"),
        sqs=later("sqs"),
    )
