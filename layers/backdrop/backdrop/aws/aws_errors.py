"""AWS's errors as errors of the pipeline."""

from collections.abc import Generator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError

from backdrop.model.codes import Code
from backdrop.model.errors import RetryLaterError, UnreadableFileError

RETRY_SECONDS = 5.0
HTTP_FORBIDDEN = 403
# S3's answer to a read without the customer's own key (S3 API reference, "Error responses").
MISSING_ENCRYPTION_KEY = "InvalidRequest"


def read_aws_error_code(error: BaseException) -> str:
    """AWS's own code for an error (`AccessDenied`, `ThrottlingException`), else the exception's name."""
    if isinstance(error, ClientError):
        return error.response.get("Error", {}).get("Code", "ClientError")
    return type(error).__name__


@contextmanager
def translate_errors(service: str) -> Generator[None]:
    """Raises RetryLaterError in place of any error of boto3."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise unavailable(service, error) from error


def unavailable(service: str, error: BaseException | str, code: Code = Code.STORAGE_UNAVAILABLE) -> RetryLaterError:
    """The wait for a service that does not do what it is asked."""
    cause = error if isinstance(error, str) else read_aws_error_code(error)
    return RetryLaterError(code, f"{service} does not do what it is asked ({cause}).", RETRY_SECONDS)


def access_denied(key: str, error: BaseException) -> RetryLaterError:
    """The wait for a file, or for all of S3: whether this one alone is refused decides who is told."""
    cause = read_aws_error_code(error)
    if not isinstance(error, ClientError) or not _is_access_denied(error, cause):
        return unavailable("S3", error)
    return UnreadableFileError(f"S3 does not hand out {key} ({cause}).", RETRY_SECONDS)


def _is_access_denied(error: ClientError, cause: str) -> bool:
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return status == HTTP_FORBIDDEN or cause.startswith("KMS.") or cause == MISSING_ENCRYPTION_KEY
