"""Lanes: admits jobs, records what results show about a provider's health, and pauses and resumes lanes."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from backdrop.aws.lambda_mappings import LambdaMappings, UntouchedMappings
from backdrop.aws.ledger import Ledger
from backdrop.aws.sqs import Queue
from backdrop.model import circuit
from backdrop.model.circuit import CancelMark, Gate, PauseReason, ProviderHealth
from backdrop.model.codes import Code
from backdrop.model.errors import ConflictError, RetryLaterError
from backdrop.model.job import Job
from backdrop.model.provider_result import ProviderResult, RetryClass
from backdrop.model.receipt import list_pending_events
from backdrop.model.sentence import Sentence
from backdrop.pipeline.enqueue import enqueue_provider_notification
from backdrop.ports import Clock

MAX_TRIES = 8
RECHECK_SECONDS = 0.5
DELIVERY_SECONDS = 2.0
"""How long deliver usually takes to find that a picture cannot be used."""


@dataclass(eq=False, repr=False)
class CircuitBreaker:
    """Everything that render, deliver, reconcile, and operators do to lanes.

    The worker whose write pauses or resumes a lane also disables or enables the lane's event source mapping, except
    deliver. Every claim reads the lane, so its pauses hold at once.
    """

    ledger: Ledger
    mappings: LambdaMappings | UntouchedMappings
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
        read_lane: Callable[[], ProviderHealth] | None = None,
    ) -> tuple[ProviderHealth, bool]:
        """Returns the lane and whether this job is its probe, which then has `probe_duration` to finish.

        Raises RetryLaterError if the job may not be bought now. While calls are blocked, the slot is idle anyway, so
        the job waits in it until `wait_until`. Then it can continue at the first good result instead of after its
        message's delay. A `suspect` (see circuit.check_gate) leaves the slot to other jobs. `known_lane`: the lane, if
        the caller has just read it. `read_lane` reads it again, with what else the caller needs of it.

        If the last picture could not be delivered, the job waits once for what deliver says about those that were
        bought with it. Otherwise, slots whose calls end at the same moment would all buy another one before that.
        """
        is_warned = False
        while True:
            lane = known_lane or (read_lane() if read_lane else self.ledger.read_health(provider))
            now = self.clock.now()
            known_lane = None
            verdict, seconds = circuit.check_gate(lane, now, suspect=suspect)
            if verdict is Gate.ALLOWED and (is_warned or not lane.undelivered_weight):
                return lane, False
            if verdict is Gate.ALLOWED:
                is_warned = True
                self.clock.sleep(DELIVERY_SECONDS)
                continue
            if verdict is Gate.PROBE:
                try:
                    return self.ledger.put_health(circuit.start_probe(lane, now, now + probe_duration)), True
                except ConflictError:
                    seconds = 0
            if suspect or not lane.mapping_enabled or now + timedelta(seconds=RECHECK_SECONDS) >= wait_until:
                delay = seconds if lane.is_paused else RECHECK_SECONDS
                raise RetryLaterError(
                    Code.LANE_SHUT, f"The lane of {provider} is paused.", delay + self.clock.jitter(delay)
                )
            self.clock.sleep(min(seconds, RECHECK_SECONDS) + self.clock.jitter(RECHECK_SECONDS / 2))

    def observe_result(self, lane: ProviderHealth, result: ProviderResult, *, probe: bool) -> None:
        """Records a result's effect on its provider's health, if it has any.

        The result of an expired probe counts as any other result, because a newer probe may be in flight.
        """

        def apply_result(current: ProviderHealth) -> ProviderHealth:
            is_ours = probe and current.probe_until == lane.probe_until
            return circuit.observe_result(current, result, self.clock.now(), probe=is_ours)

        if apply_result(lane) != lane:
            self._update(lane.provider, apply_result)

    def observe_recovered_result(self, job: Job, result: ProviderResult) -> None:
        """Records the result of another worker's call. If that call was a probe and succeeded, the pause ends."""

        def apply_result(current: ProviderHealth) -> ProviderHealth:
            has_proof = result.retry_class is RetryClass.OK and circuit.is_probe_since_pause(job, current)
            return circuit.observe_result(current, result, self.clock.now(), probe=has_proof)

        self._update(job.provider, apply_result)

    def release_probe(self, probed_lane: ProviderHealth) -> None:
        """Lets another job become the probe, because this one sent no call. A newer probe stays."""

        def clear_probe(lane: ProviderHealth) -> ProviderHealth:
            return replace(lane, probe_until=None) if lane.probe_until == probed_lane.probe_until else lane

        self._update(probed_lane.provider, clear_probe)

    def consume_proof(self, provider: str, refused_at: datetime) -> bool:
        """Returns whether another job got its picture after `refused_at`. Each such proof can be used only once."""
        is_consumed = False

        def remove_proof(lane: ProviderHealth) -> ProviderHealth:
            nonlocal is_consumed
            is_consumed = lane.served_despite_refusal_at is not None and refused_at < lane.served_despite_refusal_at
            return replace(lane, served_despite_refusal_at=None) if is_consumed else lane

        self._update(provider, remove_proof)
        return is_consumed

    def pause(self, provider: str, reason: PauseReason, code: Code, message: str, *, required_budget: int = 0) -> None:
        """Adds a reason to pause the lane.

        `required_budget`: how much of the day's budget must be left before the lane resumes, in micro-dollars.
        """
        self._update(
            provider,
            lambda lane: circuit.pause(lane, reason, code, message, self.clock.now(), required_budget=required_budget),
        )

    def resume(self, provider: str, reasons: frozenset[PauseReason] = frozenset(PauseReason)) -> ProviderHealth:
        """Removes these reasons to pause. The lane resumes when no reason is left."""
        return self._update(provider, lambda lane: circuit.resume(lane, reasons, self.clock.now()))

    def add_cancel_mark(self, provider: str, mark: CancelMark) -> None:
        """Stops purchases of the jobs that the mark applies to."""
        self._update(provider, lambda lane: replace(lane, cancel_marks=circuit.merge_mark(lane.cancel_marks, mark)))

    def half_open_if_due(self, provider: str, *, has_undelivered: bool) -> None:
        """Half-opens the lane if that is due, so that a probe tests whether the reasons for the pause still hold."""
        self._update(
            provider, lambda lane: circuit.half_open_if_due(lane, self.clock.now(), has_undelivered=has_undelivered)
        )

    def observe_undelivered(self, provider: str, code: Code, message: Sentence, source_id: str) -> None:
        """Records that a bought picture of this photo is not delivered."""
        self._update(
            provider,
            lambda lane: circuit.observe_undelivered(lane, code, message, source_id, self.clock.now()),
        )

    def observe_delivered(self, provider: str) -> None:
        """Records that a picture was bought and delivered."""
        self._update(provider, lambda lane: circuit.observe_delivered(lane, self.clock.now()))

    def reconcile_mapping(self, provider: str) -> None:
        """Makes the event source mapping match the ledger, because the worker that wrote the lane may have crashed."""
        is_enabled = self.mappings.is_enabled(provider)
        lane = self.ledger.read_health(provider)
        if is_enabled is not None and is_enabled is not lane.mapping_enabled:
            self.mappings.set_enabled(provider, enabled=lane.mapping_enabled)

    def enqueue_pending_notification(self, provider: str) -> None:
        """Sends the notification if it is still due, because the worker that changed the lane may have crashed."""
        if list_pending_events(self.ledger.read_health(provider)):
            enqueue_provider_notification(self.deliver_queue, provider)

    def _update(self, provider: str, update: Callable[[ProviderHealth], ProviderHealth]) -> ProviderHealth:
        for _ in range(MAX_TRIES):
            before = self.ledger.read_health(provider)
            updated = update(before)
            after = replace(updated, cancel_marks=circuit.drop_expired(updated.cancel_marks, self.clock.now()))
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
        raise RetryLaterError(Code.LEDGER_CONFLICT, f"Other workers changed the lane of {provider} repeatedly.", 1)


def _list_pause_codes(lane: ProviderHealth) -> set[tuple[PauseReason, Code]]:
    """Returns the facts that the provider's report is built from."""
    return {(pause.reason, pause.code) for pause in lane.pauses}
