"""Answers that the ledger did not take, in the output bucket under `_backdrop/work/answers/`."""

from collections.abc import Iterator

from pydantic import ValidationError

from backdrop.aws.s3 import OutputBucket
from backdrop.model.codec import from_json, to_json
from backdrop.model.job import Job
from backdrop.model.object_keys import ANSWERS, answer_key, response_key
from backdrop.model.provider_result import Answer, KeptAnswer


class Answers:
    """Answers that the ledger did not take, kept in the output bucket until reconcile finds them."""

    def __init__(self, output: OutputBucket) -> None:
        self._output = output

    def keep(self, job: Job, n: int, answer: Answer) -> None:
        """Put an answer where reconcile, or the job's next delivery, finds it."""
        kept = KeptAnswer(source_id=job.source_id, job_id=job.job_id, n=n, answer=answer)
        self._output.put(answer_key(job.job_id, n), to_json(kept).encode(), "application/json")

    def find(self, job: Job, n: int) -> Answer | None:
        """The answer to one attempt, where it was kept."""
        found = self._output.find(answer_key(job.job_id, n))
        kept = _read(self._output.read(found)) if found else None
        return kept.answer if kept else None

    def kept(self) -> Iterator[KeptAnswer]:
        """All that wait for the ledger."""
        for key in self._output.keys(f"{ANSWERS}/"):
            kept = _read(self._output.read(key))
            if kept:
                yield kept

    def drop(self, kept: KeptAnswer) -> None:
        """The ledger has it."""
        self._output.remove(answer_key(kept.job_id, kept.n))

    def keep_response(self, job: Job, n: int, raw: bytes) -> None:
        """Keep a response whose picture is not recognized, beside the provider's files, which do not expire.

        Raises WaitError where S3 does not take it.
        """
        self._output.put(response_key(job.job_id, n), raw, "text/plain")


def _read(data: bytes) -> KeptAnswer | None:
    """What a file holds, or None where another release wrote it, or nobody of ours."""
    try:
        return from_json(KeptAnswer, data.decode())
    except (ValidationError, UnicodeDecodeError):
        return None
