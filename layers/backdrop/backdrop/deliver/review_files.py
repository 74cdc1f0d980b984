"""The files that people approve or reject: kept under `_backdrop/review/`, and what approved outputs are made from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from backdrop.aws.s3 import OutputBucket
from backdrop.imaging.output import OriginalPhoto, PaidPicture
from backdrop.imaging.verify import verify_result
from backdrop.model.codes import Code
from backdrop.model.errors import ResultError
from backdrop.model.fidelity import Fidelity
from backdrop.model.ids import sha256_hex
from backdrop.model.job import Job
from backdrop.model.job_warning import JobWarning
from backdrop.model.object_keys import review_key
from backdrop.model.review import PictureReview
from backdrop.ports import Clock


@dataclass(frozen=True, eq=False)
class PreparedImage:
    """One image of a job as it is compared, reviewed, and delivered. `fidelity`: None if it is a cut-out.

    `warnings`: those about its making.
    """

    picture: PaidPicture
    fidelity: Fidelity | None
    warnings: Sequence[JobWarning] = ()


@dataclass(frozen=True, eq=False)
class ReviewFiles:
    """Does not decode files with more than `max_megapixels`.

    A file that a newer one supersedes stays in the bucket. It is harmless: its key contains its hash, so it replaces no
    other file, and people see and approve only the file that the review names. Deleting it could remove a file that is
    under review again, because the instructions that make it can come back.
    """

    output_bucket: OutputBucket
    clock: Clock
    max_megapixels: int

    def keep(self, job: Job, n: int, image: PreparedImage) -> PictureReview:
        """Writes the file that people see of image `n`, and returns its review, without a decision."""
        data = image.picture.to_lossless_png()
        sha256 = sha256_hex(data)
        key = review_key(job.job_id, job.paid_attempt_no, n, sha256)
        self.output_bucket.put(key, data, "image/png")
        return PictureReview(
            n=n,
            key=key,
            sha256=sha256,
            fidelity=image.fidelity,
            scene_enlargement=image.picture.scene_enlargement,
            warnings=tuple(image.warnings),
            waiting_since=self.clock.now(),
        )

    def load(
        self,
        job: Job,
        review: PictureReview,
        original: OriginalPhoto | None,
        prepare: Callable[[], PreparedImage],
    ) -> PreparedImage:
        """Returns the image that people decided about.

        If its file was deleted or replaced, `prepare` makes the image again. Raises ResultError if that gives another
        file, because no person has seen it.
        """
        data = self.output_bucket.read(review.key) if self.output_bucket.head(review.key) else b""
        if sha256_hex(data) != review.sha256:
            data = self._make_again(review, prepare)
        # The file was verified before. This only reads its size, and whether it is transparent.
        verified = verify_result(data, expect_alpha=job.operation == "remove", max_megapixels=self.max_megapixels)
        picture = PaidPicture(data, verified, original, review.scene_enlargement)
        return PreparedImage(picture, review.fidelity, review.warnings)

    def _make_again(self, review: PictureReview, prepare: Callable[[], PreparedImage]) -> bytes:
        data = prepare().picture.to_lossless_png()
        if sha256_hex(data) != review.sha256:
            message = f"{review.key} was deleted or replaced, and its picture cannot be made again from the paid file."
            raise ResultError(Code.REVIEW_FILE_GONE, message)
        self.output_bucket.put(review.key, data, "image/png")
        return data
