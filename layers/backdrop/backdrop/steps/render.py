"""Render: pay once. Take the job, call the provider, save the answer; nothing else happens while a slot is held."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from backdrop.core import transitions
from backdrop.core.answer import Answer, Class
from backdrop.core.capability import MAX_PHOTO_BYTES
from backdrop.core.codes import Code
from backdrop.core.errors import BackdropError, DamagedMessageError, StaleError, WaitError
from backdrop.core.identity import sha256_hex
from backdrop.core.job import Job, Problem, Status
from backdrop.core.money import quote, usd_text
from backdrop.ports import Clock, InputBucket, Ledger, Provider, Queue
from backdrop.steps.messages import JobMessage, begin_again, to_deliver

RECORD_SECONDS = 10
LAST_RECORD_SECONDS = 2
LEASE_GRACE = timedelta(seconds=60)
IN_SLOT_WAIT_SECONDS = 20
FIRST_DELAY_SECONDS = 10
NOW_TRIES = 2
LONGEST_DELAY_SECONDS = 900
LONGEST_BUDGET_DELAY_SECONDS = 3600


class Outcome(StrEnum):
    """What one delivery of a job's message led to."""

    PAID = "paid"
    ENDED = "ended"
    CARRIED_ON = "carried_on"
    RETURNED_TO_INTAKE = "returned_to_intake"


@dataclass
class Slot:
    """One delivery's place in the lane: how long it lasts, and what the door counts."""

    deadline: datetime
    labels: dict[str, str] = field(default_factory=dict[str, str])
    calls: int = 0
    latency_ms: int = 0
    refusals: int = 0
    throttles: int = 0
    throttled_ms: int = 0


@dataclass(frozen=True)
class Render:
    """The step. `daily_budget` is micro-dollars."""

    photos: InputBucket
    ledger: Ledger
    providers: Mapping[str, Provider]
    deliver: Queue
    intake: Queue
    clock: Clock
    daily_budget: int

    def __call__(self, message: JobMessage, slot: Slot) -> Outcome:
        job = self.ledger.job(message.source_id, message.job_id)
        if job is None:
            raise DamagedMessageError("the ledger knows no such job")
        if job.status is Status.ACCEPTED:
            return self._render(job, slot)
        return self._carry_on(job)

    def _carry_on(self, job: Job) -> Outcome:
        """The message came again: what an earlier delivery left undone is done, and nothing is bought."""
        now = self.clock.now()
        if job.status is Status.SUBMITTING:
            self._while_leased(job, now)
            job = self.ledger.advance(transitions.lose(job, now))
        if job.status is Status.UNKNOWN:
            job = self.ledger.advance(transitions.hold(job, now))
        if job.status is not Status.SUPERSEDED and job.status is not Status.CANCELLED:
            to_deliver(self.deliver, job, job.job_id)
        return Outcome.CARRIED_ON

    def _while_leased(self, job: Job, now: datetime) -> None:
        """Another worker may still be in the call: nobody touches its job before its lease is over."""
        attempt = job.attempt_of(job.attempt)
        if attempt and now < attempt.lease_until:
            left = (attempt.lease_until - now).total_seconds()
            raise WaitError(Code.JOB_IN_FLIGHT, "another worker holds the job's lease", left + 1)

    def _render(self, job: Job, slot: Slot) -> Outcome:
        slot.labels |= {"provider": job.provider, "operation": job.operation}
        provider, photo = self.providers.get(job.provider), self._photo(job)
        if provider is None or photo is None:
            begin_again(self.intake, job)
            return Outcome.RETURNED_TO_INTAKE
        call = provider.prepare(job, photo)
        if isinstance(call, Answer):
            raise self._handed_back(job, call, slot)
        needed = timedelta(seconds=provider.timeout_seconds + RECORD_SECONDS)
        while True:
            job, answer = self._pay(job, call, needed, slot)
            if job.status is not Status.ACCEPTED:
                break
            job = self._wait_in_slot(job, answer, needed, slot)
        if job.status is Status.UNKNOWN:
            job = self.ledger.advance(transitions.hold(job, self.clock.now()))
        to_deliver(self.deliver, job, job.job_id)
        return Outcome.PAID if job.status is Status.PAID else Outcome.ENDED

    def _photo(self, job: Job) -> bytes | None:
        """The bytes that the job is for, or None when others lie there by now."""
        stored = self.photos.read(job.bucket, job.key, limit=MAX_PHOTO_BYTES)
        if stored is None or stored.data is None or sha256_hex(stored.data) != job.sha256:
            return None
        return stored.data

    def _pay(self, job: Job, call: Callable[[], Answer], needed: timedelta, slot: Slot) -> tuple[Job, Answer]:
        """Claim, call, record: between the first and the last the money moves."""
        now = self.clock.now()
        if now + needed > slot.deadline:
            raise WaitError(Code.TOO_LITTLE_TIME, "too little time is left to start a call", FIRST_DELAY_SECONDS)
        job = self._claim(job, now, slot.deadline + LEASE_GRACE)
        started = self.clock.now()
        answer = call()
        slot.calls += 1
        slot.latency_ms = round((self.clock.now() - started).total_seconds() * 1000)
        return self._record(job, answer, slot), answer

    def _claim(self, job: Job, now: datetime, lease_until: datetime) -> Job:
        """Reserve what the job may cost now; a photo that today's budget does not cover waits for the next day."""
        price, cap = quote(job.provider, job.instructions), self.daily_budget
        try:
            return self.ledger.advance(transitions.claim(job, now=now, lease_until=lease_until, price=price, cap=cap))
        except WaitError as error:
            if error.code is not Code.BUDGET_REACHED:
                raise
            words = f"The job costs up to {usd_text(price)}; {usd_text(cap)} is today's budget."
            problem = self._explain(job, BackdropError(error.code, words))
            delay = min(_grown(problem, LONGEST_BUDGET_DELAY_SECONDS), _seconds_to_midnight(now))
            raise WaitError(error.code, words, delay + self.clock.jitter(30)) from error

    def _record(self, job: Job, answer: Answer, slot: Slot) -> Job:
        """The answer is written whatever came between: it is tried for as long as the invocation lasts."""
        n, pause = job.attempt, 0.1
        while True:
            try:
                return self.ledger.advance(transitions.record(job, n, answer, self.clock.now()))
            except (StaleError, WaitError):
                if self.clock.now() + timedelta(seconds=pause + LAST_RECORD_SECONDS) > slot.deadline:
                    raise
                self.clock.sleep(pause)
                job, pause = self._looked_up(job), min(pause * 2, 4)

    def _looked_up(self, job: Job) -> Job:
        """The job as it stands now, or as it was known where the ledger does not answer."""
        try:
            return self.ledger.job(job.source_id, job.job_id) or job
        except WaitError:
            return job

    def _wait_in_slot(self, job: Job, answer: Answer, needed: timedelta, slot: Slot) -> Job:
        """Wait where the wait is short; hand the message back where it is long. Nothing is held at the provider."""
        slot.refusals += 1
        slot.throttles += answer.kind is Class.QUOTA
        seconds = self._short_wait(answer, slot)
        if seconds is None or self.clock.now() + timedelta(seconds=seconds) + needed > slot.deadline:
            raise self._handed_back(job, answer, slot)
        self.clock.sleep(seconds)
        return self._throttled(job, answer, slot, seconds)

    def _short_wait(self, answer: Answer, slot: Slot) -> float | None:
        """Seconds to wait inside the slot, or None where that would only keep it from others."""
        if answer.kind is Class.NOW and slot.refusals <= NOW_TRIES:
            return self.clock.jitter(0.2)
        if answer.kind is Class.QUOTA and (answer.retry_after or 0) <= IN_SLOT_WAIT_SECONDS:
            return (answer.retry_after or 0.5) + self.clock.jitter(1)
        return None

    def _throttled(self, job: Job, answer: Answer, slot: Slot, seconds: float) -> Job:
        """The job with the seconds that it waited for the rate limit, written with its next transition."""
        if answer.kind is not Class.QUOTA:
            return job
        slot.throttled_ms += round(seconds * 1000)
        return transitions.throttled(job, round(seconds * 1000))

    def _handed_back(self, job: Job, answer: Answer, slot: Slot) -> WaitError:
        """The wait that hands the message back, written down first; each of the same kind is longer than the last."""
        code = answer.code or Code.PROVIDER_UNAVAILABLE
        if answer.kind is Class.QUOTA:
            delay = (answer.retry_after or FIRST_DELAY_SECONDS) + self.clock.jitter(2)
            self.ledger.advance(transitions.Step(self._throttled(job, answer, slot, delay)))
            return WaitError(code, answer.message, delay)
        problem = self._explain(job, BackdropError(code, answer.message))
        delay = answer.retry_after or _grown(problem, LONGEST_DELAY_SECONDS)
        return WaitError(code, answer.message, delay + self.clock.jitter(2))

    def _explain(self, job: Job, error: BackdropError) -> Problem:
        """A photo that waits says why; the longer it lasts, the more seldom its report is written anew."""
        problem = Problem.of(error, self.clock.now()).since(job.problem)
        job = self.ledger.advance(transitions.note(job, problem))
        if problem.times.bit_count() == 1:
            to_deliver(self.deliver, job)
        return problem


def _grown(problem: Problem, longest: float) -> float:
    """Seconds to wait, twice as long each time the problem is met again."""
    return min(FIRST_DELAY_SECONDS * 2.0 ** min(problem.times - 1, 10), longest)


def _seconds_to_midnight(now: datetime) -> float:
    """Until the next day (UTC), when the budget begins anew."""
    return 86_400 - (now - now.replace(hour=0, minute=0, second=0, microsecond=0)).total_seconds()
