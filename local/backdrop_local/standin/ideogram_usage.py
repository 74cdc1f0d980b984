"""Ideogram's usage route: sums per hour or day out of the bill, some minutes late."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from backdrop_local.standin.bill import MICRO, Job
from backdrop_local.standin.keys import label_of, owner_of
from backdrop_local.standin.state import state_of

WIDTHS = {"1h": timedelta(hours=1), "1d": timedelta(days=1)}
LONGEST = {"1h": timedelta(hours=168), "1d": timedelta(days=92)}
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
}

type Line = tuple[str, str, int]
"""Key, route and unit price in micro-dollars: what one line item sums up."""


@dataclass(frozen=True)
class Window:
    """The asked time, cut into buckets of one width."""

    start: datetime
    end: datetime
    width: timedelta

    def buckets(self) -> list[tuple[datetime, datetime]]:
        """Start and end of each bucket."""
        count = -(-(self.end - self.start) // self.width)
        return [(self.start + n * self.width, self.start + (n + 1) * self.width) for n in range(count)]


async def usage(request: Request) -> Response:
    """GET /v2/account/usage; 401 without a key, 404 for a key that is not an admin's."""
    state = state_of(request.scope)
    owner = owner_of(request.headers.get("api-key"), state.settings)
    if owner is None:
        return JSONResponse({"error": "Not authorized."}, 401)
    if not owner.admin:
        return JSONResponse({"error": "not found"}, 404)
    try:
        window, sources = _asked(request, state.clock.now())
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
    return JSONResponse({"buckets": [_bucket(start, end, jobs) for start, end in window.buckets()]})


def _asked(request: Request, now: float) -> tuple[Window, frozenset[str]]:
    query = request.query_params
    width = query.get("bucket_width", "1d")
    if width not in WIDTHS:
        raise ValueError("bucket_width is 1h or 1d")
    sources = frozenset(query.getlist("sources")) or SOURCES
    if not sources <= SOURCES:
        raise ValueError("sources is api or app")
    start = _floor(_time(query.get("start_time"), "start_time"), WIDTHS[width])
    end_text = query.get("end_time")
    end = datetime.fromtimestamp(now, UTC) if end_text is None else _time(end_text, "end_time")
    if not timedelta(0) < end - start <= LONGEST[width]:
        raise ValueError(f"the time must be positive and at most {LONGEST[width]}")
    return Window(start, end, WIDTHS[width]), sources


def _time(text: str | None, name: str) -> datetime:
    if text is None:
        raise ValueError(f"{name} is missing")
    # A plus sign that nobody encoded arrives as a blank.
    moment = datetime.fromisoformat(text.replace(" ", "+"))
    if moment.tzinfo is None:
        raise ValueError(f"{name} has no time zone")
    return moment.astimezone(UTC)


def _floor(moment: datetime, width: timedelta) -> datetime:
    origin = datetime(1970, 1, 1, tzinfo=UTC)
    return moment - (moment - origin) % width


def _bucket(start: datetime, end: datetime, jobs: Iterable[Job]) -> dict[str, JsonValue]:
    first, last = start.timestamp(), end.timestamp()
    quantities = Counter[Line]()
    for job in jobs:
        if first <= job.accepted_at < last and job.micro_usd:
            unit = job.order.unit_micro_usd
            quantities[(job.order.key, job.order.route, unit)] += job.micro_usd // unit
    return {
        "start_time": _stamp(start),
        "end_time": _stamp(end),
        "line_items": [_line_item(line, quantity) for line, quantity in sorted(quantities.items())],
    }


def _line_item(line: Line, quantity: int) -> JsonValue:
    key, route, unit = line
    product, description, endpoint = PRODUCTS[route]
    return {
        "product": product,
        "description": description,
        "endpoint": endpoint,
        "cost_total": _amount(unit * quantity),
        "currency_code": "USD",
        "source": "api",
        "billed_units": {
            "unit": "image",
            "quantity": str(quantity),
            "unit_price": _amount(unit),
        },
        "api_key": {"id": label_of(key), "redacted_key": f"{key[:4]}••••"},
    }


def _amount(micro_usd: int) -> str:
    return f"{micro_usd // MICRO}.{micro_usd % MICRO:06d}"


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
