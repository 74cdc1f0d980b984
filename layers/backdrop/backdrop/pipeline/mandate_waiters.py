"""Jobs that left their lanes because their mandates did not cover them: they return when the mandates do."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from backdrop.aws.ledger import Ledger
from backdrop.aws.ledger_index import LedgerQueries
from backdrop.aws.sqs import Queue
from backdrop.model import transitions
from backdrop.model.errors import ConflictError
from backdrop.model.job import Job
from backdrop.model.schedule import backdate_last_send
from backdrop.pipeline.enqueue import return_to_intake
from backdrop.ports import Clock

MAX_CHECKED_JOBS = 1000


@dataclass(eq=False, repr=False)
class MandateWaiters:
    ledger: Ledger
    ledger_queries: LedgerQueries
    intake_queue: Queue
    clock: Clock

    def wake_all(self) -> int:
        """Wakes the jobs of every mandate for which some wait, and returns their number."""
        if self.ledger.read_mandate_registry().lock_version == 0:
            return 0
        return sum(self.wake_jobs_of(name) for name in self._list_mandates())

    def _list_mandates(self) -> Iterator[str]:
        """Yields the names of the mandates for which jobs wait. Released ones are no longer in the registry."""
        name = self.ledger_queries.find_mandate_with_waiting_jobs("")
        while name:
            yield name
            name = self.ledger_queries.find_mandate_with_waiting_jobs(name)

    def wake_jobs_of(self, name: str) -> int:
        """Returns jobs to their lanes, the longest wait first, as far as their mandate covers them together.

        Also returns jobs that their mandate will never cover, so that render refuses them. Returns the number of jobs.
        """
        account, day, woken = self.ledger.find_mandate(name), self.clock.now().date().isoformat(), 0
        for item_key in islice(self.ledger_queries.list_waiting_for_mandate(name), MAX_CHECKED_JOBS):
            job = self.ledger.find_job(item_key.source_id, item_key.job_id or "")
            # The index may lag.
            if account is None or job is None or not job.waits_for_mandate:
                continue
            obstacle = account.find_obstacle(job, job.quoted, day)
            if obstacle and obstacle.may_wait:
                continue
            if obstacle is None:
                account = account.with_reservation(job.quoted, day)
            woken += self._wake(job)
        return woken

    def _wake(self, job: Job) -> bool:
        """Writes the job before it sends the message, because render ignores a job that waits for its mandate."""
        last_sent_at = backdate_last_send(self.clock.now())
        try:
            job = self.ledger.write_transition(transitions.return_to_lane(job, last_sent_at))
        except ConflictError:
            return False
        return_to_intake(self.intake_queue, job)
        return True
