"""The open items of the ledger, in the order of the index. Their jobs are prefetched, 100 at a time."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import batched

from backdrop.aws.ledger import Ledger
from backdrop.aws.ledger_index import LedgerQueries
from backdrop.model.errors import RetryLaterError
from backdrop.model.job import Job
from backdrop.model.schedule import ItemKey

BATCH_SIZE = 100


@dataclass(eq=False, repr=False)
class OpenJobs:
    """One pass through the index. Jobs are prefetched, so they may be stale when they are used."""

    ledger: Ledger
    ledger_queries: LedgerQueries
    loaded_jobs: dict[ItemKey, Job] = field(default_factory=dict[ItemKey, Job])

    def list_items(self, position: str) -> Iterator[tuple[str, ItemKey]]:
        """Yields the open items after `position`, each with its own position; "" is the beginning."""
        for batch in batched(self.ledger_queries.list_open_from(position), BATCH_SIZE, strict=False):
            self.loaded_jobs.clear()
            # An unavailable ledger must not end the pass: `find_job` reads the jobs of this batch one by one instead.
            with suppress(RetryLaterError):
                self.loaded_jobs.update(
                    self.ledger_queries.read_jobs([item_key for _, item_key in batch if item_key.job_id])
                )
            yield from batch

    def find_job(self, item_key: ItemKey) -> Job | None:
        """Returns the job; None for a source, and for a job that no longer exists."""
        if item_key in self.loaded_jobs or item_key.job_id is None:
            return self.loaded_jobs.get(item_key)
        return self.ledger.find_job(item_key.source_id, item_key.job_id)
