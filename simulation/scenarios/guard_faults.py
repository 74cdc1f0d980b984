"""Faults that only seeds use, aimed at the places that the product's guards protect."""

from backdrop.model.codes import Code
from backdrop.model.provider_result import ProviderResult, RetryClass
from simulation.world.fault_profile.fault_types import InstalledFaults, register_fault
from simulation.world.fault_profile.service_faults import LEDGER_SERVICES, is_worker_call
from simulation.world.simulated_provider import CallBehavior, ProviderKind, build_refusal
from simulation.world.transport import ServiceCall, build_client_error, crash_worker

TABLE_OUTAGE_SECONDS = 400.0
PHOTO_SUFFIX = ".jpg"
POISON_FAULT = "poisoned_photo"


@register_fault()
def table_gone_for_long(faults: InstalledFaults) -> None:
    """The table is missing for longer than an invocation lasts."""
    window = faults.create_window(60, TABLE_OUTAGE_SECONDS)

    def strike(call: ServiceCall) -> None:
        if is_worker_call(call, LEDGER_SERVICES) and window(call):
            raise build_client_error("ResourceNotFoundException", call.operation, 400)

    faults.world.transport.faults_before.append(strike)


@register_fault(strikes_one_lane=True)
def provider_outage_for_long(faults: InstalledFaults) -> None:
    """The provider fails for half an hour."""
    window = faults.create_window(4, 1800)
    faults.provider.behavior_sources.append(
        lambda: build_refusal(RetryClass.BACKOFF, Code.PROVIDER_UNAVAILABLE) if window() else None
    )


@register_fault(kinds=frozenset({ProviderKind.NO_LOOKUP}), strikes_one_lane=True)
def lingering_call(faults: InstalledFaults) -> None:
    """The provider hangs up early but continues the work, which occupies its slot."""
    trigger, timeout_seconds = faults.create_trigger(4, 8), faults.provider.timeout_seconds

    def build_behavior() -> CallBehavior:
        seconds = faults.random.uniform(2, 9)
        return CallBehavior(
            result=ProviderResult.lost("hung up"),
            work_seconds=seconds,
            lingering_seconds=timeout_seconds * 0.9 - seconds,
        )

    faults.provider.behavior_sources.append(lambda: build_behavior() if trigger() else None)


@register_fault()
def poisoned_photo(faults: InstalledFaults) -> None:
    """A photo, or its result, crashes every worker that opens it."""
    trigger = faults.create_trigger(3, 1)
    poisoned: list[str] = []
    function_name = faults.random.choice(["intake", "render", "deliver"])

    def strike(call: ServiceCall) -> None:
        opened_file = find_opened_file(call)
        if (
            opened_file
            and call.worker_name.startswith(function_name)
            and opened_file in (poisoned or [opened_file])
            and trigger(opened_file)
        ):
            poisoned[:] = [opened_file]
            crash_worker(call)

    faults.world.transport.faults_after.append(strike)


def find_opened_file(call: ServiceCall) -> str:
    """Returns the photo or the result that a worker opens with this call; empty if it opens none.

    Intake opens a photo before it reads the sidecar. For a photo that crashed other workers, it reads only metadata,
    and no sidecar.
    """
    if call.service == "downloads":
        return str(call.request["url"])
    key = str(call.request.get("Key", "")) if call.operation == "get_object" else ""
    is_watched = (
        key.endswith(f"{PHOTO_SUFFIX}.json") if call.worker_name.startswith("intake") else key.endswith(PHOTO_SUFFIX)
    )
    return key if is_watched else ""
