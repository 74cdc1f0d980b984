"""How an item of the ledger is written: marked as ours, and only where it is still the one that was read."""

from typing import Any

from backdrop.aws.items import item_of
from backdrop.aws.table import Table
from backdrop.model.job import Item


def next_of[I: Item](table: Table, item: I) -> I:
    """The item as it is written: one revision on, with a mark by which we know our own write again."""
    return item.but(rev=item.rev + 1, write_id=table.new_id())


def fenced_put(table: Table, item: Item) -> dict[str, Any]:
    """A put of a transaction: only where the item is still the one that was read."""
    fence = "attribute_not_exists(pk)" if item.rev == 1 else "rev = :rev"
    put: dict[str, Any] = {
        "TableName": table.name,
        "Item": item_of(item, table.kept_days),
        "ConditionExpression": fence,
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    if item.rev > 1:
        put["ExpressionAttributeValues"] = {":rev": {"N": str(item.rev - 1)}}
    return {"Put": put}
