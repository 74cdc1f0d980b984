"""What stages keep for one another in the output bucket: inputs of calls, and answers that the ledger rejected."""

from collections.abc import Iterator

from pydantic import ValidationError

from backdrop.aws.s3 import OutputBucket
from backdrop.model.codec import from_json, to_json
from backdrop.model.job import Job
from backdrop.model.object_keys import ANSWER_SPOOL_PREFIX, input_key, response_key, spooled_answer_key
from backdrop.model.provider_result import ProviderResult, SpooledAnswer


class S3CallInputStore:
    """Bytes put aside under names that belong to their content (Inputs)."""

    def __init__(self, output_bucket: OutputBucket) -> None:
        self._output_bucket = output_bucket

    def put(self, name: str, data: bytes) -> None:
        """Put bytes where render finds them."""
        self._output_bucket.put(input_key(name), data, "application/octet-stream")

    def find(self, name: str) -> bytes | None:
        """The bytes, or None where they lie there no more."""
        key = self._output_bucket.find_key(input_key(name))
        return self._output_bucket.read(key) if key else None


class AnswerSpool:
    """Answers that the ledger did not take, kept in the output bucket until reconcile finds them."""

    def __init__(self, output_bucket: OutputBucket) -> None:
        self._output_bucket = output_bucket

    def save(self, job: Job, attempt_no: int, result: ProviderResult) -> None:
        """Put an answer where reconcile, or the job's next delivery, finds it."""
        spooled = SpooledAnswer(source_id=job.source_id, job_id=job.job_id, attempt_no=attempt_no, result=result)
        self._output_bucket.put(
            spooled_answer_key(job.job_id, attempt_no), to_json(spooled).encode(), "application/json"
        )

    def find(self, job: Job, attempt_no: int) -> ProviderResult | None:
        """The answer to one attempt, where it was kept."""
        key = self._output_bucket.find_key(spooled_answer_key(job.job_id, attempt_no))
        spooled = _parse(self._output_bucket.read(key)) if key else None
        return spooled.result if spooled else None

    def list_all(self) -> Iterator[SpooledAnswer]:
        """All that wait for the ledger."""
        for key in self._output_bucket.list_keys(f"{ANSWER_SPOOL_PREFIX}/"):
            spooled = _parse(self._output_bucket.read(key))
            if spooled:
                yield spooled

    def delete(self, spooled: SpooledAnswer) -> None:
        """The ledger has it."""
        self._output_bucket.delete(spooled_answer_key(spooled.job_id, spooled.attempt_no))

    def save_response(self, job: Job, attempt_no: int, raw: bytes) -> None:
        """Keep a response whose picture is not recognized, beside the provider's files, which do not expire.

        Raises RetryLaterError where S3 does not take it.
        """
        self._output_bucket.put(response_key(job.job_id, attempt_no), raw, "text/plain")


def _parse(data: bytes) -> SpooledAnswer | None:
    """What a file holds, or None where another release wrote it, or nobody of ours."""
    try:
        return from_json(SpooledAnswer, data.decode())
    except (ValidationError, UnicodeDecodeError):
        return None
