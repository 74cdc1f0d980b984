"""Runware's published error codes: what each means for a call, for a task, and for its charge.

Sources: `runware/errors.py` of runware-sdk 1.8.0 on PyPI (its lists by category, and the names in `derive_code`), the
error tests of Runware's TypeScript SDK, and runware.ai/docs/platform/errors, which publishes the statuses and says that
codes are still "being standardised". The table is therefore closed, and a code that is not in it proves nothing:

- In response to a submission, it is AMBIG, unless its status or the request field that it names says that Runware
  refused the request before it started any work. After AMBIG, the task is looked up by its taskUUID.
- As the end of a task, it leaves the charge unknown (PROVIDER_FAILED): nothing is bought again unless an operator
  decides so. If the response does not state that the task ended, the task is polled for some minutes first.

Codes, statuses, and field names decide; messages are free text and never do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backdrop.model.capabilities import list_request_names
from backdrop.model.codes import Code
from backdrop.model.provider_result import LookupStatus, RetryClass
from backdrop.providers.json_fields import find_value, list_objects
from backdrop.providers.response_rules import ANY_STATUS, EARLY_SECONDS, ResponseRule, find_rule

INFERENCE, REMOVAL = "imageInference", "removeBackground"
# The model page of BiRefNet Matting shows answers of removeBackground with its older name.
OLDER_REMOVAL = "imageBackgroundRemoval"
TASK_TYPES = (INFERENCE, REMOVAL, OLDER_REMOVAL)


@dataclass(frozen=True)
class ErrorRules:
    """What a code means in response to a submission, and as the end of a task that Runware accepted."""

    on_submit: ResponseRule
    on_task: ResponseRule


def _same_rule(rule: ResponseRule) -> ErrorRules:
    return ErrorRules(rule, rule)


_CHARGE_UNKNOWN = ResponseRule(ANY_STATUS, RetryClass.AMBIG)
_UNAVAILABLE = ResponseRule(ANY_STATUS, RetryClass.BACKOFF, Code.PROVIDER_UNAVAILABLE)

DUPLICATE_TASK = _same_rule(ResponseRule(ANY_STATUS, LookupStatus.PENDING, Code.JOB_IN_FLIGHT))
UNSAFE = _same_rule(ResponseRule(ANY_STATUS, RetryClass.PERM, Code.UNSAFE_REQUEST))
KEY_REFUSED = _same_rule(ResponseRule(ANY_STATUS, RetryClass.PAUSE, Code.PROVIDER_KEY_REFUSED))
NO_CREDITS = _same_rule(ResponseRule(ANY_STATUS, RetryClass.PAUSE, Code.PROVIDER_OUT_OF_MONEY))
MISCONFIGURED = _same_rule(ResponseRule(ANY_STATUS, RetryClass.PAUSE, Code.PROVIDER_MISCONFIGURED))
INVALID = _same_rule(ResponseRule(ANY_STATUS, RetryClass.PERM, Code.REQUEST_REJECTED))
THROTTLED = _same_rule(ResponseRule(ANY_STATUS, RetryClass.QUOTA, Code.PROVIDER_THROTTLED))
# No server was available to run the task.
NOT_STARTED = _same_rule(_UNAVAILABLE)
# The work was started, and ended without a picture and without a charge.
FAILED = ErrorRules(_CHARGE_UNKNOWN, _UNAVAILABLE)
# No task currently has this id.
TASK_NOT_FOUND = ErrorRules(_CHARGE_UNKNOWN, ResponseRule(ANY_STATUS, LookupStatus.ABSENT))
# The code does not state how far the work got or what it cost.
END_UNKNOWN = ErrorRules(_CHARGE_UNKNOWN, ResponseRule(ANY_STATUS, RetryClass.AMBIG, Code.PROVIDER_FAILED))

_CODES_BY_RULES: tuple[tuple[ErrorRules, str], ...] = (
    (DUPLICATE_TASK, "conflictTaskUUID"),
    (
        UNSAFE,
        "contentPolicyViolation providerContentPolicyViolation sensitiveContentDetected unsafeContentDetected "
        "nsfwContentDetected promptBlocked imageBlocked moderationFailed invalidProviderContent",
    ),
    (
        KEY_REFUSED,
        "invalidApiKey missingApiKey unauthorized forbidden permissionDenied insufficientPermissions "
        "authenticationFailed authFailed invalidAuthentication invalidCredentials missingAuthentication tokenExpired "
        "tokenInvalid tokenMissing tokenRevoked accountSuspended accountDisabled organizationSuspended "
        "organizationDisabled workspaceSuspended workspaceDisabled",
    ),
    (
        NO_CREDITS,
        "insufficientCredits providerInsufficientCredits thirdPartyInsufficientCredits "
        "textInferenceVideoInputInsufficientCredits quotaExceeded paymentRequired",
    ),
    (MISCONFIGURED, "modelNotFound unknownModel providerNotFound"),
    (
        THROTTLED,
        "rateLimitExceeded inferenceRateLimitExceeded providerRateLimitExceeded inferenceRateLimitRequestTooLarge",
    ),
    (NOT_STARTED, "noAvailableServer modelUnavailable modelDisabled modelNotReady environmentPaused authTimeout"),
    (
        FAILED,
        "inferenceError processingFailed taskFailed downloadFailed uploadFailed serviceUnavailable serverUnavailable "
        "mediaStorageFileCouldNotBeMoved providerError providerUnavailable providerBadGateway providerInternalError "
        "providerUnknownError providerAuthenticationFailed",
    ),
    (TASK_NOT_FOUND, "taskFailedOrNotFound taskNotFound taskCancelled taskExpired"),
    (
        END_UNKNOWN,
        "internalServerError standardError unknownError undefinedError defaultError unrecognizedResponse "
        "errorRetrievingAccountManagement timeout timeoutProvider providerTimeout providerGatewayTimeout "
        "webhookTimeout",
    ),
    (
        INVALID,
        "validationFailed unknownParameter incompatibleParameters mismatchProviderSettingsProvider "
        "unknownProviderSettingsProvider transparentModelMismatch modelOwnershipValidationError modelAlreadyExists "
        "duplicatePreloadModelAIR maxLycorisModelsExceeded invalidModel missingModel unsupportedParameter "
        "unsupportedTaskType valueTooLarge arrayTooSmall mediaNotFound mediaExpired",
    ),
)
RULES_BY_CODE: Mapping[str, ErrorRules] = {
    code: meaning for meaning, codes in _CODES_BY_RULES for code in codes.split()
}

# Codes such as "invalidPositivePromptLength" and "missingPositivePrompt" name the request field that is refused.
_REQUEST_FIELDS = list_request_names("runware") | {
    "taskType",
    "taskUUID",
    "model",
    "inputs",
    "seedImage",
    "image",
    "deliveryMethod",
    "outputType",
    "outputFormat",
    "ttl",
    "includeCost",
    "safety",
    "checkContent",
    "uploadEndpoint",
}
FIELD_ERROR_CODES = frozenset(
    f"{prefix}{name[:1].upper()}{name[1:]}{suffix}"
    for prefix in ("invalid", "missing", "unsupported")
    for name in _REQUEST_FIELDS
    for suffix in ("", "Length")
)

# The published statuses, for responses without a published code. After a 5xx the task may exist, so it is looked up.
STATUS_RULES = (
    ResponseRule({401, 403}, RetryClass.PAUSE, Code.PROVIDER_KEY_REFUSED),
    ResponseRule({402}, RetryClass.PAUSE, Code.PROVIDER_OUT_OF_MONEY),
    # The id may be in use, so the task is looked up.
    ResponseRule({409}, RetryClass.AMBIG),
    ResponseRule({429}, RetryClass.QUOTA, Code.PROVIDER_THROTTLED),
    ResponseRule({503}, RetryClass.BACKOFF, Code.PROVIDER_UNAVAILABLE, early_only=True),
)


def find_error_rules(error: Mapping[str, Any]) -> ErrorRules | None:
    """Returns the rules for an error; None if its code is not published and it names no field of the request."""
    code = read_error_code(error)
    if code in RULES_BY_CODE:
        return RULES_BY_CODE[code]
    if code in FIELD_ERROR_CODES:
        return INVALID
    field = error.get("parameter")
    if not field or not isinstance(field, (str, list)):
        return None
    return KEY_REFUSED if field == "apiKey" else INVALID


def find_submit_rule(status: int, errors: Sequence[Mapping[str, Any]], latency_seconds: float) -> ResponseRule:
    """Returns the rule for a response to a submission that does not accept the task.

    A late 5xx leaves open whether the task was started, regardless of its code.
    """
    if status >= 500 and latency_seconds > EARLY_SECONDS:
        return _CHARGE_UNKNOWN
    code_rules = [rules.on_submit for rules in map(find_error_rules, errors) if rules]
    code_rule = next((rule for rule in code_rules if rule.verdict is LookupStatus.PENDING), None)
    code_rule = code_rule or next((rule for rule in code_rules if rule.verdict is not RetryClass.AMBIG), None)
    if code_rule:
        return code_rule
    rule = find_rule(STATUS_RULES, status, "", latency_seconds)
    return _CHARGE_UNKNOWN if rule.suspicion and any(map(read_error_code, errors)) else rule


def find_task_rule(
    error: Mapping[str, Any], task_uuid: str, *, is_full_record: bool, succeeded: bool, is_persistent: bool
) -> ResponseRule | None:
    """Returns the rule for an error in a status response; None if the task must be looked up again.

    `is_full_record`: the error is part of the response that Runware keeps with the task. `succeeded`: the status
    request itself succeeded. `is_persistent`: the task has had minutes to continue after an error that leaves its end
    open.

    An error that states the end of the task is proof. Without that statement, the error must name the type of the task,
    because the status request repeats only its id; and a code that leaves open how far the work got must persist.
    """
    rules, task_type = find_error_rules(error), error.get("taskType")
    names_task = task_type in TASK_TYPES or (task_type is None and succeeded and read_task_uuid(error) == task_uuid)
    if is_full_record or (names_task and read_state(error) == "error"):
        return (END_UNKNOWN if rules is None or rules is TASK_NOT_FOUND else rules).on_task
    if rules is TASK_NOT_FOUND:
        return TASK_NOT_FOUND.on_task
    if not (names_task and succeeded):
        return None
    if rules is UNSAFE:
        return UNSAFE.on_task
    if task_type not in TASK_TYPES:
        return None
    if rules is None or rules is END_UNKNOWN:
        return END_UNKNOWN.on_task if is_persistent else None
    return rules.on_task


def list_task_errors(task_uuid: str, body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Lists the errors in `errors`, in `error`, and in failed items of `data`, except those of other tasks."""
    failed = [item for item in list_objects(body.get("data")) if read_state(item) == "error"]
    single_error = body.get("error")
    single_errors = (
        [{"code": single_error}] if isinstance(single_error, str) else list_objects(body) if single_error else []
    )
    errors = [_flatten_error(error) for error in (*list_objects(body.get("errors")), *single_errors, *failed)]
    return [error for error in errors if read_task_uuid(error) in (task_uuid, None)]


def read_task_uuid(error: Mapping[str, Any]) -> Any:
    """Returns the taskUUID that an error names, or None."""
    return error.get("taskUUID") or find_value(error.get("context"), "taskUUID")


def _flatten_error(item: Mapping[str, Any]) -> dict[str, Any]:
    """Moves the fields of a nested error object up into the item."""
    nested = item.get("error")
    outer = {name: value for name, value in item.items() if name != "error"}
    return {**outer, **nested} if isinstance(nested, dict) else outer


def read_state(item: Mapping[str, Any]) -> str:
    """Returns the state of an item in lower case, or an empty string."""
    return str(item.get("status") or "").lower()


def read_error_code(error: Mapping[str, Any]) -> str:
    """Returns the code of an error, or an empty string."""
    code = error.get("code")
    return code if isinstance(code, str) else ""
