"""The kinds of AWS's errors that callers treat differently."""

from botocore.exceptions import (
    ClientError,
    ConfigNotFound,
    ConfigParseError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    InvalidConfigError,
    InvalidRegionError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    ReadTimeoutError,
    SSOError,
    TokenRetrievalError,
    UnknownCredentialError,
)

from backdrop.aws.aws_errors import read_aws_error_code

EXPIRED_CREDENTIAL_CODES = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
)
INVALID_CREDENTIAL_CODES = frozenset(
    {"InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId", "SignatureDoesNotMatch"}
)
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
CONNECTION_ERRORS = (EndpointConnectionError, ConnectTimeoutError, ReadTimeoutError)


def is_missing_stack(error: ClientError) -> bool:
    """CloudFormation has no code of its own for a stack that does not exist."""
    message = error.response.get("Error", {}).get("Message", "")
    return read_aws_error_code(error) == "ValidationError" and "does not exist" in message
