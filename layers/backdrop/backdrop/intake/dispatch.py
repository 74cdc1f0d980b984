"""Sends a photo's jobs from intake to their lanes, or to deliver."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from backdrop.aws.ledger import Ledger
from backdrop.aws.sqs import Queue
from backdrop.model import transitions
from backdrop.model.codes import Code
from backdrop.model.errors import InstructionError
from backdrop.model.job import Job, JobStatus, Source
from backdrop.pipeline.documents import DocumentWriter
from backdrop.pipeline.enqueue import enqueue_delivery, enqueue_job
from backdrop.pipeline.failover import Failover
from backdrop.ports import Clock


@dataclass(eq=False, repr=False)
class Dispatcher:
    """`lanes`: the queues of the enabled providers."""

    ledger: Ledger
    lanes: Mapping[str, Queue]
    failover: Failover
    documents: DocumentWriter
    deliver_queue: Queue
    clock: Clock

    def dispatch(self, source: Source, jobs: Sequence[Job]) -> None:
        """Sends every job to its lane or to deliver. Writes the first receipt, or has deliver write the documents.

        The first receipt is written before the jobs are sent, because their messages carry its ETag.
        """
        receipt_etag = self.documents.write_first_receipt(source, jobs)
        for job in jobs:
            if job.status is JobStatus.ACCEPTED and job.provider in self.lanes:
                enqueue_job(self.lanes[job.provider], job, receipt_etag=receipt_etag)
            elif job.status is JobStatus.ACCEPTED:
                self._fail_over_or_refuse(source, job)
            elif job.status is JobStatus.PAID:
                enqueue_delivery(self.deliver_queue, source, job.job_id)
        if not receipt_etag or source.has_tracked_requests:
            enqueue_delivery(self.deliver_queue, source)

    def _fail_over_or_refuse(self, source: Source, job: Job) -> None:
        """Moves a job to another provider if its own was disabled after the job was accepted; otherwise refuses it."""
        reason, now = f"{job.provider} is disabled in this stack.", self.clock.now()
        job = self.ledger.find_job(source.source_id, job.job_id) or job
        if job.status is not JobStatus.ACCEPTED or self.failover.fail_over(job, reason):
            return
        self.ledger.write_transition(transitions.fail(job, InstructionError(Code.PROVIDER_NOT_CONFIGURED, reason), now))
        enqueue_delivery(self.deliver_queue, source, job.job_id)
