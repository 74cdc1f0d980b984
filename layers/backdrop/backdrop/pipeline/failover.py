"""Failover: a job whose provider is unavailable moves to the lane of the next provider that it names."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from backdrop.aws.ledger import Ledger
from backdrop.aws.sqs import Queue
from backdrop.model import transitions
from backdrop.model.circuit import ProviderHealth
from backdrop.model.job import Job
from backdrop.model.pricing import ConfiguredPrices
from backdrop.model.provider_result import ProviderResult
from backdrop.model.routing import (
    Offers,
    describe_unavailability,
    find_failover_route,
    is_persistent_failure,
    should_fail_over,
)
from backdrop.model.schedule import backdate_last_send
from backdrop.pipeline.enqueue import enqueue_delivery
from backdrop.ports import Clock


@dataclass(eq=False, repr=False)
class Failover:
    """`enqueue` sends a moved job to its new lane, directly or through intake."""

    ledger: Ledger
    enabled_providers: Collection[str]
    enqueue: Callable[[Job], None]
    deliver_queue: Queue
    clock: Clock
    prices: ConfiguredPrices = field(default_factory=dict[str, int])
    place_limits: Mapping[str, int] = field(default_factory=dict[str, int])

    def fail_over_if_blocked(self, job: Job) -> Job | None:
        """Moves the job if its own lane is blocked; returns None if it stays."""
        if isinstance(job.instructions.get("provider", ""), str):
            return None
        lane = self.ledger.read_health(job.provider)
        return self.fail_over(job, describe_unavailability(lane)) if should_fail_over(lane, self.clock.now()) else None

    def fail_over_if_paused(self, job: Job, lane: ProviderHealth) -> Job | None:
        """Moves the job if its own lane is paused and therefore delivers no messages; None if it stays."""
        should_leave = lane.provider == job.provider and lane.is_paused and lane.has_provider_problem
        return self.fail_over(job, describe_unavailability(lane)) if should_leave else None

    def fail_over_after(self, job: Job, result: ProviderResult) -> Job | None:
        """Moves the job if its provider did not accept the call and is not expected to soon; None if it stays."""
        occurrences = job.problem.occurrences if job.problem and job.problem.code is result.code else 0
        return self.fail_over(job, result.message) if is_persistent_failure(result, occurrences + 1) else None

    def fail_over(self, job: Job, reason: str) -> Job | None:
        """Moves the job to the next available provider that it names; None if there is none.

        Writes the ledger before it sends the message, because a lane drops a job that the ledger assigns to another
        lane. If the message is never sent, reconcile sends it.
        """
        now, offers = self.clock.now(), Offers(self.enabled_providers, self.prices, place_limits=self.place_limits)
        account = self.ledger.find_mandate(job.mandate) if job.mandate else None
        route = find_failover_route(job, offers, self.ledger.read_health, account, now.date().isoformat())
        if route is None:
            return None
        last_sent_at = backdate_last_send(now)
        job = self.ledger.write_transition(
            transitions.change_provider(job, route.provider, route.price, reason, last_sent_at)
        )
        self.enqueue(job)
        enqueue_delivery(self.deliver_queue, job)
        return job
