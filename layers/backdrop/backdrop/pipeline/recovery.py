"""A lost answer: ask the provider where it can be asked; else wait until the call is over, send once more, or hold."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from backdrop.aws.ledger import Ledger
from backdrop.model import transitions
from backdrop.model.codes import Code
from backdrop.model.errors import WaitError
from backdrop.model.job import Job, Status
from backdrop.model.provider_result import Answer, OnLostAnswer, Standing
from backdrop.pipeline.call_context import Slot
from backdrop.pipeline.crash_guard import MOST_CRASHES
from backdrop.pipeline.purchase import LONGEST_CLAIM, Payments
from backdrop.ports import Clock, Provider

POLL_SECONDS = 2.0
PENDING_DELAY_SECONDS = 15.0
# A provider that calls its work unfinished for longer than it keeps its records has lost it.
LONGEST_PENDING = timedelta(hours=1)
RESEND_AFTER = timedelta(seconds=10)
MOST_LOSSES_BY_OUR_ID = 5


class Next(StrEnum):
    """What is left to do for a job whose answer was lost."""

    NOTHING = "nothing"
    SEND_AGAIN = "send_again"
    PAY = "pay"


@dataclass(eq=False, repr=False)
class LostAnswers:
    """Finds out what became of calls; it never sends a paid one."""

    ledger: Ledger
    payments: Payments
    clock: Clock
    policy: OnLostAnswer

    def find_out(self, job: Job, provider: Provider, slot: Slot) -> tuple[Job, Next]:
        """The job as far as it can be brought for nothing, and what would have to be paid for or sent again.

        WaitError where the call may still be at work.
        """
        attempt = job.attempt_of(job.attempt)
        if job.status is Status.UNKNOWN and attempt and attempt.provider_id:
            job, standing = self._ask(job, provider, attempt.provider_id, slot)
            if job.status is Status.UNKNOWN and standing is Standing.ABSENT and provider.request_id(job):
                return self._send_again_or_hold(job, slot)
        if job.status is not Status.UNKNOWN:
            return job, Next.NOTHING
        self._wait_for_its_end(job, provider, slot)
        if self.may_pay_once_more(job):
            return job, Next.PAY
        return self.ledger.advance(transitions.hold(job, self.clock.now())), Next.NOTHING

    def may_pay_once_more(self, job: Job) -> bool:
        """Whether a call that nobody can be asked about may be sent a second time."""
        return self.policy is OnLostAnswer.RETRY_ONCE and job.losses <= 1 and job.unwanted is None

    def _send_again_or_hold(self, job: Job, slot: Slot) -> tuple[Job, Next]:
        """A call that carries its own id again charges nothing twice; yet one that is always lost is a person's."""
        wanted = job.unwanted is None
        if wanted and (job.problem is None or job.problem.times < MOST_LOSSES_BY_OUR_ID):
            self._sleep((_lost_at(job) + RESEND_AFTER - self.clock.now()).total_seconds(), slot)
            return job, Next.SEND_AGAIN
        return self.ledger.advance(transitions.hold(job, self.clock.now())), Next.NOTHING

    def _ask(self, job: Job, provider: Provider, provider_id: str, slot: Slot) -> tuple[Job, Answer | Standing]:
        """Ask until there is an answer or the time is over; what a crash left in `submitting` is asked as well."""
        while (said := provider.look_up(job, provider_id)) is Standing.PENDING:
            if self.clock.now() > _submitted(job) + LONGEST_PENDING:
                return job, Standing.ABSENT
            if not slot.has_time_for(POLL_SECONDS, self.clock.now()):
                job = self._park(job, slot)
                raise WaitError(Code.JOB_IN_FLIGHT, "the provider is still at work", PENDING_DELAY_SECONDS)
            self.clock.sleep(POLL_SECONDS)
        if isinstance(said, Answer):
            job = self.payments.record(job, said, slot)
            self.payments.keeper.heed_found(job, said)
            return job, said
        return job, said

    def _park(self, job: Job, slot: Slot) -> Job:
        return self.payments.park(job, slot) if job.status is Status.SUBMITTING else job

    def resume(self, job: Job, provider: Provider, slot: Slot) -> Job:
        """submitting, and its lease is over: whoever had it parked it or died; the job without that worker."""
        now = self.clock.now()
        attempt = job.attempt_of(job.attempt)
        if attempt is None:
            return job
        if now < attempt.lease_until:
            left = (attempt.lease_until - now).total_seconds()
            raise WaitError(Code.JOB_IN_FLIGHT, "another worker holds the job's lease", left + 1)
        kept = self.payments.answers.find(job, job.attempt)
        if kept:
            return self.payments.record(job, kept, slot)
        if attempt.provider_id is None or job.crashes >= MOST_CRASHES - 1:
            return self.ledger.advance(transitions.lose(job, now))
        job = self.ledger.advance(transitions.renew(job, now, slot.lease_until))
        job, _ = self._ask(job, provider, attempt.provider_id, slot)
        if job.status is not Status.SUBMITTING:
            return job
        absent = Answer.lost(f"The provider knows no call {attempt.provider_id}.")
        return self.payments.record(job, absent, slot)

    def _wait_for_its_end(self, job: Job, provider: Provider, slot: Slot) -> None:
        """The lost call holds its place at the provider for as long as a call may last: nobody else takes it."""
        end = _submitted(job) + LONGEST_CLAIM + timedelta(seconds=provider.timeout_seconds)
        self._sleep((end - self.clock.now()).total_seconds(), slot)

    def _sleep(self, seconds: float, slot: Slot) -> None:
        """Keep the slot for so long; hand the message back where the invocation ends before that."""
        if seconds <= 0:
            return
        if not slot.has_time_for(seconds, self.clock.now()):
            raise WaitError(Code.JOB_IN_FLIGHT, "the lost call may still be at work", seconds)
        self.clock.sleep(seconds)


def _submitted(job: Job) -> datetime:
    attempt = job.attempt_of(job.attempt)
    return attempt.submitted_at if attempt else job.queued_at


def _lost_at(job: Job) -> datetime:
    """When the latest answer was lost, as it is stored: a wait counted from there goes on where another stopped."""
    return job.problem.last_seen if job.problem else _submitted(job)
