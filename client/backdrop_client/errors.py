"""What can go wrong, one class for each kind that callers treat differently.

BackdropClientError              has a code, what it cost, and what to do
├─ StackUnusableError            there is no such stack or mandate, or it is of another release
├─ NotAuthorizedError            AWS rejects the credentials, or they lack a right
├─ UnreachableError              AWS does not respond; try again
├─ GoneError                     the photo or the picture was deleted
├─ WaitTimeoutError              the photo is still in progress; wait again
└─ JobError                      the photo has ended without all of its pictures; `result` has those that it got
   ├─ RefusedError               the photo or its instructions cannot be processed; correct them
   │  ├─ InstructionsError       found before anything was uploaded
   │  └─ MandateError            the mandate does not cover it
   ├─ FailedError                the provider or Backdrop failed; an operator can redrive it
   ├─ AwaitingApprovalError      a person must approve the pictures; then wait again
   ├─ RejectedError              a person did not approve the pictures
   └─ CancelledError             the photo was deleted, or its job was canceled or replaced
"""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, override

from botocore.exceptions import BotoCoreError, ClientError

from backdrop.aws.aws_errors import read_aws_error_code
from backdrop.model.errors import BackdropError, UnreadableFileError
from backdrop.model.pricing import format_usd, to_micro_usd
from backdrop_client.aws_failures import (
    ACCESS_DENIED_CODES,
    CONNECTION_ERRORS,
    CREDENTIAL_ERRORS,
    EXPIRED_CREDENTIAL_CODES,
    INVALID_CREDENTIAL_CODES,
    LOGIN_ERROR_NAMES,
    describe_clock_error,
    describe_endpoints,
    is_missing_stack,
    read_reason,
)

if TYPE_CHECKING:
    from backdrop_client.results import Result


class ClientCode(StrEnum):
    """The codes that only the client has. All others are those of error reports, or a job's status."""

    STACK_UNUSABLE = "stack_unusable"
    NOT_AUTHORIZED = "not_authorized"
    UNREACHABLE = "unreachable"
    GONE = "gone"
    STILL_IN_PROGRESS = "still_in_progress"
    AWAITING_APPROVAL = "awaiting_approval"


class BackdropClientError(Exception):
    """An error with what it cost, and what to do. The amounts are those of the photo so far, in dollars.

    `usd` is None if the photo's receipt was not read: its next status shows what it cost. `unknown_usd` may have been
    charged, because an answer was lost.
    """

    def __init__(self, code: str, message: str, hint: str, usd: float | None = None, unknown_usd: float = 0) -> None:
        cost = "This error caused no charge." if usd is None else describe_cost(usd, unknown_usd)
        super().__init__(f"{message} {cost} {hint}")
        self.code, self.message, self.hint = code, message, hint
        self.usd, self.unknown_usd = usd, unknown_usd

    @override
    def __reduce__(self) -> tuple[Any, ...]:
        """Exceptions are copied by calling their class with their text; ours are built from more than that."""
        return _copy_error, (type(self), self.args, self.__getstate__())


class StackUnusableError(BackdropClientError):
    """There is no such stack or mandate, or it cannot be used. The message says why."""


class NotAuthorizedError(BackdropClientError):
    """There are no valid AWS credentials, or they lack a right."""


class UnreachableError(BackdropClientError):
    """AWS does not respond, or cannot be used now."""


class GoneError(BackdropClientError):
    """The photo, its sidecar, or the picture was deleted."""


class WaitTimeoutError(BackdropClientError, TimeoutError):
    """The photo is still in progress: `uploaded`, `waiting`, or `working`.

    `code` is that of what holds it up, if anything does.
    """

    def __init__(
        self, state: str, code: str, message: str, hint: str, usd: float | None = None, unknown_usd: float = 0
    ) -> None:
        super().__init__(code, message, hint, usd, unknown_usd)
        self.state = state


class JobError(BackdropClientError):
    """The photo has ended, and some of its pictures are missing.

    `errors` are the entries of the error report, and `result` has the pictures that were delivered. A copy in another
    process has no `result`, which reads from AWS.
    """

    def __init__(
        self,
        code: str,
        message: str,
        hint: str,
        usd: float | None = 0,
        unknown_usd: float = 0,
        *,
        errors: Sequence[Mapping[str, Any]] = (),
        result: "Result | None" = None,
    ) -> None:
        super().__init__(code, message, hint, usd, unknown_usd)
        self.errors, self.result = errors, result

    @override
    def __getstate__(self) -> Mapping[str, Any]:
        return {**self.__dict__, "result": None}


class RefusedError(JobError):
    """The photo or its instructions cannot be processed as they are."""


class InstructionsError(RefusedError, ValueError):
    """The instructions are invalid, or the photo cannot be read. Nothing was uploaded."""


class MandateError(RefusedError):
    """The mandate is spent, suspended, or ended, or it forbids the picture."""


class FailedError(JobError):
    """The provider or Backdrop failed, or the charge is unknown."""


class AwaitingApprovalError(JobError):
    """The pictures are paid for, and a person must approve them."""


class RejectedError(JobError):
    """A person did not approve the pictures."""


class CancelledError(JobError):
    """The photo was deleted, or its job was canceled or replaced, before the picture was delivered."""


def _copy_error(kind: type[BackdropClientError], args: tuple[Any, ...], state: Mapping[str, Any]) -> object:
    copy = kind.__new__(kind, *args)
    # Of a TimeoutError, only __init__ would set them.
    copy.args = args
    vars(copy).update(state)
    return copy


def describe_cost(usd: float, unknown_usd: float) -> str:
    """Returns what a photo cost so far, in one or two sentences."""
    charged, unknown = (format_usd(to_micro_usd(str(one))) for one in (usd, unknown_usd))
    certain = f"US {charged} was charged." if usd else "" if unknown_usd else "Nothing was charged."
    uncertain = f"It is unknown whether US {unknown} was charged." if unknown_usd else ""
    return " ".join(filter(None, [certain, uncertain]))


@contextmanager
def translate_errors() -> Generator[None]:
    """Turns an error from AWS, or from the pipeline's own adapters, into a BackdropClientError."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise _build_aws_error(error) from error
    except BackdropError as error:
        cause = error.__cause__
        if isinstance(cause, (ClientError, BotoCoreError)) and not isinstance(error, UnreadableFileError):
            raise _build_aws_error(cause) from error
        raise UnreachableError(error.code.value, str(error.message), str(error.hint)) from error


def _build_aws_error(error: ClientError | BotoCoreError) -> BackdropClientError:
    code = read_aws_error_code(error)
    endpoints = f"{text[:1].upper()}{text[1:]}. " if (text := describe_endpoints()) else ""
    clock_error = describe_clock_error(error, datetime.now(UTC)) if isinstance(error, ClientError) else ""
    if isinstance(error, ClientError) and clock_error:
        message = f"AWS refused the time of the request, because {clock_error}: {read_reason(error)}."
        return NotAuthorizedError(ClientCode.NOT_AUTHORIZED, message, "Set the clock, and try again.")
    credential_codes = EXPIRED_CREDENTIAL_CODES | INVALID_CREDENTIAL_CODES | LOGIN_ERROR_NAMES
    if isinstance(error, CREDENTIAL_ERRORS) or code in credential_codes:
        reason = read_reason(error) if isinstance(error, ClientError) else str(error).rstrip(".")
        message = f"AWS cannot be used with your credentials, profile, and region: {reason}."
        return NotAuthorizedError(ClientCode.NOT_AUTHORIZED, message, "Sign in, or choose another profile or region.")
    if isinstance(error, ClientError) and code in ACCESS_DENIED_CODES:
        message = f"Your AWS credentials do not allow {error.operation_name}."
        hint = "Use the policy that `backdrop mandate show <name> --policy` prints, and name the mandate."
        # The policy covers one mandate, so AWS denies access to a wrong name, even if it does not exist.
        if error.operation_name == "GetItem":
            hint = f"Check the names of the stack and the mandate, and the region. {hint}"
        elif error.operation_name == "DescribeStacks":
            hint = (
                "A mandate's policy does not allow that: connect with the file that `backdrop mandate show <name> "
                "--config` prints, or check the name of the stack and the region."
            )
        return NotAuthorizedError(ClientCode.NOT_AUTHORIZED, message, hint)
    if isinstance(error, ClientError) and is_missing_stack(error):
        hint = f"{endpoints}Check the name and the region: `aws cloudformation list-stacks` lists a region's stacks."
        return StackUnusableError(ClientCode.STACK_UNUSABLE, "There is no such stack.", hint)
    reason = "AWS does not respond" if isinstance(error, CONNECTION_ERRORS) else "The request to AWS failed"
    hint = f"{endpoints}Try again: a repeated call is one purchase."
    return UnreachableError(ClientCode.UNREACHABLE, f"{reason} ({code}).", hint)
