"""AWS's time on a person's machine, whose own clock may be minutes off: what an order means hangs on its time."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, override

from backdrop.aws.clock import SystemClock

# What the header `Date` of an answer leaves out.
A_SECOND = timedelta(seconds=1)


class ServiceClock(SystemClock):
    """The Clock port. `ahead`: by how much AWS's clock is before this machine's."""

    def __init__(self, ahead: timedelta) -> None:
        self._ahead = ahead

    @override
    def now(self) -> datetime:
        return super().now() + self._ahead


def ahead(answer: Mapping[str, Any], asked: datetime, answered: datetime) -> timedelta:
    """By how much AWS's clock was before ours when it answered between these two moments.

    Nothing where both may have shown the same; else as much as it was at most, so that nobody's word of before an order
    counts as said after it.
    """
    date = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    if not date:
        return timedelta()
    told = parsedate_to_datetime(date)
    return timedelta() if asked - A_SECOND < told <= answered else told + A_SECOND - asked
