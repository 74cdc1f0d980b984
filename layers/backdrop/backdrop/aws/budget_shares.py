"""The shares of a day's budget in DynamoDB: read all of them, borrow, and return what is above a lowered cap."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backdrop.aws.items import (
    budget_day_key,
    budget_share_key,
    parse_budget_day,
    parse_budget_share,
    parse_granted,
    parse_share_count,
    to_key_attributes,
)
from backdrop.aws.ledger import build_budget_error
from backdrop.aws.table import Table, TransactionError
from backdrop.model.budget_shares import Grant, SharedBudget, UseShare, find_money, plan_recall
from backdrop.model.codes import Code
from backdrop.model.errors import RetryLaterError

MAX_TRIES = 20


@dataclass(eq=False, repr=False)
class BudgetShares:
    """Moves money between a day's item and its shares. No worker owns a share: it is only an item.

    Every amount is added or subtracted under a condition on the item's current amount, so no worker overwrites the
    result of another one, and a worker that crashes leaves what it borrowed to the next claim.
    """

    table: Table

    def read(self, day: str) -> SharedBudget:
        """Reads a day's budget (UTC). A day without shares takes one request, as it does in a stack without shares."""
        item = self.table.read_item(budget_day_key(day)) or {}
        share_count = parse_share_count(item)
        keys = {budget_share_key(day, number): number for number in range(1, share_count + 1)}
        found = self.table.read_items([*keys]) if keys else {}
        shares = tuple(parse_budget_share(number, found[key]) for key, number in keys.items() if key in found)
        return SharedBudget(parse_budget_day(day, item), parse_granted(item), share_count, shares)

    def find_share(self, day: str, price: int, default_cap: int, share: int | None, share_count: int) -> int | None:
        """Returns the share that a claim of this price can use now, after borrowing if necessary.

        `share`: the one that had too little; None for the day's item. `share_count`: how many the stack uses. Another
        worker may use the money first. Raises RetryLaterError if all shares together do not cover the price.
        """
        for _ in range(MAX_TRIES):
            budget = self.read(day)
            cap = budget.day.resolve_cap(default_cap)
            source = find_money(budget, price, cap, share, share_count)
            if isinstance(source, Code):
                raise build_budget_error(source)
            if isinstance(source, UseShare):
                return source.share
            if self._try_grant(budget, source, cap, share_count):
                return source.share
        raise build_budget_error(Code.BUDGET_RESERVED)

    def recall(self, day: str, default_cap: int) -> None:
        """Takes back what shares have not spent, as far as the cap does not cover it.

        Raises RetryLaterError if claims change the shares all the time.
        """
        for _ in range(MAX_TRIES):
            budget = self.read(day)
            recalled = plan_recall(budget, budget.day.resolve_cap(default_cap))
            if not recalled:
                return
            for number, amount in recalled.items():
                self._try_recall(day, number, amount)
        message = "Claims changed the shares of the budget repeatedly."
        raise RetryLaterError(Code.LEDGER_CONFLICT, message, 1)

    def _try_recall(self, day: str, number: int, amount: int) -> None:
        """Changes nothing if a claim was faster: the next round takes back what is left."""
        write_id = self.table.new_id()
        returned = self._build_day_update(day, "ADD committed :amount, granted :amount", {":amount": -amount})
        taken = self._build_share_update(day, number, -amount, write_id)
        self._try_transact([taken, returned], (day, number), write_id)

    def _try_grant(self, budget: SharedBudget, grant: Grant, cap: int, share_count: int) -> bool:
        """Returns whether the grant was written. If not, another worker changed what it was based on."""
        day, write_id = budget.day.day, self.table.new_id()
        target = self._build_share_update(day, grant.share, grant.total, write_id)
        donors = [self._build_share_update(day, number, -amount, write_id) for number, amount in grant.moved.items()]
        if not grant.from_day:
            return self._try_transact([target, *donors], (day, grant.share), write_id)
        version = budget.day.registry_version
        if version:
            # A new share must have it, so that no claim on the share overlooks a mandate.
            target["Update"]["UpdateExpression"] += ", registry_version = :version"
            target["Update"]["ExpressionAttributeValues"][":version"] = {"N": str(version)}
        return self._try_transact(
            [target, *donors, self._build_day_grant(budget, grant, cap, share_count)], (day, grant.share), write_id
        )

    def _try_transact(self, writes: Sequence[dict[str, Any]], share: tuple[str, int], write_id: str) -> bool:
        """Returns False if a condition failed. The share has the mark by which the transaction is recognized."""
        try:
            self.table.transact(writes, read_back=(budget_share_key(*share), write_id))
        except TransactionError:
            return False
        return True

    def _build_share_update(self, day: str, number: int, amount: int, write_id: str) -> dict[str, Any]:
        """Changes what is available in a share, which must have what is taken from it."""
        update: dict[str, Any] = {
            "TableName": self.table.name,
            "Key": to_key_attributes(budget_share_key(day, number)),
            "UpdateExpression": "ADD available :amount SET write_id = :write_id",
            "ExpressionAttributeValues": {":amount": {"N": str(amount)}, ":write_id": {"S": write_id}},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        if amount < 0:
            update["ConditionExpression"] = "available >= :taken"
            update["ExpressionAttributeValues"][":taken"] = {"N": str(-amount)}
        return {"Update": update}

    def _build_day_grant(self, budget: SharedBudget, grant: Grant, cap: int, share_count: int) -> dict[str, Any]:
        """Commits the grant on the day's item, if the cap allows it, and neither cap nor mandates have changed.

        The number of shares is written first by the first grant, because the creation of a mandate has to write all of
        them.
        """
        read_values = {
            "cap": budget.day.cap,
            "registry_version": budget.day.registry_version or None,
            "share_count": budget.share_count or None,
        }
        conditions = ["(attribute_not_exists(committed) OR committed <= :room)"]
        values = {":amount": grant.from_day, ":room": cap - grant.from_day}
        for name, value in read_values.items():
            conditions.append(f"attribute_not_exists(#{name})" if value is None else f"#{name} = :{name}")
            values |= {} if value is None else {f":{name}": value}
        values[":count"] = max(budget.share_count, share_count, grant.share)
        expression = "ADD committed :amount, granted :amount SET #share_count = :count"
        update = self._build_day_update(budget.day.day, expression, values)
        update["Update"] |= {
            "ConditionExpression": " AND ".join(conditions),
            "ExpressionAttributeNames": {f"#{name}": name for name in read_values},
        }
        return update

    def _build_day_update(self, day: str, expression: str, values: Mapping[str, int]) -> dict[str, Any]:
        return {
            "Update": {
                "TableName": self.table.name,
                "Key": to_key_attributes(budget_day_key(day)),
                "UpdateExpression": expression,
                "ExpressionAttributeValues": {name: {"N": str(value)} for name, value in values.items()},
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        }
