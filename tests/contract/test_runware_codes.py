"""Every error code that Runware publishes, and its meaning in response to a submit and as the result of a task."""

from datetime import timedelta
from typing import Any

import pytest

from backdrop.model.codes import Code
from backdrop.model.job import MoneyStatus
from backdrop.model.provider_result import LookupStatus, ProviderResult, RetryClass
from backdrop.providers.runware import MAX_UNCLEAR_WAIT
from backdrop.providers.runware_errors import END_UNKNOWN, FIELD_ERROR_CODES, RULES_BY_CODE, TASK_NOT_FOUND
from backdrop.providers.runware_errors import UNSAFE as UNSAFE_PROMPT
from tests.contract.adapters import http
from tests.contract.test_runware_answers import JOB, NOTHING, called, details, error, look_up_with
from tests.contract.test_runware_wire import json_reply

type Fate = tuple[RetryClass, Code, MoneyStatus]

FREE, UNKNOWN = MoneyStatus.NOT_SPENT, MoneyStatus.UNKNOWN
LOST: Fate = (RetryClass.AMBIG, Code.CHARGE_UNKNOWN, UNKNOWN)
DEAD: Fate = (RetryClass.AMBIG, Code.PROVIDER_FAILED, UNKNOWN)
UNSAFE: Fate = (RetryClass.PERM, Code.UNSAFE_REQUEST, FREE)
KEY: Fate = (RetryClass.PAUSE, Code.PROVIDER_KEY_REFUSED, FREE)
MONEY: Fate = (RetryClass.PAUSE, Code.PROVIDER_OUT_OF_MONEY, FREE)
MISCONFIGURED: Fate = (RetryClass.PAUSE, Code.PROVIDER_MISCONFIGURED, FREE)
THROTTLED: Fate = (RetryClass.QUOTA, Code.PROVIDER_THROTTLED, FREE)
BUSY: Fate = (RetryClass.BACKOFF, Code.PROVIDER_UNAVAILABLE, FREE)
DOUBTED: Fate = (RetryClass.PAUSE, Code.PROVIDER_REFUSES, FREE)
INVALID: Fate = (RetryClass.PERM, Code.REQUEST_REJECTED, FREE)

# For each code, the result of a submission, and of a task that ends with it. runware_errors.py names the sources.
FATES: dict[str, tuple[Fate, Fate]] = {
    "contentPolicyViolation": (UNSAFE, UNSAFE),
    "providerContentPolicyViolation": (UNSAFE, UNSAFE),
    "sensitiveContentDetected": (UNSAFE, UNSAFE),
    "unsafeContentDetected": (UNSAFE, UNSAFE),
    "nsfwContentDetected": (UNSAFE, UNSAFE),
    "promptBlocked": (UNSAFE, UNSAFE),
    "imageBlocked": (UNSAFE, UNSAFE),
    "moderationFailed": (UNSAFE, UNSAFE),
    "invalidProviderContent": (UNSAFE, UNSAFE),
    "invalidApiKey": (KEY, KEY),
    "missingApiKey": (KEY, KEY),
    "unauthorized": (KEY, KEY),
    "forbidden": (KEY, KEY),
    "permissionDenied": (KEY, KEY),
    "insufficientPermissions": (KEY, KEY),
    "authenticationFailed": (KEY, KEY),
    "authFailed": (KEY, KEY),
    "invalidAuthentication": (KEY, KEY),
    "invalidCredentials": (KEY, KEY),
    "missingAuthentication": (KEY, KEY),
    "tokenExpired": (KEY, KEY),
    "tokenInvalid": (KEY, KEY),
    "tokenMissing": (KEY, KEY),
    "tokenRevoked": (KEY, KEY),
    "accountSuspended": (KEY, KEY),
    "accountDisabled": (KEY, KEY),
    "organizationSuspended": (KEY, KEY),
    "organizationDisabled": (KEY, KEY),
    "workspaceSuspended": (KEY, KEY),
    "workspaceDisabled": (KEY, KEY),
    "insufficientCredits": (MONEY, MONEY),
    "providerInsufficientCredits": (MONEY, MONEY),
    "thirdPartyInsufficientCredits": (MONEY, MONEY),
    "textInferenceVideoInputInsufficientCredits": (MONEY, MONEY),
    "quotaExceeded": (MONEY, MONEY),
    "paymentRequired": (MONEY, MONEY),
    "modelNotFound": (MISCONFIGURED, MISCONFIGURED),
    "unknownModel": (MISCONFIGURED, MISCONFIGURED),
    "providerNotFound": (MISCONFIGURED, MISCONFIGURED),
    "rateLimitExceeded": (THROTTLED, THROTTLED),
    "inferenceRateLimitExceeded": (THROTTLED, THROTTLED),
    "providerRateLimitExceeded": (THROTTLED, THROTTLED),
    "inferenceRateLimitRequestTooLarge": (THROTTLED, THROTTLED),
    "noAvailableServer": (BUSY, BUSY),
    "modelUnavailable": (BUSY, BUSY),
    "modelDisabled": (BUSY, BUSY),
    "modelNotReady": (BUSY, BUSY),
    "environmentPaused": (BUSY, BUSY),
    "authTimeout": (BUSY, BUSY),
    "inferenceError": (LOST, BUSY),
    "processingFailed": (LOST, BUSY),
    "taskFailed": (LOST, BUSY),
    "downloadFailed": (LOST, BUSY),
    "uploadFailed": (LOST, BUSY),
    "serviceUnavailable": (LOST, BUSY),
    "serverUnavailable": (LOST, BUSY),
    "mediaStorageFileCouldNotBeMoved": (LOST, BUSY),
    "providerError": (LOST, BUSY),
    "providerUnavailable": (LOST, BUSY),
    "providerBadGateway": (LOST, BUSY),
    "providerInternalError": (LOST, BUSY),
    "providerUnknownError": (LOST, BUSY),
    "providerAuthenticationFailed": (LOST, BUSY),
    "taskFailedOrNotFound": (LOST, DEAD),
    "taskNotFound": (LOST, DEAD),
    "taskCancelled": (LOST, DEAD),
    "taskExpired": (LOST, DEAD),
    "internalServerError": (LOST, DEAD),
    "standardError": (LOST, DEAD),
    "unknownError": (LOST, DEAD),
    "undefinedError": (LOST, DEAD),
    "defaultError": (LOST, DEAD),
    "unrecognizedResponse": (LOST, DEAD),
    "errorRetrievingAccountManagement": (LOST, DEAD),
    "timeout": (LOST, DEAD),
    "timeoutProvider": (LOST, DEAD),
    "providerTimeout": (LOST, DEAD),
    "providerGatewayTimeout": (LOST, DEAD),
    "webhookTimeout": (LOST, DEAD),
    "validationFailed": (INVALID, INVALID),
    "unknownParameter": (INVALID, INVALID),
    "incompatibleParameters": (INVALID, INVALID),
    "mismatchProviderSettingsProvider": (INVALID, INVALID),
    "unknownProviderSettingsProvider": (INVALID, INVALID),
    "transparentModelMismatch": (INVALID, INVALID),
    "modelOwnershipValidationError": (INVALID, INVALID),
    "modelAlreadyExists": (INVALID, INVALID),
    "duplicatePreloadModelAIR": (INVALID, INVALID),
    "maxLycorisModelsExceeded": (INVALID, INVALID),
    "invalidModel": (INVALID, INVALID),
    "missingModel": (INVALID, INVALID),
    "unsupportedParameter": (INVALID, INVALID),
    "unsupportedTaskType": (INVALID, INVALID),
    "valueTooLarge": (INVALID, INVALID),
    "arrayTooSmall": (INVALID, INVALID),
    "mediaNotFound": (INVALID, INVALID),
    "mediaExpired": (INVALID, INVALID),
}
STATED: dict[str, Any] = {"status": "error"}
SOON, LATE = MAX_UNCLEAR_WAIT, MAX_UNCLEAR_WAIT + timedelta(seconds=1)


def fate_of(answer: ProviderResult | LookupStatus) -> tuple[RetryClass, Code | None, MoneyStatus]:
    assert isinstance(answer, ProviderResult), answer
    return answer.retry_class, answer.code, answer.money


def test_every_published_code_is_tested() -> None:
    assert FATES.keys() | {"conflictTaskUUID"} == RULES_BY_CODE.keys()


@pytest.mark.parametrize("status", [200, 400, 500])
@pytest.mark.parametrize("code", FATES)
def test_published_code_determines_the_class_with_any_status(code: str, status: int) -> None:
    answer = called(json_reply({"data": [], "errors": [error(code)]}, status)).provider_result
    assert fate_of(answer) == FATES[code][0]
    assert code in answer.message


@pytest.mark.parametrize("code", FATES)
def test_published_code_ends_its_task(code: str) -> None:
    forms = [
        look_up_with(json_reply({"data": [], "errors": [error(code, **STATED)]})),
        look_up_with(json_reply({"data": [error(code, **STATED)]})),
        look_up_with(
            json_reply({"data": [{"taskUUID": error(code)["taskUUID"], "status": "error", "error": {"code": code}}]})
        ),
        look_up_with(NOTHING, details(JOB, {"errors": [error(code)]})),
    ]
    for answer in forms:
        assert isinstance(answer, ProviderResult)
        assert (fate_of(answer), answer.is_final) == (FATES[code][1], True)


@pytest.mark.parametrize("stated", [{"code": "whoKnows"}, {"code": ""}, {"code": 7}, {"message": "unsafe, no credit"}])
def test_unpublished_error_ends_the_task_at_unknown_cost(stated: dict[str, Any]) -> None:
    item = {"taskType": "imageInference", "taskUUID": error("")["taskUUID"], **STATED, **stated}
    for answer in (
        look_up_with(json_reply({"data": [item]})),
        look_up_with(json_reply({"errors": [item]})),
        called(NOTHING, json_reply({"data": [item]})).provider_result,
    ):
        assert isinstance(answer, ProviderResult)
        assert (fate_of(answer), answer.is_final) == (DEAD, True)


@pytest.mark.parametrize("more", [{}, {"taskUUID": None}, STATED], ids=["named", "unnamed", "stated"])
@pytest.mark.parametrize("code", [code for code in FATES if RULES_BY_CODE[code] is not TASK_NOT_FOUND])
def test_failed_poll_without_a_task_type_proves_nothing(code: str, more: dict[str, Any]) -> None:
    reply = json_reply({"errors": [{**error(code), "taskType": None, **more}]}, 503)
    assert look_up_with(reply) is LookupStatus.PENDING
    assert look_up_with(NOTHING, reply) is LookupStatus.PENDING


@pytest.mark.parametrize("code", [code for code in FATES if RULES_BY_CODE[code] not in (TASK_NOT_FOUND, UNSAFE_PROMPT)])
def test_error_without_task_type_and_state_is_ambiguous(code: str) -> None:
    reply = json_reply({"errors": [error(code, taskType=None)]})
    for after in (SOON, LATE):
        assert look_up_with(reply, NOTHING, after=after) is LookupStatus.PENDING
    assert fate_of(look_up_with(reply, details(JOB, {"errors": [error(code)]}))) == FATES[code][1]


@pytest.mark.parametrize("code", [code for code, meaning in RULES_BY_CODE.items() if meaning is UNSAFE_PROMPT])
def test_unsafe_prompt_ends_the_task_without_a_task_type(code: str) -> None:
    assert fate_of(look_up_with(json_reply({"errors": [error(code, taskType=None)]}))) == UNSAFE
    assert (
        look_up_with(json_reply({"errors": [error(code, taskType=None, taskUUID=None)]}), NOTHING)
        is LookupStatus.PENDING
    )


@pytest.mark.parametrize("code", ["whoKnows", "", *(code for code in FATES if RULES_BY_CODE[code] is END_UNKNOWN)])
def test_unclear_error_ends_the_task_only_if_persistent(code: str) -> None:
    reply = json_reply({"errors": [error(code)]})
    assert look_up_with(reply, NOTHING, after=SOON) is LookupStatus.PENDING
    assert fate_of(look_up_with(reply, NOTHING, after=LATE)) == DEAD
    assert fate_of(look_up_with(json_reply({"errors": [error(code, **STATED)]}), after=SOON)) == DEAD


@pytest.mark.parametrize("code", ["whoKnows", "invalidKarma", "insufficientKarma", "missing", "apiKeyMaybe"])
@pytest.mark.parametrize("status", [200, 400, 409, 413, 422, 500, 502])
def test_unpublished_code_proves_no_refusal(code: str, status: int) -> None:
    assert fate_of(called(json_reply({"errors": [error(code)]}, status)).provider_result) == LOST


@pytest.mark.parametrize(
    ("status", "expected"),
    [(401, KEY), (403, KEY), (402, MONEY), (404, MISCONFIGURED), (405, MISCONFIGURED), (429, THROTTLED), (503, BUSY)],
)
def test_published_status_determines_the_class_without_a_known_code(status: int, expected: Fate) -> None:
    assert fate_of(called(json_reply({"errors": [error("whoKnows")]}, status)).provider_result) == expected


@pytest.mark.parametrize("field", ["positivePrompt", ["width", "height"]], ids=str)
def test_unpublished_code_with_a_parameter_is_a_refusal(field: object) -> None:
    assert fate_of(called(json_reply({"errors": [error("whoKnows", parameter=field)]}, 400)).provider_result) == INVALID


def test_unpublished_code_about_the_key_pauses_the_lane() -> None:
    assert fate_of(called(json_reply({"errors": [error("whoKnows", parameter="apiKey")]}, 400)).provider_result) == KEY


@pytest.mark.parametrize("code", ["invalidPositivePromptLength", "missingSeedImage", "unsupportedStyleType"])
def test_code_that_names_a_field_is_a_refusal(code: str) -> None:
    assert code in FIELD_ERROR_CODES
    assert fate_of(called(json_reply({"errors": [error(code)]}, 400)).provider_result) == INVALID


@pytest.mark.parametrize("message", ["insufficient credits", "unsafe content", "invalid API key", "rate limit"])
def test_text_of_a_message_does_not_change_the_class(message: str) -> None:
    unknown = error("whoKnows", message=message)
    assert fate_of(called(json_reply({"errors": [unknown]}, 400)).provider_result) == LOST
    assert fate_of(called(http(400, message.encode(), kind="text/plain")).provider_result) == DOUBTED


def test_code_that_proves_a_refusal_takes_precedence() -> None:
    both = [error("whoKnows"), error("validationFailed")]
    assert fate_of(called(json_reply({"errors": both}, 400)).provider_result) == INVALID
    assert fate_of(called(json_reply({"errors": both[::-1]}, 400)).provider_result) == INVALID
