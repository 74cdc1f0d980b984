"""When a signed link expires, by its own statement.

Sources: the query parameters of Ideogram's links, and of the signatures of S3 (versions 2 and 4), CloudFront, Google
Cloud Storage, Alibaba Cloud OSS, and Azure Storage, in the vendors' references.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import parse_qsl, urlsplit

# Parameters that name a time in Unix seconds or milliseconds. A number that is too small counts from the answer.
EPOCH_NAMES: Final = ("exp", "expires", "expiry")
# Parameters with a lifetime in seconds, each with the parameter of the time from which it counts.
LIFETIME_NAMES: Final = {
    "x-amz-expires": "x-amz-date",
    "x-goog-expires": "x-goog-date",
    "x-oss-expires": "x-oss-date",
}
ISO_NAME: Final = "se"
MIN_EPOCH_SECONDS: Final = 1_000_000_000
MIN_EPOCH_MILLISECONDS: Final = 100_000_000_000
MAX_DIGITS: Final = 14


def parse_link_expiry(url: str, answered_at: datetime) -> datetime | None:
    """Returns the earliest time that a link states; None if it states none that can be read.

    `answered_at`: when the provider returned the link, at about that time.
    """
    try:
        parameters = {name.lower(): value for name, value in parse_qsl(urlsplit(url).query)}
    except ValueError:
        return None
    moments = [_parse_epoch(parameters.get(name, ""), answered_at) for name in EPOCH_NAMES]
    moments += [_parse_lifetime(parameters, name, start, answered_at) for name, start in LIFETIME_NAMES.items()]
    moments.append(_parse_time(parameters.get(ISO_NAME, "")))
    return min((moment for moment in moments if moment), default=None)


def _parse_epoch(text: str, answered_at: datetime) -> datetime | None:
    number = _parse_number(text)
    if number is None:
        return None
    if number < MIN_EPOCH_SECONDS:
        return _add(answered_at, number)
    return datetime.fromtimestamp(number / 1000 if number >= MIN_EPOCH_MILLISECONDS else number, UTC)


def _parse_lifetime(
    parameters: Mapping[str, str], name: str, start_name: str, answered_at: datetime
) -> datetime | None:
    seconds = _parse_number(parameters.get(name, ""))
    return None if seconds is None else _add(_parse_time(parameters.get(start_name, "")) or answered_at, seconds)


def _parse_number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= MAX_DIGITS else None


def _parse_time(text: str) -> datetime | None:
    """Parses ISO 8601, in the basic format (20260415T103000Z), too."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=moment.tzinfo or UTC)


def _add(moment: datetime, seconds: int) -> datetime | None:
    try:
        return moment + timedelta(seconds=seconds)
    except OverflowError:
        return None
