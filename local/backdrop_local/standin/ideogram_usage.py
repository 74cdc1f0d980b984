"""Ideogram's usage route: totals of the bill per hour or day, delayed by some minutes."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from backdrop_local.standin.bill import MICRO_PER_DOLLAR, BilledJob
from backdrop_local.standin.keys import find_owner, format_label
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

type UsageKey = tuple[str, str, int]
"""The key, route, and unit price in micro-dollars that one line item adds up."""


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
    known_until = state.clock.now() - state.settings.usage_lag_seconds
    jobs = [
        job
        for job in state.bill.jobs()
        if job.order.provider == "ideogram"
        and job.order.account == owner.account
        and job.accepted_at <= known_until
        and "api" in sources
    ]
    return JSONResponse({"buckets": [_build_bucket(start, end, jobs) for start, end in window.split()]})


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


def _build_bucket(start: datetime, end: datetime, jobs: Iterable[BilledJob]) -> dict[str, JsonValue]:
    first, last = start.timestamp(), end.timestamp()
    quantities = Counter[UsageKey]()
    for job in jobs:
        if first <= job.accepted_at < last and job.micro_usd:
            unit = job.order.unit_micro_usd
            quantities[(job.order.key, job.order.route, unit)] += job.micro_usd // unit
    return {
        "start_time": _format_time(start),
        "end_time": _format_time(end),
        "line_items": [_build_line_item(line, quantity) for line, quantity in sorted(quantities.items())],
    }


def _build_line_item(line: UsageKey, quantity: int) -> JsonValue:
    key, route, unit = line
    product, description, endpoint = PRODUCTS[route]
    return {
        "product": product,
        "description": description,
        "endpoint": endpoint,
        "cost_total": _format_amount(unit * quantity),
        "currency_code": "USD",
        "source": "api",
        "billed_units": {
            "unit": "image",
            "quantity": str(quantity),
            "unit_price": _format_amount(unit),
        },
        "api_key": {"id": format_label(key), "redacted_key": f"{key[:4]}••••"},
    }


def _format_amount(micro_usd: int) -> str:
    return f"{micro_usd // MICRO_PER_DOLLAR}.{micro_usd % MICRO_PER_DOLLAR:06d}"


def _format_time(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
