"""What one write would do to a DynamoDB item, whether its condition allows it, and how it is refused."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simulation.world.dynamodb_expressions import (
    EvaluationScope,
    ExpressionError,
    Item,
    apply_update,
    find_placeholders,
    is_met,
)
from simulation.world.transport import build_client_error

# Limits: Amazon DynamoDB Developer Guide, "Quotas".
MAX_ITEM_BYTES = 400_000
WRITE_KINDS = "Put", "Update", "Delete", "ConditionCheck"
Key = tuple[str, str]


@dataclass(frozen=True)
class EvaluatedWrite:
    """One write, judged: the item before and after (None: no item), and whether its condition holds."""

    key: Key
    before: Item | None
    after: Item | None
    is_allowed: bool
    returns_item_on_failure: bool = False
    changes_item: bool = True

    @property
    def cancellation_reason(self) -> dict[str, Any]:
        """Its entry among a cancelled transaction's reasons."""
        if self.is_allowed:
            return {"Code": "None"}
        reason: dict[str, Any] = {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"}
        return reason | self.item_on_failure

    @property
    def item_on_failure(self) -> dict[str, Any]:
        """The item that was in the way, where the caller wants to see it."""
        return {"Item": dict(self.before)} if self.returns_item_on_failure and self.before is not None else {}


def evaluate_write(operation: str, request: Mapping[str, Any], items: Mapping[Key, Item]) -> EvaluatedWrite:
    """What a write would leave behind; ValidationException where DynamoDB would not understand it."""
    if operation not in WRITE_KINDS:
        raise NotImplementedError(f"no imitation of {operation}")
    key = read_key(request["Item"] if operation == "Put" else request["Key"])
    before = items.get(key)
    names, values = request.get("ExpressionAttributeNames", {}), request.get("ExpressionAttributeValues", {})
    scope = EvaluationScope(before or {}, names, values)
    try:
        is_allowed = "ConditionExpression" not in request or is_met(request["ConditionExpression"], scope)
        after = _compute_after(operation, request, scope) if is_allowed or operation == "Put" else before
        _check_placeholders(request, names.keys() | values.keys())
    except ExpressionError as error:
        raise build_validation_error(str(error)) from error
    if after is not None:
        _check_item(after)
    returns_item_on_failure = request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
    return EvaluatedWrite(key, before, after, is_allowed, returns_item_on_failure, operation != "ConditionCheck")


def _compute_after(operation: str, request: Mapping[str, Any], scope: EvaluationScope) -> Item | None:
    if operation == "Put":
        return dict(request["Item"])
    if operation == "Update":
        return apply_update(request.get("UpdateExpression", ""), scope) | request["Key"]
    return None if operation == "Delete" else scope.item


def _check_placeholders(request: Mapping[str, Any], defined: set[str]) -> None:
    used = find_placeholders(
        condition=request.get("ConditionExpression", ""), update=request.get("UpdateExpression", "")
    )
    if unused := defined - used:
        raise ExpressionError(f"defined and not used: {', '.join(sorted(unused))}")


def _check_item(item: Item) -> None:
    size = 0
    for name, value in item.items():
        ((kind, content),) = value.items()
        if kind not in ("S", "N") or not isinstance(content, str):
            raise NotImplementedError(f"no imitation of the attribute {name}: {value!r}")
        size += len(name.encode()) + len(content.encode())
    if size > MAX_ITEM_BYTES:
        raise build_validation_error("Item size has exceeded the maximum allowed size")


def read_key(item: Mapping[str, Any]) -> Key:
    """An item's place in the table."""
    return item["pk"]["S"], item["sk"]["S"]


def build_validation_error(message: str) -> Exception:
    """The error for a request that DynamoDB does not understand."""
    return build_client_error("ValidationException", "Write", 400, message)
