"""The kinds of AWS's errors that callers treat differently."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate, parsedate_to_datetime

from botocore.exceptions import (
    ClientError,
    ConfigNotFound,
    ConfigParseError,
    ConnectionError,
    CredentialRetrievalError,
    HTTPClientError,
    InvalidConfigError,
    InvalidRegionError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
    UnknownCredentialError,
)

from backdrop.aws.aws_errors import read_aws_error_code

EXPIRED_CREDENTIAL_CODES = frozenset({"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"})
SIGNATURE_CODES = frozenset({"SignatureDoesNotMatch", "InvalidSignatureException"})
INVALID_CREDENTIAL_CODES = SIGNATURE_CODES | {
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "InvalidAccessKeyId",
}
REQUEST_TIME_CODES = frozenset({"RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture"})
"""AWS refused the time at which the request was signed. Most services report that as an invalid signature instead."""
MAX_CLOCK_ERROR = timedelta(minutes=5)
"""What all services of AWS accept; S3 accepts 15 minutes."""
ENDPOINT_VARIABLE = "AWS_ENDPOINT_URL"
"""Also the beginning of the variables for one service, such as AWS_ENDPOINT_URL_S3."""
ACCESS_DENIED_CODES = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AccessDeniedFault"})
CREDENTIAL_ERRORS = (
    ConfigNotFound,
    ConfigParseError,
    CredentialRetrievalError,
    InvalidConfigError,
    InvalidRegionError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
    UnknownCredentialError,
)
LOGIN_ERROR_NAMES = frozenset(
    {"LoginError", "LoginInsufficientPermissions", "LoginRefreshRequired", "LoginTokenLoadError"}
)
"""botocore's errors about a session of `aws login`, which older versions of botocore do not have."""
CONNECTION_ERRORS = (ConnectionError, HTTPClientError)


def read_reason(error: ClientError) -> str:
    """Returns AWS's message up to its first line break. What follows may be the request, with a session token."""
    message = error.response.get("Error", {}).get("Message", "").strip()
    return message.partition("\n")[0].strip().rstrip(".") or read_aws_error_code(error)


def describe_clock_error(error: ClientError, now: datetime) -> str:
    """Returns by how much this computer's clock is off, if AWS refused a request because of that, or ""."""
    code = read_aws_error_code(error)
    if code not in REQUEST_TIME_CODES | INVALID_CREDENTIAL_CODES | EXPIRED_CREDENTIAL_CODES:
        return ""
    date = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
    aws_time = parsedate_to_datetime(date) if parsedate(date) else now
    clock_error = abs(now - aws_time.astimezone(UTC))
    if clock_error >= MAX_CLOCK_ERROR:
        return f"this computer's clock is {round(clock_error.total_seconds() / 60):,} minutes off"
    return "this computer's clock may be wrong" if code in REQUEST_TIME_CODES else ""


def describe_endpoints(environment: Mapping[str, str] = os.environ) -> str:
    """Returns which environment variables direct requests elsewhere than to AWS, or ""."""
    names = sorted(name for name, value in environment.items() if name.startswith(ENDPOINT_VARIABLE) and value)
    settings = " and ".join(f"{name} is {environment[name]}" for name in names)
    return f"{settings}, so requests go there and not to AWS; unset it to use AWS" if settings else ""


def is_missing_stack(error: ClientError) -> bool:
    """CloudFormation has no code of its own for a stack that does not exist."""
    message = error.response.get("Error", {}).get("Message", "")
    return read_aws_error_code(error) == "ValidationError" and "does not exist" in message
