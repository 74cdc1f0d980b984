"""A calendar month (UTC), which a statement covers."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from backdrop_cli.errors import UsageError

_MONTH = re.compile(r"(?P<year>[1-9]\d{3})-(?P<month>0[1-9]|1[0-2])", re.ASCII)
_MAX_YEAR = 9998
"""The month after the last month of the year 9999 has no date."""


@dataclass(frozen=True)
class Month:
    """`start` is included, `end` is not; both are midnight UTC."""

    name: str
    start: datetime
    end: datetime

    def list_days(self) -> list[datetime]:
        """Returns the first moment of each day."""
        return [self.start + timedelta(days=n) for n in range((self.end - self.start).days)]

    def contains(self, day: str) -> bool:
        """Returns whether the month contains a day such as `2026-11-20`."""
        return day.startswith(f"{self.name}-")


def parse_month(text: str) -> Month:
    """Returns the month. Raises UsageError if the text is not a month."""
    found = _MONTH.fullmatch(text)
    if found is None or int(found["year"]) > _MAX_YEAR:
        raise UsageError(f"MONTH is a year and a month, such as 2026-11, not {text!r}")
    start = datetime(int(found["year"]), int(found["month"]), 1, tzinfo=UTC)
    end = start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)
    return Month(text, start, end)


def check_has_begun(month: Month, now: datetime) -> None:
    """Raises UsageError if the month is in the future."""
    if now < month.start:
        raise UsageError(f"{month.name} has not begun; the current month is {now:%Y-%m} (UTC)")
