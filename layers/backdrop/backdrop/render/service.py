"""Render: claims a job, calls the provider, and records the answer. It does only this, because it occupies a slot."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

from backdrop.aws.ledger import Ledger
from backdrop.aws.sqs import Queue
from backdrop.model import transitions
from backdrop.model.circuit import ProviderHealth
from backdrop.model.codes import Code
from backdrop.model.errors import (
    BackdropError,
    ConflictError,
    MalformedMessageError,
    PhotoError,
    RetryLaterError,
)
from backdrop.model.job import IN_FLIGHT_STATUSES, Job, JobStatus, Problem
from backdrop.model.provider_result import LookupStatus, ProviderResult, RetryClass
from backdrop.model.queue_messages import JobMessage
from backdrop.model.suspicion import is_suspect
from backdrop.pipeline.breaker import CircuitBreaker
from backdrop.pipeline.call_context import MAX_PROBE_START_SECONDS, RECORD_RESULT_SECONDS, CallContext
from backdrop.pipeline.crash_guard import MAX_CRASHES, begin_job_processing, end_job_processing
from backdrop.pipeline.enqueue import enqueue_delivery, return_to_intake, schedule_documents
from backdrop.pipeline.failover import Failover
from backdrop.pipeline.orphan_jobs import OrphanJobs
from backdrop.pipeline.places import Places
from backdrop.pipeline.purchase import Purchases
from backdrop.pipeline.recovery import NextAction, Recovery
from backdrop.pipeline.reuse import reuse_or_wait, set_mandate
from backdrop.ports import Clock, PreparedCall, Provider
from backdrop.render.call_inputs import CallInputs

MAX_IN_SLOT_WAIT_SECONDS = 20
# The longer a job has waited for the rate limit, the less often it retries: the jitter is up to this share of the time
# that it has waited so far.
THROTTLE_JITTER_RATIO = 1 / 16
DEFAULT_DELAY_SECONDS = 10
INITIAL_BACKOFF_SECONDS = 3
MAX_IMMEDIATE_RETRIES = 2
MAX_BACKOFF_SECONDS = 900
PARKED_DELAY_SECONDS = 1
# A provider that fails for many photos is reported once (see model/circuit.py); failures specific to one photo are
# reported here.
MIN_OCCURRENCES_TO_REPORT = 4

RENDERABLE_STATUSES = IN_FLIGHT_STATUSES | {JobStatus.ACCEPTED}


class RenderOutcome(StrEnum):
    """The outcome of handling a job's message."""

    PAID = "paid"
    ENDED = "ended"
    FORWARDED = "forwarded"
    RETURNED_TO_INTAKE = "returned_to_intake"
    MOVED = "moved"
    WAITS_FOR_MANDATE = "waits_for_mandate"
    WAITS_FOR_BILL = "waits_for_bill"


@dataclass(eq=False, repr=False)
class RenderService:
    call_inputs: CallInputs
    ledger: Ledger
    breaker: CircuitBreaker
    orphan_jobs: OrphanJobs
    places: Places
    purchases: Purchases
    recovery: Recovery
    failover: Failover
    providers: Mapping[str, Provider]
    deliver_queue: Queue
    intake_queue: Queue
    clock: Clock

    def render(self, message: JobMessage, context: CallContext) -> RenderOutcome:
        """Advances one job as far as possible: usually to a paid call with a recorded answer.

        Raises RetryLaterError if the message must return to the queue, ConflictError if another worker wrote the job,
        and MalformedMessageError if there is no such job.
        """
        job, lane, context.places, context.registry = self.ledger.read_for_render(
            message.source_id, message.job_id, context.lane_provider
        )
        if job is None:
            raise MalformedMessageError("the ledger has no such job")
        if job.status in RENDERABLE_STATUSES and context.lane_provider not in ("", job.provider):
            return RenderOutcome.MOVED
        context.metrics.labels |= {"provider": job.provider, "operation": job.operation}
        provider = self.providers.get(job.provider)
        if job.status in RENDERABLE_STATUSES and provider is None:
            return self._return_to_intake(job)
        if job.status is JobStatus.ACCEPTED and provider:
            return self._render_accepted(job, provider, context, lane if context.lane_provider else None)
        if job.waits_for_bill:
            return RenderOutcome.WAITS_FOR_BILL
        if job.status in IN_FLIGHT_STATUSES and provider:
            return self._recover(job, provider, context)
        # Deliver completes jobs that reuse a file, so this message may be left over from such a job.
        if not (job.status is JobStatus.STORED and job.reused_from):
            enqueue_delivery(self.deliver_queue, job, job.job_id)
        return RenderOutcome.FORWARDED

    def _render_accepted(
        self, job: Job, provider: Provider, context: CallContext, lane: ProviderHealth | None
    ) -> RenderOutcome:
        """Buys the job's pictures, unless another job owns this content, or its mandate does not cover it."""
        mandate = context.registry.find_name(job.bucket, job.key)
        if mandate and job.mandate is None:
            job = set_mandate(self.ledger, job, mandate)
        if job.waits_for_mandate:
            return RenderOutcome.WAITS_FOR_MANDATE
        if job.waits_for:
            job = reuse_or_wait(self.ledger, job, self.clock.now())
        if job.status is not JobStatus.ACCEPTED:
            return self._enqueue_delivery(job)
        cancelled_job = self.orphan_jobs.cancel_if_unwanted(job)
        if cancelled_job:
            return self._enqueue_delivery(cancelled_job)
        if self.failover.fail_over_if_blocked(job):
            return RenderOutcome.MOVED
        lack = self.places.explain_lack(job)
        if lack:
            return self._fail_over_or_refuse(job, lack)
        self._admit(job, context, lane)
        return self._buy_guarded(job, provider, context, NextAction.BUY)

    def _recover(self, job: Job, provider: Provider, context: CallContext) -> RenderOutcome:
        """Resolves a call whose answer is not in the ledger, and sends it again only if that is safe."""
        if job.status is JobStatus.SUBMITTING:
            job = self.recovery.recover_expired_lease(job, provider, context)
            enqueue_delivery(self.deliver_queue, job)
        # The executions that requested the job may have stopped since its call was sent: then the call is not repeated.
        job = self.orphan_jobs.cancel_if_unwanted(job) or job
        job, action = self.recovery.resolve_unknown(job, provider, context)
        if job.status is JobStatus.ACCEPTED:
            raise _build_not_taken_error()
        if action is NextAction.NOTHING:
            return self._enqueue_delivery(job)
        lack = self.places.explain_lack(job)
        if lack:
            return self._fail_or_hold(job, BackdropError(Code.MORE_IMAGES_THAN_PLACES, lack))
        self._admit(job, context)
        return self._buy_guarded(job, provider, context, action)

    def _fail_over_or_refuse(self, job: Job, lack: str) -> RenderOutcome:
        """Moves a job that needs more places than its lane has had since intake accepted it, or ends it."""
        if self.failover.fail_over(job, lack):
            return RenderOutcome.MOVED
        return self._fail_or_hold(job, BackdropError(Code.MORE_IMAGES_THAN_PLACES, lack))

    # -- before the call -----------------------------------------------------------------------------------

    def _admit(self, job: Job, context: CallContext, lane: ProviderHealth | None = None) -> None:
        """Waits until the lane admits the job and has places for its call, and stores the lane in `context`.

        Raises RetryLaterError if that takes too long, and ConflictError after it has ended and reported a job that an
        operator canceled.
        """
        seconds = self.providers[job.provider].timeout_seconds
        probe_duration = timedelta(seconds=MAX_PROBE_START_SECONDS + seconds + RECORD_RESULT_SECONDS)

        def read_lane() -> ProviderHealth:
            lane, context.places = self.ledger.read_lane(job.provider)
            return lane

        while True:
            context.lane, context.is_probe = self.breaker.admit(
                job.provider,
                probe_duration,
                context.latest_start(seconds),
                lane,
                suspect=is_suspect(job),
                read_lane=read_lane,
            )
            lane = None
            self._end_if_cancelled(job, context.lane, context)
            if self.places.admits(job, context.places):
                return
            try:
                self.places.wait_for_turn(job, context, context.latest_start(seconds))
            except RetryLaterError:
                self._release_probe(context)
                raise

    def _end_if_cancelled(self, job: Job, lane: ProviderHealth, context: CallContext) -> None:
        """Raises ConflictError after it has ended and reported a job that an operator canceled."""
        transition = transitions.apply_cancel_marks(job, lane.cancel_marks, self.clock.now())
        if transition:
            self._release_probe(context)
            # The lane may pause before this message returns, so that nothing else would have the job's end reported.
            schedule_documents(self.deliver_queue, job)
            self.ledger.write_transition(transition)
            raise ConflictError

    def _buy_guarded(self, job: Job, provider: Provider, context: CallContext, action: NextAction) -> RenderOutcome:
        """Buys the job, and releases an unused probe."""
        try:
            outcome = self._buy_with_crash_guard(job, provider, context, action)
        except (RetryLaterError, ConflictError):
            self._release_probe(context)
            raise
        self._release_probe(context)
        return outcome

    def _buy_with_crash_guard(
        self, job: Job, provider: Provider, context: CallContext, action: NextAction
    ) -> RenderOutcome:
        """Marks the job if its message was received before, so that a photo that crashes its workers is detected.

        Removes the mark if the message returns to the queue.
        """
        job = begin_job_processing(self.ledger, job, context.receive_count, self.clock.now(), context.deadline)
        try:
            if job.crash_count < MAX_CRASHES:
                return self._buy(job, provider, context, action)
            return self._fail_or_hold(
                job, BackdropError(Code.CRASHED, f"The worker crashed {job.crash_count} times before the call.")
            )
        except (RetryLaterError, ConflictError):
            end_job_processing(self.ledger, job, self.clock, context.deadline)
            raise

    def _release_probe(self, context: CallContext) -> None:
        """Lets another job become the probe if this one made no call."""
        if context.is_probe and context.lane:
            self.breaker.release_probe(context.lane)
            context.is_probe = False

    def _buy(self, job: Job, provider: Provider, context: CallContext, action: NextAction) -> RenderOutcome:
        self.purchases.check_time(provider, context)
        try:
            photo, references = self.call_inputs.read_photo(job), self.call_inputs.read_references(job)
        except PhotoError as error:
            return self._fail_or_hold(job, error)
        if photo is None or references is None:
            return self._handle_missing_photo(job)
        call = provider.prepare(job, photo, references)
        if isinstance(call, ProviderResult):
            self._observe_result(call, context)
            if self.failover.fail_over_after(job, call):
                return RenderOutcome.MOVED
            raise self._schedule_retry(job, call, context)
        job = self._call_with_retries(job, provider, call, context, action)
        return (
            RenderOutcome.MOVED
            if job.status is JobStatus.ACCEPTED
            else self._enqueue_delivery(job, context.receipt_etag)
        )

    # -- the call ------------------------------------------------------------------------------------------

    def _call_with_retries(
        self, job: Job, provider: Provider, call: PreparedCall, context: CallContext, action: NextAction
    ) -> Job:
        """Calls the provider until it accepts the job. Waits in the slot if possible, and recovers lost answers.

        Returns a job that is still `accepted` if it moved to another provider.
        """
        provider_name = job.provider
        while True:
            job, result = self._send_call(job, provider, call, context, action)
            if isinstance(result, LookupStatus):
                raise RetryLaterError(Code.JOB_IN_FLIGHT, "The provider is still working.", PARKED_DELAY_SECONDS)
            self._observe_result(result, context)
            if job.status is JobStatus.UNKNOWN and result.retry_class is RetryClass.AMBIG:
                enqueue_delivery(self.deliver_queue, job)
                job, action = self.recovery.resolve_unknown(job, provider, context)
                if job.status is JobStatus.ACCEPTED:
                    raise _build_not_taken_error()
                if action is NextAction.NOTHING:
                    return job
            elif job.status in (JobStatus.ACCEPTED, JobStatus.UNKNOWN):
                job = self._wait_or_fail_over(job, provider, result, context)
            if job.status not in (JobStatus.ACCEPTED, JobStatus.UNKNOWN) or job.provider != provider_name:
                return job
            self._admit(job, context)

    def _send_call(
        self, job: Job, provider: Provider, call: PreparedCall, context: CallContext, action: NextAction
    ) -> tuple[Job, ProviderResult | LookupStatus]:
        if job.status is JobStatus.UNKNOWN and action is NextAction.RESEND:
            self.purchases.check_time(provider, context)
            job = self.ledger.write_transition(transitions.resend_call(job, context.lease_until))
            return self.purchases.send_claimed(job, provider, call, context)
        return self.purchases.claim_and_send(job, provider, call, context)

    def _observe_result(self, result: ProviderResult, context: CallContext) -> None:
        if context.lane:
            self.breaker.observe_result(context.lane, result, probe=context.is_probe)
        context.is_probe = False

    # -- after the call ------------------------------------------------------------------------------------

    def _enqueue_delivery(self, job: Job, receipt_etag: str = "") -> RenderOutcome:
        enqueue_delivery(self.deliver_queue, job, job.job_id, receipt_etag=receipt_etag)
        if job.waits_for_bill:
            return RenderOutcome.WAITS_FOR_BILL
        return RenderOutcome.PAID if job.status is JobStatus.PAID else RenderOutcome.ENDED

    def _handle_missing_photo(self, job: Job) -> RenderOutcome:
        """Returns the job of a missing or replaced photo to intake; holds a job that may have been charged."""
        if job.status is JobStatus.UNKNOWN:
            return self._enqueue_delivery(self.ledger.write_transition(transitions.hold(job, self.clock.now())))
        return self._return_to_intake(job)

    def _fail_or_hold(self, job: Job, error: BackdropError) -> RenderOutcome:
        """Ends the job with the error; holds it if an earlier call may have been charged."""
        if job.status is JobStatus.UNKNOWN:
            return self._handle_missing_photo(job)
        return self._enqueue_delivery(self.ledger.write_transition(transitions.fail(job, error, self.clock.now())))

    def _return_to_intake(self, job: Job) -> RenderOutcome:
        return_to_intake(self.intake_queue, job)
        return RenderOutcome.RETURNED_TO_INTAKE

    def _wait_or_fail_over(self, job: Job, provider: Provider, result: ProviderResult, context: CallContext) -> Job:
        """Waits in the slot if the wait is short; otherwise moves the job to another provider, if it names one.

        Raises RetryLaterError if neither is possible. The provider did not accept the call.
        """
        context.declined_calls += 1
        context.metrics.throttle_count += result.retry_class is RetryClass.QUOTA
        seconds = self._choose_in_slot_delay(job, result, context)
        if seconds is None and result.retry_class is RetryClass.NOW and result.code is not Code.TOO_LITTLE_TIME:
            self._observe_result(replace(result, retry_class=RetryClass.BACKOFF), context)
        if seconds is None or not context.has_time_for(seconds + provider.timeout_seconds, self.clock.now()):
            moved_job = self.failover.fail_over_after(job, result)
            if moved_job:
                return moved_job
            raise self._schedule_retry(job, result, context)
        self.clock.sleep(seconds)
        return self._count_throttled(job, result, context, seconds)

    def _choose_in_slot_delay(self, job: Job, result: ProviderResult, context: CallContext) -> float | None:
        """Returns the seconds to wait in the slot.

        None if the wait would block the slot for too long, or if the next call needs another idempotency key.
        """
        if result.is_final:
            return None
        if result.retry_class is RetryClass.NOW and context.declined_calls <= MAX_IMMEDIATE_RETRIES:
            return self.clock.jitter(0.2)
        if result.retry_class is RetryClass.QUOTA and (result.retry_after_seconds or 0) <= MAX_IN_SLOT_WAIT_SECONDS:
            max_jitter = job.throttled_ms / 1000 * THROTTLE_JITTER_RATIO
            return (result.retry_after_seconds or 0.2) + self.clock.jitter(
                min(max(0.6, max_jitter), MAX_IN_SLOT_WAIT_SECONDS)
            )
        return None

    def _count_throttled(self, job: Job, result: ProviderResult, context: CallContext, seconds: float) -> Job:
        """Adds the time waited for the rate limit to the job. The job's next transition writes it."""
        if result.retry_class is not RetryClass.QUOTA:
            return job
        context.metrics.throttled_ms += round(seconds * 1000)
        return transitions.add_throttled_time(job, round(seconds * 1000))

    def _schedule_retry(self, job: Job, result: ProviderResult, context: CallContext) -> RetryLaterError:
        """Records why the job waits, and builds the error that sends its message back to the queue.

        The delay doubles each time the same problem occurs.
        """
        code = result.code or Code.PROVIDER_UNAVAILABLE
        if result.retry_class is RetryClass.QUOTA:
            delay = (
                DEFAULT_DELAY_SECONDS if result.retry_after_seconds is None else result.retry_after_seconds
            ) + self.clock.jitter(2)
            self.ledger.write_transition(transitions.Transition(self._count_throttled(job, result, context, delay)))
            return RetryLaterError(code, result.message, delay)
        if result.retry_class is RetryClass.PAUSE:
            return RetryLaterError(
                code, result.message, DEFAULT_DELAY_SECONDS + self.clock.jitter(DEFAULT_DELAY_SECONDS)
            )
        occurrences = (
            self._record_problem(job, BackdropError(code, result.message)) if job.status is JobStatus.ACCEPTED else 1
        )
        backoff = min(INITIAL_BACKOFF_SECONDS * 2.0 ** min(occurrences - 1, 10), MAX_BACKOFF_SECONDS)
        delay = backoff if result.retry_after_seconds is None else result.retry_after_seconds
        return RetryLaterError(code, result.message, delay + self.clock.jitter(2))

    def _record_problem(self, job: Job, error: BackdropError) -> int:
        """Records a problem, and returns how often it has occurred. Updates the report at the 4th, 8th, 16th … time."""
        problem = Problem.from_error(error, self.clock.now()).with_history(job.problem)
        job = self.ledger.write_transition(transitions.record_wait_reason(job, problem))
        if problem.occurrences >= MIN_OCCURRENCES_TO_REPORT and problem.occurrences.bit_count() == 1:
            enqueue_delivery(self.deliver_queue, job)
        return problem.occurrences


def _build_not_taken_error() -> RetryLaterError:
    """Returns the message to the queue: the next call may have another idempotency key and must be prepared again."""
    return RetryLaterError(Code.PROVIDER_UNAVAILABLE, "The provider did not accept the call.", DEFAULT_DELAY_SECONDS)
