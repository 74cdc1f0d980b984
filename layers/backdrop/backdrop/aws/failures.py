"""AWS out of order: one way to say so, with the cause by name."""

from botocore.exceptions import ClientError

from backdrop.core.codes import Code
from backdrop.core.errors import WaitError

RETRY_SECONDS = 5.0


def error_code(error: BaseException) -> str:
    """AWS's own code for an error (`AccessDenied`, `ThrottlingException`), else the exception's name."""
    if isinstance(error, ClientError):
        return error.response.get("Error", {}).get("Code", "ClientError")
    return type(error).__name__


def unavailable(service: str, error: BaseException | str, code: Code = Code.STORAGE_UNAVAILABLE) -> WaitError:
    """The wait for a service that does not do what it is asked."""
    cause = error if isinstance(error, str) else error_code(error)
    return WaitError(code, f"{service} does not do what it is asked ({cause}).", RETRY_SECONDS)
