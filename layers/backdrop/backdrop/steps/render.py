"""Render: pay once. Take the job, call the provider, save the answer; nothing else happens while a slot is held."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from backdrop.core import transitions
from backdrop.core.answer import Answer, Class
from backdrop.core.capability import MAX_PHOTO_BYTES
from backdrop.core.codes import Code
from backdrop.core.errors import DamagedMessageError, StaleError, WaitError
from backdrop.core.identity import sha256_hex
from backdrop.core.job import Job, Problem, Status
from backdrop.core.money import usd_text
from backdrop.ports import Clock, InputBucket, Ledger, Provider, Queue
from backdrop.steps.messages import JobMessage, begin_again, to_deliver

RECORD_SECONDS = 10
LEASE_GRACE = timedelta(seconds=60)
IN_SLOT_WAIT_SECONDS = 20
FIRST_DELAY_SECONDS = 10
NOW_TRIES = 2
LONGEST_DELAY_SECONDS = 240
WRITE_TRIES = 8


class Outcome(StrEnum):
    """What one delivery of a job's message led to."""

    PAID = "paid"
    ENDED = "ended"
    CARRIED_ON = "carried_on"
    RETURNED_TO_INTAKE = "returned_to_intake"


@dataclass
class Slot:
    """One delivery's place in the lane: how long it lasts, how often the message came, and what the door counts."""

    deadline: datetime
    receives: int
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
            raise WaitError(Code.PROVIDER_UNAVAILABLE, "another worker holds the job's lease", left + 1)

    def _render(self, job: Job, slot: Slot) -> Outcome:
        provider = self.providers[job.provider]
        slot.labels |= {"provider": job.provider, "operation": job.operation}
        photo = self._photo(job)
        if photo is None:
            begin_again(self.intake, job)
            return Outcome.RETURNED_TO_INTAKE
        while True:
            job, answer = self._pay(job, photo, provider, slot)
            if job.status is not Status.ACCEPTED:
                break
            job = self._wait_in_slot(job, answer, provider, slot)
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

    def _pay(self, job: Job, photo: bytes, provider: Provider, slot: Slot) -> tuple[Job, Answer]:
        """Claim, call, record: between the first and the last the money moves."""
        now = self.clock.now()
        if now + timedelta(seconds=provider.timeout_seconds + RECORD_SECONDS) > slot.deadline:
            raise WaitError(Code.PROVIDER_UNAVAILABLE, "too little time is left to start a call", 0)
        terms = transitions.Claim(
            now=now,
            lease_until=slot.deadline + LEASE_GRACE,
            price=job.quoted,
            cap=self.daily_budget,
        )
        job = self._claim(job, terms)
        started = self.clock.now()
        answer = provider.call(job, photo)
        slot.calls += 1
        slot.latency_ms = round((self.clock.now() - started).total_seconds() * 1000)
        return self._record(job, job.attempt, answer), answer

    def _claim(self, job: Job, terms: transitions.Claim) -> Job:
        try:
            return self.ledger.advance(transitions.claim(job, terms))
        except WaitError as error:
            if error.code is Code.BUDGET_REACHED:
                words = f"The job costs up to {usd_text(terms.price)}; {usd_text(terms.cap)} is today's budget."
                self._explain(job, WaitError(error.code, words, error.delay_seconds))
            raise

    def _record(self, job: Job, n: int, answer: Answer) -> Job:
        """The answer is written whatever came between: it is looked up anew until it stands in the ledger."""
        for _ in range(WRITE_TRIES):
            try:
                return self.ledger.advance(transitions.record(job, n, answer, self.clock.now()))
            except StaleError:
                job = self.ledger.job(job.source_id, job.job_id) or job
            except WaitError:
                self.clock.sleep(self.clock.jitter(1))
        return self.ledger.advance(transitions.record(job, n, answer, self.clock.now()))

    def _wait_in_slot(self, job: Job, answer: Answer, provider: Provider, slot: Slot) -> Job:
        """Wait where the wait is short; hand the message back where it is long. Nothing is held at the provider."""
        slot.refusals += 1
        slot.throttles += answer.kind is Class.QUOTA
        seconds = self._short_wait(answer, slot)
        needed = timedelta(seconds=(seconds or 0) + provider.timeout_seconds + RECORD_SECONDS)
        if seconds is None or self.clock.now() + needed > slot.deadline:
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
        error = WaitError(answer.code or Code.PROVIDER_UNAVAILABLE, answer.message, answer.retry_after or 0)
        if answer.kind is Class.QUOTA:
            error.delay_seconds = (answer.retry_after or FIRST_DELAY_SECONDS) + self.clock.jitter(2)
            self.ledger.advance(transitions.Step(self._throttled(job, answer, slot, error.delay_seconds)))
            return error
        problem = self._explain(job, error)
        grown = min(FIRST_DELAY_SECONDS * 2.0 ** min(problem.times - 1, 10), LONGEST_DELAY_SECONDS)
        error.delay_seconds = (answer.retry_after or grown) + self.clock.jitter(2)
        return error

    def _explain(self, job: Job, error: WaitError) -> Problem:
        """A photo that waits says why."""
        problem = Problem.of(error, self.clock.now()).since(job.problem)
        job = self.ledger.advance(transitions.note(job, problem))
        to_deliver(self.deliver, job)
        return problem
