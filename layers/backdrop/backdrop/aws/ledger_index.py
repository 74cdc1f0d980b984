"""Queries on the ledger's index of open and failed items."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from heapq import merge
from itertools import batched, chain
from typing import Any

from backdrop.aws.budget_shares import BudgetShares
from backdrop.aws.items import (
    JOB_KEY_PREFIX,
    budget_day_key,
    parse_record,
    parse_share_count,
    to_sortable_timestamp,
)
from backdrop.aws.table import MAX_BATCH_GET_KEYS, MAX_SORT_KEY, MIN_SORT_KEY, Table
from backdrop.model.image_request import ImageRequest
from backdrop.model.job import Job
from backdrop.model.schedule import (
    FAILED_ITEMS,
    INDEX_SHARDS,
    MANDATE_ITEMS,
    NEEDS_INSTRUCTIONS,
    OPEN_ITEMS,
    REVIEW_ITEMS,
    BudgetDay,
    ItemKey,
    format_campaign_partition,
    format_location,
    format_mandate_range,
)
from backdrop.ports import CLIENT_CONCURRENCY

MAX_DUE = "9999"


class LedgerQueries:
    """Lists due, open, and failed items for reconcile and for operators. The index may lag by a moment."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._budget_shares = BudgetShares(table)

    def list_due(self, now: datetime) -> Iterator[ItemKey]:
        """Returns the open items that are due, oldest first."""
        return map(_parse_item_key, self._query_shards(OPEN_ITEMS, to_sortable_timestamp(now)))

    def list_open(self) -> Iterator[ItemKey]:
        """Returns all items that have not ended, and then the jobs that wait for their mandates."""
        waiting = map(_parse_item_key, self._query_shards(MANDATE_ITEMS, MAX_SORT_KEY))
        return chain((item_key for _, item_key in self.list_open_from("")), waiting)

    def list_open_from(self, position: str) -> Iterator[tuple[str, ItemKey]]:
        """Returns the open items from this position in the index, each with its own position; "" is the start."""
        return (
            (item["due"]["S"], _parse_item_key(item))
            for item in self._query_shards(OPEN_ITEMS, MAX_DUE, position or MIN_SORT_KEY)
        )

    def list_failed(self) -> Iterator[ItemKey]:
        """Returns the failed items, oldest first, and then the photos without instructions."""
        return map(
            _parse_item_key,
            chain(self._query_shards(FAILED_ITEMS, MAX_DUE), self._query_shards(NEEDS_INSTRUCTIONS, MAX_SORT_KEY)),
        )

    def list_in_review(self) -> Iterator[ItemKey]:
        """Returns the jobs whose pictures wait for approval, the longest first."""
        return map(_parse_item_key, self._query_shards(REVIEW_ITEMS, MAX_DUE))

    def list_waiting_for_mandate(self, name: str) -> Iterator[ItemKey]:
        """Returns the jobs that wait until their mandate covers them, the longest first."""
        start = format_mandate_range(name)
        return map(_parse_item_key, self._query_shards(MANDATE_ITEMS, f"{start}{MAX_SORT_KEY}", start))

    def find_mandate_with_waiting_jobs(self, after: str) -> str | None:
        """Returns the name of the next mandate after this one for which jobs wait; None if there is none."""
        start = f"{format_mandate_range(after)}{MAX_SORT_KEY}" if after else MIN_SORT_KEY
        item = next(self._query_shards(MANDATE_ITEMS, MAX_SORT_KEY, start), None)
        return item["due"]["S"].partition("#")[0] if item else None

    def list_needing_instructions(self, bucket: str, prefix: str, after: str = "") -> Iterator[str]:
        """Returns, in order, the keys after `after` of photos below the prefix that have no instructions."""
        range_start = format_location(bucket, prefix)
        start = f"{format_location(bucket, after)}{MIN_SORT_KEY}" if after else range_start
        for item in self._query_shards(NEEDS_INSTRUCTIONS, f"{range_start}{MAX_SORT_KEY}", start):
            yield item["due"]["S"].removeprefix(format_location(bucket, ""))

    def list_campaign_requests(self, campaign_name: str) -> Iterator[ImageRequest]:
        """Yields a campaign's requests in the order of their photos, with only a few batches in memory."""
        request_keys = (
            (item["pk"]["S"], item["sk"]["S"])
            for item in self._query_shards(format_campaign_partition(campaign_name), MAX_SORT_KEY)
        )
        with ThreadPoolExecutor(CLIENT_CONCURRENCY) as pool:
            for batches in batched(
                batched(request_keys, MAX_BATCH_GET_KEYS, strict=False), CLIENT_CONCURRENCY, strict=False
            ):
                for keys, found in zip(batches, pool.map(self._table.read_items, batches), strict=True):
                    yield from (parse_record(ImageRequest, found[key]) for key in keys if key in found)

    def read_jobs(self, item_keys: Sequence[ItemKey]) -> Mapping[ItemKey, Job]:
        """Returns the existing jobs, with strongly consistent reads."""
        keys_by_primary_key = {(f"source#{key.source_id}", f"{JOB_KEY_PREFIX}{key.job_id}"): key for key in item_keys}
        found: dict[ItemKey, Job] = {}
        for keys in batched(keys_by_primary_key, MAX_BATCH_GET_KEYS, strict=False):
            found |= {
                keys_by_primary_key[key]: parse_record(Job, item) for key, item in self._table.read_items(keys).items()
            }
        return found

    def _query_shards(self, entry_kind: str, until: str, since: str = MIN_SORT_KEY) -> Iterator[Mapping[str, Any]]:
        shards = (self._table.query_index(f"{entry_kind}#{shard}", until, since) for shard in INDEX_SHARDS)
        return merge(*shards, key=lambda item: item["due"]["S"])

    def read_budget_day(self, day: str) -> BudgetDay:
        """Returns the spending committed on a day (UTC) in all shares, and the cap that an operator set for it."""
        return self._budget_shares.read(day).total

    def recall_budget(self, day: str, default_cap: int) -> BudgetDay:
        """Returns the spending too, after taking back what shares may no longer spend because the cap was lowered."""
        budget = self._budget_shares.read(day)
        if budget.held > budget.day.resolve_cap(default_cap):
            self._budget_shares.recall(day, default_cap)
        return budget.total

    def set_day_cap(self, day: str, cap: int) -> None:
        """Sets the cap of one day in micro-dollars, which replaces the stack's, and takes back what exceeds it."""
        item = self._table.update_item(
            budget_day_key(day),
            UpdateExpression="SET #cap = :cap",
            ExpressionAttributeNames={"#cap": "cap"},
            ExpressionAttributeValues={":cap": {"N": str(cap)}},
            ReturnValues="ALL_NEW",
        )
        if parse_share_count(item):
            self._budget_shares.recall(day, cap)


def _parse_item_key(item: Mapping[str, Any]) -> ItemKey:
    source_id, sort_key = item["pk"]["S"].partition("#")[2], item["sk"]["S"]
    return ItemKey(source_id, sort_key.removeprefix(JOB_KEY_PREFIX) if sort_key.startswith(JOB_KEY_PREFIX) else None)
