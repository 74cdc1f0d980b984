"""What one write would do to a DynamoDB item, whether its condition allows it, and how it is refused."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from proof.world.expressions import ExpressionError, Item, Scope, holds, placeholders, updated
from proof.world.wire import refusal

# Limits: Amazon DynamoDB Developer Guide, "Quotas".
LARGEST_ITEM_BYTES = 400_000
KINDS = "Put", "Update", "Delete", "ConditionCheck"
Key = tuple[str, str]


@dataclass(frozen=True)
class Write:
    """One write, judged: the item before and after (None: no item), and whether its condition holds."""

    key: Key
    before: Item | None
    after: Item | None
    allowed: bool
    shows: bool = False
    touches: bool = True

    @property
    def reason(self) -> dict[str, Any]:
        """Its entry among a cancelled transaction's reasons."""
        if self.allowed:
            return {"Code": "None"}
        reason: dict[str, Any] = {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"}
        return reason | self.shown

    @property
    def shown(self) -> dict[str, Any]:
        """The item that was in the way, where the caller wants to see it."""
        return {"Item": dict(self.before)} if self.shows and self.before is not None else {}


def judge(kind: str, sent: Mapping[str, Any], items: Mapping[Key, Item]) -> Write:
    """What a write would leave behind; ValidationException where DynamoDB would not understand it."""
    if kind not in KINDS:
        raise NotImplementedError(f"no imitation of {kind}")
    key = key_of(sent["Item"] if kind == "Put" else sent["Key"])
    before = items.get(key)
    names, values = sent.get("ExpressionAttributeNames", {}), sent.get("ExpressionAttributeValues", {})
    scope = Scope(before or {}, names, values)
    try:
        allowed = "ConditionExpression" not in sent or holds(sent["ConditionExpression"], scope)
        after = _after(kind, sent, scope) if allowed or kind == "Put" else before
        _check_placeholders(sent, names.keys() | values.keys())
    except ExpressionError as error:
        raise invalid(str(error)) from error
    if after is not None:
        _check_item(after)
    shows = sent.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
    return Write(key, before, after, allowed, shows, kind != "ConditionCheck")


def _after(kind: str, sent: Mapping[str, Any], scope: Scope) -> Item | None:
    if kind == "Put":
        return dict(sent["Item"])
    if kind == "Update":
        return updated(sent.get("UpdateExpression", ""), scope) | sent["Key"]
    return None if kind == "Delete" else scope.item


def _check_placeholders(sent: Mapping[str, Any], defined: set[str]) -> None:
    used = placeholders(condition=sent.get("ConditionExpression", ""), update=sent.get("UpdateExpression", ""))
    if unused := defined - used:
        raise ExpressionError(f"defined and not used: {', '.join(sorted(unused))}")


def _check_item(item: Item) -> None:
    size = 0
    for name, value in item.items():
        ((kind, content),) = value.items()
        if kind not in ("S", "N") or not isinstance(content, str):
            raise NotImplementedError(f"no imitation of the attribute {name}: {value!r}")
        size += len(name.encode()) + len(content.encode())
    if size > LARGEST_ITEM_BYTES:
        raise invalid("Item size has exceeded the maximum allowed size")


def key_of(item: Mapping[str, Any]) -> Key:
    """An item's place in the table."""
    return item["pk"]["S"], item["sk"]["S"]


def invalid(message: str) -> Exception:
    """The error for a request that DynamoDB does not understand."""
    return refusal("ValidationException", "Write", 400, message)
