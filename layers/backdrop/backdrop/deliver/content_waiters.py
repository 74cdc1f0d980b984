"""Jobs that wait for another job with the same content: they continue when that job ends."""

from dataclasses import dataclass
from itertools import chain, islice

from backdrop.aws.ledger import Ledger
from backdrop.aws.sqs import Queue
from backdrop.model import transitions
from backdrop.model.job import Job, JobStatus
from backdrop.pipeline.enqueue import enqueue_delivery, return_to_intake
from backdrop.ports import Clock

# About 30 s of sends. Any others continue when their own message returns.
MAX_WOKEN = 5000


@dataclass(eq=False, repr=False)
class ContentWaiters:
    """Deliver wakes waiting jobs, because every end of a job passes through it and is retried until it succeeds."""

    ledger: Ledger
    deliver_queue: Queue
    intake_queue: Queue
    clock: Clock

    def wake(self, ended_job: Job) -> None:
        """Wakes the jobs that wait for a job that has ended.

        If there is a file, each of them is given it, without a slot in the lane. If there is none, only one of them
        returns to its lane to buy: that job becomes the owner, and its end wakes the next.
        """
        if ended_job.reused_from:
            return
        if ended_job.status is JobStatus.STORED:
            for job in islice(self.ledger.list_waiting_jobs(ended_job.content_id), MAX_WOKEN):
                enqueue_delivery(self.deliver_queue, job, job.job_id)
            return
        later_jobs = self.ledger.list_waiting_jobs(ended_job.content_id, after=ended_job.job_id)
        next_buyer = next(chain(later_jobs, self.ledger.list_waiting_jobs(ended_job.content_id)), None)
        if next_buyer:
            return_to_intake(self.intake_queue, next_buyer)

    def reuse_paid_file(self, job: Job) -> Job:
        """Marks the job as paid, without a charge, if the owner of its content is stored; else returns it unchanged."""
        owner = self.ledger.find_content_owner(job.content_id)
        owner_job = self.ledger.find_job(owner.source_id, owner.job_id) if owner else None
        if owner_job is None or owner_job.status is not JobStatus.STORED:
            return job
        return self.ledger.write_transition(transitions.reuse(job, owner_job, self.clock.now()))
