"""Converts AWS's errors into the pipeline's own."""

from collections.abc import Generator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError

from backdrop.model.codes import Code
from backdrop.model.errors import RetryLaterError, UnreadableFileError

RETRY_SECONDS = 5.0
HTTP_FORBIDDEN = 403
# S3's code for a read without the customer-provided encryption key (S3 API reference, "Error responses").
MISSING_ENCRYPTION_KEY = "InvalidRequest"


def read_aws_error_code(error: BaseException) -> str:
    """Returns AWS's error code (`AccessDenied`, `ThrottlingException`), or the exception's name if it has none."""
    if isinstance(error, ClientError):
        return error.response.get("Error", {}).get("Code", "ClientError")
    return type(error).__name__


@contextmanager
def translate_errors(service: str) -> Generator[None]:
    """Converts boto3 errors to RetryLaterError."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise unavailable(service, error) from error


def unavailable(service: str, error: BaseException | str, code: Code = Code.STORAGE_UNAVAILABLE) -> RetryLaterError:
    cause = error if isinstance(error, str) else read_aws_error_code(error)
    return RetryLaterError(code, f"The request to {service} failed ({cause}).", RETRY_SECONDS)


def access_denied(key: str, error: BaseException) -> RetryLaterError:
    """Returns UnreadableFileError if S3 denies access to this object only, else the error for an unavailable S3."""
    cause = read_aws_error_code(error)
    if not isinstance(error, ClientError) or not _is_access_denied(error, cause):
        return unavailable("S3", error)
    return UnreadableFileError(f"S3 denies access to {key} ({cause}).", RETRY_SECONDS)


def _is_access_denied(error: ClientError, cause: str) -> bool:
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return status == HTTP_FORBIDDEN or cause.startswith("KMS.") or cause == MISSING_ENCRYPTION_KEY
