"""Ideogram's usage records: how many images each API key was billed for, by hour, endpoint, and price.

They contain sums, not single calls. An hour's sums may still grow for a while, so an hour counts as final only once
enough time has passed and two reads agree. Amounts are micro-dollars.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, cast

from backdrop.model.bill_records import HOUR, KeyUse, UsageHour, UsageLine
from backdrop.model.pricing import to_micro_usd
from backdrop.model.sentence import Sentence

SET_UP_ADVICE = "docs/bill.md shows how to set it up."
# A request for hours covers at most this period, however long ago it is.
MAX_PERIOD = timedelta(hours=168)
# Beyond this difference between the API's clock and ours, a call's time does not tell in which hour it was billed.
MAX_CLOCK_DIFFERENCE = timedelta(minutes=3)
# Amounts have at most six decimals, so that they are whole micro-dollars.
_AMOUNT = re.compile(r"\d{1,12}(\.\d{1,6})?")
_QUANTITY = re.compile(r"\d{1,12}(\.0{1,6})?")
_HOUR_FIELDS = ("start_time", "end_time", "line_items")


class UsageRecordsError(Exception):
    """The usage records cannot be used, so nothing is settled. `message` says why, and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = Sentence(message)


class MalformedUsageError(UsageRecordsError):
    """The response is not as documented. It may have been damaged on its way, or the API may have changed."""

    def __init__(self, message: str) -> None:
        super().__init__(
            f"{message} Nothing was settled. The next hourly run reads the records again. If this stays so for a day, "
            "report it with the version of Backdrop (`backdrop --version`)."
        )


type UsageByHour = Mapping[datetime, tuple[UsageLine, ...]]
type LineFilter = Callable[[str, object], bool]
"""Whether a line with this key and endpoint may be usage of this stack."""


def may_be_own(key_id: str, endpoint: object, key_uses: Mapping[str, KeyUse], endpoints: Set[str]) -> bool:
    """Whether a line may be usage of this stack, which calls these endpoints.

    A key that no one has listed may be a new one of this stack.
    """
    use = key_uses.get(key_id)
    if use is None:
        return not isinstance(endpoint, str) or endpoint in endpoints
    return use is not KeyUse.OTHER


def floor_to_hour(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


@dataclass(frozen=True)
class UsagePeriod:
    """The hours that one read covers."""

    start: datetime
    end: datetime

    @classmethod
    def until(cls, now: datetime) -> "UsagePeriod":
        """Returns the longest period that the API returns by hour, up to the last hour that has ended."""
        end = floor_to_hour(now)
        return cls(end - MAX_PERIOD, end)

    @classmethod
    def around(cls, day: date, now: datetime) -> "UsagePeriod":
        """Returns a day (UTC) with a day on each side, up to the last hour that has ended.

        The hours around it may contain images of the day's calls, or explain those in its first and last hours.
        """
        start = datetime.combine(day, time(), UTC)
        return cls(start - timedelta(days=1), min(start + timedelta(days=2), floor_to_hour(now)))

    def includes(self, first: datetime, last: datetime) -> bool:
        """Whether any of the hours from `first` to `last` belongs to the period."""
        return first < self.end and self.start <= last

    def list_hours(self) -> Sequence[datetime]:
        return [self.start + n * HOUR for n in range((self.end - self.start) // HOUR)]


def check_clock(moment: datetime | None, now: datetime) -> None:
    """Raises UsageRecordsError if the response's Date differs too much from our clock, or is missing."""
    if moment is None:
        raise MalformedUsageError(
            "The response with the usage records has no readable Date header to check the clock by."
        )
    difference = abs(moment - now)
    if difference > MAX_CLOCK_DIFFERENCE:
        minutes = difference.total_seconds() / 60
        raise UsageRecordsError(
            f"The clocks of Ideogram and of this stack differ by {minutes:.0f} minutes, so it is unknown in which hour "
            "a call was billed. Nothing was settled. The hourly runs settle again once the clocks agree."
        )


def parse_usage(body: bytes, period: UsagePeriod, may_be_own: LineFilter) -> UsageByHour:
    """Returns the lines of each hour of the period that the response contains.

    Raises MalformedUsageError if any part of the response is not as documented, because the rest may then mean
    something else, too. Lines that cannot be usage of this stack are left out instead.
    """
    try:
        document = json.loads(body)
    except ValueError as error:
        raise MalformedUsageError(
            "The usage records are not complete JSON; the response was probably cut off."
        ) from error
    entries = document.get("buckets") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise MalformedUsageError("The response with the usage records has no list named buckets.")
    hours = set(period.list_hours())
    usage: dict[datetime, tuple[UsageLine, ...]] = {}
    for entry in cast("list[object]", entries):
        start, lines = _parse_hour(entry, may_be_own)
        if start in usage:
            raise MalformedUsageError(f"The usage records contain the hour {start:%Y-%m-%d %H:%M} UTC twice.")
        if start in hours:
            usage[start] = lines
    return usage


def _parse_hour(entry: object, may_be_own: LineFilter) -> tuple[datetime, tuple[UsageLine, ...]]:
    if not isinstance(entry, dict) or not all(name in entry for name in _HOUR_FIELDS):
        raise MalformedUsageError(f"An hour of the usage records lacks one of the fields {', '.join(_HOUR_FIELDS)}.")
    fields = cast("dict[str, object]", entry)
    start, end, items = _parse_time(fields["start_time"]), _parse_time(fields["end_time"]), fields["line_items"]
    if start != floor_to_hour(start) or end - start != HOUR:
        raise MalformedUsageError("The usage records are not divided into whole hours (UTC).")
    if not isinstance(items, list):
        raise MalformedUsageError("An hour of the usage records has no list named line_items.")
    lines: dict[tuple[str, str, int | None], UsageLine] = {}
    for item in cast("list[object]", items):
        line = _parse_line(item, start, may_be_own)
        if line is None:
            continue
        group = line.endpoint, line.key_id, line.unit_price
        lines[group] = _add_lines(lines[group], line) if group in lines else line
    return start, tuple(lines[group] for group in sorted(lines, key=lambda group: (*group[:2], group[2] or 0)))


def _add_lines(one: UsageLine, other: UsageLine) -> UsageLine:
    counted = one.quantity is not None and other.quantity is not None
    return replace(
        one,
        quantity=cast("int", one.quantity) + cast("int", other.quantity) if counted else None,
        cost=one.cost + other.cost,
    )


def _parse_line(item: object, start: datetime, may_be_own: LineFilter) -> UsageLine | None:
    """Returns None for what a person's session caused, and for a malformed line that cannot be usage of this stack.

    Requests that were authenticated by a session, in the app or at the API, are billed without an `api_key`
    (developer.ideogram.ai/api-reference/account/usage).
    """
    where = f"in the hour {start:%Y-%m-%d %H:%M} UTC of the usage records"
    if not isinstance(item, dict):
        raise MalformedUsageError(f"A line {where} is not an object.")
    fields = cast("dict[str, Any]", item)
    api_key = fields.get("api_key")
    if fields.get("source") == "app" or api_key is None:
        return None
    key_id = cast("dict[str, object]", api_key).get("id") if isinstance(api_key, dict) else None
    if not isinstance(key_id, str) or not key_id:
        raise MalformedUsageError(f"A line {where} has an api_key without an id.")
    try:
        return _parse_usage(fields, key_id, where)
    except MalformedUsageError:
        if may_be_own(key_id, fields.get("endpoint")):
            raise
        return None


def _parse_usage(fields: Mapping[str, Any], key_id: str, where: str) -> UsageLine:
    if fields.get("source") != "api":
        raise MalformedUsageError(f"A line {where} has an unknown source.")
    endpoint, currency = fields.get("endpoint"), fields.get("currency_code")
    if not isinstance(endpoint, str) or not endpoint:
        raise MalformedUsageError(f"A line {where} names no endpoint.")
    if currency != "USD":
        raise MalformedUsageError(f"A line {where} is in another currency than USD.")
    cost = _parse_amount(fields.get("cost_total"), f"The cost_total of a line {where}")
    unit_price, quantity = _parse_units(fields.get("billed_units"), cost, where)
    return UsageLine(endpoint=endpoint, key_id=key_id, unit_price=unit_price, quantity=quantity, cost=cost)


def _parse_units(units: object, cost: int, where: str) -> tuple[int | None, int | None]:
    """Returns price and quantity of images; None for both if another unit is billed, or if they contradict the cost."""
    if units is None:
        return None, None
    if not isinstance(units, dict):
        raise MalformedUsageError(f"The billed_units of a line {where} are not an object.")
    fields = cast("dict[str, object]", units)
    price, quantity = fields.get("unit_price"), fields.get("quantity")
    if not isinstance(price, str) or not isinstance(quantity, str):
        raise MalformedUsageError(f"A price or quantity of a line {where} is not a decimal text, so it may be inexact.")
    if fields.get("unit") != "image" or not _AMOUNT.fullmatch(price) or not _QUANTITY.fullmatch(quantity):
        return None, None
    unit_price, count = to_micro_usd(price), int(Decimal(quantity))
    return (unit_price, count) if unit_price * count == cost else (None, None)


def _parse_amount(value: object, name: str) -> int:
    if not isinstance(value, str):
        raise MalformedUsageError(f"{name} is not a decimal text, so it may be inexact.")
    if not _AMOUNT.fullmatch(value):
        raise MalformedUsageError(f"{name} is not an amount with at most six decimals.")
    return to_micro_usd(value)


def _parse_time(value: object) -> datetime:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise MalformedUsageError("A time in the usage records is not an RFC 3339 time with a time zone.")
    return moment.astimezone(UTC)


def add_read(hour: UsageHour | None, start: datetime, lines: tuple[UsageLine, ...], now: datetime) -> UsageHour:
    """Returns an hour with one more read. Less usage than before is a contradiction that no later read resolves.

    A read that began before the last one proves nothing more: two runs may overlap.
    """
    if hour is None:
        return UsageHour(start=start, lines=lines, unchanged_since=now, last_read_at=now)
    if now < hour.last_read_at:
        return hour
    if hour.lines == lines:
        return replace(hour, last_read_at=now)
    has_shrunk = hour.has_shrunk or _is_less(lines, hour.lines)
    return replace(hour, lines=lines, unchanged_since=now, last_read_at=now, has_shrunk=has_shrunk)


def _is_less(lines: Sequence[UsageLine], earlier: Sequence[UsageLine]) -> bool:
    """Whether any of the earlier lines has become smaller, or is gone."""
    costs = {(line.endpoint, line.key_id, line.unit_price): line.cost for line in lines}
    return any(costs.get((line.endpoint, line.key_id, line.unit_price), 0) < line.cost for line in earlier)
