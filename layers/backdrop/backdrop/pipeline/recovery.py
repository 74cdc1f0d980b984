"""Lost answers: look the call up if possible; otherwise wait until it has ended, then send it again or hold the job."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from backdrop.aws.ledger import Ledger
from backdrop.aws.work_store import AnswerSpool
from backdrop.model import transitions
from backdrop.model.codes import Code
from backdrop.model.errors import RetryLaterError
from backdrop.model.job import Job, JobStatus, SettlementResult
from backdrop.model.provider_result import LookupStatus, OnLostAnswer, ProviderResult
from backdrop.model.schedule import MAX_PENDING_DURATION
from backdrop.pipeline.breaker import CircuitBreaker
from backdrop.pipeline.call_context import MAX_CLAIM_DURATION, CallContext
from backdrop.pipeline.crash_guard import MAX_CRASHES
from backdrop.pipeline.purchase import Purchases
from backdrop.ports import Clock, Provider

POLL_INTERVAL_SECONDS = 2.0
PENDING_DELAY_SECONDS = 15.0
RESEND_DELAY = timedelta(seconds=10)
MAX_LOSSES_WITH_IDEMPOTENCY_KEY = 5


class NextAction(StrEnum):
    """The next step for a job whose answer was lost."""

    NOTHING = "nothing"
    RESEND = "resend"
    BUY = "buy"


@dataclass(eq=False, repr=False)
class Recovery:
    """Determines the outcome of lost calls. It never sends a paid call."""

    ledger: Ledger
    purchases: Purchases
    breaker: CircuitBreaker
    answer_spool: AnswerSpool
    clock: Clock
    policy: OnLostAnswer

    def resolve_unknown(self, job: Job, provider: Provider, context: CallContext) -> tuple[Job, NextAction]:
        """Resolves the job as far as possible without a charge; returns it with the next step.

        After NOTHING, the job needs no worker, even if it is still `unknown`. Raises RetryLaterError if the provider
        may still be working on the call.
        """
        attempt = job.find_attempt(job.attempt_no)
        if job.status is JobStatus.UNKNOWN and attempt and attempt.provider_id:
            job, lookup = self._poll_provider(job, provider, attempt.provider_id, context)
            if job.status is JobStatus.UNKNOWN and lookup is LookupStatus.ABSENT and provider.idempotency_key(job):
                return self._resend_or_hold(job, context)
        if job.status is not JobStatus.UNKNOWN:
            return job, NextAction.NOTHING
        self._wait_for_call_end(job, provider, context)
        if self.can_retry_purchase(job):
            return job, NextAction.BUY
        if self._can_wait_for_bill(job):
            return self.ledger.write_transition(transitions.wait_for_bill(job, self.clock.now())), NextAction.NOTHING
        return self.ledger.write_transition(transitions.hold(job, self.clock.now())), NextAction.NOTHING

    def can_retry_purchase(self, job: Job) -> bool:
        """Whether a call that cannot be looked up may be sent a second time.

        Not if it buys a picture again whose product differed: there is a paid picture to deliver, and the quote counts
        each of these calls once. The usage records may show whether the call was charged before anyone decides.
        """
        is_wanted = job.end_after_call is None and not job.is_retrying
        if not is_wanted or len(job.lost_calls) > 1:
            return False
        if any(call.is_settled(SettlementResult.CHARGED) for call in job.lost_calls):
            return False
        if self.policy is OnLostAnswer.ASK_THE_BILL:
            return job.possible_charge_count == 0
        return self.policy is OnLostAnswer.RETRY_ONCE

    def _can_wait_for_bill(self, job: Job) -> bool:
        """Whether the provider's usage records are compared with the ledger, and may allow to send the call again."""
        if self.policy is not OnLostAnswer.ASK_THE_BILL or not transitions.can_wait_for_bill(job):
            return False
        return self.ledger.read_bill_state().settles_calls(self.clock.now())

    def _resend_or_hold(self, job: Job, context: CallContext) -> tuple[Job, NextAction]:
        """Has the call sent again with the same idempotency key, which cannot be charged twice.

        Holds the job for an operator if its answers keep getting lost, or if its pictures are no longer needed.
        """
        is_wanted = job.end_after_call is None
        if is_wanted and (job.problem is None or job.problem.occurrences < MAX_LOSSES_WITH_IDEMPOTENCY_KEY):
            # The wait counts from the recorded loss, so that another worker continues it instead of starting over.
            lost_at = job.problem.last_seen if job.problem else _find_submitted_at(job)
            self._sleep_or_return((lost_at + RESEND_DELAY - self.clock.now()).total_seconds(), context)
            return job, NextAction.RESEND
        return self.ledger.write_transition(transitions.hold(job, self.clock.now())), NextAction.NOTHING

    def _poll_provider(
        self, job: Job, provider: Provider, provider_id: str, context: CallContext
    ) -> tuple[Job, ProviderResult | LookupStatus]:
        """Polls until there is a result or the time is up. Also handles jobs that a crash left in `submitting`."""
        while (lookup := provider.look_up(job, provider_id)) is LookupStatus.PENDING:
            if self.clock.now() > _find_submitted_at(job) + MAX_PENDING_DURATION:
                return job, LookupStatus.ABSENT
            self.purchases.places.extend(job, context, context.lease_until)
            if not context.has_time_for(POLL_INTERVAL_SECONDS, self.clock.now()):
                self._park_if_submitting(job, context)
                raise RetryLaterError(Code.JOB_IN_FLIGHT, "The provider is still working.", PENDING_DELAY_SECONDS)
            self.clock.sleep(POLL_INTERVAL_SECONDS)
        if isinstance(lookup, ProviderResult):
            job = self.purchases.record_result(job, lookup, context)
            self.breaker.observe_recovered_result(job, lookup)
            return job, lookup
        return job, lookup

    def _park_if_submitting(self, job: Job, context: CallContext) -> Job:
        return self.purchases.park(job, context) if job.status is JobStatus.SUBMITTING else job

    def recover_expired_lease(self, job: Job, provider: Provider, context: CallContext) -> Job:
        """Takes over a `submitting` job if its lease has expired: its worker parked the job or crashed.

        Raises RetryLaterError while another worker holds the lease.
        """
        now = self.clock.now()
        attempt = job.find_attempt(job.attempt_no)
        if attempt is None:
            return job
        if now < attempt.lease_until:
            seconds_left = (attempt.lease_until - now).total_seconds()
            raise RetryLaterError(Code.JOB_IN_FLIGHT, "Another worker holds the job's lease.", seconds_left + 1)
        spooled_result = self.answer_spool.find(job, job.attempt_no)
        if spooled_result:
            return self.purchases.record_result(job, spooled_result, context)
        if attempt.provider_id is None or job.crash_count >= MAX_CRASHES - 1:
            return self.ledger.write_transition(transitions.expire_lease(job, now))
        job = self.ledger.write_transition(transitions.renew_lease(job, now, context.lease_until))
        job, _ = self._poll_provider(job, provider, attempt.provider_id, context)
        if job.status is not JobStatus.SUBMITTING:
            return job
        lost_result = ProviderResult.lost(f"The provider has no call with the ID {attempt.provider_id}.")
        return self.purchases.record_result(job, lost_result, context)

    def _wait_for_call_end(self, job: Job, provider: Provider, context: CallContext) -> None:
        """Keeps the slot until the lost call can no longer be running, because it may occupy one at the provider."""
        latest_end = _find_submitted_at(job) + MAX_CLAIM_DURATION + timedelta(seconds=provider.timeout_seconds)
        self._sleep_or_return((latest_end - self.clock.now()).total_seconds(), context)

    def _sleep_or_return(self, seconds: float, context: CallContext) -> None:
        """Sleeps in the slot. Raises RetryLaterError if the invocation ends before the wait does."""
        if seconds <= 0:
            return
        if not context.has_time_for(seconds, self.clock.now()):
            raise RetryLaterError(Code.JOB_IN_FLIGHT, "The provider may still be working on the lost call.", seconds)
        self.clock.sleep(seconds)


def _find_submitted_at(job: Job) -> datetime:
    attempt = job.find_attempt(job.attempt_no)
    return attempt.submitted_at if attempt else job.queued_at
