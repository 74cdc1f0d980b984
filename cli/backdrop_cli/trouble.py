"""AWS's errors in people's words: one sentence that says what happened and what to do."""

from collections.abc import Generator
from contextlib import contextmanager

import boto3
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    ReadTimeoutError,
    SSOError,
    TokenRetrievalError,
)

from backdrop.aws.aws_errors import error_code
from backdrop.model.codes import Code
from backdrop.model.errors import BackdropError
from backdrop.model.errors import RefusedError as RefusedInput
from backdrop_cli.errors import RefusedError
from backdrop_cli.options import Place

EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"})
UNKNOWN = frozenset(
    {"InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId", "SignatureDoesNotMatch"}
)
FORBIDDEN = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AccessDeniedFault"})
_SIGN_IN = "sign in (`aws sso login`, `aws configure`), or name a profile with --profile"
_RESTORE = "restore it under the same name (`aws dynamodb restore-table-to-point-in-time`), and all goes on by itself"
_UNREACHED = (EndpointConnectionError, ConnectTimeoutError, ReadTimeoutError)


@contextmanager
def explained(place: Place) -> Generator[None]:
    """Within this block, what goes wrong with AWS is refused in one sentence."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise RefusedError(_words(error, place)) from error
    except BackdropError as error:
        raise RefusedError(_of_ours(error, place)) from error


def _of_ours(error: BackdropError, place: Place) -> str:
    """An error of the pipeline's own parts; where AWS is behind it, AWS's."""
    cause = error.__cause__
    if error.code is Code.LEDGER_UNAVAILABLE and error_code(cause or error) == "ResourceNotFoundException":
        return f"{error.message.clause}: it is gone, or only being made; {_RESTORE}"
    if isinstance(cause, (ClientError, BotoCoreError)):
        return _words(cause, place)
    if isinstance(error, RefusedInput):
        return str(error.message.clause)
    if isinstance(cause, ValueError):
        return f"{error.message.clause}; use the command of the release that is deployed, or deploy this one again"
    return f"{error.message.clause}; what was done before stays done, so run the command again in a moment"


def _words(error: ClientError | BotoCoreError, place: Place) -> str:
    match error:
        case ClientError():
            return _of_aws(error, place)
        case ProfileNotFound():
            return f"your AWS configuration has no profile {place.profile}; `aws configure list-profiles` names them"
        case NoCredentialsError() | PartialCredentialsError():
            return f"there are no AWS credentials; {_SIGN_IN}"
        case SSOError() | TokenRetrievalError():
            return f"your AWS sign-in is over; {_SIGN_IN}"
        case NoRegionError():
            return "no AWS region is chosen; say --region, for example --region eu-central-1"
        case _ if isinstance(error, _UNREACHED):
            return f"AWS does not answer; look at the network and at the region ({_line(error)})"
        case _:
            return f"AWS cannot be used: {_line(error)}"


def _of_aws(error: ClientError, place: Place) -> str:
    """What AWS itself refuses."""
    said = error.response.get("Error", {})
    code, message = said.get("Code", ""), _line(said.get("Message", ""))
    if code in EXPIRED:
        return f"your AWS credentials have expired; {_SIGN_IN}"
    if code in UNKNOWN:
        return f"AWS does not know your credentials ({code}); {_SIGN_IN}"
    if code in FORBIDDEN:
        return f"your AWS credentials may not do {error.operation_name}: {message or code}"
    if code == "ValidationError" and "does not exist" in message:
        return _no_stack(place)
    return f"AWS refused {error.operation_name} ({code}): {message}"


def _no_stack(place: Place) -> str:
    if not place.stack:
        return "the local cloud has no stack any more; `make down`, then `make up` makes it anew"
    region = place.region or boto3.Session(profile_name=place.profile).region_name
    where = f" in {region}" if region else ""
    return f"there is no stack {place.stack}{where}; `aws cloudformation list-stacks` names them, --region chooses"


def _line(words: object) -> str:
    return " ".join(str(words).split())
