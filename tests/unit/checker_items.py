"""Hand-made items for the tests of the invariants: jobs, photos, and lanes as the ledger stores them."""

from typing import Any

from simulation.invariants.violations import JsonObject, PlainLedger

PRICE = 30_000
DAY = "2026-11-20"
KEY = "shoes/red.jpg"
PICTURE = f"{KEY}/red.png"
LEASE = "2026-11-20T09:06:00Z"


def attempt(n: int = 1, **changes: Any) -> dict[str, Any]:
    """Returns an attempt that was answered and charged."""
    facts: dict[str, Any] = {
        "n": n,
        "provider": "ideogram",
        "provider_id": None,
        "outcome": "answered",
        "budget_day": DAY,
    }
    money = {"charged": PRICE, "unknown": 0, "reserved": 0}
    return facts | money | {"charge_no": 0, "is_parked": False, "lease_until": LEASE} | changes


def in_flight(n: int = 1, **changes: Any) -> dict[str, Any]:
    """Returns an attempt whose call is in flight."""
    return attempt(n, outcome="in_flight", charged=0, reserved=PRICE) | changes


def lost(n: int = 1, **changes: Any) -> dict[str, Any]:
    """Returns an attempt whose answer was lost."""
    return attempt(n, outcome="lost", charged=0, unknown=PRICE) | changes


def job(status: str = "stored", *attempts: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Returns a job. A stored job has a picture and an attempt by default."""
    facts: dict[str, Any] = {
        "job_id": "j1",
        "source_id": "s1",
        "content_id": "c1",
        "key": KEY,
        "sha256": "aa",
        "variant": "",
    }
    facts |= {"purchase_spec": {"operation": "remove"}, "provider": "ideogram", "problem": None, "announced": False}
    facts |= {
        "attempt_no": len(attempts) or 1,
        "paid_attempt_no": 1,
        "charge_no": 0,
        "end_after_call": None,
        "reused_from": None,
        "reviews": [],
        "judged_attempts": [],
        "mask_quoted": 0,
    }
    results = [{"key": PICTURE}] if status == "stored" else []
    all_attempts = list(attempts) if attempts or status != "stored" else [attempt()]
    return facts | {"status": status, "attempts": all_attempts, "results": results, "quoted": PRICE} | changes


def waiting(**changes: Any) -> dict[str, Any]:
    """Returns a job that was just accepted."""
    return job("accepted", attempt_no=0, paid_attempt_no=0, **changes)


def failed(status: str, code: str, *attempts: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Returns a job that failed."""
    return job(status, *attempts, problem={"code": code}, **changes)


def source(*current_job_ids: str, problems: tuple[str, ...] = (), **changes: Any) -> dict[str, Any]:
    """Returns a source with its current jobs and its problems."""
    problem_items = [{"code": code, "first_seen": "2026-11-20T09:00:30Z"} for code in problems]
    facts: dict[str, Any] = {
        "key": KEY,
        "jobs": {str(n): job_id for n, job_id in enumerate(current_job_ids)},
        "problems": problem_items,
    }
    return (
        facts
        | {"photo": {"etag": "e1"}, "settling_since": None, "blocked_by_defaults": "", "was_missing": False}
        | changes
    )


def ledger(*jobs: JsonObject, photo_source: JsonObject | None = None) -> PlainLedger:
    """Returns a ledger with one photo. Unless a source is given, the photo's source names the first job."""
    current_job_ids = [str(job["job_id"]) for job in jobs[:1]]
    return PlainLedger({"s1": photo_source or source(*current_job_ids)}, {str(job["job_id"]): job for job in jobs}, {})


def lane(*reasons: str, **changes: Any) -> dict[str, Any]:
    """Returns a lane that is paused for these reasons, or running if there are none."""
    pauses = [{"reason": reason, "code": f"{reason}_code", "required_budget": 0} for reason in reasons]
    return {"pauses": pauses, "is_half_open": False, "opened_since": None} | changes
