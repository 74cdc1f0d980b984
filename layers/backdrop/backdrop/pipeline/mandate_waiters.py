"""Jobs that left their lanes because their mandates did not cover them: they return when the mandates do."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import batched

from backdrop.aws.ledger import Ledger
from backdrop.aws.ledger_index import LedgerQueries
from backdrop.aws.sqs import Queue
from backdrop.aws.table import MAX_BATCH_GET_KEYS
from backdrop.model import transitions
from backdrop.model.errors import ConflictError
from backdrop.model.job import Job
from backdrop.model.schedule import backdate_last_send
from backdrop.pipeline.enqueue import return_to_intake
from backdrop.ports import Clock

# How many jobs of one mandate return at once, so that the others have their turn.
MAX_WOKEN_JOBS = 1000


@dataclass(eq=False, repr=False)
class MandateWaiters:
    ledger: Ledger
    ledger_queries: LedgerQueries
    intake_queue: Queue
    clock: Clock

    def list_mandates(self, after: str) -> Iterator[str]:
        """Yields the names after this one ("" is the start) of the mandates for which jobs wait, in order.

        Released ones are no longer in the registry.
        """
        if self.ledger.read_mandate_registry().lock_version == 0:
            return
        name = self.ledger_queries.find_mandate_with_waiting_jobs(after)
        while name:
            yield name
            name = self.ledger_queries.find_mandate_with_waiting_jobs(name)

    def wake_jobs_of(self, name: str, deadline: datetime, *, has_new_terms: bool = False) -> int:
        """Returns jobs to their lanes, the longest wait first, as far as their mandate covers them together.

        Also returns jobs that their mandate will never cover, so that render refuses them. `has_new_terms`: looks for
        these even if nothing is left. Returns the number of jobs, and stops at the deadline.
        """
        account, day, woken = self.ledger.find_mandate(name), self.clock.now().date().isoformat(), 0
        if account is None:
            return 0
        jobs = self._list_jobs(name)
        while woken < MAX_WOKEN_JOBS and self.clock.now() < deadline:
            if account.lets_all_wait_on(day) and not has_new_terms:
                break
            job = next(jobs, None)
            if job is None:
                break
            obstacle = account.find_obstacle(job, job.quoted, day)
            if obstacle and obstacle.may_wait:
                continue
            if obstacle is None:
                account = account.with_reservation(job.quoted, day)
            woken += self._wake(job)
        return woken

    def _list_jobs(self, name: str) -> Iterator[Job]:
        """Yields the jobs that wait, the longest first. The index may lag, so it is read with the jobs."""
        for batch in batched(self.ledger_queries.list_waiting_for_mandate(name), MAX_BATCH_GET_KEYS, strict=False):
            found = self.ledger_queries.read_jobs(batch)
            yield from (job for key in batch if (job := found.get(key)) and job.waits_for_mandate)

    def _wake(self, job: Job) -> bool:
        """Writes the job before it sends the message, because render ignores a job that waits for its mandate."""
        last_sent_at = backdate_last_send(self.clock.now())
        try:
            job = self.ledger.write_transition(transitions.return_to_lane(job, last_sent_at))
        except ConflictError:
            return False
        return_to_intake(self.intake_queue, job)
        return True
