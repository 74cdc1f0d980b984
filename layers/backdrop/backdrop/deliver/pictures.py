"""A job's pictures: fetch what was paid, keep it untouched, verify it, and put what people asked for in its place."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from backdrop.aws.ledger import Ledger
from backdrop.aws.s3 import OutputBucket, PreconditionFailedError
from backdrop.aws.sqs import Queue
from backdrop.deliver.paid_files import PaidFiles, detect_format
from backdrop.imaging.metadata import embed_xmp
from backdrop.imaging.output import OriginalPhoto, OutputFile, PaidPicture
from backdrop.imaging.prepare import load_upright_photo
from backdrop.imaging.sizes import describe_smaller_result
from backdrop.imaging.xmp import build_xmp_packet
from backdrop.model import transitions
from backdrop.model.capabilities import MAX_FILE_BYTES
from backdrop.model.codes import Code
from backdrop.model.errors import BackdropError, ConflictError, PhotoError, ResultError, UnreadableFileError
from backdrop.model.ids import sha256_hex
from backdrop.model.job import Job, PictureLink, Source
from backdrop.model.job_warning import JobWarning, WarningCode
from backdrop.model.object_keys import picture_key, source_name
from backdrop.model.output_spec import FULL_SIZE, OutputSpec, parse_outputs
from backdrop.model.stored_picture import StoredPicture
from backdrop.pipeline.enqueue import enqueue_delivery
from backdrop.ports import Clock, InputBucket, StoredObject

if TYPE_CHECKING:
    from PIL.Image import Image

# Writing over something takes two rounds.
MAX_TRIES = 9
JOB_METADATA_KEY = "backdrop-job"
# Pictures are replaced under their keys, so nobody may keep them long unasked.
CACHE_CONTROL = "max-age=300, must-revalidate"
MAX_UNREPORTED_SCALE = 1.05
NOT_CURRENT_WARNING = JobWarning.from_code(
    WarningCode.NOT_CURRENT, "the photo names this job no more; its file is kept under _backdrop/paid/"
)


@dataclass(eq=False)
class WrittenOutputs:
    """What was made of one paid picture. `is_superseded`: not all of it, since the photo names the job no more."""

    results: list[StoredPicture] = field(default_factory=list[StoredPicture])
    warnings: list[JobWarning] = field(default_factory=list[JobWarning])
    is_superseded: bool = False


@dataclass(eq=False, repr=False)
class Pictures:
    """`input_bucket_name` is the stack's own; `max_megapixels` bounds what is decoded.

    `embeds_provenance`: whether pictures say that a machine made or changed them.
    """

    ledger: Ledger
    photos: InputBucket
    output_bucket: OutputBucket
    deliver_queue: Queue
    paid_files: PaidFiles
    clock: Clock
    input_bucket_name: str
    max_megapixels: int
    embeds_provenance: bool

    def deliver_job(
        self, source: Source, job: Job, jobs: Sequence[Job], *, is_redelivery: bool
    ) -> transitions.Transition:
        """The step that ends a paid job: stored with its pictures, or dead where none can be handed over.

        `is_redelivery`: its message came before, so that the provider's files may be kept already.
        """
        results: list[StoredPicture] = []
        errors: list[ResultError] = []
        warnings: list[JobWarning] = []
        superseded = False
        usable_links = [link for link in job.links if link.is_usable]
        for n, link in enumerate(usable_links, 1):
            try:
                original = self._build_original(source, job)
                cut_out = original if job.operation == "remove" else None
                paid_picture = PaidPicture(*self.paid_files.load(job, n, link, is_redelivery=is_redelivery), cut_out)
                written = self._write_outputs(source, job, jobs, n, link, paid_picture)
            except ResultError as error:
                errors.append(error)
                continue
            results += written.results
            warnings += written.warnings
            warnings += _build_size_warnings(
                original, paid_picture, in_full=cut_out is not None and _has_only_full_outputs(job)
            )
            superseded |= written.is_superseded
        now = self.clock.now()
        if errors and len(errors) == len(usable_links):
            return transitions.fail(job, errors[0], now)
        all_results = (*results, *_find_other_results(job, results)) if superseded else tuple(results)
        return transitions.store(job, all_results, [*_build_job_warnings(job, errors), *warnings], now)

    def _build_original(self, source: Source, job: Job) -> OriginalPhoto | None:
        """The photo that the job is for, where it lies there still as far as the ledger knows."""
        facts = source.photo
        if facts is None or facts.sha256 != job.sha256 or not facts.width or not facts.height:
            return None
        return OriginalPhoto((facts.width, facts.height), partial(self._read_photo, job))

    def _read_photo(self, job: Job) -> "Image | None":
        """The photo's own pixels, as people see them; None where its bytes are not to be had or opened any more."""
        try:
            stored = self.photos.read(job.bucket, job.key, max_bytes=MAX_FILE_BYTES)
            if stored is None or stored.data is None or sha256_hex(stored.data) != job.sha256:
                return None
            return load_upright_photo(stored.data, self.max_megapixels)
        except (UnreadableFileError, PhotoError):
            # What is paid is handed over all the same, in the provider's size and with a warning.
            return None

    def _write_outputs(
        self, source: Source, job: Job, jobs: Sequence[Job], n: int, link: PictureLink, paid_picture: PaidPicture
    ) -> WrittenOutputs:
        """All that is asked for of one paid picture, each in its place; none where the photo names the job no more.

        Raises ResultError where none of it can be made.
        """
        name = source_name(source.bucket, source.key, self.input_bucket_name)
        outputs, errors, written = parse_outputs(job.instructions), list[ResultError](), WrittenOutputs()
        for output in outputs:
            try:
                picture = self._embed_provenance(paid_picture.build_output(output), job)
            except ResultError as error:
                errors.append(error)
                continue
            key = picture_key(name, variant=job.variant, n=n, extension=output.format, output=output.name)
            is_first = _is_first_delivery(job, jobs)
            version_id, is_written = self._write_picture(
                key, picture.data, output, job, is_first=is_first, source=source
            )
            if is_written:
                written.results.append(_build_result(key, version_id, n, output, picture, link))
                written.warnings += _build_output_warnings(key, picture)
            else:
                written.warnings.append(NOT_CURRENT_WARNING)
                written.is_superseded = True
        if len(errors) == len(outputs):
            raise errors[0]
        written.warnings += _errors_to_warnings(errors)
        return written

    def _embed_provenance(self, picture: OutputFile, job: Job) -> OutputFile:
        """The picture with the word in it that a machine changed it."""
        if not self.embeds_provenance:
            return picture
        return replace(
            picture, data=embed_xmp(picture.data, detect_format(picture.data), build_xmp_packet(job.operation))
        )

    def _write_picture(
        self, key: str, data: bytes, output: OutputSpec, job: Job, *, is_first: bool, source: Source
    ) -> tuple[str | None, bool]:
        """Write a picture, never over a newer job's: look at the object, then at the ledger, then write.

        The newer job may have found its own picture there and gone, so whoever wrote over something looks once more.
        ConflictError where the job itself was changed: it may want other outputs.
        """
        metadata = {JOB_METADATA_KEY: job.job_id, "backdrop-sha256": sha256_hex(data)}
        existing: StoredObject | None = None
        for retry in range(MAX_TRIES):
            if not is_first or retry:
                existing = self.output_bucket.head(key)
                source = self._reload_source(source, job)
            if job.job_id not in source.jobs.values():
                if existing and existing.metadata.get(JOB_METADATA_KEY) == job.job_id:
                    self._redeliver_newer_job(source, job)
                return None, False
            if existing and dict(existing.metadata) == metadata:
                return existing.version_id, True
            try:
                previous_etag = existing.etag if existing else None
                written = self.output_bucket.put_if_unchanged(
                    key,
                    data,
                    output.content_type,
                    expected_etag=previous_etag,
                    metadata=metadata,
                    cache_control=CACHE_CONTROL,
                )
            except PreconditionFailedError:
                continue
            if existing is None:
                return written.version_id, True
        raise ConflictError

    def _redeliver_newer_job(self, source: Source, job: Job) -> None:
        """This job's picture lies where the one of a newer job belongs: that one is delivered again."""
        _, jobs = self.ledger.read_photo(source.source_id)
        for newer in jobs:
            transition = transitions.reinstate(newer)
            if newer.job_id in source.jobs.values() and newer.variant == job.variant and transition:
                enqueue_delivery(self.deliver_queue, self.ledger.write_transition(transition), newer.job_id)

    def _reload_source(self, source: Source, job: Job) -> Source:
        """The photo's place now; ConflictError where the job that is delivered was changed."""
        current, jobs = self.ledger.read_photo(source.source_id)
        if any(one.job_id == job.job_id and one.lock_version != job.lock_version for one in jobs):
            raise ConflictError
        return current or source


def _build_result(
    key: str, version_id: str | None, n: int, output: OutputSpec, picture: OutputFile, link: PictureLink
) -> StoredPicture:
    return StoredPicture(
        key=key,
        version_id=version_id,
        n=n,
        output=output.name,
        width=picture.width,
        height=picture.height,
        format=output.format,
        bytes=len(picture.data),
        has_alpha=picture.has_alpha,
        seed=link.seed,
    )


def _is_first_delivery(job: Job, jobs: Sequence[Job]) -> bool:
    """Whether no job ever delivered to this photo's variant, so that nothing can lie at its pictures' keys yet."""
    has_others = any(other.variant == job.variant and other.job_id != job.job_id for other in jobs)
    return job.stored_at is None and not has_others


def _find_other_results(job: Job, results: Sequence[StoredPicture]) -> Iterator[StoredPicture]:
    """What earlier deliveries of the job made and this one did not."""
    new_keys = {result.key for result in results}
    return (result for result in job.results if result.key not in new_keys)


def _build_output_warnings(key: str, picture: OutputFile) -> list[JobWarning]:
    """What people should know of an output."""
    if picture.is_limited:
        message = f"{key} is {picture.width}×{picture.height}, the most that a webp is made with; png has no limit"
        return [JobWarning.from_code(WarningCode.SMALLER_RESULT, message)]
    if picture.scale <= MAX_UNREPORTED_SCALE:
        return []
    message = f"{key} shows its subject {picture.scale:.1f} times as large as the provider made it"
    return [JobWarning.from_code(WarningCode.ENLARGED, message)]


def _has_only_full_outputs(job: Job) -> bool:
    """Whether every output is made of the photo's own pixels where that can be."""
    return all(output.size == FULL_SIZE for output in parse_outputs(job.instructions))


def _build_size_warnings(
    original: OriginalPhoto | None, paid_picture: PaidPicture, *, in_full: bool
) -> list[JobWarning]:
    """That a picture has fewer pixels than its photo; of a cut-out in full only where the photo's own were not used."""
    message = describe_smaller_result(original.size, paid_picture.size) if original else None
    if message is None or (in_full and not paid_picture.fallback_reason):
        return []
    return [
        JobWarning.from_code(
            WarningCode.SMALLER_RESULT,
            f"{message}{f'; {paid_picture.fallback_reason}' if paid_picture.fallback_reason else ''}",
        )
    ]


def _errors_to_warnings(errors: Sequence[BackdropError]) -> list[JobWarning]:
    return [JobWarning.from_code(error.code, error.message) for error in errors]


def _build_job_warnings(job: Job, errors: Sequence[BackdropError]) -> list[JobWarning]:
    withheld = sum(not link.is_usable for link in job.links)
    missing = int(job.instructions.get("num_images", 1)) - len(job.links)
    warnings = _errors_to_warnings(errors)
    if withheld:
        message = f"the provider withheld {withheld} of {len(job.links)} pictures"
        warnings.append(JobWarning.from_code(Code.UNSAFE_RESULT, message))
    if missing > 0:
        message = f"{len(job.links)} pictures came where {len(job.links) + missing} were asked for"
        warnings.append(JobWarning.from_code(WarningCode.FEWER_RESULTS, message))
    return warnings
