"""What is asked for one photo: all that speaks for it, and the jobs that follow, written and sent nowhere."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import partial

from backdrop.instructions.sources import InstructionSource, parse_request
from backdrop.intake.folder_defaults import FolderDefaultsCache
from backdrop.intake.job_planner import JobPlan, RoutingContext, assume_healthy, plan_jobs
from backdrop.intake.photo_reader import PhotoReader, PhotoSnapshot
from backdrop.intake.references import ReferenceImages
from backdrop.model.capabilities import REFERENCES_FIELD
from backdrop.model.errors import InstructionError
from backdrop.model.intake_event import IncomingRequest
from backdrop.model.job import Job, JobStatus, Problem, Source
from backdrop.model.object_keys import DEFAULTS_NAME
from backdrop.model.pricing import ConfiguredPrices
from backdrop.model.routing import HealthReader
from backdrop.ports import Clock, InputBucket


@dataclass(frozen=True)
class InstructionResolver:
    """The one way from a photo to its jobs, for intake, `rerun` and `lint`."""

    photos: InputBucket
    reader: PhotoReader
    folder_defaults: FolderDefaultsCache
    reference_images: ReferenceImages
    clock: Clock
    default_provider: str
    prices: ConfiguredPrices = field(default_factory=dict[str, int])
    read_health: HealthReader = assume_healthy

    def clear_caches(self) -> None:
        """What was read of folder defaults and references may have changed since."""
        self.folder_defaults.clear()
        self.reference_images.clear()

    def collect_sources(
        self, source: Source, snapshot: PhotoSnapshot, request: IncomingRequest | None = None
    ) -> tuple[Sequence[InstructionSource], str]:
        """All that speaks for the photo, the nearest first, and the name of the folder defaults that are broken."""
        request_source = (parse_request(request.instructions),) if request else ()
        inherited_sources = self.folder_defaults.read_inherited(source.bucket, source.key)
        broken_defaults = next((place.name for place in inherited_sources if place.errors), "")
        return (*request_source, *snapshot.instruction_sources, *inherited_sources), broken_defaults

    def resolve_jobs(
        self,
        source: Source,
        jobs: Sequence[Job],
        snapshot: PhotoSnapshot,
        instruction_sources: Sequence[InstructionSource],
        broken_defaults: str,
        enabled_providers: Collection[str],
    ) -> JobPlan:
        """The jobs that are wanted, or all that stands in their way; both none where a folder's defaults are broken.

        `enabled_providers`: the providers that are on.
        """
        now = self.clock.now()
        photo_errors = [snapshot.photo_error] if snapshot.photo_error else []
        source_errors = [
            error for place in instruction_sources for error in place.errors if not place.name.endswith(DEFAULTS_NAME)
        ]
        if photo_errors or source_errors:
            return JobPlan((), tuple(Problem.from_error(error, now) for error in (*photo_errors, *source_errors)))
        if broken_defaults:
            return JobPlan()
        hash_references = partial(self.reference_images.hash_and_store, source.bucket, source.key)
        routing = RoutingContext(self.default_provider, enabled_providers, self.prices, self.read_health)
        return plan_jobs(source, snapshot.photo, jobs, instruction_sources, routing, hash_references, now)

    def has_changed_references(self, source: Source, jobs: Sequence[Job]) -> bool:
        """Whether other bytes lie now where an unpaid job's references lay; those that it needs are put in place."""
        for job in jobs:
            if job.status is JobStatus.ACCEPTED and REFERENCES_FIELD in job.purchase_spec:
                try:
                    hashes = self.reference_images.hash_and_store(
                        source.bucket, source.key, job.instructions[REFERENCES_FIELD]
                    )
                except InstructionError:
                    return True
                if hashes != job.purchase_spec[REFERENCES_FIELD]:
                    return True
        return False


class NullInputs:
    """The Inputs of those who only look: nothing is put anywhere."""

    def put(self, name: str, data: bytes) -> None: ...

    def find(self, name: str) -> bytes | None:
        return None
