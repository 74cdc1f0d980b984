"""The ledger as reconcile and people look through it, on the table's index of what is open and what failed."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from heapq import merge
from itertools import batched, chain, islice
from typing import Any

from backdrop.aws.items import JOB_PREFIX, day_key, instant, key_of, read, read_day
from backdrop.aws.optimistic_lock import fenced_put, next_of
from backdrop.aws.table import FIRST, LAST, MAX_KEYS, Table, TransactionError
from backdrop.model.errors import StaleError
from backdrop.model.image_request import Asked
from backdrop.model.job import Job
from backdrop.model.schedule import FAILURES, OPEN, SHARDS, WANTING, Day, Ref, Run, campaign, where
from backdrop.ports import AT_ONCE

EVER = "9999"


class Books:
    """The ledger as reconcile and people look through it: what is due, what failed, what a day may cost."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def due(self, now: datetime, most: int) -> Sequence[Ref]:
        """Open items whose time has come, the oldest first."""
        return [_ref(item) for item in islice(self._listed(OPEN, instant(now)), most)]

    def open(self) -> Iterator[Ref]:
        """All that has not ended yet."""
        return (ref for _, ref in self.open_from(""))

    def open_from(self, place: str) -> Iterator[tuple[str, Ref]]:
        """The same from a place in their order on, each behind its own; "" is before all."""
        return ((item["due"]["S"], _ref(item)) for item in self._listed(OPEN, EVER, place or FIRST))

    def failed(self) -> Iterator[Ref]:
        """All that ended badly, the oldest first, and behind it the photos that want instructions."""
        return map(_ref, chain(self._listed(FAILURES, EVER), self._listed(WANTING, LAST)))

    def wanting(self, bucket: str, prefix: str, after: str = "") -> Iterator[str]:
        """The keys of the photos below a prefix that want instructions, in their order, behind a key."""
        beginning = where(bucket, prefix)
        behind = f"{where(bucket, after)}{FIRST}" if after else beginning
        for item in self._listed(WANTING, f"{beginning}{LAST}", behind):
            yield item["due"]["S"].removeprefix(where(bucket, ""))

    def asked(self, name: str) -> Iterator[Asked]:
        """All items of a campaign as they stand now, in the order of their photos; never more in memory than a few."""
        listed = ((item["pk"]["S"], item["sk"]["S"]) for item in self._listed(campaign(name), LAST))
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for some in batched(batched(listed, MAX_KEYS, strict=False), AT_ONCE, strict=False):
                for keys, found in zip(some, pool.map(self._table.many, some), strict=True):
                    yield from (read(Asked, found[key]) for key in keys if key in found)

    def jobs(self, refs: Sequence[Ref]) -> Mapping[Ref, Job]:
        """These jobs as they stand now, those that there are."""
        places = {(f"source#{ref.source_id}", f"{JOB_PREFIX}{ref.job_id}"): ref for ref in refs}
        found: dict[Ref, Job] = {}
        for keys in batched(places, MAX_KEYS, strict=False):
            found |= {places[key]: read(Job, item) for key, item in self._table.many(keys).items()}
        return found

    def _listed(self, kind: str, until: str, since: str = FIRST) -> Iterator[Mapping[str, Any]]:
        shards = (self._table.watched(f"{kind}#{shard}", until, since) for shard in SHARDS)
        return merge(*shards, key=lambda item: item["due"]["S"])

    def day(self, day: str) -> Day:
        """What a day (UTC) has committed, and the cap that a person set for it."""
        return read_day(day, self._table.get(day_key(day)) or {})

    def raise_budget(self, day: str, cap: int) -> None:
        """Set the cap of one day, micro-dollars; it holds in place of the stack's."""
        self._table.update(
            day_key(day),
            UpdateExpression="SET #cap = :cap",
            ExpressionAttributeNames={"#cap": "cap"},
            ExpressionAttributeValues={":cap": {"N": str(cap)}},
        )

    def run(self) -> Run:
        """Reconcile's own item."""
        item = self._table.get(key_of(Run()))
        return read(Run, item) if item else Run()

    def put_run(self, run: Run) -> Run:
        """Write reconcile's own item; StaleError where another run did."""
        run = next_of(self._table, run)
        try:
            self._table.transact([fenced_put(self._table, run)], ours=(key_of(run), run.write_id))
        except TransactionError as error:
            raise StaleError from error
        return run


def _ref(item: Mapping[str, Any]) -> Ref:
    source, kind = item["pk"]["S"].partition("#")[2], item["sk"]["S"]
    return Ref(source, kind.removeprefix(JOB_PREFIX) if kind.startswith(JOB_PREFIX) else None)
