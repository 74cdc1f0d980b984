"""Connects the client to a stack."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import boto3
from botocore.config import Config

from backdrop.aws.clients import CLIENT_CONFIG, LazyClient
from backdrop.aws.clock import SystemClock
from backdrop.bootstrap import Bootstrap
from backdrop_client.client_config import ClientConfig
from backdrop_client.errors import ClientCode, StackUnusableError, translate_errors
from backdrop_client.result_reader import ResultReader
from backdrop_client.s3_uploader import S3Uploader
from backdrop_client.stack_description import StackError, describe_stack

# More than the asynchronous client, a batch, and an agent's tools have threads. Connections are opened when needed.
_CONNECTION_CONFIG = CLIENT_CONFIG.merge(Config(max_pool_connections=100))


@dataclass(frozen=True)
class Connection:
    """A stack's services, as far as a client with the policy of a mandate may use them."""

    bootstrap: Bootstrap
    sleep: Callable[[float], None] = time.sleep

    @cached_property
    def uploader(self) -> S3Uploader:
        return S3Uploader(self.bootstrap.client("s3"), self.bootstrap.settings.input_bucket)

    @cached_property
    def reader(self) -> ResultReader:
        return ResultReader(self.bootstrap.client("s3"), self.bootstrap.settings.output_bucket)


def connect(stack: str, profile: str | None, region: str | None) -> Connection:
    """Raises StackUnusableError, NotAuthorizedError, or UnreachableError."""
    with translate_errors():
        create_client = _open_session(profile, region)
        try:
            description = describe_stack(stack, create_client("cloudformation"))
        except StackError as error:
            message = f"{str(error)[0].upper()}{str(error)[1:]}."
            raise StackUnusableError(ClientCode.STACK_UNUSABLE, message, "Then connect again.") from error
        return Connection(Bootstrap(description.settings, create_client, description.clock))


def connect_by_config(config: ClientConfig, profile: str | None, region: str | None) -> Connection:
    """Connects without a request. Raises NotAuthorizedError, for example for an unknown profile."""
    with translate_errors():
        return Connection(Bootstrap(config.settings, _open_session(profile, region or config.region), SystemClock()))


def _open_session(profile: str | None, region: str | None) -> Callable[[str], Any]:
    """Returns the function that creates a service's client."""
    session: Any = boto3.Session(profile_name=profile, region_name=region)
    return lambda service: LazyClient(partial(session.client, service, config=_CONNECTION_CONFIG))
