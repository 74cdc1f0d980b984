"""The `pause` and `resume` commands: adding an operator's pause to a lane, and lifting all its pauses."""

from collections.abc import Callable, Iterable
from typing import Any

from botocore.exceptions import ClientError

from backdrop.aws.aws_errors import read_aws_error_code
from backdrop.model.circuit import DELIVERED_REASONS, Pause, PauseReason, ProviderHealth
from backdrop.model.codes import Code
from backdrop.model.error_catalog import ERROR_CATALOG
from backdrop.model.errors import RetryLaterError
from backdrop_cli.formatting import format_count, format_utc
from backdrop_cli.operate.arguments import parse_enabled_provider
from backdrop_cli.screen import Screen
from backdrop_cli.stack import Stack

PAUSE_MESSAGE = str(ERROR_CATALOG[Code.PAUSED_BY_PERSON].meaning)
# Lambda takes up to a minute to update an event source mapping, and rejects other changes in the meantime.
MAPPING_BUSY_CODE = "ResourceInUseException"
MAX_TRIES, RETRY_DELAY_SECONDS = 15, 5.0
REASON_LABELS = {
    PauseReason.KEY: "its API key",
    PauseReason.BALANCE: "its account's balance",
    PauseReason.PLAN: "its account's plan",
    PauseReason.DAILY_LIMIT: "its daily limit",
    PauseReason.ADDRESS: "its address",
    PauseReason.REFUSAL: "an unexplained refusal",
    PauseReason.UNHEALTHY: "repeated errors",
    PauseReason.BUDGET: "today's budget",
    PauseReason.DELIVERY: "a delivery backlog",
    PauseReason.STORAGE: "pictures that cannot be stored",
    PauseReason.RESULTS: "pictures that cannot be used",
    PauseReason.OPERATOR: "an operator",
}

# Only calls that may be charged show whether these reasons still apply.
CHARGED_REASONS = DELIVERED_REASONS | {PauseReason.UNHEALTHY, PauseReason.DELIVERY}


def pause_lane(stack: Stack, screen: Screen, provider_argument: str) -> None:
    """Adds the operator's pause to the provider's lane."""
    provider = parse_enabled_provider(stack, provider_argument)
    before = stack.circuit_breaker.ledger.read_health(provider)
    if before.is_paused_for(PauseReason.OPERATOR):
        _finish_change(stack, provider)
    else:
        _change_lane(
            stack,
            provider,
            lambda: stack.circuit_breaker.pause(provider, PauseReason.OPERATOR, Code.PAUSED_BY_PERSON, PAUSE_MESSAGE),
        )
    after, waiting = stack.circuit_breaker.ledger.read_health(provider), stack.count_lane_messages(provider)
    screen.print_json(_build_document(stack, after, waiting, was_paused=before.is_paused, lifted=()))
    if before.is_paused_for(PauseReason.OPERATOR):
        screen.print(f"{provider} was already paused, since {format_utc(_find_operator_pause(before).since)}.")
    else:
        screen.print(f"✓ {provider} is paused: nothing more is bought there. Calls in flight end as usual.")
    other_pauses = [one for one in after.pauses if one.reason is not PauseReason.OPERATOR]
    if other_pauses:
        screen.print("It is also paused because of:")
        _print_pauses(screen, other_pauses)
    screen.print(f"{_format_waiting(waiting)} in its lane. To resume it, run `backdrop resume {provider}`.")


def resume_lane(stack: Stack, screen: Screen, provider_argument: str) -> None:
    """Lifts all pauses of the lane, and lists them."""
    provider = parse_enabled_provider(stack, provider_argument)
    before = stack.circuit_breaker.ledger.read_health(provider)
    if before.is_paused:
        _change_lane(stack, provider, lambda: stack.circuit_breaker.resume(provider))
    else:
        _finish_change(stack, provider)
    after, waiting = stack.circuit_breaker.ledger.read_health(provider), stack.count_lane_messages(provider)
    screen.print_json(_build_document(stack, after, waiting, was_paused=before.is_paused, lifted=before.pauses))
    if not before.is_paused:
        screen.print(f"{provider} was not paused. {_format_waiting(waiting)} in its lane.")
        return
    screen.print(f"✓ {provider} is resumed. {_format_waiting(waiting)} in its lane. It was paused because of:")
    _print_pauses(screen, before.pauses)
    reasons = {one.reason for one in before.pauses} - {PauseReason.OPERATOR}
    if reasons - CHARGED_REASONS:
        screen.print("If such a reason still applies, the next call pauses the lane again, without a charge.")
    if reasons & CHARGED_REASONS:
        screen.print("If the errors or the backlog last, the lane pauses again. Calls until then may be charged.")


def lift_pause(stack: Stack, provider: str, reason: PauseReason) -> None:
    """Lifts one pause of a lane."""
    _change_lane(stack, provider, lambda: stack.circuit_breaker.resume(provider, frozenset({reason})))


def _change_lane(stack: Stack, provider: str, change: Callable[[], object]) -> None:
    """Changes a lane. If Lambda is still busy with the last change, waits and completes this one."""
    try:
        change()
    except RetryLaterError as error:
        if not _is_mapping_busy(error):
            raise
        _finish_change(stack, provider)


def _finish_change(stack: Stack, provider: str) -> None:
    """Completes an interrupted change: updates the event source mapping, and sends the notification.

    Waits while Lambda is still updating the mapping. If that takes too long, reconcile completes the change.
    """
    for _ in range(MAX_TRIES):
        if stack.circuit_breaker.mappings.is_enabled(provider) is not None:
            break
        stack.clock.sleep(RETRY_DELAY_SECONDS)
    stack.circuit_breaker.reconcile_mapping(provider)
    stack.circuit_breaker.enqueue_pending_notification(provider)


def _is_mapping_busy(error: RetryLaterError) -> bool:
    cause = error.__cause__
    return isinstance(cause, ClientError) and read_aws_error_code(cause) == MAPPING_BUSY_CODE


# -- output ----------------------------------------------------------------------------------------------------


def _format_waiting(waiting: int) -> str:
    if waiting == 0:
        return "No job waits"
    return f"About {format_count(waiting, 'job waits', 'jobs wait')}"


def _find_operator_pause(lane: ProviderHealth) -> Pause:
    return next(one for one in lane.pauses if one.reason is PauseReason.OPERATOR)


def _print_pauses(screen: Screen, pauses: Iterable[Pause]) -> None:
    for one in pauses:
        screen.print(f"  {REASON_LABELS[one.reason]}, since {format_utc(one.since)}: {one.message}")


def _build_document(
    stack: Stack, lane: ProviderHealth, waiting: int, *, was_paused: bool, lifted: Iterable[Pause]
) -> dict[str, Any]:
    return {
        "stack": stack.name,
        "provider": lane.provider,
        "paused": lane.is_paused,
        "was_paused": was_paused,
        "reasons": [describe_pause(one) for one in lane.pauses],
        "lifted": [describe_pause(one) for one in lifted],
        "waiting": waiting,
    }


def describe_pause(pause: Pause) -> dict[str, Any]:
    return {
        "reason": pause.reason.value,
        "code": pause.code.value,
        "message": str(pause.message),
        "since": pause.since.isoformat(timespec="seconds"),
    }
