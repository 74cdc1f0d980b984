"""Ideogram's usage route: totals of the bill per hour or day, delayed by some minutes.

Settings add what else the records of an account may contain, and what may be wrong with them.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from backdrop_local.standin.bill import MICRO_PER_DOLLAR, BilledJob
from backdrop_local.standin.keys import find_owner
from backdrop_local.standin.settings import UsageChange
from backdrop_local.standin.state import read_state

BUCKET_WIDTHS = {"1h": timedelta(hours=1), "1d": timedelta(days=1)}
MAX_WINDOWS = {"1h": timedelta(hours=168), "1d": timedelta(days=92)}
SOURCES = frozenset({"api", "app"})
PRODUCTS = {
    "replace-background": (
        "api_replace_background",
        "Background replacement",
        "/v1/ideogram-v3/replace-background",
    ),
    "remove-background": (
        "api_remove_background",
        "Background removal",
        "/v1/remove-background",
    ),
    "v2/replace-background": (
        "api_replace_background",
        "Background replacement",
        "/v2/image/replace-background/ideogram-3",
    ),
    "v2/remove-background": (
        "api_remove_background",
        "Background removal",
        "/v2/image/remove-background/ideogram-1",
    ),
}

PRODUCTS_BY_ENDPOINT = {endpoint: (product, description) for product, description, endpoint in PRODUCTS.values()}


class UsageSum(NamedTuple):
    """What one line adds up. `unit_price`: in micro-dollars."""

    key_id: str
    endpoint: str
    unit_price: int
    source: str


@dataclass(frozen=True)
class UsageEntry:
    """Images that count in the hour or day of a time, in Unix seconds."""

    billed_at: float
    line: UsageSum
    images: int


@dataclass(frozen=True)
class UsageWindow:
    """The requested time, divided into buckets of equal width."""

    start: datetime
    end: datetime
    width: timedelta

    def split(self) -> list[tuple[datetime, datetime]]:
        """Returns the start and end of each bucket."""
        count = -(-(self.end - self.start) // self.width)
        return [(self.start + n * self.width, self.start + (n + 1) * self.width) for n in range(count)]


async def report_usage(request: Request) -> Response:
    """GET /v2/account/usage. Returns 401 without a key, and 404 if the key is not an admin key."""
    state = read_state(request.scope)
    owner = find_owner(request.headers.get("api-key"), state.settings)
    if owner is None:
        return JSONResponse({"error": "Not authorized."}, 401)
    if not owner.is_admin:
        return JSONResponse({"error": "not found"}, 404)
    try:
        window, sources = _parse_query(request, state.clock.now())
    except ValueError as wrong:
        return JSONResponse({"error": str(wrong)}, 400)
    now, settings = state.clock.now(), state.settings
    jobs = (
        job
        for job in state.bill.jobs()
        if job.order.provider == "ideogram"
        and job.order.account == owner.account
        and job.accepted_at <= now - settings.usage_lag_seconds
    )
    entries = [
        *(_build_entry(job, settings.usage_age_seconds) for job in jobs),
        *(_build_change(change, owner.key, now) for change in settings.usage_changes),
    ]
    entries = [entry for entry in entries if entry.line.source in sources]
    buckets = [_build_bucket(start, end, entries) for start, end in window.split()]
    return _build_response(buckets, settings.usage_form)


def derive_key_id(key: str) -> str:
    """Returns the ID of a key in the records, which does not reveal it."""
    return f"key-{hashlib.sha256(key.encode()).hexdigest()[:8]}"


def _build_entry(job: BilledJob, age_seconds: int) -> UsageEntry:
    unit, endpoint = job.order.unit_micro_usd, PRODUCTS[job.order.route][2]
    line = UsageSum(derive_key_id(job.order.key), endpoint, unit, "api")
    return UsageEntry(job.accepted_at - age_seconds, line, job.micro_usd // unit)


def _build_change(change: UsageChange, key: str, now: float) -> UsageEntry:
    key_id = derive_key_id(key) if change.key_id is None else change.key_id
    line = UsageSum(key_id, change.endpoint, change.unit_micro_usd, change.source)
    return UsageEntry(now - timedelta(hours=change.hours_ago).total_seconds(), line, change.images)


def _build_response(buckets: list[dict[str, JsonValue]], form: str) -> Response:
    if form == "gaps":
        buckets = buckets[::2]
    body = json.dumps({"buckets": buckets})
    match form:
        case "float":
            body = re.sub(r'"cost_total": "([\d.]+)"', r'"cost_total": \1', body)
        case "other_currency":
            body = body.replace('"USD"', '"EUR"')
        case "no_endpoint":
            body = body.replace('"endpoint"', '"path"')
        case "cut_off":
            body = body[: len(body) // 2]
        case _:
            pass
    return Response(body, media_type="application/json")


def _parse_query(request: Request, now: float) -> tuple[UsageWindow, frozenset[str]]:
    query = request.query_params
    width = query.get("bucket_width", "1d")
    if width not in BUCKET_WIDTHS:
        raise ValueError("bucket_width must be 1h or 1d")
    sources = frozenset(query.getlist("sources")) or SOURCES
    if not sources <= SOURCES:
        raise ValueError("sources must be api or app")
    start = _floor(_parse_time(query.get("start_time"), "start_time"), BUCKET_WIDTHS[width])
    end_text = query.get("end_time")
    end = datetime.fromtimestamp(now, UTC) if end_text is None else _parse_time(end_text, "end_time")
    if not timedelta(0) < end - start <= MAX_WINDOWS[width]:
        raise ValueError(f"the period must be positive and at most {MAX_WINDOWS[width]}")
    return UsageWindow(start, end, BUCKET_WIDTHS[width]), sources


def _parse_time(text: str | None, name: str) -> datetime:
    if text is None:
        raise ValueError(f"{name} is missing")
    # A plus sign that was not URL-encoded arrives as a space.
    moment = datetime.fromisoformat(text.replace(" ", "+"))
    if moment.tzinfo is None:
        raise ValueError(f"{name} has no time zone")
    return moment.astimezone(UTC)


def _floor(moment: datetime, width: timedelta) -> datetime:
    origin = datetime(1970, 1, 1, tzinfo=UTC)
    return moment - (moment - origin) % width


def _build_bucket(start: datetime, end: datetime, entries: Iterable[UsageEntry]) -> dict[str, JsonValue]:
    first, last = start.timestamp(), end.timestamp()
    quantities = Counter[UsageSum]()
    for entry in entries:
        if first <= entry.billed_at < last:
            quantities[entry.line] += entry.images
    return {
        "start_time": _format_time(start),
        "end_time": _format_time(end),
        "line_items": [_build_line_item(line, images) for line, images in sorted(quantities.items()) if images > 0],
    }


def _build_line_item(line: UsageSum, images: int) -> JsonValue:
    product, description = PRODUCTS_BY_ENDPOINT.get(line.endpoint, ("api_other", "Another product"))
    if line.source == "app":
        payer: dict[str, JsonValue] = {"user_email": "designer@shop.example"}
    else:
        payer = {"api_key": {"id": line.key_id, "redacted_key": "ideo••••"}}
    return {
        "product": product,
        "description": description,
        "endpoint": line.endpoint,
        "cost_total": _format_amount(line.unit_price * images),
        "currency_code": "USD",
        "source": line.source,
        "billed_units": {
            "unit": "image",
            "quantity": str(images),
            "unit_price": _format_amount(line.unit_price),
        },
        **payer,
    }


def _format_amount(micro_usd: int) -> str:
    return f"{micro_usd // MICRO_PER_DOLLAR}.{micro_usd % MICRO_PER_DOLLAR:06d}"


def _format_time(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
