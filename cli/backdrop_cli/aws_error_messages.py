"""Messages for AWS's errors: what happened, and what to do."""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime

import boto3
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)

from backdrop.aws.aws_errors import read_aws_error_code
from backdrop.model.codes import Code
from backdrop.model.errors import BackdropError
from backdrop.model.errors import RefusedError as RefusedInput
from backdrop_cli.errors import CommandError
from backdrop_cli.options import StackLocation
from backdrop_client.aws_failures import (
    ACCESS_DENIED_CODES,
    CONNECTION_ERRORS,
    EXPIRED_CREDENTIAL_CODES,
    INVALID_CREDENTIAL_CODES,
    SIGNATURE_CODES,
    describe_clock_error,
    describe_endpoints,
    is_missing_stack,
    read_reason,
)

# botocore has no type for this error, which it raises before it sends anything.
_INVALID_ENDPOINT = "Invalid endpoint: "
_SIGN_IN_HINT = "sign in (`aws sso login` or `aws configure`), or choose a profile with --profile"
_PERMISSION_HINT = "first get this permission, or choose a profile that has it with --profile"
_RESTORE_HINT = (
    "restore it under the same name (`aws dynamodb restore-table-to-point-in-time`), and processing continues"
)


@contextmanager
def translate_aws_errors(location: StackLocation) -> Generator[None]:
    """Turns an error from AWS, or from the pipeline's own adapters, into a CommandError.

    Its message ends with the error's notes, which say how far the command got and how to go on (continuation.py).
    """
    try:
        yield
    except (ClientError, BotoCoreError, ValueError) as error:
        if isinstance(error, ValueError) and not str(error).startswith(_INVALID_ENDPOINT):
            raise
        raise CommandError(_add_notes(_describe_aws_error(error, location), error)) from error
    except BackdropError as error:
        raise CommandError(_add_notes(_describe_backdrop_error(error, location), error)) from error


def _add_notes(message: str, error: Exception) -> str:
    notes: list[str] = getattr(error, "__notes__", [])
    return ". ".join([message, *notes])


def _describe_backdrop_error(error: BackdropError, location: StackLocation) -> str:
    cause = error.__cause__
    if error.code is Code.LEDGER_UNAVAILABLE and read_aws_error_code(cause or error) == "ResourceNotFoundException":
        return f"{error.message.clause}: the table is deleted or still being created; {_RESTORE_HINT}"
    if isinstance(cause, (ClientError, BotoCoreError)):
        return _describe_aws_error(cause, location)
    if isinstance(error, RefusedInput):
        return str(error.message.clause)
    if isinstance(cause, ValueError):
        return f"{error.message.clause}; use the command of the deployed release, or deploy this release"
    return f"{error.message.clause}; try again in a moment"


def _describe_aws_error(error: ClientError | BotoCoreError | ValueError, location: StackLocation) -> str:
    match error:
        case ClientError():
            return _describe_client_error(error, location)
        case ProfileNotFound():
            profile = error.kwargs["profile"]
            return f"your AWS configuration has no profile {profile}; `aws configure list-profiles` lists them"
        case NoCredentialsError() | PartialCredentialsError():
            return f"there are no AWS credentials; {_SIGN_IN_HINT}"
        case SSOError() | TokenRetrievalError():
            return f"your AWS sign-in has expired; {_SIGN_IN_HINT}"
        case NoRegionError():
            return "no AWS region is set; add --region, for example --region eu-central-1"
        case ValueError():
            address = str(error).removeprefix(_INVALID_ENDPOINT)
            remedy = describe_endpoints() or "correct endpoint_url in your AWS configuration"
            return f"{address} is not an address such as https://example.com; {remedy}"
        case _ if isinstance(error, CONNECTION_ERRORS):
            remedy = describe_endpoints() or "check the network and the region"
            return f"AWS does not respond; {remedy} ({_join_lines(error)})"
        case _:
            return f"AWS cannot be used: {_join_lines(error)}"


def _describe_client_error(error: ClientError, location: StackLocation) -> str:
    details = error.response.get("Error", {})
    code, message = details.get("Code", ""), _join_lines(details.get("Message", ""))
    if clock_error := describe_clock_error(error, datetime.now(UTC)):
        return f"{clock_error}; set it, and run the command again (AWS: {code}: {read_reason(error)})"
    if code in EXPIRED_CREDENTIAL_CODES:
        return f"your AWS credentials have expired; {_SIGN_IN_HINT}"
    if code in INVALID_CREDENTIAL_CODES:
        clock_hint = ", and check this computer's clock" if code in SIGNATURE_CODES else ""
        return f"AWS rejects your credentials ({code}: {read_reason(error)}); {_SIGN_IN_HINT}{clock_hint}"
    if code in ACCESS_DENIED_CODES:
        reason = (message or code).removesuffix(".")
        return f"your AWS credentials do not allow {error.operation_name}: {reason}; {_PERMISSION_HINT}"
    if is_missing_stack(error):
        return _describe_missing_stack(location)
    return f"AWS refused {error.operation_name} ({code}): {message}"


def _describe_missing_stack(location: StackLocation) -> str:
    if not location.stack_name:
        return "the local cloud no longer has a stack; create it again with `make down`, then `make up`"
    region = location.region or boto3.Session(profile_name=location.profile).region_name
    where = f" in {region}" if region else ""
    endpoints = f" ({text})" if (text := describe_endpoints()) else ""
    return (
        f"there is no stack {location.stack_name}{where}{endpoints}; `aws cloudformation list-stacks` lists a region's "
        "stacks, --region selects one"
    )


def _join_lines(text: object) -> str:
    return " ".join(str(text).split())
