"""Claim, call, record: between the first and the last the money moves."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from backdrop.aws.answer_spool import Answers
from backdrop.aws.ledger import Ledger
from backdrop.model import transitions
from backdrop.model.circuit import Reason
from backdrop.model.codes import Code
from backdrop.model.errors import BackdropError, StaleError, UnwritableError, WaitError
from backdrop.model.job import Job, Problem, Status, Suspicion
from backdrop.model.pricing import Configured, quote, usd_text
from backdrop.model.provider_result import Answer, Class, Standing
from backdrop.model.suspicion import first_refusal, judge
from backdrop.pipeline.breaker import LaneKeeper
from backdrop.pipeline.call_context import Slot
from backdrop.pipeline.enqueue import to_deliver
from backdrop.ports import Call, Clock, Provider

KEEP_SECONDS = 4
LONGEST_CLAIM = timedelta(seconds=5)
DEARER_THAN_A_DAY_SECONDS = 3600
TOO_LITTLE_TIME_DELAY_SECONDS = 10
Transition = Callable[[Job], transitions.Step]


@dataclass(eq=False, repr=False)
class Payments:
    """The only code that sends a paid call. `daily_budget` is micro-dollars."""

    ledger: Ledger
    keeper: LaneKeeper
    answers: Answers
    clock: Clock
    daily_budget: int
    prices: Configured = field(default_factory=dict[str, int])

    def pay(self, job: Job, provider: Provider, call: Call, slot: Slot) -> tuple[Job, Answer | Standing]:
        """accepted, unknown → submitting, the call, and what its answer makes of the job."""
        now = self.clock.now()
        self.check_time(provider, slot)
        price, cap = quote(job.provider, job.instructions, self.prices), self.daily_budget
        step = transitions.claim(
            job,
            now=now,
            lease_until=slot.lease_until,
            price=price,
            cap=cap,
            provider_id=provider.request_id(job),
            probe=slot.probe,
        )
        try:
            job = self.ledger.advance(step)
        except WaitError as error:
            if error.code is Code.BUDGET_REACHED:
                self._over_budget(job, price, error)
            raise
        return self.send(job, provider, call, slot)

    def _over_budget(self, job: Job, price: int, error: WaitError) -> None:
        """The lane pauses; but for a job that is dearer than a whole day's budget, which would shut it for ever."""
        if not 0 < self.daily_budget < price:
            words = f"The next job costs up to {usd_text(price)}; today's budget has less than that left."
            self.keeper.pause(job.provider, Reason.BUDGET, error.code, words, needs=price)
            return
        cap = usd_text(self.daily_budget)
        words = f"The job costs up to {usd_text(price)}, which is more than a whole day's budget ({cap})."
        self._too_dear(job, BackdropError(error.code, words))
        raise WaitError(error.code, words, DEARER_THAN_A_DAY_SECONDS) from error

    def _too_dear(self, job: Job, error: BackdropError) -> None:
        """The job waits and says so; one whose answer was lost cannot be sent once more: a person must decide."""
        now = self.clock.now()
        if job.status is Status.UNKNOWN:
            to_deliver(self.keeper.deliver, self.ledger.advance(transitions.hold(job, now)), job.job_id)
            return
        problem = Problem.of(error, now).since(job.problem)
        job = self.ledger.advance(transitions.note(job, problem))
        # Each time, once an hour: whoever noted it before may have died before anybody was told.
        to_deliver(self.keeper.deliver, job)

    def check_time(self, provider: Provider, slot: Slot) -> None:
        """WaitError where a call started now might outlive its invocation."""
        if not slot.has_time_for(provider.timeout_seconds, self.clock.now()):
            words = "too little time is left to start a call"
            raise WaitError(Code.TOO_LITTLE_TIME, words, TOO_LITTLE_TIME_DELAY_SECONDS)

    def send(self, job: Job, provider: Provider, call: Call, slot: Slot) -> tuple[Job, Answer | Standing]:
        """The paid call of a job that is claimed."""
        started = self.clock.now()
        if not self._in_time(job, provider, slot, started):
            late = Answer(Class.NOW, Code.TOO_LITTLE_TIME, "the claim took too long to start a call behind it")
            return self.record(job, late, slot), late
        answer = call(partial(self._acknowledged, job, slot))
        if isinstance(answer, Answer):
            answer = self._judged(answer, job, slot)
        slot.metrics.count_call((self.clock.now() - started).total_seconds(), answer)
        if isinstance(answer, Standing):
            return self.park(job, slot), answer
        return self.record(job, answer, slot), answer

    def _judged(self, answer: Answer, job: Job, slot: Slot) -> Answer:
        """The answer or the verdict on the job; one that rests on a proof which another job has used is none."""
        verdict, refused_at = judge(answer, job, slot.lane), first_refusal(job)
        if verdict.kind is not Class.PERM or verdict.suspicion is not Suspicion.REFUSAL or refused_at is None:
            return verdict
        with suppress(WaitError):
            if self.keeper.take_proof(job.provider, refused_at):
                return verdict
        return answer

    def _in_time(self, job: Job, provider: Provider, slot: Slot, now: datetime) -> bool:
        """A ledger that is slow may have eaten up the call's time; whoever waits for its end counts from the claim."""
        attempt = job.attempt_of(job.attempt)
        late = attempt and attempt.sends == 1 and now > attempt.submitted_at + LONGEST_CLAIM
        return not late and slot.has_time_for(provider.timeout_seconds, now)

    def _acknowledged(self, job: Job, slot: Slot, provider_id: str) -> None:
        """The provider's own name for the work is in the ledger before anybody polls."""
        self._insist(job, slot, lambda current: transitions.acknowledge(current, job.attempt, provider_id))

    def park(self, job: Job, slot: Slot) -> Job:
        """The provider is still at work when this invocation must end."""
        return self._insist(job, slot, self._parked)

    def _parked(self, job: Job) -> transitions.Step:
        """Nothing to park where somebody else wrote the answer meanwhile."""
        if job.status is not Status.SUBMITTING:
            return transitions.Step(job)
        return transitions.park(job, self.clock.now())

    def record(self, job: Job, answer: Answer, slot: Slot) -> Job:
        """The answer is written whatever came between; where the ledger does not take it, reconcile finds it."""
        n, kept = job.attempt, False
        answer = self.without_raw_response(job, n, answer)
        try:
            return self.ledger.advance(transitions.record(job, n, answer, self.clock.now()))
        except StaleError:
            job = self._looked_up(job)
        except (WaitError, UnwritableError):
            kept = self._kept(job, n, answer)
        try:
            return self._insist(job, slot, lambda current: transitions.record(current, n, answer, self.clock.now()))
        except UnwritableError:
            self.answers.keep(job, n, answer)
            raise
        except WaitError as error:
            if not kept:
                self.answers.keep(job, n, answer)
            left = (slot.lease_until - self.clock.now()).total_seconds()
            raise WaitError(error.code, error.message, max(left, 0) + 1) from error

    def without_raw_response(self, job: Job, n: int, answer: Answer) -> Answer:
        """Keeps the raw response of a paid picture that is not recognized, and returns what the ledger needs.

        The money is recorded even where the bucket refuses the response: deliver then reports that it is missing.
        """
        if answer.raw:
            with suppress(WaitError):
                self.answers.keep_response(job, n, answer.raw)
        return replace(answer, raw=b"")

    def _kept(self, job: Job, n: int, answer: Answer) -> bool:
        """Put beside the pictures at once: nobody knows how long this worker lives. It is tried again at the end."""
        try:
            self.answers.keep(job, n, answer)
        except WaitError:
            return False
        return True

    def _insist(self, job: Job, slot: Slot, step: Transition) -> Job:
        """Write a step for as long as the invocation lasts, on the job as it stands by then."""
        pause = 0.1
        while True:
            try:
                return self.ledger.advance(step(job))
            except (StaleError, WaitError) as error:
                if self.clock.now() + timedelta(seconds=pause + KEEP_SECONDS) > slot.deadline:
                    raise _as_wait(error) from error
                self.clock.sleep(pause)
                job, pause = self._looked_up(job), min(pause * 2, 4)

    def _looked_up(self, job: Job) -> Job:
        """The job as it stands now, or as it was known where the ledger does not answer."""
        try:
            return self.ledger.job(job.source_id, job.job_id) or job
        except WaitError:
            return job


def _as_wait(error: StaleError | WaitError) -> WaitError:
    if isinstance(error, WaitError):
        return error
    return WaitError(Code.LEDGER_CONFLICT, "others were faster, again and again", 1)
