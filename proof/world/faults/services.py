"""What goes wrong between the code and AWS: throttles, refusals, lost answers, calls made twice, indexes that lag."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

from proof.world.faults.plan import Faults, fault
from proof.world.wire import Call, conflict, lose_answer, refusal, throttle

LEDGER = frozenset({"dynamodb"})
STORAGE = frozenset({"s3", "sqs", "events"})
STATES = frozenset({"states"})
WRITES = frozenset(
    {"transact_write_items", "put_item", "update_item", "delete_item", "put_object", "delete_object", "send_message"}
)
TROUBLE_SECONDS = 60.0
OFTEN = 30
# About as many calls as three photos make, so that it strikes where only a few are dropped.
OF_THREE_PHOTOS = {"s3": 30, "sqs": 9, "events": 3}
# How each service says that it is asked too much, and that something is not allowed (their API references).
TOO_MUCH = {"s3": ("SlowDown", 503), "sqs": ("RequestThrottled", 403), "events": ("ThrottlingException", 400)}
DENIED = {"s3": "AccessDenied", "sqs": "AccessDenied", "events": "AccessDeniedException"}


def of_workers(call: Call, services: frozenset[str]) -> bool:
    """Whether a worker made the call, to one of these services."""
    return bool(call.worker) and call.service in services


def is_paid_call(call: Call, lane: str) -> bool:
    """Whether a worker sends a paid call to the provider of this lane."""
    paid = (call.service, call.operation) == ("provider", "call")
    return bool(call.worker) and paid and call.sent["job"].provider == lane


@fault()
def lost_ledger_answer(faults: Faults) -> None:
    """The table did what it was asked, and nobody heard of it."""
    trap = faults.trap(25, 40)

    def strike(call: Call) -> None:
        if of_workers(call, LEDGER) and trap(call):
            lose_answer(call)

    faults.world.wire.after.append(strike)


@fault()
def lost_storage_answer(faults: Faults) -> None:
    """A bucket, queue or bus did what it was asked, and nobody heard of it."""
    trap = faults.trap(25, 40)

    def strike(call: Call) -> None:
        if of_workers(call, STORAGE) and trap(call):
            lose_answer(call)

    faults.world.wire.after.append(strike)


@fault()
def lost_task_answer(faults: Faults) -> None:
    """Step Functions did what it was asked, and nobody heard of it; or it is asked too much."""
    trap = faults.trap(2, 3)

    def lose(call: Call) -> None:
        if of_workers(call, STATES) and trap(call):
            lose_answer(call)

    def refuse(call: Call) -> None:
        if of_workers(call, STATES) and trap(call):
            throttle(call)

    faults.world.wire.after.append(lose)
    faults.world.wire.before.append(refuse)


@fault()
def repeated_call(faults: Faults) -> None:
    """The answer of a write is lost, and botocore makes the same call again by itself."""
    trap = faults.trap(12, 12)

    def again(call: Call) -> bool:
        return bool(call.worker) and call.operation in WRITES and trap(call)

    faults.world.wire.twice.append(again)


@fault()
def transaction_conflict(faults: Faults) -> None:
    """Another transaction holds the items at this moment."""
    trap = faults.trap(6, 8)

    def strike(call: Call) -> None:
        if call.worker and call.operation == "transact_write_items" and trap(call):
            conflict(call)

    faults.world.wire.before.append(strike)


@fault()
def throttled_table(faults: Faults) -> None:
    """The table is asked too much for some seconds."""
    _trouble(faults, LEDGER, faults.random.uniform(1, 15), throttle)


@fault()
def table_gone(faults: Faults) -> None:
    """For a minute there is no such table."""
    _trouble(faults, LEDGER, TROUBLE_SECONDS, partial(_refuse, code="ResourceNotFoundException", status=400))


@fault()
def access_to_table_denied(faults: Faults) -> None:
    """For a minute the functions may not use the table."""
    _trouble(faults, LEDGER, TROUBLE_SECONDS, partial(_refuse, code="AccessDeniedException", status=400))


@fault()
def access_to_storage_denied(faults: Faults) -> None:
    """For a minute the functions may not use buckets, or queues, or the bus."""
    service = faults.random.choice(sorted(STORAGE))
    deny = partial(_refuse, code=DENIED[service], status=403)
    _trouble(faults, frozenset({service}), TROUBLE_SECONDS, deny, OF_THREE_PHOTOS[service])


@fault()
def throttled_storage(faults: Faults) -> None:
    """A bucket, queue or bus is asked too much."""
    trap = faults.trap(15, 25)

    def strike(call: Call) -> None:
        if of_workers(call, STORAGE) and trap(call):
            _refuse(call, *TOO_MUCH[call.service])

    faults.world.wire.before.append(strike)


@fault()
def slow_service(faults: Faults) -> None:
    """A call takes as long as botocore waits for it."""
    trap = faults.trap(20, 30)

    def strike(call: Call) -> None:
        if of_workers(call, LEDGER | STORAGE) and trap(call):
            faults.world.clock.sleep(faults.random.uniform(5, 40))

    faults.world.wire.before.append(strike)


@fault()
def stale_index(faults: Faults) -> None:
    """The table's index knows late of what was written."""
    trap = faults.trap(1, 1)

    def strike(call: Call) -> None:
        lags = "IndexName" in call.sent and trap(call)
        faults.world.table.index_lag = timedelta(seconds=faults.random.uniform(1, 20) if lags else 0)

    faults.world.wire.before.append(strike)


def _trouble(
    faults: Faults, services: frozenset[str], seconds: float, act: Callable[[Call], None], first: int = OFTEN
) -> None:
    """Every call to these services fails in the same way for a time."""
    spell = faults.spell(first, seconds)

    def strike(call: Call) -> None:
        if of_workers(call, services) and spell(call):
            act(call)

    faults.world.wire.before.append(strike)


def _refuse(call: Call, code: str, status: int) -> None:
    raise refusal(code, call.operation, status)
