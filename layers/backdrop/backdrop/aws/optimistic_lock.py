"""How an item of the ledger is written: marked as ours, and only where it is still the one that was read."""

from dataclasses import replace
from typing import Any

from backdrop.aws.items import to_item
from backdrop.aws.table import Table
from backdrop.model.job import LedgerItem


def increment_lock_version[I: LedgerItem](table: Table, item: I) -> I:
    """The item as it is written: one revision on, with a mark by which we know our own write again."""
    return replace(item, lock_version=item.lock_version + 1, write_id=table.new_id())


def build_conditional_put(table: Table, item: LedgerItem) -> dict[str, Any]:
    """A put of a transaction: only where the item is still the one that was read."""
    condition = "attribute_not_exists(pk)" if item.lock_version == 1 else "lock_version = :lock_version"
    put: dict[str, Any] = {
        "TableName": table.name,
        "Item": to_item(item, table.kept_days),
        "ConditionExpression": condition,
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    if item.lock_version > 1:
        put["ExpressionAttributeValues"] = {":lock_version": {"N": str(item.lock_version - 1)}}
    return {"Put": put}
