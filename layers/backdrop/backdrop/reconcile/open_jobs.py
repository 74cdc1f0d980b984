"""What is open, in its order, and its jobs: a hundred are read at once, before anybody asks for them."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import batched

from backdrop.aws.ledger import Ledger
from backdrop.aws.ledger_index import Books
from backdrop.model.errors import WaitError
from backdrop.model.job import Job
from backdrop.model.schedule import Ref

AT_A_TIME = 100


@dataclass(eq=False, repr=False)
class OpenJobs:
    """One look through the index. A job may be written by others between its reading and its turn."""

    ledger: Ledger
    books: Books
    known: dict[Ref, Job] = field(default_factory=dict[Ref, Job])

    def listed(self, place: str) -> Iterator[tuple[str, Ref]]:
        """All that has not ended yet, from a place in its order on, each behind its own; "" is before all."""
        for some in batched(self.books.open_from(place), AT_A_TIME, strict=False):
            self.known.clear()
            # What cannot be read is met again by itself, and keeps none of the others from being read.
            with suppress(WaitError):
                self.known.update(self.books.jobs([ref for _, ref in some if ref.job_id]))
            yield from some

    def job(self, ref: Ref) -> Job | None:
        """The job that stands there; None of a photo's place, and where there is none any more."""
        if ref in self.known or ref.job_id is None:
            return self.known.get(ref)
        return self.ledger.job(ref.source_id, ref.job_id)
