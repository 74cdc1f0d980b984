"""The lanes' event source mappings, on Lambda."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from backdrop.aws.aws_errors import unavailable
from backdrop.aws.sqs import name_of

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

STATES = {"Enabled": True, "Disabled": False}


class MappedLanes:
    """The lanes' event source mappings: while one is off, its lane hands out no message.

    `queue_urls` are the lanes' queues by provider; `function` is render's name.
    """

    def __init__(self, client: "LambdaClient", function: str, queue_urls: Mapping[str, str]) -> None:
        self._client = client
        self._function = function
        self._queue_names = {provider: name_of(url) for provider, url in queue_urls.items()}

    def is_on(self, provider: str) -> bool | None:
        """Whether the lane hands out messages; None while that is being changed, when nobody else may change it."""
        return STATES.get(self._mapping(provider).get("State", ""))

    def switch(self, provider: str, *, on: bool) -> None:
        """Let the lane hand out messages, or none."""
        mapping = self._mapping(provider)
        try:
            self._client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=on)
        except (ClientError, BotoCoreError) as error:
            raise unavailable("Lambda", error) from error

    def _mapping(self, provider: str) -> Mapping[str, Any]:
        name = self._queue_names[provider]
        try:
            listed = self._client.list_event_source_mappings(FunctionName=self._function)
        except (ClientError, BotoCoreError) as error:
            raise unavailable("Lambda", error) from error
        for mapping in listed["EventSourceMappings"]:
            if mapping.get("EventSourceArn", "").rpartition(":")[2] == name:
                return mapping
        raise unavailable("Lambda", f"no mapping of {name}")
