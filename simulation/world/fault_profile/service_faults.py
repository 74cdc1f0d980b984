"""What goes wrong in calls to AWS: throttling, denied access, lost responses, repeated calls, stale indexes."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

from simulation.world.fault_profile.fault_types import InstalledFaults, register_fault
from simulation.world.transport import ServiceCall, build_client_error, lose_response, raise_conflict, raise_throttle

LEDGER_SERVICES = frozenset({"dynamodb"})
STORAGE_SERVICES = frozenset({"s3", "sqs", "events"})
STEP_FUNCTIONS_SERVICES = frozenset({"states"})
WRITE_OPERATIONS = frozenset(
    {"transact_write_items", "put_item", "update_item", "delete_item", "put_object", "delete_object", "send_message"}
)
TROUBLE_SECONDS = 60.0
MAX_FIRST_CALL = 30
# About as many calls as three photos make, so that it strikes even if only a few are uploaded.
CALLS_OF_THREE_PHOTOS = {"s3": 30, "sqs": 9, "events": 3}
# How each service throttles, and how it denies access (their API references).
THROTTLE_ERRORS = {"s3": ("SlowDown", 503), "sqs": ("RequestThrottled", 403), "events": ("ThrottlingException", 400)}
DENIED_ERRORS = {"s3": "AccessDenied", "sqs": "AccessDenied", "events": "AccessDeniedException"}


def is_worker_call(call: ServiceCall, services: frozenset[str]) -> bool:
    """Whether a worker made the call, to one of these services."""
    return bool(call.worker_name) and call.service in services


def is_paid_call(call: ServiceCall, lane: str) -> bool:
    paid = (call.service, call.operation) == ("provider", "call")
    return bool(call.worker_name) and paid and call.request["job"].provider == lane


@register_fault()
def lost_ledger_answer(faults: InstalledFaults) -> None:
    """The table did what was requested, but the response is lost."""
    trigger = faults.create_trigger(25, 40)

    def strike(call: ServiceCall) -> None:
        if is_worker_call(call, LEDGER_SERVICES) and trigger(call):
            lose_response(call)

    faults.world.transport.faults_after.append(strike)


@register_fault()
def lost_storage_answer(faults: InstalledFaults) -> None:
    """A bucket, queue, or bus did what was requested, but the response is lost."""
    trigger = faults.create_trigger(25, 40)

    def strike(call: ServiceCall) -> None:
        if is_worker_call(call, STORAGE_SERVICES) and trigger(call):
            lose_response(call)

    faults.world.transport.faults_after.append(strike)


@register_fault()
def lost_task_answer(faults: InstalledFaults) -> None:
    """Step Functions did what was requested, but the response is lost; or it throttles the call."""
    trigger = faults.create_trigger(2, 3)

    def lose(call: ServiceCall) -> None:
        if is_worker_call(call, STEP_FUNCTIONS_SERVICES) and trigger(call):
            lose_response(call)

    def refuse(call: ServiceCall) -> None:
        if is_worker_call(call, STEP_FUNCTIONS_SERVICES) and trigger(call):
            raise_throttle(call)

    faults.world.transport.faults_after.append(lose)
    faults.world.transport.faults_before.append(refuse)


@register_fault()
def repeated_call(faults: InstalledFaults) -> None:
    """The response of a write is lost, and botocore repeats the call by itself."""
    trigger = faults.create_trigger(12, 12)

    def is_retried(call: ServiceCall) -> bool:
        return bool(call.worker_name) and call.operation in WRITE_OPERATIONS and trigger(call)

    faults.world.transport.retry_faults.append(is_retried)


@register_fault()
def transaction_conflict(faults: InstalledFaults) -> None:
    """Another transaction holds the items at this moment."""
    trigger = faults.create_trigger(6, 8)

    def strike(call: ServiceCall) -> None:
        if call.worker_name and call.operation == "transact_write_items" and trigger(call):
            raise_conflict(call)

    faults.world.transport.faults_before.append(strike)


@register_fault()
def throttled_table(faults: InstalledFaults) -> None:
    """The table throttles for some seconds."""
    _fail_for_some_time(faults, LEDGER_SERVICES, faults.random.uniform(1, 15), raise_throttle)


@register_fault()
def table_gone(faults: InstalledFaults) -> None:
    """The table is missing for a minute."""
    _fail_for_some_time(
        faults, LEDGER_SERVICES, TROUBLE_SECONDS, partial(_raise_error, code="ResourceNotFoundException", status=400)
    )


@register_fault()
def access_to_table_denied(faults: InstalledFaults) -> None:
    """The functions have no access to the table for a minute."""
    _fail_for_some_time(
        faults, LEDGER_SERVICES, TROUBLE_SECONDS, partial(_raise_error, code="AccessDeniedException", status=400)
    )


@register_fault()
def access_to_storage_denied(faults: InstalledFaults) -> None:
    """The functions have no access to buckets, queues, or the bus for a minute."""
    service = faults.random.choice(sorted(STORAGE_SERVICES))
    deny = partial(_raise_error, code=DENIED_ERRORS[service], status=403)
    _fail_for_some_time(faults, frozenset({service}), TROUBLE_SECONDS, deny, CALLS_OF_THREE_PHOTOS[service])


@register_fault()
def throttled_storage(faults: InstalledFaults) -> None:
    """A bucket, queue, or bus throttles a call."""
    trigger = faults.create_trigger(15, 25)

    def strike(call: ServiceCall) -> None:
        if is_worker_call(call, STORAGE_SERVICES) and trigger(call):
            _raise_error(call, *THROTTLE_ERRORS[call.service])

    faults.world.transport.faults_before.append(strike)


@register_fault()
def slow_service(faults: InstalledFaults) -> None:
    """A call takes as long as botocore waits for it."""
    trigger = faults.create_trigger(20, 30)

    def strike(call: ServiceCall) -> None:
        if is_worker_call(call, LEDGER_SERVICES | STORAGE_SERVICES) and trigger(call):
            faults.world.clock.sleep(faults.random.uniform(5, 40))

    faults.world.transport.faults_before.append(strike)


@register_fault()
def stale_index(faults: InstalledFaults) -> None:
    """The table's index is outdated."""
    trigger = faults.create_trigger(1, 1)

    def strike(call: ServiceCall) -> None:
        is_stale = "IndexName" in call.request and trigger(call)
        faults.world.table.index_lag = timedelta(seconds=faults.random.uniform(1, 20) if is_stale else 0)

    faults.world.transport.faults_before.append(strike)


def _fail_for_some_time(
    faults: InstalledFaults,
    services: frozenset[str],
    seconds: float,
    action: Callable[[ServiceCall], None],
    max_first: int = MAX_FIRST_CALL,
) -> None:
    """Makes every call to these services fail in the same way for a period."""
    window = faults.create_window(max_first, seconds)

    def strike(call: ServiceCall) -> None:
        if is_worker_call(call, services) and window(call):
            action(call)

    faults.world.transport.faults_before.append(strike)


def _raise_error(call: ServiceCall, code: str, status: int) -> None:
    raise build_client_error(code, call.operation, status)
