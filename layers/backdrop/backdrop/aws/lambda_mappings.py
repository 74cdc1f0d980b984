"""The lanes' event source mappings, on Lambda."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from backdrop.aws.aws_errors import unavailable
from backdrop.aws.sqs import parse_queue_name

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

ENABLED_BY_STATE = {"Enabled": True, "Disabled": False}


class LambdaMappings:
    """The lanes' event source mappings: while one is off, its lane hands out no message.

    `queue_urls` are the lanes' queues by provider; `function` is render's name.
    """

    def __init__(self, client: "LambdaClient", function_name: str, queue_urls: Mapping[str, str]) -> None:
        self._client = client
        self._function = function_name
        self._queue_names = {provider: parse_queue_name(url) for provider, url in queue_urls.items()}

    def is_enabled(self, provider: str) -> bool | None:
        """Whether the lane hands out messages; None while that is being changed, when nobody else may change it."""
        return ENABLED_BY_STATE.get(self._find_mapping(provider).get("State", ""))

    def set_enabled(self, provider: str, *, enabled: bool) -> None:
        """Let the lane hand out messages, or none."""
        mapping = self._find_mapping(provider)
        try:
            self._client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=enabled)
        except (ClientError, BotoCoreError) as error:
            raise unavailable("Lambda", error) from error

    def _find_mapping(self, provider: str) -> Mapping[str, Any]:
        queue_name = self._queue_names[provider]
        try:
            listed = self._client.list_event_source_mappings(FunctionName=self._function)
        except (ClientError, BotoCoreError) as error:
            raise unavailable("Lambda", error) from error
        for mapping in listed["EventSourceMappings"]:
            if mapping.get("EventSourceArn", "").rpartition(":")[2] == queue_name:
                return mapping
        raise unavailable("Lambda", f"no mapping of {queue_name}")
