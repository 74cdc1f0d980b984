"""Faults at one place: the workers of one step die often, calls or buckets are slow, a schedule's echo comes late."""

from dataclasses import replace
from datetime import datetime

from backdrop.model.codes import Code
from backdrop.model.provider_result import RetryClass
from proof.world.faults.plan import ASKABLE, Faults, fault
from proof.world.faults.services import WRITES, of_workers
from proof.world.provider import Kind, Reaction, refuses
from proof.world.sight import INPUT
from proof.world.wire import Call, die, refusal

DENIED_SECONDS = 2400.0
SLOW_SECONDS = 240.0
STUCK_SECONDS = 900.0, 1800.0
STORM_SECONDS = 1200.0
CHANGES = WRITES | {"update_event_source_mapping", "put_events"}
STORAGE = frozenset({"s3"})


@fault()
def killed_person(faults: Faults) -> None:
    """A person's command is ended half-way."""
    _killed(faults, "person", 3, 3)


@fault()
def killed_intake(faults: Faults) -> None:
    """Workers of intake die."""
    _killed(faults, "intake", 5, 10)


@fault()
def killed_render(faults: Faults) -> None:
    """Workers of render die."""
    _killed(faults, "render", 5, 10)


@fault()
def killed_deliver(faults: Faults) -> None:
    """Workers of deliver die."""
    _killed(faults, "deliver", 5, 10)


@fault()
def killed_reconcile(faults: Faults) -> None:
    """Reconcile dies half-way."""
    _killed(faults, "reconcile", 5, 15)


def _killed(faults: Faults, step: str, first: int, gap: int) -> None:
    trap = faults.trap(first, gap)

    def strike(call: Call) -> None:
        if call.worker.startswith(step) and call.operation in CHANGES and trap(call):
            die(call)

    faults.world.wire.after.append(strike)


@fault(of_lane=True)
def long_calls(faults: Faults) -> None:
    """The provider takes its time for every call, now more and now less."""
    trap, provider, name = faults.trap(1, 1), faults.provider, faults.name
    usual = provider.otherwise

    def change() -> None:
        if not faults.may_strike(name):
            provider.otherwise = usual
            return
        trap.strike()
        provider.otherwise = Reaction(seconds=faults.random.uniform(5, provider.timeout_seconds * 0.8))
        faults.world.hub.after(5, change)

    change()


@fault(kinds=frozenset({Kind.UNASKABLE}), of_lane=True)
def slow_refusal(faults: Faults) -> None:
    """The provider takes long to say that it takes nothing."""
    trap = faults.trap(3, 5)
    ways = (RetryClass.BACKOFF, Code.PROVIDER_UNAVAILABLE), (RetryClass.QUOTA, Code.PROVIDER_THROTTLED)

    def refuse() -> Reaction:
        return replace(refuses(*faults.random.choice(ways)), seconds=faults.random.uniform(20, 100))

    faults.provider.weather.append(lambda: refuse() if trap() else None)


@fault(kinds=ASKABLE, of_lane=True)
def stuck_work(faults: Faults) -> None:
    """The provider is at work on a call for a quarter of an hour, or half."""
    trap = faults.trap(3, 8)
    faults.provider.weather.append(lambda: Reaction(seconds=faults.random.uniform(*STUCK_SECONDS)) if trap() else None)


@fault(of_lane=True)
def throttle_storm(faults: Faults) -> None:
    """For twenty minutes the provider says of every call that it shall come again half a minute later."""
    spell = faults.spell(4, STORM_SECONDS)
    later = refuses(RetryClass.QUOTA, Code.PROVIDER_THROTTLED, retry_after=30)
    faults.provider.weather.append(lambda: later if spell() else None)


@fault()
def slow_writes(faults: Faults) -> None:
    """A write to the table takes as long as botocore waits for it, again and again."""
    trap = faults.trap(3, 4)

    def strike(call: Call) -> None:
        if call.worker and call.operation == "transact_write_items" and trap(call):
            faults.world.clock.sleep(faults.random.uniform(5, 40))

    faults.world.wire.before.append(strike)


@fault()
def slow_bucket(faults: Faults) -> None:
    """For some minutes each call to a bucket takes seconds."""
    spell = faults.spell(60, SLOW_SECONDS)

    def strike(call: Call) -> None:
        if of_workers(call, STORAGE) and spell(call):
            faults.world.clock.sleep(faults.random.uniform(1, 6))

    faults.world.wire.before.append(strike)


@fault()
def late_tick(faults: Faults) -> None:
    """A schedule invokes its function once more, some minutes later."""
    trap, world = faults.trap(1, 2), faults.world
    usual = world.reconcile

    def once_more(deadline: datetime) -> bool:
        return world.steps.set_right(deadline) if trap() else True

    world.functions.schedules.append(replace(usual, task=once_more))


@fault()
def photos_denied_for_long(faults: Faults) -> None:
    """For more than half an hour nobody may read the photos."""
    spell = faults.spell(20, DENIED_SECONDS)

    def strike(call: Call) -> None:
        if call.worker and call.operation == "get_object" and call.sent.get("Bucket") == INPUT and spell(call):
            raise refusal("AccessDenied", call.operation, 403)

    faults.world.wire.before.append(strike)
