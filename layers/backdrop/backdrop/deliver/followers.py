"""Jobs that wait for another job with the same content: they continue when that job ends."""

from dataclasses import dataclass
from itertools import chain, islice

from backdrop.aws.ledger import Ledger
from backdrop.aws.sqs import Queue
from backdrop.model import transitions
from backdrop.model.job import Job, Status
from backdrop.pipeline.enqueue import begin_again, to_deliver
from backdrop.ports import Clock

# 30 seconds of sending. Further followers continue when their own message returns.
MAX_WOKEN = 5000


@dataclass(eq=False, repr=False)
class Followers:
    """Deliver wakes followers because every end of a job passes through it, as often as it takes to succeed."""

    ledger: Ledger
    deliver: Queue
    intake: Queue
    clock: Clock

    def wake(self, ended: Job) -> None:
        """Send the followers of a job that has ended on their way.

        If there is a file, deliver serves each of them, without a place in the lane. If there is none, only one of
        them is sent to its lane, to buy: it is the owner from then on, and its own end wakes the next.
        """
        if ended.reused_from:
            return
        if ended.status is Status.STORED:
            for job in islice(self.ledger.followers(ended.content_key), MAX_WOKEN):
                to_deliver(self.deliver, job, job.job_id)
            return
        behind = self.ledger.followers(ended.content_key, after=ended.job_id)
        buyer = next(chain(behind, self.ledger.followers(ended.content_key)), None)
        if buyer:
            begin_again(self.intake, buyer)

    def serve(self, job: Job) -> Job:
        """The follower, paid without a charge if the owner of its content is stored; else as it is."""
        owner = self.ledger.owner(job.content_key)
        owning = self.ledger.job(owner.source_id, owner.job_id) if owner else None
        if owning is None or owning.status is not Status.STORED:
            return job
        return self.ledger.advance(transitions.reuse(job, owning, self.clock.now()))
