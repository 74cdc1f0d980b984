"""What deliver sends to the function `sign`, and what that returns."""

from enum import StrEnum

from backdrop.model.codes import Code
from backdrop.model.errors import ConflictError, ResultError, RetryLaterError
from backdrop.model.record import Record, record


class Omission(StrEnum):
    """What Content Credentials leave out, as the metadata of a kept file names it."""

    PROMPT = "prompt"
    MISMATCHED_CREDENTIALS = "mismatched_credentials"
    CREDENTIALS_OVER_MAX_BYTES = "credentials_over_max_bytes"
    LARGE_CREDENTIALS = "large_credentials"


@record
class SigningRequest(Record):
    """Which picture to sign: an output of image `n` of a job's paid attempt. Everything else is read from the ledger.

    `has_own_subject`: see `PictureFacts`. `unsigned_sha256`: the hash of the finished file, which is under
    `unsigned_key`; empty to measure the signature only. `replaced_etag`: of the signed file that is kept so far.
    """

    source_id: str
    job_id: str
    attempt: int
    n: int
    output: str | None = None
    has_own_subject: bool = False
    unsigned_sha256: str = ""
    replaced_etag: str | None = None


class FailureKind(StrEnum):
    """The class of the error that deliver raises."""

    RETRY = "retry"
    RESULT = "result"
    CONFLICT = "conflict"


@record
class SigningFailure(Record):
    kind: FailureKind
    code: Code
    message: str
    delay_seconds: float = 0

    @classmethod
    def from_error(cls, error: RetryLaterError | ResultError | ConflictError) -> "SigningFailure":
        match error:
            case RetryLaterError():
                return cls(
                    kind=FailureKind.RETRY,
                    code=error.code,
                    message=str(error.message),
                    delay_seconds=error.delay_seconds,
                )
            case ResultError():
                return cls(kind=FailureKind.RESULT, code=error.code, message=str(error.message))
            case ConflictError():
                return cls(
                    kind=FailureKind.CONFLICT,
                    code=Code.LEDGER_CONFLICT,
                    message="The job or its signed file has changed.",
                )

    def to_error(self) -> RetryLaterError | ResultError | ConflictError:
        match self.kind:
            case FailureKind.RETRY:
                return RetryLaterError(self.code, self.message, self.delay_seconds)
            case FailureKind.RESULT:
                return ResultError(self.code, self.message)
            case FailureKind.CONFLICT:
                return ConflictError()


@record
class SigningResponse(Record):
    """`added_bytes`: by how much the signature enlarges the file at most. `sha256`: of the signed file that is kept."""

    added_bytes: int = 0
    omissions: tuple[Omission, ...] = ()
    sha256: str = ""
    failure: SigningFailure | None = None
