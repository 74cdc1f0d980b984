"""A job's pictures: fetch and check the paid files, make the requested outputs, and write them to their keys."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial

from backdrop.aws.ledger import Ledger
from backdrop.aws.s3 import OutputBucket, PreconditionFailedError
from backdrop.aws.sqs import Queue
from backdrop.deliver.fidelity_checks import FidelityChecks, PhotoWithMask
from backdrop.deliver.image_steps import ImageSteps
from backdrop.deliver.manifest import PictureFacts
from backdrop.deliver.opened_brand_images import OpenedBrandImages, open_brand_images
from backdrop.deliver.original_photos import OriginalPhotos
from backdrop.deliver.own_pixels import OwnPixels
from backdrop.deliver.paid_files import PaidFiles, detect_format
from backdrop.deliver.review_files import PreparedImage, ReviewFiles
from backdrop.deliver.signed_files import (
    SignedFiles,
    build_omission_warnings,
    read_added_bytes,
    read_omissions,
    states_same,
)
from backdrop.deliver.signing_messages import Omission
from backdrop.imaging.formats import png
from backdrop.imaging.measure import certify_file
from backdrop.imaging.metadata import embed_picture_metadata
from backdrop.imaging.output import OriginalPhoto, OutputFile, PaidPicture
from backdrop.imaging.output_checks import measure_photo_scale
from backdrop.imaging.sizes import describe_smaller_result, format_size, is_enlarged
from backdrop.model import transitions
from backdrop.model.certificate import Certificate, Verdict
from backdrop.model.codes import Code
from backdrop.model.composition import PictureTexts
from backdrop.model.errors import BackdropError, ConflictError, PhotoError, ResultError
from backdrop.model.fidelity import (
    CannotSayReason,
    Fidelity,
    FidelityVerdict,
    find_min_score,
    format_score,
    requests_own_pixels,
)
from backdrop.model.frame import FRAME_FIELD, Size, needs_padding, parse_frame
from backdrop.model.ids import sha256_hex
from backdrop.model.job import ImageOutcome, ImageStepKind, Job, PictureLink, Source, StoredPicture
from backdrop.model.job_warning import JobWarning, WarningCode
from backdrop.model.object_keys import photo_name_of, signed_key
from backdrop.model.output_spec import FULL_SIZE, OutputSpec, parse_outputs
from backdrop.model.photo_facts import JOB_METADATA_KEY
from backdrop.model.picture_names import NameClaim, build_claimed_name, find_picture_key, list_claimed_names
from backdrop.model.review import PictureReview, may_need_review, needs_review
from backdrop.model.sentence import Sentence
from backdrop.pipeline.enqueue import enqueue_delivery
from backdrop.ports import Clock, InputBucket, StoredObject

# Replacing an existing object takes two rounds.
MAX_TRIES = 9
# Pictures are replaced under the same keys, so caches must revalidate them soon.
CACHE_CONTROL = "max-age=300, must-revalidate"
NOT_CURRENT_WARNING = JobWarning(
    code=WarningCode.NOT_CURRENT,
    text=Sentence("the job is no longer current for its photo; its file is kept under _backdrop/paid/"),
)

NAME_TAKEN_WARNING = JobWarning(
    code=Code.NAME_TAKEN,
    text=Sentence("another photo now has the picture's name; the paid file is kept under _backdrop/paid/"),
)


@dataclass(frozen=True, eq=False)
class Delivery:
    """What all pictures of a job share.

    `is_first`: no job has delivered this variant of the photo, so the keys of its pictures must still be free.
    """

    source: Source
    job: Job
    is_first: bool
    outputs: Sequence[OutputSpec]
    images: OpenedBrandImages


@dataclass(frozen=True, eq=False)
class DeliveredImage:
    """One image of a job: its number, its link, and its checked file. `fidelity`: None if it is a cut-out."""

    n: int
    link: PictureLink
    picture: PaidPicture
    fidelity: Fidelity | None


@dataclass(frozen=True, eq=False)
class PictureTarget:
    """Where a picture is written. `claimed_name`: the name in its key that belongs to one photo, or None.

    `sha256`: the hash of the picture's file.
    """

    key: str
    sha256: str
    output: OutputSpec
    claimed_name: str | None


@dataclass(frozen=True, eq=False)
class FinishedFile:
    """An output's file as it is written. `is_signed`: it has Content Credentials of this stack."""

    picture: OutputFile
    is_signed: bool = False
    warnings: tuple[JobWarning, ...] = ()


@dataclass(eq=False)
class WrittenOutputs:
    """The outputs of one paid picture.

    `is_superseded`: some were not written, because another job or photo has their keys.
    """

    results: list[StoredPicture] = field(default_factory=list[StoredPicture])
    warnings: list[JobWarning] = field(default_factory=list[JobWarning])
    is_superseded: bool = False


@dataclass(eq=False)
class ReviewRound:
    """The images of a job that need, or needed, a decision, and those that cannot be prepared, by number.

    `images`: a prepared image that needs no decision. It is kept only if it is the job's only one, to limit memory.
    """

    reviews: list[PictureReview] = field(default_factory=list[PictureReview])
    errors: dict[int, ResultError] = field(default_factory=dict[int, ResultError])
    images: dict[int, PreparedImage] = field(default_factory=dict[int, PreparedImage])


@dataclass(eq=False, repr=False)
class Pictures:
    """`input_bucket_name` is the stack's own input bucket.

    `embeds_provenance`: whether to embed XMP metadata that marks pictures as made or edited by AI, and `source_term`:
    the digital source type that it states instead of the operation's.
    """

    ledger: Ledger
    photos: InputBucket
    original_photos: OriginalPhotos
    fidelity_checks: FidelityChecks
    review_files: ReviewFiles
    own_pixels: OwnPixels
    output_bucket: OutputBucket
    deliver_queue: Queue
    paid_files: PaidFiles
    clock: Clock
    input_bucket_name: str
    embeds_provenance: bool
    source_term: str
    signed_files: SignedFiles

    def deliver_job(
        self, source: Source, steps: ImageSteps, jobs: Sequence[Job], *, is_redelivery: bool
    ) -> transitions.Transition:
        """Writes the pictures and returns the transition that ends the job: stored, or failed if there is no picture.

        If people must decide about a picture first, nothing is delivered yet: the job waits for them. Approved outputs
        are made from the files that they saw. If they reject every picture, the job ends rejected.

        `is_redelivery`: the message was received before, so the provider's files may already be kept. Raises
        RetryLaterError while the pictures wait for the photo's cut-out, and if there may be too little time for the
        next image.
        """
        job = steps.job
        links = dict(enumerate(job.usable_links, 1))
        find_mask = cache(partial(self._find_mask, source, job, jobs))
        original = self.original_photos.find(source, job)

        def prepare_image(n: int) -> PreparedImage:
            return self._prepare_image(job, n, links[n], original, find_mask(), is_redelivery=is_redelivery)

        review_round = self._review_images(steps, links, prepare_image)
        reviews = {review.n: review for review in review_round.reviews}
        job = steps.job = replace(steps.job, reviews=tuple(review_round.reviews))
        if any(review.decision is None for review in job.reviews):
            return transitions.await_approval(job, job.reviews)
        rejected = {n for n, review in reviews.items() if review.is_rejected}
        deliverable = [n for n in links if n not in rejected and n not in review_round.errors]
        remaining = [n for n in deliverable if job.find_outcome(ImageStepKind.DELIVERED, n) is None]
        if any(n not in reviews and n not in review_round.images for n in remaining):
            find_mask()

        results: list[StoredPicture] = []
        late_reviews: list[PictureReview] = []
        errors = list(review_round.errors.values())
        warnings = [_build_rejected_warning(reviews[n]) for n in sorted(rejected)]
        superseded = False
        outputs = () if job.is_mask else parse_outputs(job.instructions)
        # Before the photo, because opening them takes memory that the photo needs later.
        images = open_brand_images(self.photos, job.bucket, outputs)
        is_first = _is_first_delivery(job, jobs)

        def deliver_image(n: int) -> ImageOutcome:
            if review := reviews.get(n):
                cut_out = original if job.operation == "remove" else None
                image = self.review_files.load(job, review, cut_out, partial(prepare_image, n))
            else:
                image = review_round.images.pop(n, None) or prepare_image(n)
                if needs_review(job.instructions, image.fidelity):
                    # Its photo or mask is another one than when it was found to need no decision.
                    return ImageOutcome(review=self.review_files.keep(job, n, image))
            delivery = Delivery(source, steps.job, is_first, outputs, images)
            return self._deliver_image(delivery, n, links[n], image, original)

        for n in deliverable:
            outcome = steps.run(ImageStepKind.DELIVERED, n, partial(deliver_image, n), is_last=n == deliverable[-1])
            if outcome.problem:
                errors.append(_to_error(outcome.problem))
            late_reviews += [outcome.review] if outcome.review else []
            results += outcome.results
            warnings += outcome.warnings
            superseded |= outcome.is_superseded
        job, now = steps.job, self.clock.now()
        if late_reviews:
            return transitions.await_approval(job, (*job.reviews, *late_reviews))
        if len(errors) == len(links) - len(rejected):
            if rejected and not any(review.is_approved for review in job.reviews):
                return transitions.reject(job, warnings, now)
            if errors:
                return transitions.fail(job, errors[0], now)
        all_results = (*results, *_find_other_results(job, results)) if superseded else tuple(results)
        return transitions.store(job, all_results, [*_build_job_warnings(job, errors), *warnings], now)

    def _review_images(
        self, steps: ImageSteps, links: Mapping[int, PictureLink], prepare_image: Callable[[int], PreparedImage]
    ) -> ReviewRound:
        """Finds out which images people must decide about, and writes the files that they see.

        A job that never asks people prepares nothing here, so that it needs a single pass over its images.
        """
        job, review_round = steps.job, ReviewRound()
        if not may_need_review(job.instructions):
            return ReviewRound([review for review in job.reviews if review.decision])

        def prepare(n: int) -> ImageOutcome:
            image = prepare_image(n)
            if needs_review(job.instructions, image.fidelity):
                return ImageOutcome(review=self.review_files.keep(job, n, image))
            if len(links) == 1:
                review_round.images[n] = image
            return ImageOutcome()

        for n in links:
            review = job.find_review(n)
            if review is None:
                outcome = steps.run(ImageStepKind.PREPARED, n, partial(prepare, n))
                if outcome.problem:
                    review_round.errors[n] = _to_error(outcome.problem)
                elif outcome.review:
                    review_round.reviews.append(outcome.review)
            elif review.decision or needs_review(job.instructions, review.fidelity):
                review_round.reviews.append(review)
        return review_round

    def _find_mask(self, source: Source, job: Job, jobs: Sequence[Job]) -> PhotoWithMask | CannotSayReason | None:
        """Returns what new pictures are compared with; None for a cut-out, which is not compared."""
        return self.fidelity_checks.find_mask(source, job, jobs) if job.operation == "replace" else None

    def _prepare_image(
        self,
        job: Job,
        n: int,
        link: PictureLink,
        original: OriginalPhoto | None,
        masked_photo: PhotoWithMask | CannotSayReason | None,
        *,
        is_redelivery: bool,
    ) -> PreparedImage:
        """Fetches a paid file, puts the photo's own product into it on request, and compares it with the photo."""
        cut_out = original if job.operation == "remove" else None
        picture = PaidPicture(*self.paid_files.load(job, n, link, is_redelivery=is_redelivery), cut_out)
        if masked_photo is None:
            return PreparedImage(picture, None)
        warnings = list(self.own_pixels.compose(job, n, picture, masked_photo))
        return PreparedImage(picture, self.fidelity_checks.check(job, n, picture, masked_photo), warnings)

    def judge_images(
        self, source: Source, steps: ImageSteps, jobs: Sequence[Job], *, is_redelivery: bool
    ) -> tuple[Fidelity | None, ...]:
        """Returns the verdict on each usable link, None if its file cannot be used. Keeps the files, writes no output.

        The delivery of the attempt, if it is the best one, reports what is wrong with a file.

        Raises RetryLaterError if a file is unavailable, while the pictures wait for the photo's cut-out, and if there
        may be too little time for the next image.
        """
        job = steps.job
        find_mask = cache(partial(self._find_mask, source, job, jobs))
        original = self.original_photos.find(source, job)

        def judge(n: int, link: PictureLink) -> ImageOutcome:
            image = self._prepare_image(job, n, link, original, find_mask(), is_redelivery=is_redelivery)
            return ImageOutcome(fidelity=image.fidelity)

        links = enumerate(job.usable_links, 1)
        return tuple(steps.run(ImageStepKind.COMPARED, n, partial(judge, n, link)).fidelity for n, link in links)

    def _deliver_image(
        self, delivery: Delivery, n: int, link: PictureLink, image: PreparedImage, original: OriginalPhoto | None
    ) -> ImageOutcome:
        """Writes the outputs of one image. Raises ResultError if none of them can be made."""
        job, picture = delivery.job, image.picture
        written = self._write_outputs(delivery, DeliveredImage(n, link, picture, image.fidelity))
        # Whether every output requests the photo's own pixels.
        is_in_full = job.operation == "remove" and all(output.size == FULL_SIZE for output in delivery.outputs)
        warnings = (
            *image.warnings,
            *written.warnings,
            *_build_fidelity_warnings(job, n, image.fidelity),
            *_build_frame_warnings(job, image.picture),
            *_build_stray_warnings(n, image.picture),
            *_build_size_warnings(original, job, image.picture, is_in_full=is_in_full),
        )
        return ImageOutcome(results=tuple(written.results), warnings=warnings, is_superseded=written.is_superseded)

    def _write_outputs(self, delivery: Delivery, image: DeliveredImage) -> WrittenOutputs:
        """Makes and writes the requested outputs of one paid picture, unless the job is no longer current.

        A mask has none. Raises ResultError if none of them can be made.
        """
        job, images, n = delivery.job, delivery.images, image.n
        name = photo_name_of(delivery.source.bucket, delivery.source.key, self.input_bucket_name)
        errors, written, keys_by_sha256 = list[ResultError](), WrittenOutputs(), defaultdict[str, list[str]](list)
        for output in delivery.outputs:
            try:
                images.require(output)
                finished = self._finish_file(delivery, image, output)
                picture = _certify(finished.picture, output, job)
            except ResultError as error:
                errors.append(error)
                continue
            key = find_picture_key(name, job.variant, n, output)
            target = PictureTarget(
                key, sha256_hex(picture.data), output, build_claimed_name(job.bucket, job.key, output, n)
            )
            version_id, refusal = self._write_picture(delivery, target, picture.data)
            if refusal is None:
                result = _build_result(key, version_id, output, picture, image)
                written.results.append(replace(result, is_signed=finished.is_signed))
                written.warnings += finished.warnings
                written.warnings += _build_output_warnings(
                    key, picture, output, delivery, image.picture.scene_enlargement
                )
                keys_by_sha256[target.sha256].append(key)
            else:
                written.warnings.append(refusal)
                written.is_superseded = True
            # Frees the memory of this file before the next one is made.
            del picture, finished
        if errors and len(errors) == len(delivery.outputs):
            raise errors[0]
        written.warnings += [*_errors_to_warnings(errors), *_build_same_outputs_warnings(keys_by_sha256.values())]
        return written

    def _finish_file(self, delivery: Delivery, image: DeliveredImage, output: OutputSpec) -> FinishedFile:
        """Makes an output's file and signs it, if the stack adds Content Credentials.

        The signed file of an earlier delivery stays as it is if it states the same about the same picture. If the stack
        no longer adds credentials, it is enough that it shows the same picture.

        Raises ResultError if the file cannot be made, and RetryLaterError if it must be signed and the key or
        certificate cannot be used.
        """
        job, n, picture = delivery.job, image.n, image.picture
        key = signed_key(job.job_id, job.paid_attempt_no, n, output.name, output.format)
        facts = PictureFacts(job, n, output, has_own_subject=picture.uses_own_pixels(output))
        signing = self.signed_files.signing
        claims_sha256 = signing.hash_claims(facts) if signing else None

        def build(added_bytes: int, *, keeps_credentials: bool) -> OutputFile:
            limited = replace(output, max_bytes=max(output.max_bytes - added_bytes, 1)) if output.max_bytes else output
            embed_metadata = partial(self._embed_metadata, output, job, keeps_credentials=keeps_credentials)
            return picture.build_output(limited, embed_metadata, delivery.images.pixels)

        def finish(unsigned: OutputFile, data: bytes, omissions: Iterable[Omission]) -> FinishedFile:
            warnings = tuple(build_omission_warnings(n, output, omissions))
            return FinishedFile(replace(unsigned, data=data), is_signed=True, warnings=warnings)

        kept = self.signed_files.head(key) if signing or job.has_signed_files else None
        if kept and states_same(kept, claims_sha256):
            unsigned = build(read_added_bytes(kept), keeps_credentials=False)
            if data := self.signed_files.find(key, unsigned.data, kept):
                return finish(unsigned, data, read_omissions(kept))
        if signing is None:
            return FinishedFile(build(0, keeps_credentials=True))
        added_bytes = signing.measure(facts) if output.max_bytes else 0
        unsigned = build(added_bytes, keeps_credentials=False)
        data, omissions = self.signed_files.sign(signing, facts, unsigned.data, key, kept)
        return finish(unsigned, data, omissions)

    def _embed_metadata(self, output: OutputSpec, job: Job, data: bytes, *, keeps_credentials: bool) -> bytes:
        """`keeps_credentials`: leaves a provider's signed file as it is, unless it gets texts."""
        file_format, is_paid_file = detect_format(data), output.is_plain_lossless and output.texts == PictureTexts()
        if is_paid_file and file_format == "png":
            if keeps_credentials and png.has_credentials(data):
                return data
            data = png.drop_credentials(data)
        operation = job.operation if self.embeds_provenance else None
        return embed_picture_metadata(data, file_format, operation, output.texts, self.source_term)

    def _write_picture(
        self, delivery: Delivery, target: PictureTarget, data: bytes
    ) -> tuple[str | None, JobWarning | None]:
        """Writes a picture, but never over a newer job's picture: reads the object, then the ledger, then writes.

        Returns the object's version ID, and why nothing was written: the job is no longer current, or another photo has
        the name of the picture.

        After replacing an object, it checks once more, because a newer job, or a job of the photo that has regained the
        name, may have found its own picture there and finished; that job is then delivered again. Raises ConflictError
        if the job itself is still current but was changed, because it may need other outputs now.
        """
        source, job = delivery.source, delivery.job
        metadata = {JOB_METADATA_KEY: job.job_id, "backdrop-sha256": target.sha256}
        existing: StoredObject | None = None
        jobs: Sequence[Job] = ()
        for retry in range(MAX_TRIES):
            if not delivery.is_first or retry:
                existing = self.output_bucket.head(target.key)
                current_source, jobs = self.ledger.read_photo(source.source_id)
                source = current_source or source
            if target.claimed_name and existing and existing.metadata.get(JOB_METADATA_KEY) == job.job_id:
                self._redeliver_name_holder(target.claimed_name, job)
            # Before the check for changes: a job that another worker has finished can leave its picture in the way too.
            if job.job_id not in source.jobs.values():
                if existing and existing.metadata.get(JOB_METADATA_KEY) == job.job_id:
                    self._redeliver_newer_job(source, job)
                return None, NOT_CURRENT_WARNING
            if any(current.job_id == job.job_id and current.lock_version != job.lock_version for current in jobs):
                raise ConflictError
            if existing and dict(existing.metadata) == metadata:
                return existing.version_id, None
            if target.claimed_name and self._find_other_claim(target.claimed_name, job):
                return None, NAME_TAKEN_WARNING
            try:
                previous_etag = existing.etag if existing else None
                written = self.output_bucket.put_if_unchanged(
                    target.key,
                    data,
                    target.output.content_type,
                    expected_etag=previous_etag,
                    metadata=metadata,
                    cache_control=CACHE_CONTROL,
                )
            except PreconditionFailedError:
                continue
            if existing is None:
                return written.version_id, None
        raise ConflictError

    def _find_other_claim(self, claimed_name: str, job: Job) -> NameClaim | None:
        """Returns another photo's claim to the name. It can replace ours once this job has ended or is not current."""
        claim = self.ledger.find_name_claims([claimed_name]).get(claimed_name)
        return claim if claim and claim.source_id != job.source_id else None

    def _redeliver_name_holder(self, claimed_name: str, job: Job) -> None:
        """Redelivers the photo that has regained the name, because this job's picture is under its key."""
        claim = self._find_other_claim(claimed_name, job)
        if claim is None:
            return
        source, jobs = self.ledger.read_photo(claim.source_id)
        for other in jobs:
            transition = transitions.reinstate(other)
            has_name = claimed_name in list_claimed_names(other)
            if source and other.job_id in source.jobs.values() and has_name and transition:
                enqueue_delivery(self.deliver_queue, self.ledger.write_transition(transition), other.job_id)

    def _redeliver_newer_job(self, source: Source, job: Job) -> None:
        """Delivers the newer job again, because this job's picture is under its key."""
        _, jobs = self.ledger.read_photo(source.source_id)
        for newer in jobs:
            transition = transitions.reinstate(newer)
            if newer.job_id in source.jobs.values() and newer.variant == job.variant and transition:
                enqueue_delivery(self.deliver_queue, self.ledger.write_transition(transition), newer.job_id)


def _to_error(problem: JobWarning) -> ResultError:
    return ResultError(Code(problem.code), problem.text)


def _build_result(
    key: str, version_id: str | None, output: OutputSpec, picture: OutputFile, image: DeliveredImage
) -> StoredPicture:
    return StoredPicture(
        key=key,
        version_id=version_id,
        n=image.n,
        output=output.name,
        width=picture.width,
        height=picture.height,
        format=output.format,
        bytes=len(picture.data),
        has_alpha=picture.has_alpha,
        seed=image.link.seed,
        certificate=picture.certificate,
        fidelity=image.fidelity,
    )


def _certify(picture: OutputFile, output: OutputSpec, job: Job) -> OutputFile:
    """Measures the finished file by the rules of its marketplace. Raises ResultError if it cannot be decoded."""
    name, subject = output.marketplace, picture.subject
    try:
        certificate = certify_file(picture.data, name, operation=job.operation, subject=subject) if name else None
    except PhotoError as error:
        raise ResultError(Code.OUTPUT_NOT_MADE, error.message) from error
    return replace(picture, certificate=certificate)


def _is_first_delivery(job: Job, jobs: Sequence[Job]) -> bool:
    """Whether no job has delivered this variant of the photo, so that its picture keys must still be free."""
    has_others = any(other.variant == job.variant and other.job_id != job.job_id for other in jobs)
    return job.stored_at is None and not has_others


def _find_other_results(job: Job, results: Sequence[StoredPicture]) -> Iterator[StoredPicture]:
    """Returns the pictures that earlier deliveries of the job wrote and this one did not."""
    new_keys = {result.key for result in results}
    return (result for result in job.results if result.key not in new_keys)


def _build_output_warnings(
    key: str, picture: OutputFile, output: OutputSpec, delivery: Delivery, scene_enlargement: float | None
) -> Iterator[JobWarning]:
    if picture.certificate:
        yield from _build_certificate_warnings(key, picture.certificate)
    if output.max_bytes and len(picture.data) > output.max_bytes:
        message = (
            f"{key} has {len(picture.data):,} bytes at the lowest quality that is acceptable; "
            f"max_bytes is {output.max_bytes:,}"
        )
        yield JobWarning(code=WarningCode.OVER_MAX_BYTES, text=Sentence(message))
    if picture.is_limited:
        message = f"{key} is {picture.width} × {picture.height} pixels, the limit of WebP; PNG has no such limit"
        yield JobWarning(code=WarningCode.SMALLER_RESULT, text=Sentence(message))
    else:
        yield from _build_enlarged_warnings(key, picture, output, delivery, scene_enlargement)


def _build_enlarged_warnings(
    key: str, picture: OutputFile, output: OutputSpec, delivery: Delivery, scene_enlargement: float | None
) -> Iterator[JobWarning]:
    """Warns about a picture that shows its subject larger than the provider's picture, or the photo, does.

    `scene_enlargement`: see `PaidPicture`. The plan compares with the photo alone, and so has no warning that this one
    lacks.
    """
    photo, canvas = delivery.source.photo, delivery.job.canvas
    photo_size = photo.pixel_size if photo and photo.sha256 == delivery.job.sha256 else None
    photo_scale = measure_photo_scale(output, photo_size, canvas) if photo_size else 0.0
    subject_source = "the provider's picture" if scene_enlargement is None else "the photo"
    scale, original = max((picture.scale, subject_source), (photo_scale, "the photo"))
    if is_enlarged(scale):
        message = f"{key} shows its subject at {scale:.1f} times its size in {original}"
        if scene_enlargement is not None:
            scene_scale = picture.scale * scene_enlargement
            message += f", and the background at {scene_scale:.1f} times its size in the provider's picture"
        yield JobWarning(code=WarningCode.ENLARGED, text=Sentence(message))


def _build_same_outputs_warnings(groups: Iterable[Sequence[str]]) -> Iterator[JobWarning]:
    """Warns about keys with equal files."""
    for keys in groups:
        if len(keys) > 1:
            text = Sentence(f"{' and '.join(keys)} are the same picture")
            yield JobWarning(code=WarningCode.SAME_OUTPUTS, text=text)


def _build_certificate_warnings(key: str, certificate: Certificate) -> Iterator[JobWarning]:
    failures = [
        f"{check.rule} is {check.describe()}" for check in certificate.checks if check.verdict is Verdict.FAILED
    ]
    if failures:
        message = f"{key} does not meet the rules of {certificate.marketplace}: {'; '.join(failures)}"
        yield JobWarning(code=WarningCode.CERTIFICATE_FAILED, text=Sentence(message))


def _build_size_warnings(
    original: OriginalPhoto | None, job: Job, paid_picture: PaidPicture, *, is_in_full: bool
) -> list[JobWarning]:
    """Warns that a picture has fewer pixels than its photo.

    A full-size cut-out has fewer only if the photo's own pixels could not be used.
    """
    message = describe_smaller_result(original.size, _find_photo_size(job, paid_picture)) if original else None
    if message is None or (is_in_full and not paid_picture.fallback_reason):
        return []
    return [
        JobWarning(
            code=WarningCode.SMALLER_RESULT,
            text=Sentence(f"{message}{f'; {paid_picture.fallback_reason}' if paid_picture.fallback_reason else ''}"),
        )
    ]


def _find_photo_size(job: Job, paid_picture: PaidPicture) -> Size:
    """Returns the size at which the provider's picture shows the photo: the whole picture, or a part of its canvas."""
    if job.canvas is None:
        return paid_picture.size
    shown = job.canvas.resize(*paid_picture.size)
    return shown.photo_width, shown.photo_height


def _build_stray_warnings(n: int, paid_picture: PaidPicture) -> Iterator[JobWarning]:
    """Warns that parts of the provider's cut-out are missing in what was made from it."""
    if count := paid_picture.stray_count:
        message = (
            f"{count} faint or small {'parts' if count > 1 else 'part'} away from the product in picture {n} "
            f"{'were' if count > 1 else 'was'} removed"
        )
        yield JobWarning(code=WarningCode.STRAY_PARTS, text=Sentence(message))


def _build_fidelity_warnings(job: Job, n: int, fidelity: Fidelity | None) -> Iterator[JobWarning]:
    """Warns that a picture may show another product, or that it was not compared because there is no usable mask."""
    if fidelity is None:
        return
    if fidelity.verdict is FidelityVerdict.CHANGED:
        message = (
            f"the product in picture {n} differs from the photo's: its fidelity is {fidelity.score_text}, less than "
            f"{format_score(find_min_score(job.instructions))}; {fidelity.map_key} shows where"
        )
        yield JobWarning(code=WarningCode.PRODUCT_CHANGED, text=Sentence(message))
    # Own pixels have reported it.
    if fidelity.reason is CannotSayReason.MASK_UNAVAILABLE and not requests_own_pixels(job.instructions):
        message = f"the product in picture {n} was not compared with the photo's, because the cut-out is not available"
        yield JobWarning(code=WarningCode.MASK_UNAVAILABLE, text=Sentence(message))


def _build_rejected_warning(review: PictureReview) -> JobWarning:
    text = f"picture {review.n} is not delivered, because it was {transitions.describe_decision(review)}"
    return JobWarning(code=WarningCode.PICTURE_REJECTED, text=Sentence(text))


def _build_frame_warnings(job: Job, paid_picture: PaidPicture) -> list[JobWarning]:
    """Warns that a picture was padded, because its shape differs from its frame's."""
    if job.canvas is None:
        return []
    frame = parse_frame(job.instructions[FRAME_FIELD])
    if not needs_padding(*paid_picture.size, frame):
        return []
    message = f"the provider returned {format_size(paid_picture.size)} for the frame {frame}, so the picture is padded"
    return [JobWarning(code=WarningCode.FRAME_PADDED, text=Sentence(message))]


def _errors_to_warnings(errors: Sequence[BackdropError]) -> list[JobWarning]:
    return [JobWarning(code=error.code, text=error.message) for error in errors]


def _build_job_warnings(job: Job, errors: Sequence[BackdropError]) -> list[JobWarning]:
    withheld = sum(not link.is_usable for link in job.links)
    missing = int(job.instructions.get("num_images", 1)) - len(job.links)
    warnings = _errors_to_warnings(errors)
    if withheld:
        message = f"the provider withheld {withheld} of {len(job.links)} pictures"
        warnings.append(JobWarning(code=Code.UNSAFE_RESULT, text=Sentence(message)))
    if missing > 0:
        message = f"the provider returned {len(job.links)} of {len(job.links) + missing} pictures"
        warnings.append(JobWarning(code=WarningCode.FEWER_RESULTS, text=Sentence(message)))
    return warnings
