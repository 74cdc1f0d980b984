"""Where a photo's jobs go from intake: into their lanes, or to deliver."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from backdrop.aws.ledger import Ledger
from backdrop.aws.sqs import Queue
from backdrop.model import transitions
from backdrop.model.codes import Code
from backdrop.model.errors import InstructionError
from backdrop.model.job import Job, Source, Status
from backdrop.pipeline.documents import Receipts
from backdrop.pipeline.enqueue import to_deliver, to_lane
from backdrop.pipeline.failover import Moves
from backdrop.ports import Clock


@dataclass(eq=False, repr=False)
class Onward:
    """`lanes` holds the queues of the providers that are on."""

    ledger: Ledger
    lanes: Mapping[str, Queue]
    moves: Moves
    receipts: Receipts
    deliver: Queue
    clock: Clock

    def dispatch(self, source: Source, jobs: Sequence[Job]) -> None:
        """Every job to where it belongs; and the photo's views are written, or deliver writes them.

        The first receipt is written here, so that each job takes its name along.
        """
        receipt = self.receipts.write(source, jobs)
        for job in jobs:
            if job.status is Status.ACCEPTED and job.provider in self.lanes:
                to_lane(self.lanes[job.provider], job, receipt=receipt)
            elif job.status is Status.ACCEPTED:
                self._refuse(source, job)
            elif job.status is Status.PAID:
                to_deliver(self.deliver, source, job.job_id)
        if not receipt or source.awaited:
            to_deliver(self.deliver, source)

    def _refuse(self, source: Source, job: Job) -> None:
        """The job's provider was switched off since the job was accepted: another one does it, or nobody."""
        words, now = f"{job.provider} is switched off in this stack.", self.clock.now()
        job = self.ledger.job(source.source_id, job.job_id) or job
        if job.status is not Status.ACCEPTED or self.moves.away(job, words):
            return
        self.ledger.advance(transitions.fail(job, InstructionError(Code.PROVIDER_NOT_CONFIGURED, words), now))
        to_deliver(self.deliver, source, job.job_id)
