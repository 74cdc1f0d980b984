"""Resolves a photo's instruction sources into jobs, without writing or sending anything."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice

from backdrop.instructions.merge import is_complete
from backdrop.instructions.sources import InstructionSource, parse_request
from backdrop.instructions.suggest import FolderNames
from backdrop.intake.batch_cache import BatchCache
from backdrop.intake.brand_image_checks import BrandImageChecks
from backdrop.intake.folder_defaults import FolderDefaultsCache
from backdrop.intake.framed_photos import FramedPhotos
from backdrop.intake.job_planner import (
    BucketImages,
    JobPlan,
    JobPlanner,
    RoutingContext,
    assume_free_names,
    assume_healthy,
)
from backdrop.intake.photo_reader import PhotoReader, PhotoSnapshot
from backdrop.intake.references import ReferenceImages
from backdrop.model.capabilities import REFERENCES_FIELD
from backdrop.model.codes import Code
from backdrop.model.errors import InstructionError, PhotoError
from backdrop.model.intake_event import IncomingRequest
from backdrop.model.job import REQUEST, Job, JobStatus, Problem, Source
from backdrop.model.mandate import Mandate
from backdrop.model.object_keys import ObjectKind, classify_key, folder_of, stem_of
from backdrop.model.pricing import ConfiguredPrices
from backdrop.model.routing import HealthReader
from backdrop.ports import Clock, InputBucket

MAX_LISTED_KEYS = 1000
MAX_PREVIEWED_KEYS = 10_000
"""A preview lists a folder once for all of its photos."""
OWN_PICTURE_ERROR = PhotoError(Code.OWN_PICTURE, "The file is a picture that Backdrop delivered.")


@dataclass(frozen=True)
class InstructionResolver:
    """The only code that turns a photo's instructions into jobs, for intake, `rerun`, and `lint`."""

    photos: InputBucket
    reader: PhotoReader
    folder_defaults: FolderDefaultsCache
    reference_images: ReferenceImages
    brand_image_checks: BrandImageChecks
    framed_photos: FramedPhotos
    clock: Clock
    default_provider: str
    prices: ConfiguredPrices = field(default_factory=dict[str, int])
    read_health: HealthReader = assume_healthy
    place_limits: Mapping[str, int] = field(default_factory=dict[str, int])
    max_listed_keys: int = MAX_LISTED_KEYS
    folder_names: BatchCache[tuple[str, str], FolderNames] = field(
        default_factory=BatchCache[tuple[str, str], FolderNames]
    )

    def clear_caches(self) -> None:
        """Clears the cached objects of the bucket, which may have changed since they were read."""
        for one in (self.folder_defaults, self.reference_images, self.brand_image_checks, self.framed_photos):
            one.cache.clear()
        self.folder_names.clear()

    def collect_sources(
        self, photo_source: Source, snapshot: PhotoSnapshot, request: IncomingRequest | None = None
    ) -> Sequence[InstructionSource]:
        """Returns the photo's sources, nearest first."""
        request_source = (parse_request(request.instructions),) if request else ()
        inherited_sources = self.folder_defaults.read_inherited(photo_source.bucket, photo_source.key)
        return (*request_source, *snapshot.instruction_sources, *inherited_sources)

    def resolve_jobs(
        self,
        photo_source: Source,
        jobs: Sequence[Job],
        snapshot: PhotoSnapshot,
        instruction_sources: Sequence[InstructionSource],
        enabled_providers: Collection[str],
        mandate: Mandate | None = None,
        claim_names: Callable[[JobPlan], JobPlan] = assume_free_names,
        *,
        is_listed: bool = False,
    ) -> JobPlan:
        """Returns the jobs, or all problems that prevent them; an empty plan if only folder defaults have errors.

        `mandate`, `claim_names`: see JobPlanner. `is_listed`: see IncomingRequest.
        """
        now = self.clock.now()
        photo_errors = [snapshot.photo_error] if snapshot.photo_error else []
        source_errors = [error for one in instruction_sources if not _is_folder_defaults(one) for error in one.errors]
        if photo_errors or source_errors:
            return JobPlan((), tuple(Problem.from_error(error, now) for error in (*photo_errors, *source_errors)))
        is_requested = not is_listed and any(one.name == REQUEST for one in instruction_sources)
        if snapshot.photo.is_own_picture and not is_requested and not is_complete(snapshot.instruction_sources):
            return JobPlan((), (Problem.from_error(OWN_PICTURE_ERROR, now),))
        if find_broken_defaults(instruction_sources):
            return JobPlan()
        if misnamed := self._find_misnamed_sidecar(photo_source, instruction_sources):
            return JobPlan((), (Problem.from_error(misnamed, now),))
        bucket, key = photo_source.bucket, photo_source.key
        draw_canvas = partial(self.framed_photos.draw_and_store, bucket, key, snapshot.photo.sha256 or "")
        has_own_mask = partial(self.reader.has_own_mask, bucket, key, snapshot.photo.sha256 or "")
        planner = JobPlanner(
            photo_source=photo_source,
            photo=snapshot.photo,
            known_jobs=jobs,
            routing=RoutingContext(
                self.default_provider, enabled_providers, self.prices, self.read_health, self.place_limits
            ),
            images=BucketImages(
                hash_references=partial(self.reference_images.hash_and_store, bucket, key),
                find_brand_image_errors=partial(self.brand_image_checks.find_errors, bucket, key),
                draw_canvas=draw_canvas if snapshot.may_be_opened else None,
                has_own_mask=has_own_mask if snapshot.may_be_opened else None,
            ),
            mandate=mandate,
            claim_names=claim_names,
            now=now,
        )
        return planner.plan(instruction_sources)

    def _find_misnamed_sidecar(
        self, photo_source: Source, instruction_sources: Sequence[InstructionSource]
    ) -> InstructionError | None:
        """Returns the error of a photo to which only folder defaults apply, although it probably has a sidecar."""
        own_sources = [one for one in instruction_sources if not _is_folder_defaults(one)]
        if len(own_sources) == len(instruction_sources) or is_complete(own_sources):
            return None
        names = self.read_similar_names(photo_source.bucket, photo_source.key)
        found = next(filter(None, (one.find_misnamed_sidecar(photo_source.key) for one in names)), None)
        if found is None:
            return None
        message = f"Only folder defaults apply to the photo. However, {found}."
        return InstructionError(Code.SIDECAR_MISNAMED, message)

    def read_similar_names(self, bucket: str, key: str) -> Iterator[FolderNames]:
        """Yields the keys of the photo's folder; of a large folder, the first ones and those that begin like the photo.

        For each photo of a large folder, this is one to three requests.
        """
        folder = folder_of(key)
        first = self.folder_names.get((bucket, folder), lambda: FolderNames(self._list_names(bucket, folder)))
        yield first
        if len(first.keys) < self.max_listed_keys:
            return
        beginnings = {f"{folder}{stem}" for stem in (stem_of(key), stem_of(key).lower(), stem_of(key).upper())}
        yield FolderNames([name for one in sorted(beginnings) for name in self._list_names(bucket, one)])

    def _list_names(self, bucket: str, prefix: str) -> Sequence[str]:
        return list(islice(self.photos.list_folder_keys(bucket, prefix), self.max_listed_keys))

    def has_changed_references(self, photo_source: Source, jobs: Sequence[Job]) -> bool:
        """Whether the reference images of an unpaid job have changed. If not, stores them again for the call."""
        for job in jobs:
            if job.status is JobStatus.ACCEPTED and REFERENCES_FIELD in job.purchase_spec:
                try:
                    hashes = self.reference_images.hash_and_store(
                        photo_source.bucket, photo_source.key, job.instructions[REFERENCES_FIELD]
                    )
                except InstructionError:
                    return True
                if hashes != job.purchase_spec[REFERENCES_FIELD]:
                    return True
        return False

    def has_changed_canvas(self, photo_source: Source, jobs: Sequence[Job], image_sha256: str | None) -> bool:
        """Whether the canvas of an unpaid job would be drawn differently now. If not, stores it again for the call."""
        for job in jobs:
            if job.status is JobStatus.ACCEPTED and job.canvas and job.sha256 == image_sha256:
                try:
                    stored = self.framed_photos.draw_and_store(
                        photo_source.bucket, photo_source.key, job.sha256, job.purchase_spec
                    )
                except (InstructionError, PhotoError):
                    return True
                if stored.canvas != job.canvas:
                    return True
        return False


def find_broken_defaults(instruction_sources: Sequence[InstructionSource]) -> str:
    """Returns the key of the nearest folder defaults with errors; "" if there are none."""
    return next((one.name for one in instruction_sources if one.errors and _is_folder_defaults(one)), "")


def _is_folder_defaults(instruction_source: InstructionSource) -> bool:
    return classify_key(instruction_source.name) is ObjectKind.DEFAULTS


class NullInputs:
    """The inputs of a preview, which stores nothing."""

    def put(self, name: str, data: bytes) -> None: ...

    def find(self, name: str) -> bytes | None:
        return None
