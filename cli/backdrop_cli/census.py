"""The ledger read through from end to end, for people's sums: nothing of the pipeline needs that."""

from collections import Counter
from collections.abc import Iterator

from backdrop.aws.records import JOB_PREFIX, read
from backdrop.aws.table import Table
from backdrop.core.job import Job, Status


class Census:
    """Every job that the ledger knows."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def jobs(self) -> Iterator[Job]:
        """All of them, in no order."""
        for item in self._table.scanned():
            if item["sk"]["S"].startswith(JOB_PREFIX):
                yield read(Job, item)

    def standing(self) -> Counter[tuple[str, Status]]:
        """How many jobs each provider has in each state."""
        counts: Counter[tuple[str, Status]] = Counter()
        for item in self._table.scanned("sk", "provider", "status"):
            if item["sk"]["S"].startswith(JOB_PREFIX):
                counts[item["provider"]["S"], Status(item["status"]["S"])] += 1
        return counts
