"""Reads Ideogram's usage records: `GET /v2/account/usage`, for which the key's owner must be an admin.

Source: Ideogram's published OpenAPI document (October 2026).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from urllib.parse import urlencode

from backdrop.model.bill_records import KeyUse
from backdrop.model.usage_records import (
    UsageByHour,
    UsagePeriod,
    UsageRecordsError,
    check_clock,
    may_be_own,
    parse_usage,
)
from backdrop.ports import ApiKey, Clock
from backdrop.providers.credentials import is_valid_header_value
from backdrop.providers.http import HttpResponse, send_free_request
from backdrop.providers.ideogram import ENDPOINT_PATHS, V2_ENDPOINT_PATHS

USAGE_PATH = "/v2/account/usage"
OWN_ENDPOINTS = frozenset({*ENDPOINT_PATHS.values(), *V2_ENDPOINT_PATHS.values()})
TIMEOUT_SECONDS = 60.0
MAX_RECORDS_BYTES = 20_000_000
_REFUSALS = {
    401: "Ideogram refused the admin key. Create a new one, and store it in the secret.",
    403: "Ideogram refused the admin key. Create a new one, and store it in the secret.",
    404: (
        "The key in the secret is not an admin key. Only a key of an organization's admin may read the usage records. "
        "Create one in an admin's account, and store it in the secret."
    ),
    429: "Ideogram is throttling the reads of its usage records. The next run reads them again.",
}


@dataclass(frozen=True)
class IdeogramUsage:
    """`load_admin_key` reads the secret each time, because the function runs once an hour."""

    base_url: str
    load_admin_key: Callable[[], ApiKey]
    clock: Clock

    def read(self, key: ApiKey, period: UsagePeriod, key_uses: Mapping[str, KeyUse]) -> UsageByHour:
        """Returns the records of each hour in the response. Raises UsageRecordsError if they cannot be used."""
        if not is_valid_header_value(key.value):
            raise UsageRecordsError("The admin key contains characters that no header can carry. Store it again.")
        query = urlencode(
            {
                "start_time": _format_time(period.start),
                "end_time": _format_time(period.end),
                "bucket_width": "1h",
                "sources": "api",
            }
        )
        response = self._send(f"{self.base_url}{USAGE_PATH}?{query}", key.value)
        if not isinstance(response, HttpResponse):
            cause = f"it did not answer within {TIMEOUT_SECONDS:.0f} s" if response is None else type(response).__name__
            raise UsageRecordsError(f"Ideogram's usage records could not be read ({cause}). The next run tries again.")
        if response.status != 200:
            other = (
                f"Ideogram answered {response.status} to the request for its usage records. The next run tries again."
            )
            raise UsageRecordsError(_REFUSALS.get(response.status, other))
        check_clock(_parse_date(response.headers.get("Date", "")), self.clock.now())
        is_own = partial(may_be_own, key_uses=key_uses, endpoints=OWN_ENDPOINTS)
        return parse_usage(response.body, period, is_own)

    def _send(self, url: str, key: str) -> HttpResponse | Exception | None:
        return send_free_request(url, {"Api-Key": key}, timeout_seconds=TIMEOUT_SECONDS, max_bytes=MAX_RECORDS_BYTES)


def _format_time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _parse_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    return moment.replace(tzinfo=moment.tzinfo or UTC)
