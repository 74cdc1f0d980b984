"""The stack's EventBridge bus."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from backdrop.aws.aws_errors import translate_errors, unavailable

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

EVENT_SOURCE = "backdrop"


class EventBus:
    def __init__(self, client: "EventBridgeClient", name: str) -> None:
        self._client = client
        self._name = name

    def publish(self, detail_type: str, detail: Mapping[str, Any], source: str = EVENT_SOURCE) -> None:
        entry = {
            "Source": source,
            "DetailType": detail_type,
            "Detail": json.dumps(detail, ensure_ascii=False),
            "EventBusName": self._name,
        }
        with translate_errors("EventBridge"):
            response = self._client.put_events(Entries=[entry])
        if response["FailedEntryCount"]:
            raise unavailable("EventBridge", response["Entries"][0].get("ErrorCode", "rejected"))
