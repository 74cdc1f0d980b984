"""The lanes' keeper: whether a job may be paid now, what an answer says of its provider, who is told, who goes on."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from backdrop.aws.lambda_mappings import MappedLanes
from backdrop.aws.ledger import Ledger
from backdrop.aws.sqs import Queue
from backdrop.model import circuit as health
from backdrop.model.cancel_marks import CallOff
from backdrop.model.circuit import Gate, Lane, Reason
from backdrop.model.codes import Code
from backdrop.model.errors import StaleError, WaitError
from backdrop.model.job import Job
from backdrop.model.provider_result import Answer, Class
from backdrop.model.receipt import untold
from backdrop.pipeline.enqueue import tell_of_lane
from backdrop.ports import Clock

TRIES = 8
LOOK_AGAIN_SECONDS = 0.5


@dataclass(eq=False, repr=False)
class LaneKeeper:
    """What render, reconcile and people do to lanes. The first to write a reason is the one that shuts the mapping."""

    ledger: Ledger
    lanes: MappedLanes
    deliver: Queue
    clock: Clock

    def enter(
        self,
        provider: str,
        longest: timedelta,
        patience: datetime,
        known: Lane | None = None,
        *,
        suspect: bool = False,
    ) -> tuple[Lane, bool]:
        """The lane, and whether this job is its probe (for so long); WaitError where the job may not be paid now.

        While a lane is closed the slot is idle anyway, so the job waits in it (as long as `patience`): it goes with
        the first good answer, and not a message's delay later. A `suspect` (see health.gate) leaves the slot to other
        jobs. `known`: the lane, where it was read just now.
        """
        while True:
            lane, now = known or self.ledger.lane(provider), self.clock.now()
            known = None
            verdict, seconds = health.gate(lane, now, suspect=suspect)
            if verdict is Gate.OPEN:
                return lane, False
            if verdict is Gate.PROBE:
                try:
                    return self.ledger.put_lane(health.begin_probe(lane, now, now + longest)), True
                except StaleError:
                    seconds = 0
            if suspect or not lane.flows or now + timedelta(seconds=LOOK_AGAIN_SECONDS) >= patience:
                delay = seconds if lane.paused else LOOK_AGAIN_SECONDS
                raise WaitError(Code.LANE_SHUT, f"{provider}'s lane is shut", delay + self.clock.jitter(delay))
            self.clock.sleep(min(seconds, LOOK_AGAIN_SECONDS) + self.clock.jitter(LOOK_AGAIN_SECONDS / 2))

    def heed(self, lane: Lane, answer: Answer, *, probe: bool) -> None:
        """Write down what an answer says of its provider's health, where it says anything new.

        A probe that the lane no longer waits for is none any more: another one may be on its way.
        """

        def heeded(now: Lane) -> Lane:
            is_ours = probe and now.probe_until == lane.probe_until
            return health.heed(now, answer, self.clock.now(), probe=is_ours)

        if heeded(lane) != lane:
            self._change(lane.provider, heeded)

    def heed_found(self, job: Job, answer: Answer) -> None:
        """The same for an answer to the call of another worker: where that was a probe, its pictures end the pause."""

        def heeded(now: Lane) -> Lane:
            proves = answer.kind is Class.OK and health.has_probed(job, now)
            return health.heed(now, answer, self.clock.now(), probe=proves)

        self._change(job.provider, heeded)

    def give_probe_back(self, ours: Lane) -> None:
        """The probe that began with this lane could not be sent: another job may be one, if none is by now."""
        self._change(ours.provider, lambda lane: _without(lane, ours.probe_until))

    def take_proof(self, provider: str, refused_at: datetime) -> bool:
        """Whether another job got its picture after this moment, and no other job was rejected for that."""
        taken = False

        def without_proof(lane: Lane) -> Lane:
            nonlocal taken
            taken = lane.proved_at is not None and refused_at < lane.proved_at
            return lane.but(proved_at=None) if taken else lane

        self._change(provider, without_proof)
        return taken

    def pause(self, provider: str, reason: Reason, code: Code, message: str, *, needs: int = 0) -> None:
        """One more reason not to pay; `needs` is what the day's budget must have left again, micro-dollars."""
        self._change(provider, lambda lane: health.pause(lane, reason, code, message, self.clock.now(), needs=needs))

    def resume(self, provider: str, reasons: frozenset[Reason] = frozenset(Reason)) -> Lane:
        """Lift reasons; the lane flows again where none is left."""
        return self._change(provider, lambda lane: health.resume(lane, reasons, self.clock.now()))

    def call_off(self, provider: str, mark: CallOff) -> None:
        """Buy nothing more there that the mark means."""
        self._change(provider, lambda lane: health.call_off(lane, mark))

    def let_a_probe_out(self, provider: str) -> None:
        """Let one job find out whether the reasons still hold, where a job can."""
        self._change(provider, lambda lane: health.let_a_probe_out(lane, self.clock.now()))

    def agree(self, provider: str) -> None:
        """Make the mapping what the ledger says: whoever wrote it may have died before the switch."""
        on = self.lanes.is_on(provider)
        lane = self.ledger.lane(provider)
        if on is not None and on is not lane.flows:
            self.lanes.switch(provider, on=lane.flows)

    def tell(self, provider: str) -> None:
        """Have people told what they were not: whoever changed the lane may have died before he could."""
        if untold(self.ledger.lane(provider)):
            tell_of_lane(self.deliver, provider)

    def _change(self, provider: str, change: Callable[[Lane], Lane]) -> Lane:
        for _ in range(TRIES):
            before = self.ledger.lane(provider)
            after = health.forget(change(before), self.clock.now())
            if after == before:
                return before
            try:
                after = self.ledger.put_lane(after)
            except StaleError:
                self.clock.sleep(self.clock.jitter(0.1))
                continue
            if untold(after) or _codes(after) != _codes(before):
                tell_of_lane(self.deliver, provider)
            if after.flows is not before.flows:
                self.lanes.switch(provider, on=after.flows)
            return after
        raise WaitError(Code.LEDGER_CONFLICT, f"others change {provider}'s lane again and again", 1)


def _without(lane: Lane, probe_until: datetime | None) -> Lane:
    """The lane without this probe; another one's stays."""
    return lane.but(probe_until=None) if lane.probe_until == probe_until else lane


def _codes(lane: Lane) -> set[tuple[Reason, Code]]:
    """What the provider's report says is wrong."""
    return {(pause.reason, pause.code) for pause in lane.pauses}
