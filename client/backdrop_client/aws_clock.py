"""AWS's time, for machines whose clock can be minutes off: the time of a command decides what it covers."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, override

from backdrop.aws.clock import SystemClock

# The `Date` header has no fractions of a second.
DATE_HEADER_RESOLUTION = timedelta(seconds=1)


class AwsClock(SystemClock):
    """A Clock that is `offset` ahead of this machine's."""

    def __init__(self, offset: timedelta) -> None:
        self._offset = offset

    @override
    def now(self) -> datetime:
        return super().now() + self._offset


def measure_clock_offset(response: Mapping[str, Any], sent_at: datetime, received_at: datetime) -> timedelta:
    """Returns how far AWS's clock was ahead of ours when it responded, between these two moments.

    Returns zero if both clocks may agree. Otherwise returns the largest possible offset, so that nothing that
    happened before a command counts as later than the command.
    """
    date = response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    if not date:
        return timedelta()
    server_time = parsedate_to_datetime(date)
    return (
        timedelta()
        if sent_at - DATE_HEADER_RESOLUTION < server_time <= received_at
        else server_time + DATE_HEADER_RESOLUTION - sent_at
    )
