"""Files that providers were paid for: fetched once, and kept unchanged under `_backdrop/paid/`."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from backdrop.aws.s3 import OutputBucket
from backdrop.imaging.formats.header import PhotoFormat
from backdrop.imaging.sniff import sniff_file
from backdrop.imaging.verify import VerifiedPicture, verify_result
from backdrop.model.capabilities import MAX_RESULT_BYTES
from backdrop.model.codes import Code
from backdrop.model.error_catalog import ERROR_CATALOG, PaidFile
from backdrop.model.errors import BackdropError, ResultError, RetryLaterError
from backdrop.model.job import Job, PictureLink
from backdrop.model.object_keys import paid_key, response_key, result_key
from backdrop.model.retention import find_earliest_purchase
from backdrop.ports import Clock, Downloads

# Assumed for links that do not state when they expire. All Ideogram links seen so far state it.
DEFAULT_LINK_LIFETIME = timedelta(hours=1)
# Less than the time in which SQS gives up a message that is received every ten minutes.
MAX_LINK_WAIT = timedelta(days=6)
# How long a link is tried again after its first wrong answer, at most until it expires. Servers of results show a file
# late, refuse a link that is not valid yet, ask a program for a browser, and break off, so one answer proves nothing. A
# redirect, or a file that is too large, hardly changes, and an operator should soon know.
MAX_WAITS = {
    Code.LINK_EXPIRED: MAX_LINK_WAIT,
    Code.RESULT_GONE: MAX_LINK_WAIT,
    Code.RESULT_NOT_AN_IMAGE: MAX_LINK_WAIT,
    Code.RESULT_TRUNCATED: MAX_LINK_WAIT,
    Code.RESULT_REDIRECTED: timedelta(seconds=30),
    Code.RESULT_TOO_LARGE: timedelta(seconds=30),
}
RETRY_SECONDS = 5.0


@dataclass(frozen=True)
class PaidFiles:
    """Fetches and keeps paid files. Does not decode files with more than `max_megapixels`."""

    output_bucket: OutputBucket
    downloads: Downloads
    clock: Clock
    max_megapixels: int

    def load(self, job: Job, n: int, link: PictureLink, *, is_redelivery: bool) -> tuple[bytes, VerifiedPicture]:
        """Returns the provider's file and its checked picture. Reads the file from `_backdrop/paid/`, or downloads it.

        Keeps each downloaded file. Raises ResultError if there is no usable file, and RetryLaterError if a download may
        still succeed.
        """
        is_prepared_again = job.judged_attempts or job.reviews
        may_be_kept = is_redelivery or job.stored_at or job.has_report or job.reused_from or is_prepared_again
        kept_key = self._find_kept(job, n) if may_be_kept else None
        if kept_key is None and job.reused_from:
            raise ResultError(Code.PAID_FILE_GONE, f"The file that job {job.reused_from} paid for no longer exists.")
        try:
            data = self.output_bucket.read(kept_key) if kept_key else self._fetch(job, n, link)
        except ResultError as error:
            # An earlier delivery may have kept the file without a record in the ledger.
            kept_key = kept_key or self._find_kept(job, n)
            if kept_key is None:
                raise self._wait_or_end(job, link, error) from error
            data = self.output_bucket.read(kept_key)
        expects_alpha = job.operation == "remove"
        try:
            picture = verify_result(data, expect_alpha=expects_alpha, max_megapixels=self.max_megapixels)
        except ResultError as error:
            if kept_key:
                raise
            if ERROR_CATALOG[error.code].paid_file is PaidFile.UNUSABLE_BUT_KEPT:
                self._save(job, n, data)
                raise
            raise self._wait_or_end(job, link, error) from error
        if not kept_key:
            self._save(job, n, data)
        return data, picture

    def keep_others(self, job: Job) -> None:
        """Keeps what can be downloaded now: one file that is late must not outlast the links of the others."""
        for n, link in enumerate(job.usable_links, 1):
            if len(job.usable_links) > 1 and not self._find_kept(job, n):
                with suppress(ResultError, RetryLaterError):
                    self.load(job, n, link, is_redelivery=False)

    def _find_kept(self, job: Job, n: int) -> str | None:
        return find_kept_file(self.output_bucket, job, n)

    def _fetch(self, job: Job, n: int, link: PictureLink) -> bytes:
        if link.result_name:
            return self._read_unlinked_result(link.result_name)
        if link.is_unrecognized:
            raise self._build_unrecognized_error(job, n)
        try:
            return self.downloads.fetch(job.provider, link.url or "")
        except RetryLaterError as error:
            if self._may_wait(job, link, Code.LINK_EXPIRED):
                raise
            message = f"The link expired before the file could be downloaded: {error.message}"
            raise ResultError(Code.LINK_EXPIRED, message) from error

    def _wait_or_end(self, job: Job, link: PictureLink, error: ResultError) -> BackdropError:
        """Returns what an answer other than the picture means: the link is tried again, or its error is final."""
        if self._may_wait(job, link, error.code):
            return RetryLaterError(Code.RESULT_UNREACHABLE, error.message, RETRY_SECONDS)
        # A picture that was delivered before was kept under _backdrop/paid/, so it must have been deleted there.
        return ResultError(Code.PAID_FILE_GONE, error.message) if job.stored_at and link.url else error

    def _may_wait(self, job: Job, link: PictureLink, code: Code) -> bool:
        if link.url is None or code not in MAX_WAITS:
            return False
        now, problem = self.clock.now(), job.problem
        waits_since = problem.first_seen if problem and problem.code is Code.RESULT_UNREACHABLE else now
        expires_at = link.expires_at or (job.paid_at or now) + DEFAULT_LINK_LIFETIME
        return now < min(expires_at, waits_since + MAX_WAITS[code])

    def _read_unlinked_result(self, name: str) -> bytes:
        """Returns a picture that came without a link: the provider or its adapter wrote it to the output bucket."""
        stored = self.output_bucket.head(result_key(name))
        if stored is None:
            raise ResultError(Code.RESULT_GONE, "The provider's picture is no longer under _backdrop/work/results/.")
        if stored.size > MAX_RESULT_BYTES:
            message = f"The provider's file is {stored.size:,} bytes; the limit is {MAX_RESULT_BYTES:,}."
            raise ResultError(Code.RESULT_TOO_LARGE, message)
        return self.output_bucket.read(result_key(name))

    def _build_unrecognized_error(self, job: Job, n: int) -> ResultError:
        """Returns an error that says where the provider's response is, because a person may find the picture in it."""
        owner_id = job.reused_from or job.job_id
        response_location, paid_location = (
            response_key(owner_id, job.paid_attempt_no),
            paid_key(owner_id, job.paid_attempt_no, n, "png"),
        )
        message = f"{job.provider} charged for picture {n}, but Backdrop did not recognize it in the response"
        if self.output_bucket.head(response_location) is None:
            return ResultError(Code.RESULT_UNRECOGNIZED, f"{message}. The response could not be kept.")
        message += (
            f". The response is in {response_location}. If you find the picture in it, save it as {paid_location}."
        )
        return ResultError(Code.RESULT_UNRECOGNIZED, message)

    def _save(self, job: Job, n: int, data: bytes) -> None:
        """Keeps the file unchanged, under the extension of its actual format."""
        extension = detect_format(data)
        self.output_bucket.put(paid_key(job.job_id, job.paid_attempt_no, n, extension), data, f"image/{extension}")


def find_kept_file(output_bucket: OutputBucket, job: Job, n: int) -> str | None:
    """Returns the key under which a delivery kept the provider's file; None if there is none."""
    prefix = paid_key(job.reused_from or job.job_id, job.paid_attempt_no, n, "")
    return output_bucket.find_key(prefix, find_earliest_purchase(job))


def detect_format(data: bytes) -> PhotoFormat:
    """Returns the format of a picture that has already been opened, or that Backdrop made."""
    image_format = sniff_file(data).format
    if image_format is None:
        raise TypeError("not a picture that was opened before")
    return image_format
