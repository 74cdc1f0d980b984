"""The event bus on which others listen, on EventBridge."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from backdrop.core.codes import Code
from backdrop.core.errors import WaitError

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

SOURCE = "backdrop"
WEATHER_DELAY_SECONDS = 5.0


class EventBus:
    """The Events port."""

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
            answer = self._client.put_events(Entries=[entry])  # pyright: ignore[reportArgumentType]
        except (ClientError, BotoCoreError) as error:
            raise _weather(type(error).__name__) from error
        if answer["FailedEntryCount"]:
            raise _weather(answer["Entries"][0].get("ErrorCode", "refused"))


def _weather(why: str) -> WaitError:
    return WaitError(Code.STORAGE_UNAVAILABLE, f"EventBridge does not answer ({why}).", WEATHER_DELAY_SECONDS)
