"""What is open, in its order, and its jobs: a hundred are read at once, before anybody asks for them."""

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
    """One look through the index. A job may be written by others between its reading and its turn."""

    ledger: Ledger
    ledger_queries: LedgerQueries
    loaded_jobs: dict[ItemKey, Job] = field(default_factory=dict[ItemKey, Job])

    def list_items(self, position: str) -> Iterator[tuple[str, ItemKey]]:
        """All that has not ended yet, from a place in its order on, each behind its own; "" is before all."""
        for batch in batched(self.ledger_queries.list_open_from(position), BATCH_SIZE, strict=False):
            self.loaded_jobs.clear()
            # What cannot be read is met again by itself, and keeps none of the others from being read.
            with suppress(RetryLaterError):
                self.loaded_jobs.update(self.ledger_queries.read_jobs([ref for _, ref in batch if ref.job_id]))
            yield from batch

    def find_job(self, item_key: ItemKey) -> Job | None:
        """The job that stands there; None of a photo's place, and where there is none any more."""
        if item_key in self.loaded_jobs or item_key.job_id is None:
            return self.loaded_jobs.get(item_key)
        return self.ledger.find_job(item_key.source_id, item_key.job_id)
