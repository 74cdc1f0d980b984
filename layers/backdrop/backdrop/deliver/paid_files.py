"""The files that providers made and were paid for: fetched once, and kept untouched under `_backdrop/paid/`."""

from dataclasses import dataclass
from datetime import timedelta

from backdrop.aws.s3 import OutputBucket
from backdrop.imaging.containers.header import PhotoFormat
from backdrop.imaging.sniff import sniff
from backdrop.imaging.verify import Picture, verify_result
from backdrop.model.codes import Code
from backdrop.model.errors import ResultError, WaitError
from backdrop.model.job import Job, Link
from backdrop.model.object_keys import paid_key, response_key, result_key
from backdrop.model.retention import bought_since
from backdrop.model.stored_picture import MAX_RESULT_BYTES
from backdrop.ports import Clock, Downloads

# Where a link does not say when it expires (Ideogram's always do, so far), an hour is assumed.
LIFE_OF_A_LINK = timedelta(hours=1)


@dataclass(frozen=True)
class PaidFiles:
    """`max_megapixels` bounds what is decoded."""

    output: OutputBucket
    downloads: Downloads
    clock: Clock
    max_megapixels: int

    def of(self, job: Job, n: int, link: Link, *, again: bool) -> tuple[bytes, Picture]:
        """The provider's file: from `_backdrop/paid/` where an earlier delivery kept it, else fetched and kept."""
        was_tried = again or job.stored_at or job.reported or job.reused_from
        kept = self._kept(job, n) if was_tried else None
        if kept is None and job.reused_from:
            raise ResultError(Code.PAID_FILE_GONE, f"The file that job {job.reused_from} paid for is no more there.")
        try:
            data = self.output.read(kept) if kept else self._fetch(job, n, link)
        except ResultError:
            # A delivery that nobody knows of may have kept it all the same.
            kept = kept or self._kept(job, n)
            if kept is None:
                raise
            data = self.output.read(kept)
        transparent = job.operation == "remove"
        try:
            picture = verify_result(data, expect_alpha=transparent, max_megapixels=self.max_megapixels)
        except ResultError as error:
            if error.code is Code.RESULT_NOT_TRANSPARENT and not kept:
                self._keep(job, n, data)
            raise
        if not kept:
            self._keep(job, n, data)
        return data, picture

    def _kept(self, job: Job, n: int) -> str | None:
        """Where an earlier delivery put the provider's file."""
        return self.output.find(paid_key(job.reused_from or job.job_id, job.answered, n, ""), bought_since(job))

    def _fetch(self, job: Job, n: int, link: Link) -> bytes:
        """The bytes behind a link, tried for as long as it lives."""
        if link.kept:
            return self._kept_result(link.kept)
        if link.unrecognized:
            raise self._unrecognized(job, n)
        try:
            return self.downloads.fetch(job.provider, link.url or "")
        except WaitError as error:
            now = self.clock.now()
            if now < (link.expires_at or (job.paid_at or now) + LIFE_OF_A_LINK):
                raise
            words = f"The link expired while it could not be fetched: {error.message}"
            raise self._gone(job, ResultError(Code.LINK_EXPIRED, words)) from error
        except ResultError as error:
            raise self._gone(job, error) from error

    def _kept_result(self, name: str) -> bytes:
        """A picture that came without a link, written by whoever was given its place."""
        found = self.output.head(result_key(name))
        if found is None:
            raise ResultError(Code.RESULT_GONE, "The provider's picture is no more under _backdrop/work/results/.")
        if found.size > MAX_RESULT_BYTES:
            words = f"The provider's file has {found.size:,} bytes; the limit is {MAX_RESULT_BYTES:,}."
            raise ResultError(Code.RESULT_TOO_LARGE, words)
        return self.output.read(result_key(name))

    def _unrecognized(self, job: Job, n: int) -> ResultError:
        """The picture is somewhere in the provider's response, or nowhere; a person can look for it there."""
        owner = job.reused_from or job.job_id
        response, place = response_key(owner, job.answered), paid_key(owner, job.answered, n, "png")
        words = f"{job.provider} charged for picture {n}, and Backdrop does not recognize it in the response"
        if self.output.head(response) is None:
            return ResultError(Code.RESULT_UNRECOGNIZED, f"{words}; the response could not be kept.")
        words += f". The response is kept as {response}; a picture that you save from it belongs at {place}."
        return ResultError(Code.RESULT_UNRECOGNIZED, words)

    def _gone(self, job: Job, error: ResultError) -> ResultError:
        """What was handed over before was kept under _backdrop/paid/, and somebody took it away."""
        return ResultError(Code.PAID_FILE_GONE, error.message) if job.stored_at else error

    def _keep(self, job: Job, n: int, data: bytes) -> None:
        """Untouched, under the suffix of what it is."""
        extension = format_of(data)
        self.output.put(paid_key(job.job_id, job.answered, n, extension), data, f"image/{extension}")


def format_of(data: bytes) -> PhotoFormat:
    """What a picture is that was opened before, or made here."""
    found = sniff(data).format
    if found is None:
        raise TypeError("this picture was never opened")
    return found
