"""The event bus on which others listen, on EventBridge."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from backdrop.aws.aws_errors import unavailable

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

SOURCE = "backdrop"


class EventBus:
    """The bus on which others listen."""

    def __init__(self, client: "EventBridgeClient", name: str) -> None:
        self._client = client
        self._name = name

    def announce(self, detail_type: str, detail: Mapping[str, Any]) -> None:
        """Put one event on the bus."""
        entry = {
            "Source": SOURCE,
            "DetailType": detail_type,
            "Detail": json.dumps(detail, ensure_ascii=False),
            "EventBusName": self._name,
        }
        try:
            answer = self._client.put_events(Entries=[entry])
        except (ClientError, BotoCoreError) as error:
            raise unavailable("EventBridge", error) from error
        if answer["FailedEntryCount"]:
            raise unavailable("EventBridge", answer["Entries"][0].get("ErrorCode", "refused"))
