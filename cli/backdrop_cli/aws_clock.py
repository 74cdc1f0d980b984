"""AWS's time on a person's machine, whose own clock may be minutes off: what an order means hangs on its time."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, override

from backdrop.aws.clock import SystemClock

# What the header `Date` of an answer leaves out.
DATE_HEADER_RESOLUTION = timedelta(seconds=1)


class AwsClock(SystemClock):
    """The Clock port. `ahead`: by how much AWS's clock is before this machine's."""

    def __init__(self, offset: timedelta) -> None:
        self._offset = offset

    @override
    def now(self) -> datetime:
        return super().now() + self._offset


def measure_clock_offset(response: Mapping[str, Any], sent_at: datetime, received_at: datetime) -> timedelta:
    """By how much AWS's clock was before ours when it answered between these two moments.

    Nothing where both may have shown the same; else as much as it was at most, so that nobody's word of before an order
    counts as said after it.
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
