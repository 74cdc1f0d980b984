"""Short JSON for a model to read: what a job has become, what it cost, and what the mandate still covers."""

import json
from collections.abc import Mapping
from typing import Any

from backdrop.model.codes import Code
from backdrop_client import (
    Allowance,
    AwaitingApprovalError,
    BackdropClientError,
    Cost,
    FailedError,
    GoneError,
    InstructionsError,
    MandateError,
    NotAuthorizedError,
    RefusedError,
    Result,
    StackUnusableError,
)

MAX_PICTURES = 6
MAX_JOBS, MAX_WARNINGS = 3, 2
MAX_TEXT_BYTES, MAX_RECEIPT_TEXT_BYTES = 300, 80
"""UTF-8 bytes of one text. A reply has at most 1,000 tokens, even if each byte of a prompt is one."""
_ACTORS: tuple[tuple[type[BackdropClientError], str], ...] = (
    (InstructionsError, "you"),
    (MandateError, "the mandate's owner"),
    (RefusedError, "you"),
    (AwaitingApprovalError, "a reviewer"),
    (GoneError, "you"),
    (FailedError, "the stack's operator"),
    (NotAuthorizedError, "the server's owner"),
    (StackUnusableError, "the server's owner"),
)
"""Who can do what an error advises. The first class that fits counts; for all others, it is the agent."""


def to_json(document: Mapping[str, Any]) -> str:
    """Returns compact JSON without the fields that are None."""
    known = {name: value for name, value in document.items() if value is not None}
    return json.dumps(known, ensure_ascii=False, separators=(",", ":"))


def describe_allowance(allowance: Allowance) -> dict[str, Any]:
    return {"left_usd": allowance.left_usd, "left_today_usd": allowance.left_today_usd}


def describe_cost(cost: Cost) -> dict[str, Any]:
    return {"cost_usd": cost.usd, "possibly_usd": cost.unknown_usd or None}


def describe_result(result: Result) -> dict[str, Any]:
    """Returns the pictures, each with the number that `look` takes."""
    pictures = [
        {
            "n": n,
            "key": picture.key,
            "size": f"{picture.details['width']}x{picture.details['height']}",
            "verdict": picture.verdict,
        }
        for n, picture in enumerate(result.pictures, 1)
    ]
    more = len(pictures) - MAX_PICTURES
    return {"pictures": pictures[:MAX_PICTURES], "more_pictures": more if more > 0 else None}


def describe_error(error: BackdropClientError) -> dict[str, Any]:
    """Returns what happened, what to do, and who can do it. The cost is a field of its own."""
    actor = next((name for kind, name in _ACTORS if isinstance(error, kind)), "you")
    if error.code == Code.MANDATE_FORBIDS:
        # Other instructions may be allowed.
        actor = "you"
    return {
        "error": error.code,
        "message": shorten(error.message),
        "to_do": shorten(error.hint),
        "who": actor,
        **_describe_error_cost(error),
    }


def _describe_error_cost(error: BackdropClientError) -> dict[str, Any]:
    """Only an error about a photo whose receipt was read knows what the photo cost."""
    if error.usd is None:
        return {"cost": "this error caused no charge"}
    return describe_cost(Cost(error.usd, error.unknown_usd))


def describe_receipt(receipt: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Returns a photo's jobs with their instructions, calls, and warnings, current ones first."""
    return [
        {
            "variant": job["variant"],
            "status": job["status"],
            "current": job["current"],
            "provider": job["provider"],
            "instructions": shorten(json.dumps(job["instructions"], ensure_ascii=False), MAX_RECEIPT_TEXT_BYTES),
            "calls": [f"{one['outcome']}, {one['money']}" for one in job["attempts"]][-MAX_PICTURES:],
            "usd": job["cost"]["usd"],
            "warnings": [shorten(one, MAX_RECEIPT_TEXT_BYTES) for one in job["warnings"][:MAX_WARNINGS]],
        }
        for job in receipt["jobs"][:MAX_JOBS]
    ]


def shorten(text: str, max_bytes: int = MAX_TEXT_BYTES) -> str:
    data = text.encode(errors="replace")
    return text if len(data) <= max_bytes else f"{data[:max_bytes].decode(errors='ignore')}…"
