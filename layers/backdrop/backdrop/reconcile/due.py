"""Due items: resends the messages of open jobs, which may have been lost, and looks up lost answers."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from backdrop.aws.ledger import Ledger
from backdrop.aws.sqs import Queue
from backdrop.model import transitions
from backdrop.model.errors import ConflictError, RetryLaterError
from backdrop.model.job import ANNOUNCED_STATUSES, IN_FLIGHT_STATUSES, Attempt, Job, JobStatus
from backdrop.model.provider_result import LookupStatus, ProviderResult
from backdrop.model.queue_messages import SettleMessage
from backdrop.model.schedule import ItemKey
from backdrop.pipeline.call_context import RECORD_RESULT_SECONDS, CallContext
from backdrop.pipeline.enqueue import enqueue_delivery, enqueue_for_intake, enqueue_job, return_to_intake
from backdrop.pipeline.recovery import MAX_PENDING_DURATION, Recovery
from backdrop.ports import Clock, Provider


@dataclass(eq=False, repr=False)
class Redispatcher:
    """`lane_queues` has the queues of the enabled providers."""

    ledger: Ledger
    recovery: Recovery
    providers: Mapping[str, Provider]
    lane_queues: Mapping[str, Queue]
    deliver_queue: Queue
    intake_queue: Queue
    clock: Clock

    def resend(self, item_key: ItemKey, invocation_ends_at: datetime) -> None:
        """Sends the message of one due item again. Does nothing if another worker writes the item first.

        `invocation_ends_at`: when this worker ends at the latest.
        """
        try:
            if item_key.job_id is None:
                self._resend_settle_check(item_key)
                return
            job = self.ledger.find_job(item_key.source_id, item_key.job_id)
            job = self._resolve_abandoned_calls(job) if job else None
            if job and (not job.needs_no_worker or (job.status in ANNOUNCED_STATUSES and not job.announced)):
                self._resend_job(job, invocation_ends_at)
        except ConflictError:
            return

    def _resolve_abandoned_calls(self, job: Job) -> Job:
        """Looks up calls for which no worker waits, once the worker that sent them can no longer be running.

        If the provider does not report the outcome of a call, its charge stays unknown.
        """
        now = self.clock.now()
        for attempt in job.abandoned_attempts:
            lookup = self._look_up_call(job, attempt) if now >= attempt.lease_until else LookupStatus.PENDING
            if isinstance(lookup, ProviderResult):
                lookup = self.recovery.purchases.detach_raw_response(job, attempt.n, lookup)
                job = self.ledger.write_transition(transitions.record_result(job, attempt.n, lookup, now))
                enqueue_delivery(self.deliver_queue, job)
        return job

    def _look_up_call(self, job: Job, attempt: Attempt) -> ProviderResult | LookupStatus:
        """Returns the outcome of the call; PENDING only while its provider may still be working on it."""
        provider, lookup = self.providers.get(attempt.provider), LookupStatus.ABSENT
        if provider and attempt.provider_id:
            lookup = provider.look_up(job, attempt.provider_id)
        if isinstance(lookup, ProviderResult):
            return lookup
        if lookup is LookupStatus.PENDING and self.clock.now() <= attempt.submitted_at + MAX_PENDING_DURATION:
            return lookup
        return ProviderResult.lost("The worker of this call crashed, and another call returned the pictures.")

    def _resend_settle_check(self, item_key: ItemKey) -> None:
        """Sends the settle message again for a photo that still waits for its instructions."""
        source, _ = self.ledger.read_photo(item_key.source_id)
        if source and source.settling_since:
            enqueue_for_intake(self.intake_queue, SettleMessage(bucket=source.bucket, key=source.key))
            self.ledger.put_source(replace(source, last_sent_at=self.clock.now()), ())

    def _resend_job(self, job: Job, invocation_ends_at: datetime) -> None:
        """Sends the message before recording it: a second message costs tries, but without any, the job stops."""
        if job.waits_for_bill and job.bill_wait_until and self.clock.now() < job.bill_wait_until:
            # The index may lag: the job needs no message before that time.
            return
        job = self._resolve_lost_answer(job, invocation_ends_at)
        self._send(job)
        self.ledger.write_transition(transitions.mark_resent(job, self.clock.now()))

    def _send(self, job: Job) -> None:
        if job.has_ended or job.status is JobStatus.PAID:
            enqueue_delivery(self.deliver_queue, job, job.job_id)
        elif job.provider in self.lane_queues:
            enqueue_job(self.lane_queues[job.provider], job)
        else:
            return_to_intake(self.intake_queue, job)

    def _resolve_lost_answer(self, job: Job, invocation_ends_at: datetime) -> Job:
        """Looks up a lost answer, if that is possible without a charge. Render handles anything that costs money."""
        provider = self.providers.get(job.provider)
        attempt = job.find_attempt(job.attempt_no)
        if attempt is None or job.status not in IN_FLIGHT_STATUSES:
            return job
        if provider is None or job.waits_for_bill:
            return self._hold(job)
        if not attempt.provider_id:
            return job
        context = CallContext(
            deadline=self.clock.now() + timedelta(seconds=RECORD_RESULT_SECONDS), invocation_ends_at=invocation_ends_at
        )
        try:
            if job.status is JobStatus.SUBMITTING:
                return self.recovery.recover_expired_lease(job, provider, context)
            return self.recovery.resolve_unknown(job, provider, context)[0]
        except RetryLaterError as error:
            current = self.ledger.find_job(job.source_id, job.job_id)
            if current is None:
                raise ConflictError from error
            return current

    def _hold(self, job: Job) -> Job:
        """Holds the job: its provider has since been disabled, or the usage records did not settle its call in time."""
        now = self.clock.now()
        if job.status is JobStatus.SUBMITTING:
            job = self.ledger.write_transition(transitions.expire_lease(job, now))
        return self.ledger.write_transition(transitions.hold(job, now))
