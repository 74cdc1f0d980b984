"""The lanes' event source mappings, on Lambda."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from backdrop.aws.aws_errors import translate_errors, unavailable
from backdrop.aws.sqs import queue_name_from_arn, queue_name_from_url

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

ENABLED_BY_STATE = {"Enabled": True, "Disabled": False}


class LambdaMappings:
    """The lanes' event source mappings: while one is off, its lane hands out no message.

    `queue_urls` are the lanes' queues by provider; `function` is render's name.
    """

    def __init__(self, client: "LambdaClient", function_name: str, queue_urls: Mapping[str, str]) -> None:
        self._client = client
        self._function_name = function_name
        self._queue_names = {provider: queue_name_from_url(url) for provider, url in queue_urls.items()}

    def is_enabled(self, provider: str) -> bool | None:
        """Whether the lane hands out messages; None while that is being changed, when nobody else may change it."""
        return ENABLED_BY_STATE.get(self._find_mapping(provider).get("State", ""))

    def set_enabled(self, provider: str, *, enabled: bool) -> None:
        """Let the lane hand out messages, or none."""
        mapping = self._find_mapping(provider)
        with translate_errors("Lambda"):
            self._client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=enabled)

    def _find_mapping(self, provider: str) -> Mapping[str, Any]:
        queue_name = self._queue_names[provider]
        with translate_errors("Lambda"):
            listed = self._client.list_event_source_mappings(FunctionName=self._function_name)
        for mapping in listed["EventSourceMappings"]:
            if queue_name_from_arn(mapping.get("EventSourceArn", "")) == queue_name:
                return mapping
        raise unavailable("Lambda", f"no mapping of {queue_name}")
