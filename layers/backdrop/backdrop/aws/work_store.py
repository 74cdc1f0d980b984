"""Objects that stages keep for one another in the output bucket: call inputs, and answers that the ledger rejected."""

from collections.abc import Iterator

from pydantic import ValidationError

from backdrop.aws.aws_errors import RETRY_SECONDS
from backdrop.aws.s3 import OutputBucket
from backdrop.model.codec import from_json, to_json
from backdrop.model.codes import Code
from backdrop.model.errors import RetryLaterError
from backdrop.model.job import Job
from backdrop.model.object_keys import ANSWER_SPOOL_PREFIX, input_key, response_key, spooled_answer_key
from backdrop.model.provider_result import ProviderResult, SpooledAnswer


class S3CallInputStore:
    """Inputs of calls, under names that are derived from their content."""

    def __init__(self, output_bucket: OutputBucket) -> None:
        self._output_bucket = output_bucket

    def put(self, name: str, data: bytes) -> None:
        self._output_bucket.put(input_key(name), data, "application/octet-stream")

    def find(self, name: str) -> bytes | None:
        """Returns the bytes, or None if they have expired."""
        key = self._output_bucket.find_key(input_key(name))
        return self._output_bucket.read(key) if key else None


class AnswerSpool:
    """Answers that the ledger did not accept, stored until reconcile records them."""

    def __init__(self, output_bucket: OutputBucket) -> None:
        self._output_bucket = output_bucket

    def save(self, job: Job, attempt_no: int, result: ProviderResult) -> None:
        """Stores an answer where reconcile, or the next delivery of the job's message, finds it."""
        spooled = SpooledAnswer(source_id=job.source_id, job_id=job.job_id, attempt_no=attempt_no, result=result)
        self._output_bucket.put(
            spooled_answer_key(job.job_id, attempt_no), to_json(spooled).encode(), "application/json"
        )

    def find(self, job: Job, attempt_no: int) -> ProviderResult | None:
        """Raises RetryLaterError for an answer that only another release can read: the call must not be sent again."""
        key = self._output_bucket.find_key(spooled_answer_key(job.job_id, attempt_no))
        if key is None:
            return None
        spooled = _parse(self._output_bucket.read(key))
        if spooled is None:
            message = "Another release of Backdrop saved the answer to this call, and this release cannot read it."
            raise RetryLaterError(Code.LEDGER_UNAVAILABLE, message, RETRY_SECONDS)
        return spooled.result

    def list_all(self) -> Iterator[SpooledAnswer]:
        """Yields the answers that this release can read."""
        for key in self._output_bucket.list_keys(f"{ANSWER_SPOOL_PREFIX}/"):
            spooled = _parse(self._output_bucket.read(key))
            if spooled:
                yield spooled

    def delete(self, spooled: SpooledAnswer) -> None:
        """Deletes an answer that the ledger has recorded."""
        self._output_bucket.delete(spooled_answer_key(spooled.job_id, spooled.attempt_no))

    def save_response(self, job: Job, attempt_no: int, raw: bytes) -> None:
        """Stores a response without a recognizable picture next to the provider's files, which do not expire.

        Raises RetryLaterError if S3 does not accept it.
        """
        self._output_bucket.put(response_key(job.job_id, attempt_no), raw, "text/plain")


def _parse(data: bytes) -> SpooledAnswer | None:
    """Returns None for a file that another release, or another program, wrote."""
    try:
        return from_json(SpooledAnswer, data.decode())
    except (ValidationError, UnicodeDecodeError):
        return None
