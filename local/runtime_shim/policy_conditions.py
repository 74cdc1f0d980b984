"""What policies' conditions need and the emulator lacks: keys of DynamoDB and EventBridge, and `${aws:userid}`.

A transaction is authorized item by item, so each of its actions carries the partition key of its own item.
"""

import json
from collections.abc import Callable
from typing import Any

LEADING_KEYS = "dynamodb:LeadingKeys"
PARTITION_KEY = "pk"
EVENT_KEYS = {"events:source": "Source", "events:detail-type": "DetailType"}
USER_ID = "aws:userid"


class ItemAction(str):
    """The name of an action, such as `dynamodb:PutItem`, with the partition keys of the items that it writes."""

    __slots__ = ("leading_keys",)
    leading_keys: list[str]


def read_leading_keys(request: Any) -> list[str]:
    """Returns the partition key that a request for one item names, or nothing."""
    named = [request[member] for member in ("Item", "Key") if member in request]
    return [key[PARTITION_KEY]["S"] for key in named if PARTITION_KEY in key]


def read_event_keys(body: bytes) -> dict[str, list[str]]:
    """Returns the keys of a PutEvents request. Each has the values of all its entries."""
    entries = json.loads(body).get("Entries", ())
    return {key: [entry[field] for entry in entries if field in entry] for key, field in EVENT_KEYS.items()}


def fill_in(conditions: Any, user_id: str) -> Any:
    """Returns a policy's conditions with the caller's ID in place of its variable."""
    return json.loads(json.dumps(conditions).replace(f"${{{USER_ID}}}", user_id))


def install(actions: Any, evaluator: Any) -> None:
    """Replaces functions of the emulator's modules `iam_actions` and `iam_evaluator`."""
    build_context: Callable[[bytes], dict[str, Any]] = actions.dynamodb_service_context
    list_checks: Callable[..., list[tuple[str, str]]] = actions.dynamodb_transaction_checks
    build_tag_context: Callable[..., dict[str, Any]] = actions.request_tag_context
    enforce: Callable[..., Any] = evaluator.enforce
    conditions_met: Callable[[Any, Any], bool] = evaluator._conditions_met  # noqa: SLF001  no public access to it

    def build_context_with_keys(body: bytes) -> dict[str, Any]:
        keys = read_leading_keys(json.loads(body or b"{}"))
        return build_context(body) | ({LEADING_KEYS: keys} if keys else {})

    def list_checks_with_keys(action: str, body: bytes, *place: str) -> list[tuple[str, str]]:
        checks = list_checks(action, body, *place)
        items = json.loads(body)["TransactItems"] if checks else []
        named: list[tuple[str, str]] = []
        for (item_action, arn), item in zip(checks, items, strict=True):
            with_keys = ItemAction(item_action)
            [request] = item.values()
            with_keys.leading_keys = read_leading_keys(request)
            named.append((with_keys, arn))
        return named

    def build_event_context(service: str, action: str, body: bytes, *routing: Any) -> dict[str, Any]:
        added = read_event_keys(body) if action == "events:PutEvents" else {}
        return build_tag_context(service, action, body, *routing) | added

    def enforce_with_keys(access_key: str, action: str, *place: Any, **keywords: Any) -> Any:
        if isinstance(action, ItemAction):
            keywords["service_context"] = keywords["service_context"] | {LEADING_KEYS: action.leading_keys}
        return enforce(access_key, action, *place, **keywords)

    def are_met(conditions: Any, context: Any) -> bool:
        return conditions_met(fill_in(conditions, context.principal_keys.get(USER_ID, "")), context)

    actions.dynamodb_service_context = build_context_with_keys
    actions.dynamodb_transaction_checks = list_checks_with_keys
    actions.request_tag_context = build_event_context
    evaluator.enforce = enforce_with_keys
    evaluator._conditions_met = are_met  # noqa: SLF001
