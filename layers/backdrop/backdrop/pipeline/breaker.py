"""The lanes' keeper: whether a job may be paid now, what an answer says of its provider, who is told, who goes on."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from backdrop.aws.lambda_mappings import LambdaMappings
from backdrop.aws.ledger import Ledger
from backdrop.aws.sqs import Queue
from backdrop.model import circuit as health
from backdrop.model.cancel_marks import CancelMark
from backdrop.model.circuit import Gate, PauseReason, ProviderHealth
from backdrop.model.codes import Code
from backdrop.model.errors import ConflictError, RetryLaterError
from backdrop.model.job import Job
from backdrop.model.provider_result import ProviderResult, RetryClass
from backdrop.model.receipt import list_pending_events
from backdrop.pipeline.enqueue import enqueue_provider_notification
from backdrop.ports import Clock

MAX_TRIES = 8
RECHECK_SECONDS = 0.5


@dataclass(eq=False, repr=False)
class CircuitBreaker:
    """What render, reconcile and people do to lanes. The first to write a reason is the one that shuts the mapping."""

    ledger: Ledger
    mappings: LambdaMappings
    deliver_queue: Queue
    clock: Clock

    def admit(
        self,
        provider: str,
        probe_duration: timedelta,
        wait_until: datetime,
        known_lane: ProviderHealth | None = None,
        *,
        suspect: bool = False,
    ) -> tuple[ProviderHealth, bool]:
        """The lane, and whether this job is its probe (for so long); RetryLaterError where the job may not be paid now.

        While a lane is closed the slot is idle anyway, so the job waits in it (as long as `wait_until`): it goes with
        the first good answer, and not a message's delay later. A `suspect` (see health.gate) leaves the slot to other
        jobs. `known_lane`: the lane, where it was read just now.
        """
        while True:
            lane, now = known_lane or self.ledger.read_health(provider), self.clock.now()
            known_lane = None
            verdict, seconds = health.check_gate(lane, now, suspect=suspect)
            if verdict is Gate.ALLOWED:
                return lane, False
            if verdict is Gate.PROBE:
                try:
                    return self.ledger.put_health(health.start_probe(lane, now, now + probe_duration)), True
                except ConflictError:
                    seconds = 0
            if suspect or not lane.mapping_enabled or now + timedelta(seconds=RECHECK_SECONDS) >= wait_until:
                delay = seconds if lane.is_paused else RECHECK_SECONDS
                raise RetryLaterError(Code.LANE_SHUT, f"{provider}'s lane is shut", delay + self.clock.jitter(delay))
            self.clock.sleep(min(seconds, RECHECK_SECONDS) + self.clock.jitter(RECHECK_SECONDS / 2))

    def observe_result(self, lane: ProviderHealth, result: ProviderResult, *, probe: bool) -> None:
        """Write down what an answer says of its provider's health, where it says anything new.

        A probe that the lane no longer waits for is none any more: another one may be on its way.
        """

        def apply_result(current: ProviderHealth) -> ProviderHealth:
            is_ours = probe and current.probe_until == lane.probe_until
            return health.observe_result(current, result, self.clock.now(), probe=is_ours)

        if apply_result(lane) != lane:
            self._update(lane.provider, apply_result)

    def observe_recovered_result(self, job: Job, result: ProviderResult) -> None:
        """The same for an answer to the call of another worker: where that was a probe, its pictures end the pause."""

        def apply_result(current: ProviderHealth) -> ProviderHealth:
            has_proof = result.retry_class is RetryClass.OK and health.is_probe_since_pause(job, current)
            return health.observe_result(current, result, self.clock.now(), probe=has_proof)

        self._update(job.provider, apply_result)

    def release_probe(self, probed_lane: ProviderHealth) -> None:
        """The probe that began with this lane could not be sent: another job may be one, if none is by now."""

        def clear_probe(lane: ProviderHealth) -> ProviderHealth:
            return replace(lane, probe_until=None) if lane.probe_until == probed_lane.probe_until else lane

        self._update(probed_lane.provider, clear_probe)

    def consume_proof(self, provider: str, refused_at: datetime) -> bool:
        """Whether another job got its picture after this moment, and no other job was rejected for that."""
        is_consumed = False

        def remove_proof(lane: ProviderHealth) -> ProviderHealth:
            nonlocal is_consumed
            is_consumed = lane.served_despite_refusal_at is not None and refused_at < lane.served_despite_refusal_at
            return replace(lane, served_despite_refusal_at=None) if is_consumed else lane

        self._update(provider, remove_proof)
        return is_consumed

    def pause(self, provider: str, reason: PauseReason, code: Code, message: str, *, required_budget: int = 0) -> None:
        """One more reason not to pay.

        `required_budget` is what the day's budget must have left again, micro-dollars.
        """
        self._update(
            provider,
            lambda lane: health.pause(lane, reason, code, message, self.clock.now(), required_budget=required_budget),
        )

    def resume(self, provider: str, reasons: frozenset[PauseReason] = frozenset(PauseReason)) -> ProviderHealth:
        """Lift reasons; the lane flows again where none is left."""
        return self._update(provider, lambda lane: health.resume(lane, reasons, self.clock.now()))

    def add_cancel_mark(self, provider: str, mark: CancelMark) -> None:
        """Buy nothing more there that the mark means."""
        self._update(provider, lambda lane: health.add_cancel_mark(lane, mark))

    def start_trial_if_due(self, provider: str) -> None:
        """Let one job find out whether the reasons still hold, where a job can."""
        self._update(provider, lambda lane: health.start_trial_if_due(lane, self.clock.now()))

    def reconcile_mapping(self, provider: str) -> None:
        """Make the mapping what the ledger says: whoever wrote it may have died before the switch."""
        is_enabled = self.mappings.is_enabled(provider)
        lane = self.ledger.read_health(provider)
        if is_enabled is not None and is_enabled is not lane.mapping_enabled:
            self.mappings.set_enabled(provider, enabled=lane.mapping_enabled)

    def enqueue_pending_notification(self, provider: str) -> None:
        """Have people told what they were not: whoever changed the lane may have died before he could."""
        if list_pending_events(self.ledger.read_health(provider)):
            enqueue_provider_notification(self.deliver_queue, provider)

    def _update(self, provider: str, update: Callable[[ProviderHealth], ProviderHealth]) -> ProviderHealth:
        for _ in range(MAX_TRIES):
            before = self.ledger.read_health(provider)
            after = health.drop_expired_marks(update(before), self.clock.now())
            if after == before:
                return before
            try:
                after = self.ledger.put_health(after)
            except ConflictError:
                self.clock.sleep(self.clock.jitter(0.1))
                continue
            if list_pending_events(after) or _list_pause_codes(after) != _list_pause_codes(before):
                enqueue_provider_notification(self.deliver_queue, provider)
            if after.mapping_enabled is not before.mapping_enabled:
                self.mappings.set_enabled(provider, enabled=after.mapping_enabled)
            return after
        raise RetryLaterError(Code.LEDGER_CONFLICT, f"others change {provider}'s lane again and again", 1)


def _list_pause_codes(lane: ProviderHealth) -> set[tuple[PauseReason, Code]]:
    """What the provider's report says is wrong."""
    return {(pause.reason, pause.code) for pause in lane.pauses}
