"""Carries out intake's decision about one photo: writes its source item and jobs, and sends their messages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from backdrop.aws.ledger import NO_NAMES, Ledger
from backdrop.aws.sqs import Queue
from backdrop.instructions.sources import InstructionSource
from backdrop.instructions.suggest import suggest_sidecar
from backdrop.intake.batch_prefetch import BatchPrefetch
from backdrop.intake.decide import AFTER_RESOLVING, BEFORE_RESOLVING, Decision, PlanDecision
from backdrop.intake.dispatch import Dispatcher
from backdrop.intake.folder_defaults import FolderDefaultsIntake
from backdrop.intake.instruction_resolver import InstructionResolver, find_broken_defaults
from backdrop.intake.job_planner import JobPlan
from backdrop.intake.name_claims import NameClaims
from backdrop.intake.photo_state import PhotoState, classify_plan
from backdrop.intake.photo_status import (
    IntakeRefusal,
    clear_photo,
    find_requested_at,
    keep_first_seen,
    list_current_jobs,
    list_kept_missing_instructions,
    list_kept_refusals,
    list_refusals,
    record_snapshot,
)
from backdrop.model import transitions
from backdrop.model.codes import Code
from backdrop.model.errors import ConflictError, ContentOwnedError, InstructionError
from backdrop.model.image_request import ImageRequest
from backdrop.model.intake_event import IntakeEvent
from backdrop.model.job import ContentOwner, Job, Problem, Source
from backdrop.model.picture_names import NameClaim
from backdrop.model.queue_messages import RecheckMessage, SettleMessage
from backdrop.model.sentence import Sentence
from backdrop.pipeline.crash_guard import INTAKE_TIMEOUT
from backdrop.pipeline.enqueue import enqueue_delivery, enqueue_for_intake
from backdrop.pipeline.image_requests import (
    ImageRequests,
    assign_problem_origins,
    build_broken_defaults_problems,
    build_pending_request,
    mark_request_seen,
)
from backdrop.pipeline.job_diff import apply_transitions, find_newly_accepted, plan_transitions
from backdrop.pipeline.unreadable_files import clear_unreadable
from backdrop.ports import Clock

MAX_TRIES = 8
MAX_QUEUE_DELAY_SECONDS = 900


@dataclass(frozen=True)
class IntakeResult:
    """The result of handling an event: the accepted jobs and the refusals."""

    accepted: tuple[Job, ...] = ()
    refused: tuple[IntakeRefusal, ...] = ()


@dataclass(eq=False, repr=False)
class PhotoIntake:
    resolver: InstructionResolver
    ledger: Ledger
    folder_defaults_intake: FolderDefaultsIntake
    image_requests: ImageRequests
    deliver_queue: Queue
    intake_queue: Queue
    dispatcher: Dispatcher
    name_claims: NameClaims
    prefetch: BatchPrefetch
    clock: Clock
    settle_seconds: int

    def handle(self, event: IntakeEvent) -> IntakeResult:
        """Retries on optimistic-lock conflicts, and decides again each time."""
        owners: dict[str, ContentOwner] = {}
        for _ in range(MAX_TRIES):
            try:
                return self._handle_once(event, owners)
            except ConflictError:
                event = replace(event, lost_race=True)
                self.clock.sleep(self.clock.jitter(0.1))
            except ContentOwnedError as error:
                owners[error.owner.content_id] = error.owner
        raise ConflictError

    def _handle_once(self, event: IntakeEvent, owners: Mapping[str, ContentOwner]) -> IntakeResult:
        """Carries out the decision of the first table in intake/decide.py. `owners` already own some of the content."""
        state = PhotoState(
            event, self.ledger, self.prefetch, self.image_requests, self.resolver, self.clock, self.settle_seconds
        )
        match BEFORE_RESOLVING.decide(state.facts):
            case Decision.IGNORE:
                self._record_tag_time(state)
                return IntakeResult()
            case Decision.REDELIVER:
                self._record_tag_time(state)
                return self._dispatch(state.source, state.jobs)
            case Decision.REOPEN:
                return self._reopen(state, owners)
            case Decision.WAIT:
                return self._wait(state)
            case Decision.RESOLVE:
                return self._resolve(state, owners)
            case Decision.CANCEL:
                return self._cancel(state)
            case Decision.RESET_CRASHES:
                self.ledger.put_source(
                    replace(state.source, photo=None, instructions_fingerprint="", crash_count=0), ()
                )
                raise ConflictError
            case Decision.READ_AGAIN:
                clear_unreadable(self.ledger, self.deliver_queue, state.source)
                return self._handle_once(event, owners)

    # -- before resolving ----------------------------------------------------------------------------------

    def _record_tag_time(self, state: PhotoState) -> None:
        """Records when the tags were written, because no object says so.

        If they take effect only later, such as when a sidecar is deleted that hides them, this time decides whether a
        cancel mark is older. Without it, the photo would stay canceled until S3 repeats this event.
        """
        if state.has_new_tag_time:
            self.ledger.put_source(state.source, ())

    def _reopen(self, state: PhotoState, owners: Mapping[str, ContentOwner]) -> IntakeResult:
        """Restarts the jobs that ended without a charge, because the bytes that they are for are in the bucket."""
        source, jobs, snapshot, event = state.source, state.jobs, state.snapshot, state.event
        requested_at = find_requested_at(source, snapshot, snapshot.instruction_sources, event, self.clock.now())
        renewed_jobs = [
            replace(
                transitions.with_mandate(job, state.mandate_name) if job.mandate else job,
                version_id=snapshot.photo.version_id,
                is_execution_scoped=False,
                requested_at=requested_at,
            )
            for job in list_current_jobs(source, jobs)
        ]
        job_transitions = plan_transitions(self.ledger, source, jobs, renewed_jobs, owners, self.clock.now())
        if job_transitions or not state.was_decided:
            source = replace(record_snapshot(source, snapshot, self.clock.now()), settling_since=None)
            self._save_source(event, source, job_transitions)
        else:
            self._record_tag_time(state)
            if not event.is_repeated:
                return IntakeResult()
        self._dispatch(source, apply_transitions(job_transitions, jobs), job_transitions)
        return IntakeResult(find_newly_accepted(job_transitions, jobs))

    def _cancel(self, state: PhotoState) -> IntakeResult:
        """Cancels the unpaid jobs of a deleted photo, or refuses a request for a photo that never existed."""
        source, jobs, event = state.source, state.jobs, state.event
        now = self.clock.now()
        not_found = InstructionError(Code.PHOTO_NOT_FOUND, f"There is no {event.key} in the bucket {event.bucket}.")
        earlier_not_found = tuple(one for one in source.problems if one.code is Code.PHOTO_NOT_FOUND)
        problems = (Problem.from_error(not_found, now),) if event.request else earlier_not_found
        if source.lock_version == 0 and not problems:
            self._record_tag_time(state)
            return IntakeResult()
        job_transitions = [step for job in jobs if (step := transitions.cancel(job, now))]
        if job_transitions or problems or source.problems or source.settling_since or source.blocked_by_defaults:
            image_request = build_pending_request(source, event.request, now, problems=problems)
            source = clear_photo(mark_request_seen(source, event.request), problems)
            self._save_source(event, source, job_transitions, image_request)
        else:
            if not source.was_missing:
                self.ledger.put_source(replace(source, was_missing=True), ())
            else:
                self._record_tag_time(state)
            if not event.is_repeated:
                return IntakeResult()
        self._dispatch(source, apply_transitions(job_transitions, jobs), job_transitions)
        return IntakeResult(refused=list_refusals(source, problems))

    def _wait(self, state: PhotoState) -> IntakeResult:
        """Records that the photo waits, and schedules a check for the end of its settle time."""
        source, snapshot = state.source, state.snapshot
        since = source.settling_since or self.clock.now()
        if source.settling_since is None or source.photo != snapshot.photo:
            waiting_source = replace(
                record_snapshot(source, snapshot, self.clock.now()),
                settling_since=since,
                last_sent_at=self.clock.now(),
                processing_until=None,
            )
            self.ledger.put_source(waiting_source, ())
        else:
            self._record_tag_time(state)
        delay = min(int(state.seconds_to_settle) + 1, MAX_QUEUE_DELAY_SECONDS)
        settle_message = SettleMessage(bucket=source.bucket, key=source.key)
        enqueue_for_intake(self.intake_queue, settle_message, delay_seconds=delay)
        return IntakeResult()

    # -- resolving -----------------------------------------------------------------------------------------

    def _resolve(self, state: PhotoState, owners: Mapping[str, ContentOwner]) -> IntakeResult:
        """Resolves the instructions, and carries out the second table's decision."""
        photo_source, jobs, snapshot, request = state.source, state.jobs, state.snapshot, state.event.request
        instruction_sources = self.resolver.collect_sources(photo_source, snapshot, request)
        broken_defaults = find_broken_defaults(instruction_sources)
        if broken_defaults:
            self.folder_defaults_intake.report(
                photo_source.bucket,
                broken_defaults,
                *self.resolver.folder_defaults.read(photo_source.bucket, broken_defaults),
            )
        plan = self.resolver.resolve_jobs(
            photo_source,
            jobs,
            snapshot,
            instruction_sources,
            self.dispatcher.lanes.keys(),
            state.mandate,
            partial(self.name_claims.claim_names, photo_source.source_id),
            is_listed=bool(request and request.is_listed),
        )
        plan = replace(plan, problems=tuple(self._add_sidecar_suggestion(photo_source, one) for one in plan.problems))
        if request and not plan.jobs:
            reasons = plan.problems or build_broken_defaults_problems(broken_defaults, self.clock.now())
            plan = JobPlan(problems=assign_problem_origins(reasons, snapshot.photo_error))
        match AFTER_RESOLVING.decide(state.facts.with_fact(classify_plan(plan))):
            case PlanDecision.APPLY:
                return self._apply(state, owners, plan, instruction_sources)
            case PlanDecision.REFUSE_REQUEST:
                return self._refuse_request(state, plan)
            case PlanDecision.SIDECAR_FIRST:
                own_result = self._handle_once(replace(state.event, request=None), owners)
                return IntakeResult(own_result.accepted, self._handle_once(state.event, owners).refused)
            case PlanDecision.REDELIVER:
                return self._dispatch(photo_source, jobs)

    def _add_sidecar_suggestion(self, source: Source, problem: Problem) -> Problem:
        """If the photo has no instructions, suggests a file that may be its misnamed sidecar."""
        if problem.code is not Code.NO_INSTRUCTIONS:
            return problem
        names = self.resolver.read_similar_names(source.bucket, source.key)
        suggestion = suggest_sidecar(source.key, [key for one in names for key in one.keys])
        return (
            replace(problem, message=Sentence(f"{problem.message} However, {suggestion}.")) if suggestion else problem
        )

    def _refuse_request(self, state: PhotoState, plan: JobPlan) -> IntakeResult:
        """Reports why the request is refused. The photo's own state stays unchanged."""
        source, request = mark_request_seen(state.source, state.event.request), state.event.request
        image_request = build_pending_request(source, request, self.clock.now(), problems=plan.problems)
        problems = (*plan.problems, *list_kept_missing_instructions(source, plan))
        self._save_source(state.event, replace(source, problems=problems, has_report=True), (), image_request)
        self._dispatch(source, state.jobs)
        return IntakeResult(refused=list_refusals(source, plan.problems))

    def _apply(
        self,
        state: PhotoState,
        owners: Mapping[str, ContentOwner],
        plan: JobPlan,
        instruction_sources: Sequence[InstructionSource],
    ) -> IntakeResult:
        """Makes the resolved plan the photo's new state."""
        jobs, snapshot, event, now = state.jobs, state.snapshot, state.event, self.clock.now()
        request = event.request
        is_for_executions = bool(request and request.is_execution_scoped)
        requested_at = find_requested_at(state.source, snapshot, instruction_sources, event, now)
        planned_jobs = tuple(
            replace(job, is_execution_scoped=is_for_executions, requested_at=requested_at) for job in plan.jobs
        )
        plan = replace(plan, jobs=planned_jobs)
        kept_problems = self._list_kept_problems(state, plan)
        # Broken defaults make a photo wait, but a request is refused immediately.
        photo_source = replace(
            mark_request_seen(state.source, request),
            blocked_by_defaults="" if snapshot.photo_error or request else find_broken_defaults(instruction_sources),
        )
        image_request = build_pending_request(photo_source, request, now, jobs=plan.jobs, problems=plan.problems)
        for _ in range(MAX_TRIES):
            job_transitions = plan_transitions(self.ledger, photo_source, jobs, plan.jobs, owners, self.clock.now())
            try:
                return self._save_plan(state, photo_source, plan, job_transitions, kept_problems, image_request)
            except ContentOwnedError as error:
                owners = {**owners, error.owner.content_id: error.owner}
        raise ConflictError

    def _list_kept_problems(self, state: PhotoState, plan: JobPlan) -> Sequence[Problem]:
        """Returns earlier problems that the report still shows, in addition to the plan's."""
        if state.event.request:
            return () if plan.jobs else list_kept_missing_instructions(state.source, plan)
        if state.event.is_rerun:
            return ()
        return list_kept_refusals(state.source, state.snapshot, plan, was_decided=state.was_decided)

    # -- writing and sending -------------------------------------------------------------------------------

    def _save_plan(
        self,
        state: PhotoState,
        source: Source,
        plan: JobPlan,
        job_transitions: Sequence[transitions.Transition],
        kept_problems: Sequence[Problem],
        image_request: ImageRequest | None,
    ) -> IntakeResult:
        source = replace(
            record_snapshot(source, state.snapshot, self.clock.now()),
            sidecar_etag=state.snapshot.sidecar_etag,
            jobs={job.variant: job.job_id for job in plan.jobs},
            problems=(*(keep_first_seen(one, source.problems) for one in plan.problems), *kept_problems),
            settling_since=None,
            has_report=source.has_report or bool(plan.problems),
            processing_until=None,
            was_missing=False,
            crash_count=source.crash_count if any(one.code is Code.CRASHED for one in plan.problems) else 0,
        )
        self._save_source(state.event, source, job_transitions, image_request, plan.names)
        self._dispatch(source, apply_transitions(job_transitions, state.jobs), job_transitions)
        return IntakeResult(find_newly_accepted(job_transitions, state.jobs), list_refusals(source, plan.problems))

    def _save_source(
        self,
        event: IntakeEvent,
        source: Source,
        job_transitions: Sequence[transitions.Transition],
        image_request: ImageRequest | None = None,
        names: Mapping[str, NameClaim | None] = NO_NAMES,
    ) -> None:
        """Writes the source and the transitions, before any message is sent.

        After a lost race, another delivery of the same message may have deleted the message, so it would not return if
        this worker crashed now. Therefore, a recheck is scheduled for after this worker's time limit. A recheck does
        not schedule another one, because concurrent rechecks would keep overtaking each other.
        """
        if event.lost_race and not event.is_repeated:
            recheck = RecheckMessage(bucket=source.bucket, key=source.key)
            enqueue_for_intake(self.intake_queue, recheck, delay_seconds=int(INTAKE_TIMEOUT.total_seconds()))
        self.ledger.put_source(source, job_transitions, image_request, names)

    def _dispatch(
        self, source: Source, jobs: Sequence[Job], job_transitions: Sequence[transitions.Transition] = ()
    ) -> IntakeResult:
        """Forwards the jobs, and notifies deliver of each ended job, so that deliver wakes the jobs waiting for it."""
        for transition in job_transitions:
            if transition.job.has_ended:
                enqueue_delivery(self.deliver_queue, source, transition.job.job_id)
        self.dispatcher.dispatch(source, jobs)
        return IntakeResult()
