"""Redrive: lists failures, and continues the ones that an operator chooses."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import batched

from backdrop.aws.ledger import Ledger
from backdrop.aws.ledger_index import LedgerQueries
from backdrop.aws.s3 import OutputBucket
from backdrop.aws.sqs import Queue
from backdrop.aws.table import MAX_BATCH_GET_KEYS
from backdrop.intake.photo_status import list_current_jobs
from backdrop.model import transitions
from backdrop.model.codes import Code
from backdrop.model.error_catalog import ERROR_CATALOG, UNUSABLE_FILES, PaidFile
from backdrop.model.errors import ConflictError, ContentOwnedError, InstructionError
from backdrop.model.fidelity import buys_mask
from backdrop.model.job import ContentOwner, Job, JobStatus, MoneyStatus, Problem, Source
from backdrop.model.object_keys import paid_key
from backdrop.model.pricing import ConfiguredPrices, quote
from backdrop.model.queue_messages import CheckMessage
from backdrop.model.schedule import ItemKey, backdate_last_send
from backdrop.model.transitions import Transition
from backdrop.model.transitions.payment import MAX_BILL_WAIT
from backdrop.pipeline.enqueue import enqueue_delivery, enqueue_for_intake, enqueue_job
from backdrop.ports import Clock

MAX_TRIES, RETRY_SECONDS = 8, 0.1


@dataclass(frozen=True)
class FailedItem:
    """A job that failed, or a photo that failed before it had a job (`job` is None)."""

    source: Source
    job: Job | None
    problem: Problem

    @property
    def variant(self) -> str:
        return self.job.variant if self.job else self.problem.variant

    @property
    def status(self) -> str:
        return self.job.status.value if self.job else JobStatus.REFUSED.value


@dataclass(frozen=True)
class FailureFilter:
    """Selects failures. An empty field matches every failure."""

    codes: frozenset[Code] = frozenset()
    provider: str = ""
    prefix: str = ""

    def matches(self, failed_item: FailedItem) -> bool:
        provider = failed_item.job.provider if failed_item.job else ""
        return (
            (not self.codes or failed_item.problem.code in self.codes)
            and (not self.provider or provider == self.provider)
            and failed_item.source.key.startswith(self.prefix)
        )

    def matches_unknown_job(self, job: Job) -> bool:
        """Returns whether the filter matches a job whose answer was lost."""
        return (
            (not self.codes or Code.CHARGE_UNKNOWN in self.codes)
            and self.provider in ("", job.provider)
            and job.key.startswith(self.prefix)
        )


@dataclass(frozen=True)
class RedrivePlan:
    """How one failure continues, and what that may cost.

    `transition` is None for a photo without a job, which goes through intake again, and for a job that can continue
    only if it is paid for again (`needs_pay_again`). `max_costs`: the highest price of each job that is bought, in
    micro-dollars, by its ID: the failed one, and its mask, which other failures may share.
    """

    failed_item: FailedItem
    transition: Transition | None
    max_costs: Mapping[str, int] = field(default_factory=dict[str, int])
    needs_pay_again: bool = False


@dataclass(frozen=True)
class RedriveService:
    """Lists and redrives failures. `lane_queues` has the queues of the enabled providers."""

    ledger: Ledger
    ledger_queries: LedgerQueries
    output_bucket: OutputBucket
    lane_queues: Mapping[str, Queue]
    deliver_queue: Queue
    intake_queue: Queue
    clock: Clock
    prices: ConfiguredPrices = field(default_factory=dict[str, int])

    def list_failures(self, failure_filter: FailureFilter) -> Iterator[FailedItem]:
        """Returns the failures in the current error reports, the oldest first. Omits superseded jobs."""
        for item_key in self.ledger_queries.list_failed():
            source, jobs = self.ledger.read_photo(item_key.source_id)
            if source:
                yield from (item for item in _build_failures(source, jobs, item_key) if failure_filter.matches(item))

    def list_unknown_jobs(self, failure_filter: FailureFilter) -> Iterator[Job]:
        """Yields the jobs whose answer was lost, and that continue without an operator."""
        # The index has them at the time by which they continue at the latest. No job waits longer than for the bill.
        item_keys = self.ledger_queries.list_due(self.clock.now() + MAX_BILL_WAIT)
        for batch in batched((item_key for item_key in item_keys if item_key.job_id), MAX_BATCH_GET_KEYS, strict=False):
            jobs = self.ledger_queries.read_jobs(batch)
            for job in (jobs[item_key] for item_key in batch if item_key in jobs):
                if job.status is JobStatus.UNKNOWN and failure_filter.matches_unknown_job(job):
                    yield job

    # -- redrive -------------------------------------------------------------------------------------------

    def plan(self, failed_item: FailedItem, *, pay_again: bool) -> RedrivePlan:
        """Returns how a failure continues, and at what cost. A picture that can still be used is not bought again."""
        job, now = failed_item.job, self.clock.now()
        if job is None:
            return RedrivePlan(failed_item, None)
        given_up = ERROR_CATALOG[failed_item.problem.code].paid_file if pay_again else None
        is_available = self._is_result_available(job, now, follows_links=given_up is not PaidFile.GONE)
        if is_available and given_up not in UNUSABLE_FILES:
            return RedrivePlan(failed_item, transitions.retry_delivery(job, now))
        job = self._with_current_mandate(job)
        if pay_again and (job.reused_from or job.money is not MoneyStatus.NOT_SPENT):
            transition = transitions.pay_again(job, now)
        elif job.reused_from:
            transition = None
        else:
            transition = transitions.restart(job, replace(job, is_execution_scoped=False, requested_at=now), now)
        if transition is None:
            return RedrivePlan(failed_item, None, needs_pay_again=True)
        source, jobs = self.ledger.read_photo(job.source_id) if buys_mask(job.instructions) else (None, ())
        masks = [restart.job for restart in self._list_mask_restarts(job, source, jobs)] if source else []
        return RedrivePlan(failed_item, transition, {one.job_id: self._quote_job(one) for one in (job, *masks)})

    def _quote_job(self, job: Job) -> int:
        """Returns the job's cost, with its retries, at the current price.

        The original quote counts if its provider's credits have no configured price.
        """
        try:
            return replace(job, quoted=quote(job.provider, job.instructions, self.prices)).max_cost
        except InstructionError:
            return job.max_cost

    def _with_current_mandate(self, job: Job) -> Job:
        """Returns a job that a mandate paid with the mandate that owns the photo's folder now."""
        if not job.mandate:
            return job
        return transitions.with_mandate(job, self.ledger.read_mandate_registry().find_name(job.bucket, job.key))

    def _list_mask_restarts(self, job: Job, source: Source, jobs: Sequence[Job]) -> list[Transition]:
        """Returns the restart of the mask that a picture needs, and that was not bought because the picture ended."""
        if not buys_mask(job.instructions) or any(one.has_mask and one.sha256 == job.sha256 for one in jobs):
            return []
        masks = [self._with_current_mandate(one) for one in list_current_jobs(source, jobs) if one.is_mask]
        now = self.clock.now()
        restarts = (
            transitions.restart(one, replace(one, is_execution_scoped=False, requested_at=now), now) for one in masks
        )
        return [restart for restart in restarts if restart]

    def _is_result_available(self, job: Job, now: datetime, *, follows_links: bool) -> bool:
        """Returns whether a paid picture can still be fetched from its link or from `_backdrop/paid/`."""
        if job.status is not JobStatus.DEAD:
            return False
        if follows_links and not job.reused_from and any(link.is_live(now) for link in job.links):
            return True
        paying_job_id, pictures = job.reused_from or job.job_id, sum(link.is_usable for link in job.links)
        return any(
            self.output_bucket.find_key(paid_key(paying_job_id, job.paid_attempt_no, n, ""))
            for n in range(1, pictures + 1)
        )

    def redrive(self, plan: RedrivePlan) -> bool:
        """Continues a failure.

        Returns False if that requires paying again, or if another worker changed the job first.
        """
        if plan.failed_item.job is None:
            return self._check_photo(plan.failed_item)
        if plan.transition is None:
            return False
        try:
            jobs = self._write_transition(plan.failed_item.job, plan.transition)
        except ConflictError:
            return False
        for job in jobs:
            if job.status is JobStatus.ACCEPTED and job.provider in self.lane_queues:
                enqueue_job(self.lane_queues[job.provider], job)
            enqueue_delivery(self.deliver_queue, job, job.job_id if job.status is JobStatus.PAID else None)
        return True

    def _write_transition(self, failed_job: Job, transition: Transition) -> list[Job]:
        """Writes the transition, provided that the photo still names the job. Returns the job, and its mask.

        Writes the source item too, so that a worker that is processing the photo reads it again. If another job owns
        the content by then, the redriven job waits for it or gets its file. If the job is bought again, so is a mask
        that it needs.
        """
        owners: dict[str, ContentOwner] = {}
        for _ in range(MAX_TRIES):
            source, jobs = self.ledger.read_photo(failed_job.source_id)
            if source is None or failed_job not in list_current_jobs(source, jobs):
                raise ConflictError
            is_purchase = transition.job.status is JobStatus.ACCEPTED
            masks = self._list_mask_restarts(transition.job, source, jobs) if is_purchase else []
            written = [self._build_write(failed_job, one, owners) for one in (transition, *masks)]
            try:
                self.ledger.put_source(source, written)
            except ConflictError:
                self.clock.sleep(self.clock.jitter(RETRY_SECONDS))
            except ContentOwnedError as error:
                owners[error.owner.content_id] = error.owner
            else:
                return [one.job for one in written]
        raise ConflictError

    def _build_write(self, failed_job: Job, transition: Transition, owners: Mapping[str, ContentOwner]) -> Transition:
        """Returns the transition as it is written: a job whose content has an owner gets its file, or waits for it."""
        last_sent_at = backdate_last_send(self.clock.now())
        transition = replace(transition, job=replace(transition.job, last_sent_at=last_sent_at))
        owner = owners.get(transition.job.content_id)
        return self._join_or_take_over(failed_job, transition, owner) if owner else transition

    def _join_or_take_over(self, failed_job: Job, transition: Transition, owner: ContentOwner) -> Transition:
        """Joins the content's owner, or takes over the content if the job failed with this owner's file."""
        owner_job = self.ledger.find_job(owner.source_id, owner.job_id)
        if owner_job and owner_job.job_id == failed_job.reused_from and owner_job.has_kept_file:
            return transitions.take_over(transition.job, owner)
        return transitions.join_existing(transition.job, owner, owner_job, self.clock.now())

    def _check_photo(self, failed_item: FailedItem) -> bool:
        """Has intake check a photo whose problem belongs to no job, as if the photo had just been uploaded.

        If a file could not be read, intake has decided nothing since, so what it recorded before stays: a photo that
        has not changed is not resolved again, which might buy another picture.
        """
        source = replace(failed_item.source, crash_count=0, processing_until=None)
        if failed_item.problem.code is not Code.FILE_UNREADABLE:
            source = replace(source, photo=None, instructions_fingerprint="", sidecar_etag="")
        try:
            self.ledger.put_source(source, ())
        except ConflictError:
            return False
        enqueue_for_intake(self.intake_queue, CheckMessage(bucket=source.bucket, key=source.key))
        return True


def _build_failures(source: Source, jobs: Sequence[Job], item_key: ItemKey) -> list[FailedItem]:
    """Returns the failures of one index entry."""
    if item_key.job_id is None:
        return [FailedItem(source, None, problem) for problem in source.problems]
    current_jobs = [job for job in jobs if job.job_id == item_key.job_id and job.job_id in source.jobs.values()]
    return [
        FailedItem(source, job, problem) for job in current_jobs if job.has_ended and (problem := job.reported_problem)
    ]
