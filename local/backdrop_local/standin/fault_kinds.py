"""The kinds of faults: their names, their arguments, and the moment at which each strikes."""

from typing import Literal, cast

from pydantic import JsonValue

FaultName = Literal[
    "refuse_429",
    "slow",
    "trickle",
    "accept_then_drop",
    "accept_then_wait",
    "drop_before_read",
    "reset_mid_body",
    "status",
    "html_error",
    "error_in_200",
    "malformed_json",
    "success_status",
    "interim",
    "unsafe",
    "fewer_results",
    "foreign_url",
    "redirect",
    "expired_url",
    "truncated",
    "wrong_type",
    "huge",
    "cdn_5xx",
    "job_fails",
    "poll_404",
    "poll_5xx",
    "poll_stuck",
    "poll_partial",
    "inline_picture",
    "early_result",
    "late_conflict",
    "dup_webhook",
    "early_webhook",
    "forged_webhook",
    "no_webhook",
    "put_fail",
    "key_paused",
    "balance",
    "clock",
]

NUMBER = (int, float)
FAULT_ARGS: dict[str, dict[str, tuple[type, ...]]] = {
    "refuse_429": {"body": (str, dict, list), "headers": (dict,)},
    "slow": {"ms": NUMBER},
    "trickle": {"bytes_per_s": NUMBER},
    "accept_then_wait": {"ms": NUMBER},
    "status": {
        "code": (int,),
        "body": (str, dict, list),
        "type": (str,),
        "html": (bool,),
        "headers": (dict,),
        "after_run": (bool,),
        "billed": (bool,),
        "ms": NUMBER,
    },
    "html_error": {"code": (int,), "billed": (bool,)},
    "error_in_200": {"status_code": (int,), "beside": (bool,), "billed": (bool,)},
    "malformed_json": {"variant": (str,)},
    "success_status": {"code": (int,)},
    "interim": {"codes": (list,)},
    "unsafe": {"which": (list,), "form": (str,), "billed": (bool,)},
    "foreign_url": {"kind": (str,), "url": (str,)},
    "redirect": {"url": (str,), "code": (int,)},
    "expired_url": {"seconds": NUMBER},
    "truncated": {"chunked": (bool,)},
    "wrong_type": {"type": (str,), "bytes_as": (str,)},
    "huge": {"mb": NUMBER},
    "cdn_5xx": {"times": (int,), "code": (int,)},
    "job_fails": {"message": (str,), "code": (str,), "in_200": (bool,), "billed": (bool,)},
    "poll_5xx": {"code": (int,), "html": (bool,)},
    "inline_picture": {"form": (str,)},
    "key_paused": {"status": (int,)},
    "balance": {"usd": (str, *NUMBER), "status": (int,)},
    "clock": {"offset_s": NUMBER},
}
"""The arguments of each fault, with their JSON types. A fault that is not listed takes none."""

ARG_CHOICES: dict[tuple[str, str], frozenset[object]] = {
    ("malformed_json", "variant"): frozenset(
        {"cut", "invalid", "no_data", "empty_data", "wrong_types", "other_id", "renamed"}
    ),
    ("success_status", "code"): frozenset({201, 202, 203, 206}),
    ("foreign_url", "kind"): frozenset({"host", "http", "loopback", "userinfo"}),
    ("unsafe", "form"): frozenset(
        {"null", "empty", "missing", "error", "detail", "no_output", "flag", "no_result", "failure"}
        | {"code", "nsfw", "no_link"}
    ),
    ("inline_picture", "form"): frozenset({"base64", "data_uri", "link"}),
    ("wrong_type", "bytes_as"): frozenset({"JPEG", "WEBP", "GIF"}),
}

ON_ARRIVAL = frozenset({"drop_before_read", "key_paused"})
AT_GATE = frozenset({"refuse_429", "status", "html_error"})
ON_DOWNLOAD = frozenset({"redirect", "truncated", "wrong_type", "huge", "cdn_5xx"})
ALSO_ON_DOWNLOAD = frozenset(
    {"slow", "trickle", "accept_then_drop", "reset_mid_body", "status", "html_error", "expired_url"}
    | {"success_status", "interim"}
)
ON_LOOKUP = frozenset({"poll_404", "poll_5xx", "poll_stuck", "poll_partial"})
"""Faults of lookups. Other faults strike lookups and uploads only if their rule names the route."""
IMMEDIATE = frozenset({"balance", "clock"})
"""Faults that take effect when they are posted, and do not become rules."""


def check_args(fault: str, args: dict[str, JsonValue]) -> None:
    """Raises ValueError if the fault does not take these arguments."""
    known = FAULT_ARGS.get(fault, {})
    for name, value in args.items():
        if name not in known:
            takes = ", ".join(known) or "no arguments"
            raise ValueError(f"{fault} takes {takes}, not {name!r}")
        if name == "which" and not all(type(place) is int for place in cast("list[object]", value)):
            raise ValueError(f"which of {fault} must be a list of positions, starting at 0")
        if not isinstance(value, known[name]) or (type(value) is bool and bool not in known[name]):
            raise ValueError(f"{name} of {fault} cannot be {value!r}")
        choices = ARG_CHOICES.get((fault, name))
        if choices and value not in choices:
            raise ValueError(f"{name} of {fault} must be one of {', '.join(sorted(map(str, choices)))}")
