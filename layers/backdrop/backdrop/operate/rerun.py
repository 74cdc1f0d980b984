"""Rerun: previews the cost of resolving photos again, and has intake resolve them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from backdrop.aws.ledger import Ledger
from backdrop.aws.sqs import Queue
from backdrop.intake.decide import (
    AFTER_RESOLVING,
    BEFORE_RESOLVING,
    CrashCount,
    Decision,
    EventDelivery,
    EventKind,
    PhotoInBucket,
    PlanDecision,
    ReportState,
    SettlePeriod,
)
from backdrop.intake.instruction_resolver import InstructionResolver, find_broken_defaults
from backdrop.intake.photo_reader import PhotoSnapshot
from backdrop.intake.photo_state import classify_plan, compare_all
from backdrop.intake.photo_status import list_current_jobs
from backdrop.intake.preview import JobPreviewer, find_reuse
from backdrop.model.decision_table import Facts
from backdrop.model.ids import derive_source_id
from backdrop.model.job import Job, JobStatus, Problem, Source
from backdrop.model.mandate import Mandate
from backdrop.model.object_keys import ObjectKind, classify_key
from backdrop.model.queue_messages import RerunMessage
from backdrop.model.routing import Offers, with_max_quote
from backdrop.model.transitions import Transition, with_mandate
from backdrop.pipeline.enqueue import enqueue_for_intake
from backdrop.pipeline.job_diff import plan_transitions, plan_variant_removals
from backdrop.pipeline.mandate_directory import MandateDirectory

# The facts that intake finds when bytes that the ledger has recorded are uploaded again.
REUPLOAD_FACTS = (
    EventKind.OBJECT_CHANGED,
    EventDelivery.FIRST,
    CrashCount.TOLERABLE,
    PhotoInBucket.SAME_BYTES,
    ReportState.CURRENT,
    SettlePeriod.OVER,
)


@dataclass(frozen=True)
class RerunPreview:
    """The predicted result of rerunning one photo.

    - `jobs_to_buy`: jobs that would be bought, or get the file of another photo's job with the same content: free if
      `reused_from` names that job
    - `jobs_to_redeliver`: jobs whose paid pictures would be delivered again
    - `changed_job_count`: other jobs that would change (superseded, or with other metadata)
    - `superseded_jobs`: those of them that would end because the photo no longer names them
    - `broken_defaults`: the folder defaults to fix first
    - `drops_request`: whether instructions of a direct request would be replaced by others
    """

    key: str
    jobs_to_buy: Sequence[Job] = ()
    jobs_to_redeliver: Sequence[Job] = ()
    changed_job_count: int = 0
    superseded_jobs: Sequence[Job] = ()
    problems: Sequence[Problem] = ()
    changes_error_report: bool = False
    broken_defaults: str = ""
    drops_request: bool = False

    @property
    def max_cost(self) -> int:
        """The highest possible cost, in micro-dollars."""
        return sum(job.max_cost for job in self.jobs_to_buy if not job.reused_from)

    @property
    def has_effect(self) -> bool:
        return bool(self.jobs_to_buy or self.jobs_to_redeliver or self.changed_job_count or self.changes_error_report)


@dataclass(frozen=True)
class RerunService:
    """Previews and enqueues reruns. `resolver` must be one that writes nothing."""

    resolver: InstructionResolver
    ledger: Ledger
    intake_queue: Queue
    bucket: str
    enabled_providers: Sequence[str]
    mandates: MandateDirectory

    @property
    def offers(self) -> Offers:
        return Offers(self.enabled_providers, self.resolver.prices, place_limits=self.resolver.place_limits)

    @property
    def previewer(self) -> JobPreviewer:
        return JobPreviewer(self.resolver, self.bucket, self.offers, self.mandates)

    def list_photo_keys(self, key_or_prefix: str) -> Iterator[str]:
        """Yields the photo with this key or, if there is none, all photos with this prefix. Clears the caches first."""
        self.resolver.clear_caches()
        self.mandates.clear()
        photos = self.resolver.photos
        if (
            key_or_prefix
            and classify_key(key_or_prefix) is ObjectKind.PHOTO
            and photos.read(self.bucket, key_or_prefix, max_bytes=0)
        ):
            yield key_or_prefix
            return
        objects = takewhile(
            lambda listed: listed.key.startswith(key_or_prefix), photos.iterate_objects(self.bucket, key_or_prefix)
        )
        yield from (listed.key for listed in objects if classify_key(listed.key) is ObjectKind.PHOTO)

    def preview(self, key: str, *, reuploaded: bool = False) -> RerunPreview | None:
        """Returns the result of a rerun at this moment, or None if the photo no longer exists. Writes nothing.

        With `reuploaded`, returns the result of a new upload of the same bytes.
        """
        before, jobs = self.ledger.read_photo(derive_source_id(self.bucket, key))
        photo_source = before or Source.new(self.bucket, key)
        snapshot = self.resolver.reader.read(self.bucket, key, photo_source.photo)
        if snapshot is None:
            return None
        comparison = compare_all(photo_source, jobs, snapshot)
        owner = self.mandates.find_owner(key)
        mandate = owner.mandate if owner else None
        if reuploaded and BEFORE_RESOLVING.decide(Facts({}, *comparison, *REUPLOAD_FACTS)) is Decision.REOPEN:
            return RerunPreview(key, self._find_reopened_jobs(photo_source, jobs, snapshot, mandate))
        instruction_sources = self.resolver.collect_sources(photo_source, snapshot)
        if broken_defaults := find_broken_defaults(instruction_sources):
            return RerunPreview(key, broken_defaults=broken_defaults)
        job_plan = self.resolver.resolve_jobs(
            photo_source, jobs, snapshot, instruction_sources, self.enabled_providers, mandate
        )
        if (
            AFTER_RESOLVING.decide(Facts({}, *comparison, EventKind.RERUN, classify_plan(job_plan)))
            is PlanDecision.REDELIVER
        ):
            return RerunPreview(key)
        transitions = plan_transitions(self.ledger, photo_source, jobs, job_plan.jobs, {}, self.resolver.clock.now())
        updated_source = replace(
            photo_source, jobs={job.variant: job.job_id for job in job_plan.jobs}, problems=tuple(job_plan.problems)
        )
        transitions += plan_variant_removals(updated_source, jobs)
        jobs_to_buy = self._find_purchases(transitions, mandate)
        jobs_to_redeliver = [transition.job for transition in transitions if transition.job.status is JobStatus.PAID]
        changed_job_count = len(transitions) - len(jobs_to_buy) - len(jobs_to_redeliver)
        changes_error_report = _to_report_entries(job_plan.problems) != _to_report_entries(photo_source.problems)
        drops_request = _drops_request(list_current_jobs(photo_source, jobs), job_plan.jobs)
        return RerunPreview(
            key,
            jobs_to_buy,
            jobs_to_redeliver,
            changed_job_count,
            [transition.job for transition in transitions if transition.job.status is JobStatus.SUPERSEDED],
            job_plan.problems,
            changes_error_report,
            drops_request=drops_request,
        )

    def _find_reopened_jobs(
        self, source: Source, jobs: Sequence[Job], snapshot: PhotoSnapshot, mandate: Mandate | None
    ) -> list[Job]:
        """Returns the photo's jobs that would run again, including those that only executions requested."""
        updated_jobs = [
            replace(
                with_mandate(job, mandate.name if mandate else None) if job.mandate else job,
                version_id=snapshot.photo.version_id,
                is_execution_scoped=False,
            )
            for job in list_current_jobs(source, jobs)
        ]
        reopenings = plan_transitions(self.ledger, source, jobs, updated_jobs, {}, self.resolver.clock.now())
        return self._find_purchases(reopenings, mandate)

    def _find_purchases(self, transitions: Sequence[Transition], mandate: Mandate | None) -> list[Job]:
        offers = replace(self.offers, mandate=mandate)
        return [
            find_reuse(self.ledger, with_max_quote(transition.job, offers))
            for transition in transitions
            if transition.content_owner and transition.job.status is JobStatus.ACCEPTED
        ]

    def enqueue(self, key: str) -> None:
        """Has intake resolve the photo again."""
        enqueue_for_intake(self.intake_queue, RerunMessage(bucket=self.bucket, key=key))


def _drops_request(current_jobs: Sequence[Job], planned_jobs: Sequence[Job]) -> bool:
    """Returns whether a current job has instructions from a request that the planned job would not have."""
    planned_instructions = {job.variant: job.instructions for job in planned_jobs}
    return any(job.is_requested and planned_instructions.get(job.variant) != job.instructions for job in current_jobs)


def _to_report_entries(problems: Sequence[Problem]) -> set[tuple[str, str]]:
    return {(problem.code.value, problem.variant) for problem in problems}
