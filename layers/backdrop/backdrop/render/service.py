"""Render: pay once. Take the job, call the provider, save the answer; nothing else happens while a slot is held."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

from backdrop.aws.ledger import Ledger
from backdrop.aws.sqs import Queue
from backdrop.model import transitions
from backdrop.model.circuit import Lane
from backdrop.model.codes import Code
from backdrop.model.errors import BackdropError, DamagedMessageError, OvertakenError, PhotoError, StaleError, WaitError
from backdrop.model.job import Job, Problem, Status
from backdrop.model.provider_result import Answer, Class, Standing
from backdrop.model.queue_messages import JobMessage
from backdrop.model.suspicion import is_suspect
from backdrop.pipeline.breaker import LaneKeeper
from backdrop.pipeline.call_context import PROBE_START_SECONDS, RECORD_SECONDS, Slot
from backdrop.pipeline.crash_guard import MOST_CRASHES, begin, leave
from backdrop.pipeline.enqueue import begin_again, to_deliver
from backdrop.pipeline.failover import Moves
from backdrop.pipeline.orphan_jobs import Stopping
from backdrop.pipeline.purchase import Payments
from backdrop.pipeline.recovery import LostAnswers, Next
from backdrop.pipeline.reuse import serve
from backdrop.ports import Call, Clock, Provider
from backdrop.render.call_inputs import Material

IN_SLOT_WAIT_SECONDS = 20
# Who has waited long for the rate limit asks more seldom: after up to this share of the time that it waited already.
WAIT_ON_SHARE = 1 / 16
FIRST_DELAY_SECONDS = 10
FIRST_BACK_OFF_SECONDS = 3
NOW_TRIES = 2
LONGEST_DELAY_SECONDS = 900
PARKED_DELAY_SECONDS = 1
# A provider that fails for many photos is told of once (see model/circuit.py); one that fails for this photo, here.
REPORTED_FROM = 4

UNDER_WAY = frozenset({Status.ACCEPTED, Status.SUBMITTING, Status.UNKNOWN})


class Outcome(StrEnum):
    """What one delivery of a job's message led to."""

    PAID = "paid"
    ENDED = "ended"
    CARRIED_ON = "carried_on"
    RETURNED_TO_INTAKE = "returned_to_intake"
    MOVED = "moved"


@dataclass(eq=False, repr=False)
class Render:
    """The step."""

    material: Material
    ledger: Ledger
    keeper: LaneKeeper
    stopping: Stopping
    payments: Payments
    lost: LostAnswers
    moves: Moves
    providers: Mapping[str, Provider]
    deliver: Queue
    intake: Queue
    clock: Clock

    def render(self, message: JobMessage, slot: Slot) -> Outcome:
        job, lane = self.ledger.job_in_lane(message.source_id, message.job_id, slot.provider)
        if job is None:
            raise DamagedMessageError("the ledger knows no such job")
        if job.status in UNDER_WAY and slot.provider not in ("", job.provider):
            return Outcome.MOVED
        slot.metrics.labels |= {"provider": job.provider, "operation": job.operation}
        provider = self.providers.get(job.provider)
        if job.status in UNDER_WAY and provider is None:
            return self._return_to_intake(job)
        if job.status is Status.ACCEPTED and provider:
            return self._accepted(job, provider, slot, lane if slot.provider else None)
        if job.status in (Status.SUBMITTING, Status.UNKNOWN) and provider:
            return self._after_a_loss(job, provider, slot)
        # Deliver serves followers, so this may be a message that one of them has left in the lane.
        if not (job.status is Status.STORED and job.reused_from):
            to_deliver(self.deliver, job, job.job_id)
        return Outcome.CARRIED_ON

    def _accepted(self, job: Job, provider: Provider, slot: Slot, lane: Lane | None) -> Outcome:
        """Buy what nobody else buys."""
        if job.follows:
            job = serve(self.ledger, job, self.clock.now())
        if job.status is not Status.ACCEPTED:
            return self._hand_on(job)
        unwanted = self.stopping.unwanted(job)
        if unwanted:
            return self._hand_on(unwanted)
        if self.moves.out_of_a_shut_lane(job):
            return Outcome.MOVED
        self._enter(job, slot, lane)
        return self._in_good_order(job, slot, lambda: self._begin_to_buy(job, provider, slot, Next.PAY))

    def _after_a_loss(self, job: Job, provider: Provider, slot: Slot) -> Outcome:
        """An earlier delivery sent the call, and its answer is not in the ledger."""
        if job.status is Status.SUBMITTING:
            job = self.lost.resume(job, provider, slot)
            to_deliver(self.deliver, job)
        job, left = self.lost.find_out(job, provider, slot)
        if job.status is Status.ACCEPTED:
            raise _nothing_taken()
        if left is Next.NOTHING:
            return self._hand_on(job)
        self._enter(job, slot)
        return self._in_good_order(job, slot, lambda: self._begin_to_buy(job, provider, slot, left))

    # -- before the call -----------------------------------------------------------------------------------

    def _enter(self, job: Job, slot: Slot, lane: Lane | None = None) -> None:
        """Look at the lane before anything is paid; StaleError where a person called the job off, which is written."""
        seconds = self.providers[job.provider].timeout_seconds
        longest = timedelta(seconds=PROBE_START_SECONDS + seconds + RECORD_SECONDS)
        patience, suspect = slot.latest_start(seconds), is_suspect(job)
        slot.lane, slot.probe = self.keeper.enter(job.provider, longest, patience, lane, suspect=suspect)
        step = transitions.call_off(job, slot.lane.called_off, self.clock.now())
        if step:
            self._give_probe_back(slot)
            self.ledger.advance(step)
            raise StaleError

    def _begin_to_buy(self, job: Job, provider: Provider, slot: Slot, way: Next) -> Outcome:
        """A message that came again leaves a mark, so that a photo which kills its workers is noticed."""
        job = begin(self.ledger, job, slot.receives, self.clock.now(), slot.deadline)
        if job.crashes < MOST_CRASHES:
            return self._buy(job, provider, slot, way)
        return self._refuse(job, BackdropError(Code.CRASHED, f"The worker died {job.crashes} times before the call."))

    def _in_good_order(self, job: Job, slot: Slot, work: Callable[[], Outcome]) -> Outcome:
        """A delivery that goes back gives its mark and its probe back."""
        try:
            outcome = work()
        except OvertakenError:
            self._give_probe_back(slot)
            raise
        except (WaitError, StaleError):
            if slot.receives > 1:
                leave(self.ledger, job, self.clock, slot.deadline)
            self._give_probe_back(slot)
            raise
        self._give_probe_back(slot)
        return outcome

    def _give_probe_back(self, slot: Slot) -> None:
        """A probe that made no call has found nothing out: another job may be one."""
        if slot.probe and slot.lane:
            self.keeper.give_probe_back(slot.lane)
            slot.probe = False

    def _buy(self, job: Job, provider: Provider, slot: Slot, way: Next) -> Outcome:
        self.payments.check_time(provider, slot)
        try:
            photo, references = self.material.photo(job), self.material.references(job)
        except PhotoError as error:
            return self._refuse(job, error)
        if photo is None or references is None:
            return self._without_photo(job)
        call = provider.prepare(job, photo, references)
        if isinstance(call, Answer):
            self._heed(call, slot)
            if self.moves.after_an_answer(job, call):
                return Outcome.MOVED
            raise self._handed_back(job, call, slot)
        job = self._call_until_taken(job, provider, call, slot, way)
        return Outcome.MOVED if job.status is Status.ACCEPTED else self._hand_on(job, slot.receipt)

    # -- the call ------------------------------------------------------------------------------------------

    def _call_until_taken(self, job: Job, provider: Provider, call: Call, slot: Slot, way: Next) -> Job:
        """Call; wait in the slot where the wait is short; find out about a lost answer; call again where it is due.

        The job is `accepted` still where it went to another provider.
        """
        name = job.provider
        while True:
            job, answer = self._call(job, provider, call, slot, way)
            if isinstance(answer, Standing):
                raise WaitError(Code.JOB_IN_FLIGHT, "the provider is still at work", PARKED_DELAY_SECONDS)
            self._heed(answer, slot)
            if job.status is Status.UNKNOWN and answer.kind is Class.AMBIG:
                to_deliver(self.deliver, job)
                job, way = self.lost.find_out(job, provider, slot)
                if job.status is Status.ACCEPTED:
                    raise _nothing_taken()
            elif job.status in (Status.ACCEPTED, Status.UNKNOWN):
                job = self._wait_in_slot(job, provider, answer, slot)
            if job.status not in (Status.ACCEPTED, Status.UNKNOWN) or job.provider != name:
                return job
            self._enter(job, slot)

    def _call(self, job: Job, provider: Provider, call: Call, slot: Slot, way: Next) -> tuple[Job, Answer | Standing]:
        if job.status is Status.UNKNOWN and way is Next.SEND_AGAIN:
            self.payments.check_time(provider, slot)
            job = self.ledger.advance(transitions.send_again(job, slot.lease_until))
            return self.payments.send(job, provider, call, slot)
        return self.payments.pay(job, provider, call, slot)

    def _heed(self, answer: Answer, slot: Slot) -> None:
        if slot.lane:
            self.keeper.heed(slot.lane, answer, probe=slot.probe)
        slot.probe = False

    # -- after the call ------------------------------------------------------------------------------------

    def _hand_on(self, job: Job, receipt: str = "") -> Outcome:
        to_deliver(self.deliver, job, job.job_id, receipt=receipt)
        return Outcome.PAID if job.status is Status.PAID else Outcome.ENDED

    def _without_photo(self, job: Job) -> Outcome:
        """Other bytes lie there by now, or none: intake decides; what may have been paid is a person's."""
        if job.status is Status.UNKNOWN:
            return self._hand_on(self.ledger.advance(transitions.hold(job, self.clock.now())))
        return self._return_to_intake(job)

    def _refuse(self, job: Job, error: BackdropError) -> Outcome:
        """The photo cannot be read; if an earlier call may have been charged, a person decides."""
        if job.status is Status.UNKNOWN:
            return self._without_photo(job)
        return self._hand_on(self.ledger.advance(transitions.fail(job, error, self.clock.now())))

    def _return_to_intake(self, job: Job) -> Outcome:
        begin_again(self.intake, job)
        return Outcome.RETURNED_TO_INTAKE

    def _wait_in_slot(self, job: Job, provider: Provider, answer: Answer, slot: Slot) -> Job:
        """Wait where the wait is short; where it is long, go to another provider, or hand the message back.

        Nothing is held at the provider.
        """
        slot.refusals += 1
        slot.metrics.throttles += answer.kind is Class.QUOTA
        seconds = self._short_wait(job, answer, slot)
        if seconds is None and answer.kind is Class.NOW and answer.code is not Code.TOO_LITTLE_TIME:
            self._heed(replace(answer, kind=Class.BACKOFF), slot)
        if seconds is None or not slot.has_time_for(seconds + provider.timeout_seconds, self.clock.now()):
            moved = self.moves.after_an_answer(job, answer)
            if moved:
                return moved
            raise self._handed_back(job, answer, slot)
        self.clock.sleep(seconds)
        return self._throttled(job, answer, slot, seconds)

    def _short_wait(self, job: Job, answer: Answer, slot: Slot) -> float | None:
        """Seconds to wait inside the slot; None where that keeps it from others, or the next call has another id."""
        if answer.final:
            return None
        if answer.kind is Class.NOW and slot.refusals <= NOW_TRIES:
            return self.clock.jitter(0.2)
        if answer.kind is Class.QUOTA and (answer.retry_after or 0) <= IN_SLOT_WAIT_SECONDS:
            patience = job.throttled_ms / 1000 * WAIT_ON_SHARE
            return (answer.retry_after or 0.2) + self.clock.jitter(min(max(0.6, patience), IN_SLOT_WAIT_SECONDS))
        return None

    def _throttled(self, job: Job, answer: Answer, slot: Slot, seconds: float) -> Job:
        """The job with the seconds that it waited for the rate limit, written with its next transition."""
        if answer.kind is not Class.QUOTA:
            return job
        slot.metrics.throttled_ms += round(seconds * 1000)
        return transitions.throttled(job, round(seconds * 1000))

    def _handed_back(self, job: Job, answer: Answer, slot: Slot) -> WaitError:
        """The wait that hands the message back, written down first; each of the same kind is longer than the last."""
        code = answer.code or Code.PROVIDER_UNAVAILABLE
        if answer.kind is Class.QUOTA:
            delay = (FIRST_DELAY_SECONDS if answer.retry_after is None else answer.retry_after) + self.clock.jitter(2)
            self.ledger.advance(transitions.Step(self._throttled(job, answer, slot, delay)))
            return WaitError(code, answer.message, delay)
        if answer.kind is Class.PAUSE:
            return WaitError(code, answer.message, FIRST_DELAY_SECONDS + self.clock.jitter(FIRST_DELAY_SECONDS))
        times = self._explain(job, BackdropError(code, answer.message)) if job.status is Status.ACCEPTED else 1
        back_off = min(FIRST_BACK_OFF_SECONDS * 2.0 ** min(times - 1, 10), LONGEST_DELAY_SECONDS)
        delay = back_off if answer.retry_after is None else answer.retry_after
        return WaitError(code, answer.message, delay + self.clock.jitter(2))

    def _explain(self, job: Job, error: BackdropError) -> int:
        """How often the job met this; one that goes on meeting it says why it waits, ever more seldom."""
        problem = Problem.of(error, self.clock.now()).since(job.problem)
        job = self.ledger.advance(transitions.note(job, problem))
        if problem.times >= REPORTED_FROM and problem.times.bit_count() == 1:
            to_deliver(self.deliver, job)
        return problem.times


def _nothing_taken() -> WaitError:
    """A call that the provider gave up: the next one is prepared anew, since it may have another id."""
    return WaitError(Code.PROVIDER_UNAVAILABLE, "the provider took nothing", FIRST_DELAY_SECONDS)
