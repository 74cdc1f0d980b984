"""Jobs that wait for another job with the same content: they continue when that job ends."""

from dataclasses import dataclass
from itertools import chain, islice

from backdrop.aws.ledger import Ledger
from backdrop.aws.sqs import Queue
from backdrop.model import transitions
from backdrop.model.job import Job
from backdrop.pipeline.enqueue import enqueue_delivery, return_to_intake
from backdrop.ports import Clock

# Sending this many messages takes about 30 s. Any other jobs continue when their own messages are received again.
MAX_WOKEN = 5000


@dataclass(eq=False, repr=False)
class ContentWaiters:
    """Part of deliver, because every job that ends passes through deliver, which is retried until it succeeds."""

    ledger: Ledger
    deliver_queue: Queue
    intake_queue: Queue
    clock: Clock

    def wake(self, ended_job: Job) -> None:
        """Wakes the jobs that wait for a job that has ended, or whose pictures wait for approval.

        If that job has a file, all of them reuse it, without waiting for a slot. If it has none, only one of them
        returns to its lane to buy: that one becomes the owner, and wakes the next when it ends.
        """
        if ended_job.reused_from:
            return
        if ended_job.has_kept_file:
            for job in islice(self.ledger.list_waiting_jobs(ended_job.content_id), MAX_WOKEN):
                enqueue_delivery(self.deliver_queue, job, job.job_id)
            return
        later_jobs = self.ledger.list_waiting_jobs(ended_job.content_id, after=ended_job.job_id)
        next_buyer = next(chain(later_jobs, self.ledger.list_waiting_jobs(ended_job.content_id)), None)
        if next_buyer:
            return_to_intake(self.intake_queue, next_buyer)

    def reuse_paid_file(self, job: Job) -> Job:
        """Marks the job as paid, free of charge, if its content's owner has a file; otherwise returns it unchanged."""
        owner = self.ledger.find_content_owner(job.content_id)
        owner_job = self.ledger.find_job(owner.source_id, owner.job_id) if owner else None
        if owner_job is None or not owner_job.has_kept_file:
            return job
        return self.ledger.write_transition(transitions.reuse(job, owner_job, self.clock.now()))
