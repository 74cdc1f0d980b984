"""Faults in one place: the workers of one stage crash often, calls or buckets are slow, a schedule runs late."""

from dataclasses import replace
from datetime import datetime

from backdrop.model.codes import Code
from backdrop.model.provider_result import RetryClass
from simulation.world.fault_profile.fault_types import WITH_LOOKUP, InstalledFaults, register_fault
from simulation.world.fault_profile.service_faults import WRITE_OPERATIONS, is_worker_call
from simulation.world.simulated_provider import CallBehavior, ProviderKind, build_refusal
from simulation.world.transport import ServiceCall, build_client_error, crash_worker
from simulation.world.world_inspector import INPUT_BUCKET

DENIED_SECONDS = 2400.0
SLOW_SECONDS = 240.0
STUCK_SECONDS = 900.0, 1800.0
STORM_SECONDS = 1200.0
STATE_CHANGING_OPERATIONS = WRITE_OPERATIONS | {"update_event_source_mapping", "put_events"}
S3_ONLY = frozenset({"s3"})


@register_fault()
def killed_person(faults: InstalledFaults) -> None:
    """An operator's command is killed halfway."""
    _kill_workers_of(faults, "person", 3, 3)


@register_fault()
def killed_intake(faults: InstalledFaults) -> None:
    """Workers of intake are killed."""
    _kill_workers_of(faults, "intake", 5, 10)


@register_fault()
def killed_render(faults: InstalledFaults) -> None:
    """Workers of render are killed."""
    _kill_workers_of(faults, "render", 5, 10)


@register_fault()
def killed_deliver(faults: InstalledFaults) -> None:
    """Workers of deliver are killed."""
    _kill_workers_of(faults, "deliver", 5, 10)


@register_fault()
def killed_reconcile(faults: InstalledFaults) -> None:
    """Reconcile is killed halfway."""
    _kill_workers_of(faults, "reconcile", 5, 15)


def _kill_workers_of(faults: InstalledFaults, function_name: str, max_first: int, mean_gap: int) -> None:
    trigger = faults.create_trigger(max_first, mean_gap)

    def strike(call: ServiceCall) -> None:
        if call.worker_name.startswith(function_name) and call.operation in STATE_CHANGING_OPERATIONS and trigger(call):
            crash_worker(call)

    faults.world.transport.faults_after.append(strike)


@register_fault(strikes_one_lane=True)
def long_calls(faults: InstalledFaults) -> None:
    """The provider takes a long time for every call, and how long varies."""
    trigger, provider, name = faults.create_trigger(1, 1), faults.provider, faults.name
    usual_behavior = provider.default_behavior

    def change() -> None:
        if not faults.may_strike(name):
            provider.default_behavior = usual_behavior
            return
        trigger.strike()
        provider.default_behavior = CallBehavior(work_seconds=faults.random.uniform(5, provider.timeout_seconds * 0.8))
        faults.world.event_loop.call_later(5, change)

    change()


@register_fault(kinds=frozenset({ProviderKind.NO_LOOKUP}), strikes_one_lane=True)
def slow_refusal(faults: InstalledFaults) -> None:
    """The provider takes a long time to refuse a call."""
    trigger = faults.create_trigger(3, 5)
    outcomes = (RetryClass.BACKOFF, Code.PROVIDER_UNAVAILABLE), (RetryClass.QUOTA, Code.PROVIDER_THROTTLED)

    def refuse() -> CallBehavior:
        return replace(build_refusal(*faults.random.choice(outcomes)), work_seconds=faults.random.uniform(20, 100))

    faults.provider.behavior_sources.append(lambda: refuse() if trigger() else None)


@register_fault(kinds=WITH_LOOKUP, strikes_one_lane=True)
def stuck_work(faults: InstalledFaults) -> None:
    """The provider works on a call for a quarter or half of an hour."""
    trigger = faults.create_trigger(3, 8)
    faults.provider.behavior_sources.append(
        lambda: CallBehavior(work_seconds=faults.random.uniform(*STUCK_SECONDS)) if trigger() else None
    )


@register_fault(strikes_one_lane=True)
def throttle_storm(faults: InstalledFaults) -> None:
    """The provider throttles every call for twenty minutes, with a Retry-After of half a minute."""
    window = faults.create_window(4, STORM_SECONDS)
    throttle = build_refusal(RetryClass.QUOTA, Code.PROVIDER_THROTTLED, retry_after=30)
    faults.provider.behavior_sources.append(lambda: throttle if window() else None)


@register_fault()
def slow_writes(faults: InstalledFaults) -> None:
    """Writes to the table repeatedly take as long as botocore waits for them."""
    trigger = faults.create_trigger(3, 4)

    def strike(call: ServiceCall) -> None:
        if call.worker_name and call.operation == "transact_write_items" and trigger(call):
            faults.world.clock.sleep(faults.random.uniform(5, 40))

    faults.world.transport.faults_before.append(strike)


@register_fault()
def slow_bucket(faults: InstalledFaults) -> None:
    """Each call to a bucket takes seconds, for some minutes."""
    window = faults.create_window(60, SLOW_SECONDS)

    def strike(call: ServiceCall) -> None:
        if is_worker_call(call, S3_ONLY) and window(call):
            faults.world.clock.sleep(faults.random.uniform(1, 6))

    faults.world.transport.faults_before.append(strike)


@register_fault()
def late_tick(faults: InstalledFaults) -> None:
    """A schedule invokes its function once more, some minutes later."""
    trigger, world = faults.create_trigger(1, 2), faults.world
    schedule = world.reconcile_schedule

    def run_again(deadline: datetime) -> bool:
        return world.steps.run_reconcile(deadline) if trigger() else True

    world.lambda_service.schedules.append(replace(schedule, task=run_again))


@register_fault()
def photos_denied_for_long(faults: InstalledFaults) -> None:
    """No function can read the photos for more than half an hour."""
    window = faults.create_window(20, DENIED_SECONDS)

    def strike(call: ServiceCall) -> None:
        if (
            call.worker_name
            and call.operation == "get_object"
            and call.request.get("Bucket") == INPUT_BUCKET
            and window(call)
        ):
            raise build_client_error("AccessDenied", call.operation, 403)

    faults.world.transport.faults_before.append(strike)
