"""Faults that last for minutes, an hour, or days, and those that need two strikes at one place."""

from datetime import timedelta

from backdrop.aws.aws_errors import unavailable
from backdrop.model.codes import Code
from backdrop.model.errors import RetryLaterError
from backdrop.model.provider_result import LookupStatus, ProviderResult, RetryClass
from simulation.world.fault_profile.fault_types import FaultTrigger, InstalledFaults, register_fault
from simulation.world.fault_profile.service_faults import LEDGER_SERVICES, is_paid_call, is_worker_call
from simulation.world.simulated_provider import (
    CallBehavior,
    ProviderKind,
    build_charged_hang_up,
    build_refusal,
    build_uncharged_hang_up,
)
from simulation.world.transport import ServiceCall

HOUR_SECONDS = 3600.0
QUARTER_SECONDS = 900.0
DAY_SECONDS = 86_400.0
# Lanes keep a message for four days (template.yaml); reconcile sends it again after three (model/schedule.py).
MIN_DAYS, MAX_DAYS = 3.0, 4.5
MAX_LONG_FAULT_SECONDS = MAX_DAYS * DAY_SECONDS + HOUR_SECONDS
HOUR_LONG_FAULTS = frozenset({"busy_for_an_hour"})
DAY_LONG_FAULTS = frozenset({"paused_for_days", "refused_for_days"})


# -- the provider -----------------------------------------------------------------------------------------------


@register_fault(strikes_one_lane=True)
def busy_for_an_hour(faults: InstalledFaults) -> None:
    """The provider is overloaded for an hour, and sends no Retry-After."""
    window = faults.create_window(4, HOUR_SECONDS)
    faults.provider.behavior_sources.append(
        lambda: build_refusal(RetryClass.NOW, Code.PROVIDER_UNAVAILABLE) if window() else None
    )


@register_fault(kinds=frozenset({ProviderKind.LOOKUP_BY_OUR_ID}), strikes_one_lane=True)
def rejected_resend(faults: InstalledFaults) -> None:
    """A call whose answer was lost is sent again under our ID, and the provider rejects it as invalid."""
    trigger, loss_trigger, forget_trigger = (
        faults.create_trigger(1, 3),
        faults.create_uncounted_trigger(3, 6, 1_000_000),
        faults.create_uncounted_trigger(1, 3, 1_000_000),
    )
    provider, random = faults.provider, faults.random
    previous = provider.override_lookup

    def build_behavior() -> CallBehavior:
        return random.choice([build_uncharged_hang_up, build_charged_hang_up])(random.uniform(0, 10))

    provider.behavior_sources.append(lambda: build_behavior() if loss_trigger() else None)
    provider.override_lookup = lambda: LookupStatus.ABSENT if forget_trigger() else previous()
    provider.override_resend = lambda: build_refusal(RetryClass.PERM, Code.REQUEST_REJECTED) if trigger() else None


@register_fault()
def unreachable_result_for_long(faults: InstalledFaults) -> None:
    """Paid pictures cannot be downloaded for a quarter of an hour."""
    window = faults.create_window(3, QUARTER_SECONDS)

    def strike(call: ServiceCall) -> None:
        if call.service == "downloads" and window(call):
            raise RetryLaterError(Code.RESULT_UNREACHABLE, "the host does not answer", 5)

    faults.world.transport.faults_before.append(strike)


@register_fault(lasts_for_days=True, strikes_one_lane=True)
def refused_for_days(faults: InstalledFaults) -> None:
    """The account is empty for days, which every probe finds out.

    It begins when all other faults have struck, because the provider is not called enough for them afterward.
    """
    trigger, world, provider = faults.create_trigger(4, 1, 1), faults.world, faults.provider
    ends_at = [world.clock.time]

    def choose_behavior() -> CallBehavior | None:
        if len(faults.list_unfired()) <= 1 and trigger():
            ends_at[:] = [world.clock.time + _draw_days(faults)]
        return build_refusal(RetryClass.PAUSE, Code.PROVIDER_OUT_OF_MONEY) if world.clock.time < ends_at[0] else None

    provider.behavior_sources.append(choose_behavior)


# -- our side ---------------------------------------------------------------------------------------------------


@register_fault(strikes_one_lane=True)
def secrets_out_of_order(faults: InstalledFaults) -> None:
    """The key cannot be read for some minutes: Secrets Manager does not answer, or denies access."""
    window = faults.create_window(4, faults.random.uniform(60, 400))
    denied_result = ProviderResult(
        RetryClass.PAUSE, Code.PROVIDER_KEY_MISSING, "There is no API key: access is denied."
    )
    is_denied = faults.random.random() < 0.5

    def check_key() -> ProviderResult | None:
        if not window():
            return None
        if is_denied:
            return denied_result
        raise unavailable("Secrets Manager", "InternalServiceError")

    faults.provider.check_key = check_key


@register_fault()
def slow_table(faults: InstalledFaults) -> None:
    """Every call to the table takes seconds, for five minutes."""
    window = faults.create_window(30, 300)

    def strike(call: ServiceCall) -> None:
        if is_worker_call(call, LEDGER_SERVICES) and window(call):
            faults.world.clock.sleep(faults.random.uniform(1.5, 6))

    faults.world.transport.faults_before.append(strike)


@register_fault(strikes_one_lane=True)
def message_gone_in_doubt(faults: InstalledFaults) -> None:
    """An answer is lost, and then the message of its job."""
    trigger, loss_trigger = faults.create_trigger(1, 3), faults.create_uncounted_trigger(3, 8, 1_000_000)
    provider, random = faults.provider, faults.random
    provider.behavior_sources.append(lambda: build_charged_hang_up(random.uniform(1, 10)) if loss_trigger() else None)

    def strike(call: ServiceCall) -> None:
        for job_id in _find_unknown_jobs(call):
            _remove_message(faults, provider.name, job_id, trigger)

    faults.world.transport.faults_after.append(strike)


def _find_unknown_jobs(call: ServiceCall) -> list[str]:
    """Returns the jobs that this call makes `unknown`."""
    writes = call.request.get("TransactItems", ()) if call.operation == "transact_write_items" else ()
    items = [write["Put"]["Item"] for write in writes if "Put" in write]
    return [item["sk"]["S"].removeprefix("job#") for item in items if item.get("status", {}).get("S") == "unknown"]


def _remove_message(faults: InstalledFaults, lane: str, job_id: str, trigger: FaultTrigger) -> None:
    queue = faults.world.queues[lane]
    remaining = [message for message in queue.messages if job_id not in message.body]
    if len(remaining) < len(queue.messages) and trigger(job_id[:8]):
        queue.messages[:] = remaining


@register_fault()
def clock_jump_of_an_hour(faults: InstalledFaults) -> None:
    """A worker's clock is set an hour forward or back while it works."""
    trigger = faults.create_trigger(40, 400, 3)

    def strike(call: ServiceCall) -> None:
        worker = faults.world.event_loop.current_worker
        if worker and trigger(call):
            worker.skew += timedelta(seconds=faults.random.choice([-HOUR_SECONDS, HOUR_SECONDS]))

    faults.world.transport.faults_before.append(strike)


@register_fault(lasts_for_days=True, strikes_one_lane=True)
def paused_for_days(faults: InstalledFaults) -> None:
    """An operator pauses the lane and forgets it for days. Its mapping is slow to switch off and on again."""
    trigger, world, lane = faults.create_trigger(3, 1, 1), faults.world, faults.provider.name

    def strike(call: ServiceCall) -> None:
        if is_paid_call(call, lane) and trigger():
            previous = world.lambda_service.choose_mapping_delay
            world.lambda_service.choose_mapping_delay = lambda: previous() or faults.random.uniform(5, 60)
            seconds = _draw_days(faults).total_seconds()
            world.event_loop.call_later(
                faults.random.uniform(0, 20), lambda: world.pause_lane(seconds=seconds, provider=lane)
            )

    world.transport.faults_before.append(strike)


def _draw_days(faults: InstalledFaults) -> timedelta:
    return timedelta(days=faults.random.uniform(MIN_DAYS, MAX_DAYS))
