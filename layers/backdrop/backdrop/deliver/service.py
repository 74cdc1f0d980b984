"""Deliver: fetches and checks paid files, then writes pictures, receipt, error report, and event.

It then answers pending requests, and finally wakes the jobs that wait for the same content.
Everything may happen twice and in any order: each write is conditional on what it replaces, and documents are always
built from the ledger.
"""

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from backdrop.aws.event_bus import EventBus
from backdrop.aws.ledger import Ledger
from backdrop.aws.sqs import Queue
from backdrop.deliver.content_waiters import ContentWaiters
from backdrop.deliver.image_steps import ImageSteps
from backdrop.deliver.pictures import Pictures
from backdrop.deliver.task_callbacks import TaskCallbacks
from backdrop.model import transitions
from backdrop.model.circuit import DELIVERY_FAULTS, PauseReason
from backdrop.model.codes import Code
from backdrop.model.errors import BackdropError, ConflictError, ContentOwnedError, ResultError, RetryLaterError
from backdrop.model.ids import derive_message_group
from backdrop.model.job import ANNOUNCED_STATUSES, Job, JobStatus, MoneyStatus, Problem, Source
from backdrop.model.queue_messages import DeliverMessage
from backdrop.model.receipt import build_dead_letter_attributes, build_job_event, list_approval_events
from backdrop.model.retries import is_stopped_by_max_cost, needs_verdicts, should_retry, with_fewer_retries
from backdrop.model.schedule import backdate_last_send
from backdrop.model.sentence import Sentence
from backdrop.model.transitions import Transition
from backdrop.pipeline.breaker import CircuitBreaker
from backdrop.pipeline.crash_guard import DELIVER_TIMEOUT, MAX_CRASHES, begin_job_processing, end_job_processing
from backdrop.pipeline.documents import DocumentWriter
from backdrop.pipeline.enqueue import enqueue_delivery, return_to_intake
from backdrop.pipeline.job_diff import plan_review_ends, plan_variant_removals
from backdrop.ports import Clock

MAX_TRIES = 8
MAX_DELAY_SECONDS = 600
# The last try before a link expires.
LAST_TRY_SECONDS = 10
REPORTED_CODES = (Code.RESULT_UNREACHABLE, Code.SIGNING_FAILED)
"""What keeps a paid picture from being delivered for so long that its photo gets a report."""


@dataclass(frozen=True)
class DeliveryResult:
    """The facts that the handler counts: the job's current state, and whether this delivery led to it.

    `ended_here`: it ended. `awaits_approval_here`: its pictures began to wait for a person.
    """

    job: Job | None = None
    ended_here: bool = False
    awaits_approval_here: bool = False


@dataclass(eq=False, repr=False)
class DeliverService:
    ledger: Ledger
    pictures: Pictures
    documents: DocumentWriter
    content_waiters: ContentWaiters
    deliver_queue: Queue
    intake_queue: Queue
    event_bus: EventBus
    task_callbacks: TaskCallbacks
    dead_letter_queue: Queue
    breaker: CircuitBreaker
    clock: Clock

    def deliver(
        self, message: DeliverMessage, deadline: datetime, *, receive_count: int = 1, receipt_etag: str = ""
    ) -> DeliveryResult:
        """Delivers everything that is due for one photo.

        `deadline`: when the invocation ends. `receipt_etag`: the ETag of its first receipt, if the message carries it.

        Raises RetryLaterError if a picture or another service is unavailable, or while another worker delivers the
        job, and ConflictError if another worker wrote first.
        """
        source, jobs = self.ledger.read_photo(message.source_id)
        if source is None:
            self.task_callbacks.complete_standalone_requests(message.source_id)
            return DeliveryResult()

        job = _find_job(jobs, message.job_id)
        if job and job.status is JobStatus.ACCEPTED and job.waits_for:
            job = self.content_waiters.reuse_paid_file(job)
            jobs = _replace_job(jobs, job)
        was_paid = job is not None and job.status is JobStatus.PAID
        was_delivered = job is not None and job.stored_at is not None
        if job and was_paid:
            now = self.clock.now()
            job = begin_job_processing(self.ledger, job, receive_count, now, now + DELIVER_TIMEOUT)
            try:
                jobs = _replace_job(jobs, self._deliver_pictures(source, job, jobs, receive_count, deadline))
            except (RetryLaterError, ConflictError):
                end_job_processing(self.ledger, job, self.clock)
                raise
        self._observe_end(job, _find_job(jobs, message.job_id))

        jobs = self._cancel_unneeded_mask(source, jobs)
        source, jobs = self._write_documents(source, jobs, receipt_etag)
        job = _find_job(jobs, message.job_id)
        result = self._announce(source, job, was_paid=was_paid)
        self.task_callbacks.complete_requests(source)
        if job and job.needs_no_worker:
            self.content_waiters.wake(job)
        # No picture waits for a cut-out that was delivered before. Without this check, a picture and its cut-out would
        # have each other delivered again without end.
        if job and (result.ended_here or result.awaits_approval_here) and not was_delivered:
            self._wake_compared_pictures(job, jobs)
        return result

    def _observe_end(self, before: Job | None, job: Job | None) -> None:
        """Tells the lane what became of a picture that it bought: it stops buying if several cannot be delivered.

        A file that was bought before, and a mask, which has no picture, do not prove that new ones can be delivered.
        What ends after its file could not be downloaded was counted before.
        """
        if before is None or job is None:
            return
        if before.status is JobStatus.PAID and job.status in (JobStatus.STORED, JobStatus.REVIEW):
            if not (before.stored_at or job.reused_from or job.is_mask):
                self.breaker.observe_delivered(job.paid_provider)
        elif job.status is JobStatus.DEAD and job.money is not MoneyStatus.NOT_SPENT and not job.announced:
            has_waited = before.problem is not None and before.problem.code is Code.RESULT_UNREACHABLE
            if job.problem and job.problem.code in DELIVERY_FAULTS and not has_waited:
                self._observe_fault(job, job.problem.code, job.problem.message)

    def _observe_wait(self, job: Job, error: RetryLaterError, receive_count: int) -> None:
        """Tells the lane why a picture waits. A link that leads elsewhere says more than one without an answer yet.

        A useless result counts at its first try, because its later ones say nothing about new purchases.
        """
        if error.is_from_load:
            return
        answer = error.__cause__
        code = answer.code if isinstance(answer, ResultError) and answer.code in DELIVERY_FAULTS else error.code
        fault = DELIVERY_FAULTS.get(code)
        if fault and (fault.reason is PauseReason.STORAGE or receive_count == 1):
            self._observe_fault(job, code, error.message)

    def _observe_fault(self, job: Job, code: Code, message: Sentence) -> None:
        self.breaker.observe_undelivered(job.paid_provider, code, message, job.source_id)

    def _cancel_unneeded_mask(self, source: Source, jobs: Sequence[Job]) -> Sequence[Job]:
        """Cancels a mask that is not bought yet after the last picture that needs it has ended. Returns all jobs."""
        current_jobs = [job for job in jobs if job.job_id in source.jobs.values()]
        mask = next((job for job in current_jobs if job.is_mask), None)
        if mask is None or any(job.needs_mask for job in current_jobs):
            return jobs
        transition = transitions.cancel(mask, self.clock.now())
        if transition is None:
            return jobs
        mask = self.ledger.write_transition(transition)
        if mask.has_ended:
            enqueue_delivery(self.deliver_queue, mask, mask.job_id)
        return _replace_job(jobs, mask)

    def _wake_compared_pictures(self, cut_out: Job, jobs: Sequence[Job]) -> None:
        """Delivers the pictures that waited for this cut-out. If the message is lost, their own messages return."""
        for job in jobs:
            if cut_out.operation == "remove" and job.status is JobStatus.PAID and job.sha256 == cut_out.sha256:
                enqueue_delivery(self.deliver_queue, job, job.job_id)

    def _announce(self, source: Source, job: Job | None, *, was_paid: bool) -> DeliveryResult:
        """Publishes the events of a job that has ended or waits for approval, and reports a failure once.

        `was_paid`: the job was to be delivered when this delivery began.
        """
        if job is None or not job.needs_no_worker:
            return DeliveryResult(job)
        for event in (build_job_event(source, job), *list_approval_events(source, job)):
            if event:
                self.event_bus.publish(*event)
        if job.status in ANNOUNCED_STATUSES and not job.announced:
            self._report_failure(source, job)
            return DeliveryResult(job, ended_here=True)
        return DeliveryResult(
            job,
            ended_here=was_paid and job.status is JobStatus.STORED,
            awaits_approval_here=was_paid and job.status is JobStatus.REVIEW,
        )

    def _deliver_pictures(
        self, source: Source, job: Job, jobs: Sequence[Job], receive_count: int, deadline: datetime
    ) -> Job:
        """Stores the pictures of a paid job, ends it, or returns it to its lane to be bought again.

        Raises ConflictError if another worker changes it first.
        """
        if job.crash_count >= MAX_CRASHES:
            message = f"The worker that opened the paid picture crashed {job.crash_count} times."
            job = self.ledger.write_transition(
                transitions.fail(job, BackdropError(Code.CRASHED, message), self.clock.now())
            )
        is_redelivery, steps = receive_count > 1, ImageSteps(self.ledger, self.clock, job, deadline)
        try:
            if needs_verdicts(job):
                steps.job = self._retry_or_choose(source, steps, jobs, is_redelivery=is_redelivery)
                is_redelivery = True
            if steps.job.status is not JobStatus.PAID:
                return steps.job
            return self.ledger.write_transition(
                self.pictures.deliver_job(source, steps, jobs, is_redelivery=is_redelivery)
            )
        except RetryLaterError as error:
            self._observe_wait(steps.job, error, receive_count)
            if error.code is Code.MASK_PENDING:
                # The picture may wait for minutes. Until now, the receipt may say that its call is still in flight.
                self.documents.write(source, [steps.job])
            if error.code not in REPORTED_CODES:
                raise
            self._record_problem(source, steps.job, error)
            if error.code is Code.RESULT_UNREACHABLE:
                self.pictures.paid_files.keep_others(steps.job)
            delay = min(error.delay_seconds * 2.0 ** min(receive_count - 1, 10), MAX_DELAY_SECONDS)
            time_left = _find_time_left(steps.job, self.clock.now())
            raise RetryLaterError(error.code, error.message, min(max(delay, error.delay_seconds), time_left)) from error

    def _retry_or_choose(self, source: Source, steps: ImageSteps, jobs: Sequence[Job], *, is_redelivery: bool) -> Job:
        """Buys the job again if the product in every picture differs; otherwise chooses the attempt to deliver.

        Returns the job as accepted, or as paid with the chosen attempt. If its price limit stops it, a warning says so.
        """
        fidelities = self.pictures.judge_images(source, steps, jobs, is_redelivery=is_redelivery)
        job = steps.job
        is_current = job.job_id in source.jobs.values()
        if should_retry(job, fidelities, is_current=is_current):
            # If this worker crashes before it sends the message, reconcile sends it.
            retry = transitions.retry_picture(job, fidelities, backdate_last_send(self.clock.now()))
            # If another job buys this content now, this one must not.
            with suppress(ContentOwnedError):
                # With the source, so that a worker that is deciding about the photo now decides again.
                self.ledger.put_source(source, (retry,))
                return_to_intake(self.intake_queue, retry.job)
                return retry.job
        if is_stopped_by_max_cost(job, fidelities, is_current=is_current):
            job = with_fewer_retries(job, len(job.judged_attempts))
        if job.is_retrying:
            return self.ledger.write_transition(transitions.choose_attempt(job, fidelities))
        return job if job == steps.job else self.ledger.write_transition(Transition(job))

    def _record_problem(self, source: Source, job: Job, error: RetryLaterError) -> None:
        """Reports once that a paid picture cannot currently be downloaded or signed."""
        if job.problem is None or job.problem.code is not error.code:
            problem = Problem.from_error(error, self.clock.now(), job.money).with_history(job.problem)
            self.ledger.write_transition(transitions.record_wait_reason(job, problem))
        self.documents.write(source, [job])

    def _write_documents(self, source: Source, jobs: Sequence[Job], receipt_etag: str) -> tuple[Source, Sequence[Job]]:
        """Writes receipt and report, and marks pictures of variants that were removed while this delivery wrote them.

        If intake removed the variant before the pictures were stored, it could not mark them. Nor could it end their
        review before that began.
        """
        for _ in range(MAX_TRIES):
            source, jobs = self.documents.write(source, jobs, receipt_etag)
            job_transitions = plan_variant_removals(source, jobs) + plan_review_ends(source, jobs, self.clock.now())
            if not job_transitions:
                return source, jobs
            for transition in job_transitions:
                self.ledger.write_transition(transition)
        raise ConflictError

    def _report_failure(self, source: Source, job: Job) -> None:
        """Sends a dead letter if an operator must act, and marks the job, so that no failure is reported twice."""
        if job.status is JobStatus.DEAD:
            body = {"source_id": source.source_id, "job_id": job.job_id}
            self.dead_letter_queue.send(
                body, group=derive_message_group(job.key), attributes=build_dead_letter_attributes(job)
            )
        self.ledger.write_transition(transitions.mark_announced(job))


def _replace_job(jobs: Sequence[Job], changed_job: Job) -> Sequence[Job]:
    return [changed_job if job.job_id == changed_job.job_id else job for job in jobs]


def _find_time_left(job: Job, now: datetime) -> float:
    """Returns the seconds until the last try before one of the job's links expires; infinity if there is none."""
    moments = (link.expires_at for link in job.usable_links if link.expires_at)
    left = ((moment - now).total_seconds() - LAST_TRY_SECONDS for moment in moments)
    return min((seconds for seconds in left if seconds > 0), default=math.inf)


def _find_job(jobs: Sequence[Job], job_id: str | None) -> Job | None:
    return next((job for job in jobs if job.job_id == job_id), None)
