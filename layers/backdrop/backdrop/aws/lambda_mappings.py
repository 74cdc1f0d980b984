"""The lanes' event source mappings in Lambda."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from backdrop.aws.aws_errors import translate_errors, unavailable
from backdrop.aws.sqs import queue_name_from_arn, queue_name_from_url

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

ENABLED_BY_STATE = {"Enabled": True, "Disabled": False}


class LambdaMappings:
    """Enables and disables the lanes' event source mappings. A lane whose mapping is disabled delivers no messages.

    `queue_urls` has the URL of each provider's lane; `function_name` is render's.
    """

    def __init__(self, client: "LambdaClient", function_name: str, queue_urls: Mapping[str, str]) -> None:
        self._client = client
        self._function_name = function_name
        self._queue_names = {provider: queue_name_from_url(url) for provider, url in queue_urls.items()}

    def is_enabled(self, provider: str) -> bool | None:
        """Returns None while Lambda is changing the mapping and accepts no other change."""
        return ENABLED_BY_STATE.get(self._find_mapping(provider).get("State", ""))

    def set_enabled(self, provider: str, *, enabled: bool) -> None:
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
        raise unavailable("Lambda", f"no mapping for {queue_name}")


class UntouchedMappings:
    """For deliver, which opens foreign files and so may not change triggers: reconcile does it within five minutes."""

    def is_enabled(self, provider: str) -> None:
        """Returns None, as while Lambda accepts no change."""

    def set_enabled(self, provider: str, *, enabled: bool) -> None:
        """Changes nothing."""
