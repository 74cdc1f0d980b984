"""A job's pictures: fetch what was paid, keep it untouched, verify it, and put what people asked for in its place."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from backdrop.aws.ledger import Ledger
from backdrop.aws.s3 import OutputBucket, PreconditionError
from backdrop.aws.sqs import Queue
from backdrop.deliver.paid_files import PaidFiles, format_of
from backdrop.imaging.metadata import with_xmp
from backdrop.imaging.output import Made, Original, PaidPicture
from backdrop.imaging.prepare import upright_photo
from backdrop.imaging.sizes import smaller
from backdrop.imaging.xmp import xmp_packet
from backdrop.model import transitions
from backdrop.model.capabilities import MAX_FILE_BYTES
from backdrop.model.codes import Code
from backdrop.model.errors import BackdropError, PhotoError, ResultError, StaleError, UnreadableError
from backdrop.model.ids import sha256_hex
from backdrop.model.job import Job, Link, Source
from backdrop.model.job_warning import JobWarning, WarningCode
from backdrop.model.object_keys import picture_key, source_name
from backdrop.model.output_spec import FULL, Output, outputs_of
from backdrop.model.stored_picture import Result
from backdrop.pipeline.enqueue import to_deliver
from backdrop.ports import Clock, InputBucket, Stored

if TYPE_CHECKING:
    from PIL.Image import Image

# Writing over something takes two rounds.
TRIES = 9
MARK = "backdrop-job"
# Pictures are replaced under their keys, so nobody may keep them long unasked.
CACHE_CONTROL = "max-age=300, must-revalidate"
WORTH_A_WORD = 1.05
NAMED_NO_MORE = JobWarning.coded(
    WarningCode.NOT_CURRENT, "the photo names this job no more; its file is kept under _backdrop/paid/"
)


@dataclass(eq=False)
class Placed:
    """What was made of one paid picture. `superseded`: not all of it, since the photo names the job no more."""

    results: list[Result] = field(default_factory=list[Result])
    warnings: list[JobWarning] = field(default_factory=list[JobWarning])
    superseded: bool = False


@dataclass(eq=False, repr=False)
class Pictures:
    """`input_bucket` is the stack's own; `max_megapixels` bounds what is decoded.

    `provenance`: whether pictures say that a machine made or changed them.
    """

    ledger: Ledger
    photos: InputBucket
    output: OutputBucket
    deliver: Queue
    files: PaidFiles
    clock: Clock
    input_bucket: str
    max_megapixels: int
    provenance: bool

    def hand_over(self, source: Source, job: Job, jobs: Sequence[Job], *, again: bool) -> transitions.Step:
        """The step that ends a paid job: stored with its pictures, or dead where none can be handed over.

        `again`: its message came before, so that the provider's files may be kept already.
        """
        results: list[Result] = []
        errors: list[ResultError] = []
        warnings: list[JobWarning] = []
        superseded = False
        usable = [link for link in job.links if link.usable]
        for n, link in enumerate(usable, 1):
            try:
                original = self._original(source, job)
                cut_out = original if job.operation == "remove" else None
                paid = PaidPicture(*self.files.of(job, n, link, again=again), cut_out)
                placed = self._outputs(source, job, jobs, n, link, paid)
            except ResultError as error:
                errors.append(error)
                continue
            results += placed.results
            warnings += placed.warnings
            warnings += _said_of_size(original, paid, in_full=cut_out is not None and _all_in_full(job))
            superseded |= placed.superseded
        now = self.clock.now()
        if errors and len(errors) == len(usable):
            return transitions.fail(job, errors[0], now)
        handed = (*results, *_others(job, results)) if superseded else tuple(results)
        return transitions.store(job, handed, [*_warnings(job, errors), *warnings], now)

    def _original(self, source: Source, job: Job) -> Original | None:
        """The photo that the job is for, where it lies there still as far as the ledger knows."""
        facts = source.photo
        if facts is None or facts.sha256 != job.sha256 or not facts.width or not facts.height:
            return None
        return Original((facts.width, facts.height), partial(self._photo, job))

    def _photo(self, job: Job) -> "Image | None":
        """The photo's own pixels, as people see them; None where its bytes are not to be had or opened any more."""
        try:
            stored = self.photos.read(job.bucket, job.key, limit=MAX_FILE_BYTES)
            if stored is None or stored.data is None or sha256_hex(stored.data) != job.sha256:
                return None
            return upright_photo(stored.data, self.max_megapixels)
        except (UnreadableError, PhotoError):
            # What is paid is handed over all the same, in the provider's size and with a warning.
            return None

    def _outputs(self, source: Source, job: Job, jobs: Sequence[Job], n: int, link: Link, paid: PaidPicture) -> Placed:
        """All that is asked for of one paid picture, each in its place; none where the photo names the job no more.

        Raises ResultError where none of it can be made.
        """
        name = source_name(source.bucket, source.key, self.input_bucket)
        outputs, failed, placed = outputs_of(job.instructions), list[ResultError](), Placed()
        for output in outputs:
            try:
                made = self._signed(paid.made(output), job)
            except ResultError as error:
                failed.append(error)
                continue
            key = picture_key(name, variant=job.variant, n=n, extension=output.format, output=output.name)
            alone = _first_of_its_place(job, jobs)
            version_id, written = self._place(key, made.data, output, job, alone=alone, source=source)
            if written:
                placed.results.append(_result(key, version_id, n, output, made, link))
                placed.warnings += _said_of(key, made)
            else:
                placed.warnings.append(NAMED_NO_MORE)
                placed.superseded = True
        if len(failed) == len(outputs):
            raise failed[0]
        placed.warnings += _told(failed)
        return placed

    def _signed(self, made: Made, job: Job) -> Made:
        """The picture with the word in it that a machine changed it."""
        if not self.provenance:
            return made
        return replace(made, data=with_xmp(made.data, format_of(made.data), xmp_packet(job.operation)))

    def _place(
        self, key: str, data: bytes, output: Output, job: Job, *, alone: bool, source: Source
    ) -> tuple[str | None, bool]:
        """Write a picture, never over a newer job's: look at the object, then at the ledger, then write.

        The newer job may have found its own picture there and gone, so whoever wrote over something looks once more.
        StaleError where the job itself was changed: it may want other outputs.
        """
        mark = {MARK: job.job_id, "backdrop-sha256": sha256_hex(data)}
        known: Stored | None = None
        for attempt in range(TRIES):
            if not alone or attempt:
                known = self.output.head(key)
                source = self._as_it_is(source, job)
            if job.job_id not in source.jobs.values():
                if known and known.metadata.get(MARK) == job.job_id:
                    self._make_way(source, job)
                return None, False
            if known and dict(known.metadata) == mark:
                return known.version_id, True
            try:
                over = known.etag if known else None
                written = self.output.replace(
                    key, data, output.content_type, over=over, metadata=mark, cache_control=CACHE_CONTROL
                )
            except PreconditionError:
                continue
            if known is None:
                return written.version_id, True
        raise StaleError

    def _make_way(self, source: Source, job: Job) -> None:
        """This job's picture lies where the one of a newer job belongs: that one is delivered again."""
        _, jobs = self.ledger.photo(source.source_id)
        for newer in jobs:
            step = transitions.name_again(newer)
            if newer.job_id in source.jobs.values() and newer.variant == job.variant and step:
                to_deliver(self.deliver, self.ledger.advance(step), newer.job_id)

    def _as_it_is(self, source: Source, job: Job) -> Source:
        """The photo's place now; StaleError where the job that is delivered was changed."""
        now, jobs = self.ledger.photo(source.source_id)
        if any(one.job_id == job.job_id and one.rev != job.rev for one in jobs):
            raise StaleError
        return now or source


def _result(key: str, version_id: str | None, n: int, output: Output, made: Made, link: Link) -> Result:
    return Result(
        key=key,
        version_id=version_id,
        n=n,
        output=output.name,
        width=made.width,
        height=made.height,
        format=output.format,
        bytes=len(made.data),
        has_alpha=made.has_alpha,
        seed=link.seed,
    )


def _first_of_its_place(job: Job, jobs: Sequence[Job]) -> bool:
    """Whether no job ever delivered to this photo's variant, so that nothing can lie at its pictures' keys yet."""
    others = any(other.variant == job.variant and other.job_id != job.job_id for other in jobs)
    return job.stored_at is None and not others


def _others(job: Job, results: Sequence[Result]) -> Iterator[Result]:
    """What earlier deliveries of the job made and this one did not."""
    made = {result.key for result in results}
    return (result for result in job.results if result.key not in made)


def _said_of(key: str, made: Made) -> list[JobWarning]:
    """What people should know of an output."""
    if made.limited:
        words = f"{key} is {made.width}×{made.height}, the most that a webp is made with; png has no limit"
        return [JobWarning.coded(WarningCode.SMALLER_RESULT, words)]
    if made.scale <= WORTH_A_WORD:
        return []
    words = f"{key} shows its subject {made.scale:.1f} times as large as the provider made it"
    return [JobWarning.coded(WarningCode.ENLARGED, words)]


def _all_in_full(job: Job) -> bool:
    """Whether every output is made of the photo's own pixels where that can be."""
    return all(output.size == FULL for output in outputs_of(job.instructions))


def _said_of_size(original: Original | None, paid: PaidPicture, *, in_full: bool) -> list[JobWarning]:
    """That a picture has fewer pixels than its photo; of a cut-out in full only where the photo's own were not used."""
    words = smaller(original.size, paid.size) if original else None
    if words is None or (in_full and not paid.told):
        return []
    return [JobWarning.coded(WarningCode.SMALLER_RESULT, f"{words}{f'; {paid.told}' if paid.told else ''}")]


def _told(errors: Sequence[BackdropError]) -> list[JobWarning]:
    return [JobWarning.coded(error.code, error.message) for error in errors]


def _warnings(job: Job, errors: Sequence[BackdropError]) -> list[JobWarning]:
    withheld = sum(not link.usable for link in job.links)
    missing = int(job.instructions.get("num_images", 1)) - len(job.links)
    told = _told(errors)
    if withheld:
        words = f"the provider withheld {withheld} of {len(job.links)} pictures"
        told.append(JobWarning.coded(Code.UNSAFE_RESULT, words))
    if missing > 0:
        words = f"{len(job.links)} pictures came where {len(job.links) + missing} were asked for"
        told.append(JobWarning.coded(WarningCode.FEWER_RESULTS, words))
    return told
