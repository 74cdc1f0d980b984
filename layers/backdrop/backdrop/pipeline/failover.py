"""Fail-over: a job whose provider cannot be paid now goes into the lane of the next one that it names."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from backdrop.aws.ledger import Ledger
from backdrop.aws.sqs import Queue
from backdrop.model import transitions
from backdrop.model.circuit import Lane
from backdrop.model.job import Job
from backdrop.model.pricing import Configured
from backdrop.model.provider_result import Answer
from backdrop.model.routing import Market, elsewhere, had_better_leave, keeps_too_long, why_shut
from backdrop.model.schedule import MESSAGE_LIFE, SENT_BY_RECONCILE
from backdrop.pipeline.enqueue import to_deliver, to_lane
from backdrop.ports import Clock


@dataclass(eq=False, repr=False)
class Moves:
    """`on`: the providers that are. `carry` sends the job's message: to its lane, or by way of intake."""

    ledger: Ledger
    on: Collection[str]
    carry: Callable[[Job], None]
    deliver: Queue
    clock: Clock
    prices: Configured = field(default_factory=dict[str, int])

    def out_of_a_shut_lane(self, job: Job) -> Job | None:
        """The job in another lane, where its own lets nobody through; None where it stays."""
        if isinstance(job.instructions.get("provider", ""), str):
            return None
        lane = self.ledger.lane(job.provider)
        return self.away(job, why_shut(lane)) if had_better_leave(lane, self.clock.now()) else None

    def out_of_a_paused_lane(self, job: Job, lane: Lane) -> Job | None:
        """The same for a lane that hands out no message at all."""
        paused = lane.provider == job.provider and lane.paused and lane.sends_away
        return self.away(job, why_shut(lane)) if paused else None

    def after_an_answer(self, job: Job, answer: Answer) -> Job | None:
        """The job in another lane, where its provider took nothing and will not soon; None where it stays."""
        met = job.problem.times if job.problem and job.problem.code is answer.code else 0
        return self.away(job, answer.message) if keeps_too_long(answer, met + 1) else None

    def away(self, job: Job, why: str) -> Job | None:
        """The ledger first, the message behind it: in any other lane than the ledger's the job is dropped.

        Should the message never be sent, reconcile sends it.
        """
        choice = elsewhere(job, Market(self.on, self.prices), self.ledger.lane)
        if choice is None:
            return None
        overdue = self.clock.now() - MESSAGE_LIFE + SENT_BY_RECONCILE
        job = self.ledger.advance(transitions.move(job, choice.provider, choice.price, why, overdue))
        self.carry(job)
        to_deliver(self.deliver, job)
        return job


def into_lanes(lanes: Mapping[str, Queue]) -> Callable[[Job], None]:
    """What puts a job into its lane."""
    return lambda job: to_lane(lanes[job.provider], job)
