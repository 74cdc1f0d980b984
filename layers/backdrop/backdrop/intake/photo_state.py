"""The state of one photo while one event is handled: the facts for intake's decision tables, and their sources."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Flag
from functools import cached_property

from backdrop.aws.ledger import Ledger
from backdrop.instructions.merge import is_complete
from backdrop.intake.batch_prefetch import BatchPrefetch
from backdrop.intake.decide import (
    CallInputChange,
    CancelMarkState,
    CrashCount,
    EventDelivery,
    EventKind,
    History,
    Inspection,
    InstructionChange,
    JobMatch,
    OwnInstructions,
    PhotoInBucket,
    PlanResult,
    ReportedProblems,
    ReportState,
    RequestedBy,
    SettlePeriod,
)
from backdrop.intake.instruction_resolver import InstructionResolver
from backdrop.intake.job_planner import JobPlan
from backdrop.intake.photo_reader import PhotoSnapshot, read_crashed_photo
from backdrop.intake.photo_status import find_last_written_at, is_empty, list_current_jobs
from backdrop.model.circuit import ProviderHealth
from backdrop.model.decision_table import Facts
from backdrop.model.ids import derive_source_id
from backdrop.model.intake_event import IntakeEvent
from backdrop.model.job import Job, JobStatus, Origin, Source
from backdrop.model.mandate import Mandate
from backdrop.pipeline.crash_guard import MAX_CRASHES
from backdrop.pipeline.image_requests import ImageRequests
from backdrop.pipeline.unreadable_files import find_unreadable_problem
from backdrop.ports import Clock


@dataclass(eq=False, repr=False)
class PhotoState:
    """Reads everything at most once, on first access."""

    received_event: IntakeEvent
    ledger: Ledger
    prefetch: BatchPrefetch
    image_requests: ImageRequests
    resolver: InstructionResolver
    clock: Clock
    settle_seconds: int

    @cached_property
    def facts(self) -> Facts:
        return Facts(
            {
                History: self._classify_history,
                EventKind: self._classify_event,
                EventDelivery: lambda: EventDelivery.REPEATED if self.event.is_repeated else EventDelivery.FIRST,
                CrashCount: self._classify_crashes,
                PhotoInBucket: lambda: (
                    compare_photo(self.source, self.snapshot) if self.optional_snapshot else PhotoInBucket.MISSING
                ),
                ReportState: lambda: (
                    ReportState.OUTDATED if find_unreadable_problem(self.source) else ReportState.CURRENT
                ),
                CallInputChange: self._compare_call_inputs,
                InstructionChange: lambda: compare_instructions(self.source, self.snapshot),
                OwnInstructions: lambda: classify_own_instructions(self.snapshot),
                JobMatch: lambda: compare_jobs(self.source, self.jobs, self.snapshot),
                ReportedProblems: lambda: classify_problems(self.source),
                RequestedBy: lambda: classify_requester(self.source, self.jobs),
                Inspection: lambda: classify_inspection(self.snapshot),
                SettlePeriod: lambda: SettlePeriod.TIME_LEFT if self.seconds_to_settle > 0 else SettlePeriod.OVER,
                CancelMarkState: lambda: check_cancel_marks(
                    self.source, self.jobs, self.snapshot, self.ledger.read_health
                ),
            }
        )

    @property
    def was_decided(self) -> bool:
        """Whether intake has already decided about the photo in this state."""
        same = (
            self.facts[PhotoInBucket] is PhotoInBucket.SAME
            and self.facts[InstructionChange] is InstructionChange.UNCHANGED
        )
        return same and self.facts[History] in History.KNOWN | History.BLOCKED

    # -- the ledger ------------------------------------------------------------------------------------------------

    @cached_property
    def source(self) -> Source:
        """The photo's item. If the event is about its tags, their time is included."""
        return replace(self._recorded_source, tagged_at=self._tagged_at)

    @property
    def has_new_tag_time(self) -> bool:
        """Whether the ledger has not recorded yet when the tags were written."""
        return self._tagged_at != self._recorded_source.tagged_at

    @cached_property
    def _tagged_at(self) -> datetime | None:
        tagged_at = self.received_event.tagged_at
        times = (self._recorded_source.tagged_at, None if self._is_foreign_tagging else tagged_at)
        return max((time for time in times if time), default=None)

    @property
    def _is_foreign_tagging(self) -> bool:
        """Whether the event says only that another tool's tags were changed, such as a virus scanner's.

        The photo's own instructions are those that intake had read before. Without this check, the scanner's tag would
        be a new request, which overrules an operator's cancel. An event from before that reading may be that of these
        tags.
        """
        tagged_at, seen_at = self.received_event.tagged_at, self._recorded_source.instructions_seen_at
        return bool(
            tagged_at
            and seen_at
            and seen_at < tagged_at
            and self.optional_snapshot
            and compare_instructions(self._recorded_source, self.optional_snapshot) is InstructionChange.UNCHANGED
        )

    @property
    def _recorded_source(self) -> Source:
        return self._item[0] or Source.new(self.received_event.bucket, self.received_event.key)

    @property
    def jobs(self) -> Sequence[Job]:
        return self._item[1]

    @cached_property
    def _item(self) -> tuple[Source | None, Sequence[Job]]:
        photo_id = derive_source_id(self.received_event.bucket, self.received_event.key)
        return (None, ()) if self._is_new_in_prefetch else self.ledger.read_photo(photo_id)

    @cached_property
    def _is_new_in_prefetch(self) -> bool:
        return self.received_event.is_first_object_change and self.prefetch.is_new(
            derive_source_id(self.received_event.bucket, self.received_event.key)
        )

    def _classify_history(self) -> History:
        return History.NEW_IN_PREFETCH if self._is_new_in_prefetch else classify_history(self.source)

    @property
    def mandate_name(self) -> str | None:
        """The name of the mandate that owns the photo's folder."""
        return self.prefetch.find_mandate_name(self.received_event.bucket, self.received_event.key)

    @cached_property
    def mandate(self) -> Mandate | None:
        account = self.ledger.find_mandate(self.mandate_name) if self.mandate_name else None
        return account.mandate if account else None

    # -- the event -------------------------------------------------------------------------------------------------

    @cached_property
    def event(self) -> IntakeEvent:
        """The effective event: a request that was handled before only resends its messages."""
        is_repeated = self.received_event.request and self.image_requests.is_duplicate(
            self.source, self.received_event.request
        )
        return replace(self.received_event, request=None, is_repeated=True) if is_repeated else self.received_event

    def _classify_event(self) -> EventKind:
        if self.received_event.request:
            return EventKind.REQUEST if self.event.request else EventKind.REPEATED_REQUEST
        if self.received_event.is_rerun:
            return EventKind.RERUN
        return EventKind.SETTLE_TIMEOUT if self.received_event.is_settle_timeout else EventKind.OBJECT_CHANGED

    def _classify_crashes(self) -> CrashCount:
        is_operator_rerun = (
            self.facts[EventKind] is EventKind.RERUN and self.facts[EventDelivery] is EventDelivery.FIRST
        )
        is_over_limit = self._recorded_source.crash_count >= MAX_CRASHES and not is_operator_rerun
        return CrashCount.TOO_MANY if is_over_limit else CrashCount.TOLERABLE

    # -- the bucket ------------------------------------------------------------------------------------------------

    @cached_property
    def optional_snapshot(self) -> PhotoSnapshot | None:
        """The photo with its sidecar and tags; None if there is no photo."""
        recorded, bucket, key = self._recorded_source.photo, self.received_event.bucket, self.received_event.key
        if self.facts[CrashCount] is CrashCount.TOO_MANY:
            return read_crashed_photo(self.resolver.photos, bucket, key, self._recorded_source.crash_count)
        # The prepared photo may have expired since the first delivery, so the photo is prepared again.
        must_prepare_again = self.event.is_repeated and recorded and recorded.is_prepared
        return self.resolver.reader.read(bucket, key, None if must_prepare_again else recorded)

    @property
    def snapshot(self) -> PhotoSnapshot:
        """Like `optional_snapshot`; raises LookupError if there is no photo."""
        if self.optional_snapshot is None:
            raise LookupError(self.received_event.key)
        return self.optional_snapshot

    def _compare_call_inputs(self) -> CallInputChange:
        is_changed = self.resolver.has_changed_references(self.source, self.jobs) or self.resolver.has_changed_canvas(
            self.source, self.jobs, self.snapshot.photo.sha256
        )
        return CallInputChange.CHANGED if is_changed else CallInputChange.UNCHANGED

    # -- the clock -------------------------------------------------------------------------------------------------

    @cached_property
    def seconds_to_settle(self) -> float:
        """How much longer the photo may wait for its instructions."""
        if self.source.needs_instructions and self.source.photo == self.snapshot.photo:
            return 0
        now = self.clock.now()
        since = self.source.settling_since or now
        return (since + timedelta(seconds=self.settle_seconds) - now).total_seconds()


# -- comparisons ---------------------------------------------------------------------------------------------------


def compare_all(source: Source, jobs: Sequence[Job], snapshot: PhotoSnapshot) -> tuple[Flag, ...]:
    """Returns all facts from the ledger and the bucket, to preview intake's decision."""
    return (
        classify_history(source),
        compare_photo(source, snapshot),
        compare_instructions(source, snapshot),
        classify_own_instructions(snapshot),
        compare_jobs(source, jobs, snapshot),
        classify_problems(source),
        classify_inspection(snapshot),
    )


def classify_history(source: Source) -> History:
    if source.settling_since:
        return History.WAITING
    if source.was_missing:
        return History.WAS_MISSING
    if source.needs_instructions:
        return History.BLOCKED
    return History.KNOWN if source.lock_version else History.NEW


def compare_photo(source: Source, snapshot: PhotoSnapshot) -> PhotoInBucket:
    if source.photo is None:
        return PhotoInBucket.NEW
    if source.photo == snapshot.photo:
        return PhotoInBucket.SAME
    return PhotoInBucket.SAME_BYTES if source.photo.etag == snapshot.photo.etag else PhotoInBucket.OTHER_BYTES


def compare_instructions(source: Source, snapshot: PhotoSnapshot) -> InstructionChange:
    return (
        InstructionChange.UNCHANGED
        if source.instructions_fingerprint == snapshot.instructions_fingerprint
        else InstructionChange.CHANGED
    )


def classify_own_instructions(snapshot: PhotoSnapshot) -> OwnInstructions:
    if is_complete(snapshot.instruction_sources):
        return OwnInstructions.COMPLETE
    return (
        OwnInstructions.NONE
        if all(is_empty(one) for one in snapshot.instruction_sources)
        else OwnInstructions.INCOMPLETE
    )


def compare_jobs(source: Source, jobs: Sequence[Job], snapshot: PhotoSnapshot) -> JobMatch:
    current, sha256 = list_current_jobs(source, jobs), snapshot.photo.sha256
    recorded = source.photo.sha256 if source.photo and not source.settling_since else None
    are_recorded = recorded is not None and recorded == sha256
    are_complete = len(current) == len(source.jobs) or are_recorded
    if not source.jobs or source.was_missing or not are_complete or any(job.sha256 != sha256 for job in current):
        return JobMatch.OTHER_BYTES if current else JobMatch.NO_JOBS
    return JobMatch.SAME_BYTES if current else JobMatch.EXPIRED


def classify_problems(source: Source) -> ReportedProblems:
    only_request_problems = all(one.origin is Origin.REQUEST for one in source.problems)
    return ReportedProblems.NONE if only_request_problems else ReportedProblems.SOME


def classify_requester(source: Source, jobs: Sequence[Job]) -> RequestedBy:
    is_for_executions = any(job.is_execution_scoped and not job.has_ended for job in list_current_jobs(source, jobs))
    return RequestedBy.EXECUTIONS if is_for_executions else RequestedBy.PHOTO


def classify_inspection(snapshot: PhotoSnapshot) -> Inspection:
    return Inspection.FAILED if snapshot.photo_error else Inspection.PASSED


def check_cancel_marks(
    source: Source,
    jobs: Sequence[Job],
    snapshot: PhotoSnapshot,
    read_health: Callable[[str], ProviderHealth],
) -> CancelMarkState:
    """Compares the operators' cancel marks with the latest upload. Reads the lanes only of jobs that are older."""
    last_written_at = find_last_written_at(source, snapshot, snapshot.instruction_sources)

    def is_cancelled(job: Job) -> bool:
        return any(mark.applies_to(job) for mark in read_health(job.provider).cancel_marks)

    older_jobs = [
        job
        for job in list_current_jobs(source, jobs)
        if _can_run_again(job) and (job.requested_at or job.queued_at) < last_written_at
    ]
    cancelled = [job for job in older_jobs if is_cancelled(job)]
    is_overruled = any(not is_cancelled(replace(job, requested_at=last_written_at)) for job in cancelled)
    return CancelMarkState.OVERRULED if is_overruled else CancelMarkState.IN_FORCE


def classify_plan(plan: JobPlan) -> PlanResult:
    if plan.jobs:
        return PlanResult.JOBS
    return PlanResult.NO_INSTRUCTIONS if plan.has_no_instructions else PlanResult.PROBLEMS


def _can_run_again(job: Job) -> bool:
    return job.status in (JobStatus.ACCEPTED, JobStatus.CANCELLED) or job.end_after_call is not None
