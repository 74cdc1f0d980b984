"""The ledger read through from end to end, for people's sums: nothing of the pipeline needs that."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from backdrop.aws.items import JOB_PREFIX, read
from backdrop.aws.table import Table
from backdrop.model.job import Job, Status
from backdrop.model.object_keys import Kind, kind_of
from backdrop.model.schedule import MESSAGE_LIFE, OPEN

SOURCE, WHY = "source", "waits_because"


class Census:
    """Every job that the ledger knows."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def jobs(self) -> Iterator[Job]:
        """All of them, in no order."""
        for item in self._table.scanned():
            if item["sk"]["S"].startswith(JOB_PREFIX):
                yield read(Job, item)

    def standing(self) -> "Standing":
        """How many jobs there are in each state, and photos without one, without a look into them."""
        found = Standing()
        for item in self._table.scanned("sk", "key", "provider", "status", "due", "watch", WHY):
            if item["sk"]["S"] == SOURCE and "watch" in item and kind_of(item["key"]["S"]) is not Kind.DEFAULTS:
                waits = item["watch"]["S"].partition("#")[0] == OPEN
                found.settling += waits
                found.reported += not waits
            if item["sk"]["S"].startswith(JOB_PREFIX):
                provider, status = item["provider"]["S"], Status(item["status"]["S"])
                found.counts[provider, status] += 1
                if status is Status.ACCEPTED:
                    found.waiting[provider, item[WHY]["S"] if WHY in item else ""] += 1
                if status is Status.ACCEPTED and "due" in item:
                    since = datetime.fromisoformat(item["due"]["S"]) - MESSAGE_LIFE
                    found.oldest[provider] = min(since, found.oldest.get(provider, since))
        return found


@dataclass
class Standing:
    """Jobs by provider and state; `oldest`: since when the first of a provider's lane waits there.

    `waiting`: those in a lane by provider and the code that says why, "" if nothing but the lane keeps them.
    `settling`: photos that wait for their instructions; `reported`: photos that have no job, for reasons that are told.
    """

    counts: Counter[tuple[str, Status]] = field(default_factory=Counter[tuple[str, Status]])
    waiting: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    oldest: dict[str, datetime] = field(default_factory=dict[str, datetime])
    settling: int = 0
    reported: int = 0

    def of(self, *statuses: Status, provider: str = "") -> int:
        """How many are in one of these states."""
        return sum(n for (name, status), n in self.counts.items() if status in statuses and provider in ("", name))
