"""Runware's published error codes: what each means for a call, for a task, and for its money.

Sources: `runware/errors.py` of runware-sdk 1.8.0 on PyPI (its lists by category, and the names in `derive_code`), the
error tests of Runware's TypeScript SDK, and runware.ai/docs/platform/errors, which publishes the statuses and says that
codes are still "being standardised". The table is therefore closed, and a code that is not in it proves nothing:

- In response to a submit it is AMBIG, unless its status or the request field that it names says that Runware refused
  the request before it started any work. The task is then looked up by its taskUUID.
- As the end of a task it leaves the charge unknown (PROVIDER_FAILED): nothing is bought again without a person. Where
  the response does not state that the task ended, the task is looked up for some minutes first.

Codes, statuses and field names decide; messages are free text and never do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backdrop.model.codes import Code
from backdrop.model.provider_result import Class, Standing
from backdrop.providers.json_fields import inside, objects
from backdrop.providers.response_rules import ANY, EARLY_SECONDS, Row, row_of

TASK = "imageInference"


@dataclass(frozen=True)
class Meaning:
    """What a code means in response to a submit, and as the end of a task that Runware took."""

    of_submit: Row
    of_task: Row


def _same(row: Row) -> Meaning:
    return Meaning(row, row)


_UNPROVEN = Row(ANY, Class.AMBIG)
_BUSY = Row(ANY, Class.BACKOFF, Code.PROVIDER_UNAVAILABLE)

TAKEN = _same(Row(ANY, Standing.PENDING, Code.JOB_IN_FLIGHT))
UNSAFE = _same(Row(ANY, Class.PERM, Code.UNSAFE_REQUEST))
KEY = _same(Row(ANY, Class.PAUSE, Code.PROVIDER_KEY_REFUSED))
MONEY = _same(Row(ANY, Class.PAUSE, Code.PROVIDER_OUT_OF_MONEY))
MISCONFIGURED = _same(Row(ANY, Class.PAUSE, Code.PROVIDER_MISCONFIGURED))
INVALID = _same(Row(ANY, Class.PERM, Code.REQUEST_REJECTED))
THROTTLED = _same(Row(ANY, Class.QUOTA, Code.PROVIDER_THROTTLED))
# Nothing was there that could have run the task.
NOT_STARTED = _same(_BUSY)
# The work began, and ended without a picture and without a charge.
FAILED = Meaning(_UNPROVEN, _BUSY)
# No task has this id now.
GONE = Meaning(_UNPROVEN, Row(ANY, Standing.ABSENT))
# The code does not say how far the work got, or what it cost.
UNCLEAR = Meaning(_UNPROVEN, Row(ANY, Class.AMBIG, Code.PROVIDER_FAILED))

_BY_MEANING: tuple[tuple[Meaning, str], ...] = (
    (TAKEN, "conflictTaskUUID"),
    (
        UNSAFE,
        "contentPolicyViolation providerContentPolicyViolation sensitiveContentDetected unsafeContentDetected "
        "nsfwContentDetected promptBlocked imageBlocked moderationFailed invalidProviderContent",
    ),
    (
        KEY,
        "invalidApiKey missingApiKey unauthorized forbidden permissionDenied insufficientPermissions "
        "authenticationFailed authFailed invalidAuthentication invalidCredentials missingAuthentication tokenExpired "
        "tokenInvalid tokenMissing tokenRevoked accountSuspended accountDisabled organizationSuspended "
        "organizationDisabled workspaceSuspended workspaceDisabled",
    ),
    (
        MONEY,
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
    (GONE, "taskFailedOrNotFound taskNotFound taskCancelled taskExpired"),
    (
        UNCLEAR,
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
PUBLISHED: Mapping[str, Meaning] = {code: meaning for meaning, codes in _BY_MEANING for code in codes.split()}

# "invalidPositivePromptLength", "missingPositivePrompt": such codes name the field of the request that they refuse.
_FIELDS = (
    "taskType taskUUID model positivePrompt inputs seedImage providerSettings ideogram magicPrompt renderingSpeed "
    "stylePreset styleCode styleType styleReferenceImages numberResults deliveryMethod outputType outputFormat ttl "
    "includeCost safety checkContent uploadEndpoint"
)
OF_FIELDS = frozenset(
    f"{verb}{name[:1].upper()}{name[1:]}{end}"
    for verb in ("invalid", "missing", "unsupported")
    for name in _FIELDS.split()
    for end in ("", "Length")
)

# The published statuses, for responses without a published code. After a 5xx the task may exist: it is looked up.
STATUSES = (
    Row({401, 403}, Class.PAUSE, Code.PROVIDER_KEY_REFUSED),
    Row({402}, Class.PAUSE, Code.PROVIDER_OUT_OF_MONEY),
    Row({404, 405}, Class.PAUSE, Code.PROVIDER_MISCONFIGURED),
    Row({429}, Class.QUOTA, Code.PROVIDER_THROTTLED),
    Row({503}, Class.BACKOFF, Code.PROVIDER_UNAVAILABLE, early=True),
)


def meaning_of(error: Mapping[str, Any]) -> Meaning | None:
    """What an error means; None where its code is not published and it names no field of the request."""
    code = code_of(error)
    if code in PUBLISHED:
        return PUBLISHED[code]
    if code in OF_FIELDS:
        return INVALID
    field = error.get("parameter")
    if not field or not isinstance(field, (str, list)):
        return None
    return KEY if field == "apiKey" else INVALID


def of_submit(status: int, errors: Sequence[Mapping[str, Any]], waited: float) -> Row:
    """What refuses a submit, or leaves open what became of it.

    A 5xx that came late is of a task that may have been started, whatever its code.
    """
    if status >= 500 and waited > EARLY_SECONDS:
        return _UNPROVEN
    rows = [meaning.of_submit for meaning in map(meaning_of, errors) if meaning]
    proof = next((row for row in rows if row.kind is Standing.PENDING), None)
    proof = proof or next((row for row in rows if row.kind is not Class.AMBIG), None)
    if proof:
        return proof
    row = row_of(STATUSES, status, "", waited)
    return _UNPROVEN if row.kind is Class.PERM and any(map(code_of, errors)) else row


def of_task(error: Mapping[str, Any], ident: str, *, complete: bool, succeeded: bool, persists: bool) -> Row | None:
    """What an error in response to a question says of the task; None where the task must be looked up again.

    `complete`: the error is part of the response that Runware keeps of the task. `succeeded`: the question itself was
    answered. `persists`: the task has had minutes to go on after an error that leaves its end open.

    An error that states the end of the task is proof. Without that statement, the error must name the type of the task,
    since the question repeats only its id, and a code that leaves open how far the work got must persist.
    """
    meaning, kind = meaning_of(error), error.get("taskType")
    names_task = kind == TASK or (kind is None and succeeded and task_of(error) == ident)
    if complete or (names_task and state_of(error) == "error"):
        return (UNCLEAR if meaning is None or meaning is GONE else meaning).of_task
    if meaning is GONE:
        return GONE.of_task
    if not (names_task and succeeded):
        return None
    if meaning is UNSAFE:
        return UNSAFE.of_task
    if kind != TASK:
        return None
    if meaning is None or meaning is UNCLEAR:
        return UNCLEAR.of_task if persists else None
    return meaning.of_task


def errors_about(ident: str, said: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The errors of a response that are not another task's: in `errors`, in `error`, or failed items of `data`."""
    failed = [item for item in objects(said.get("data")) if state_of(item) == "error"]
    lone = said.get("error")
    alone = [{"code": lone}] if isinstance(lone, str) else objects(said) if lone else []
    found = [_flat(one) for one in (*objects(said.get("errors")), *alone, *failed)]
    return [one for one in found if task_of(one) in (ident, None)]


def task_of(error: Mapping[str, Any]) -> Any:
    """The taskUUID that an error names, or None."""
    return error.get("taskUUID") or inside(error.get("context"), "taskUUID")


def _flat(item: Mapping[str, Any]) -> dict[str, Any]:
    """An item whose error is an object of its own, as if its fields were the item's."""
    nested = item.get("error")
    outer = {name: value for name, value in item.items() if name != "error"}
    return {**outer, **nested} if isinstance(nested, dict) else outer


def state_of(item: Mapping[str, Any]) -> str:
    """The state that an item names, in lower case."""
    return str(item.get("status") or "").lower()


def code_of(error: Mapping[str, Any]) -> str:
    """The code of an error, or nothing."""
    code = error.get("code")
    return code if isinstance(code, str) else ""
