"""Receipts, reports and sights for the demo's tests, as the output bucket holds them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from backdrop_cli.demo.drop import Dropped
from backdrop_cli.demo.sight import Sight
from backdrop_cli.stages import Stage
from backdrop_local.demo_orders import Order

NOON = datetime(2026, 11, 16, 12, 0, tzinfo=UTC)
PREFIX = "demo/one/"


def result(key: str, n: int = 1, **changes: Any) -> dict[str, Any]:
    known: dict[str, Any] = {"key": key, "n": n, "width": 640, "height": 480, "seed": 7, "has_alpha": False}
    return known | changes


def receipt(name: str, *results: dict[str, Any], usd: float = 0.06, **instructions: Any) -> dict[str, Any]:
    job: dict[str, Any] = {
        "job_id": "job",
        "current": True,
        "status": "stored",
        "operation": "replace" if "prompt" in instructions else "remove",
        "provider": "ideogram",
        "instructions": instructions,
        "results": list(results),
        "cost": {"usd": usd, "basis": "price_list", "unknown_usd": 0.0},
        "queued_at": NOON.isoformat(),
        "stored_at": (NOON + timedelta(seconds=4)).isoformat(),
        "warnings": [],
    }
    return {"source": {"key": PREFIX + name}, "jobs": [job], "total_usd": usd}


def report(name: str, **changes: str) -> dict[str, Any]:
    error = {
        "status": "refused",
        "code": "not_a_photo",
        "message": "The file is text.",
        "hint": "Replace the file.",
        "money": "not_spent",
    }
    return {"source": {"key": PREFIX + name}, "errors": [error | changes]}


def dropped(name: str, *, must_be_refused: bool = False, credit: str = "somebody") -> Dropped:
    order = Order(name, b"", tags={"operation": "remove"}, credit=credit, must_be_refused=must_be_refused)
    return Dropped(order, PREFIX + name, NOON - timedelta(seconds=1))


def stored(name: str, usd: float = 0.06) -> Sight:
    told = receipt(name, result(f"{PREFIX}{name}/{name}.png"), usd=usd)
    return Sight(Stage.STORED, micro_usd=round(usd * 1_000_000), receipt=told)
