"""Receipts, reports, and order progress for the demo's tests, as they are in the output bucket."""

from datetime import UTC, datetime, timedelta
from typing import Any

from backdrop_cli.demo.order_progress import OrderProgress
from backdrop_cli.demo.order_uploads import UploadedOrder
from backdrop_cli.display_status import DisplayStatus
from backdrop_local.demo_orders import DemoOrder

NOON = datetime(2026, 11, 16, 12, 0, tzinfo=UTC)
PREFIX = "demo/one/"


def build_result(key: str, n: int = 1, **changes: Any) -> dict[str, Any]:
    known: dict[str, Any] = {
        "key": key,
        "version_id": "one",
        "n": n,
        "output": None,
        "width": 640,
        "height": 480,
        "format": "png",
        "bytes": 1_234_567,
        "seed": 7,
        "has_alpha": False,
    }
    return known | changes


def build_source(name: str, **changes: Any) -> dict[str, Any]:
    key = PREFIX + name
    known: dict[str, Any] = {"bucket": "photos", "key": key, "version_id": "v1", "sha256": key, "width": 8, "height": 6}
    return known | changes


def build_receipt(name: str, *results: dict[str, Any], usd: float = 0.06, **instructions: Any) -> dict[str, Any]:
    operation = "replace" if "prompt" in instructions else "remove"
    requested = {"operation": operation, **instructions}
    job: dict[str, Any] = {
        "job_id": "job",
        "variant": None,
        "current": True,
        "status": "stored",
        "operation": operation,
        "provider": "ideogram",
        "instructions": requested,
        "provenance": dict.fromkeys(requested, f"{name}.json"),
        "results": list(results),
        "cost": {"usd": usd, "basis": "price_list", "unknown_usd": 0.0},
        "attempts": [{"n": 1, "provider": "ideogram", "outcome": "answered"}],
        "reused_from": None,
        "queued_at": NOON.isoformat(),
        "stored_at": (NOON + timedelta(seconds=4)).isoformat(),
        "throttled_seconds": 0.0,
        "warnings": [],
    }
    return {"source": build_source(name), "jobs": [job], "total_usd": usd}


def build_report(name: str, **changes: Any) -> dict[str, Any]:
    error: dict[str, Any] = {
        "job_id": None,
        "variant": None,
        "status": "refused",
        "code": "not_a_photo",
        "message": "The file is text.",
        "hint": "Replace the file.",
        "retryable": False,
        "money": "not_spent",
        "first_seen": NOON.isoformat(),
        "last_seen": NOON.isoformat(),
    }
    return {"source": build_source(name, sha256=None, width=None, height=None), "errors": [error | changes]}


def build_order(name: str, *, must_be_refused: bool = False, credit: str = "somebody") -> UploadedOrder:
    order = DemoOrder(name, b"", tags={"operation": "remove"}, credit=credit, expects_refusal=must_be_refused)
    return UploadedOrder(order, PREFIX + name, NOON - timedelta(seconds=1))


def build_stored_progress(name: str, usd: float = 0.06) -> OrderProgress:
    stored = build_receipt(name, build_result(f"{PREFIX}{name}/{name}.png"), usd=usd)
    return OrderProgress(DisplayStatus.STORED, cost_micro_usd=round(usd * 1_000_000), receipt=stored)
