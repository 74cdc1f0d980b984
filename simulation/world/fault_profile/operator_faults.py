"""What operators do to a running pipeline: they pause lanes and resume them later."""

from simulation.world.fault_profile.fault_types import FaultTrigger, InstalledFaults, register_fault
from simulation.world.fault_profile.service_faults import is_paid_call
from simulation.world.transport import ServiceCall

MAX_PAUSE_SECONDS = 900.0


@register_fault(strikes_one_lane=True)
def paused_by_person(faults: InstalledFaults) -> None:
    """An operator pauses the lane and resumes it minutes later."""
    pause_occasionally(faults, faults.create_trigger(3, 40, 2))


def pause_occasionally(faults: InstalledFaults, trigger: FaultTrigger) -> None:
    """Pauses the lane soon after a paid call that the trigger chooses, and resumes it later."""
    world, lane = faults.world, faults.provider.name

    def strike(call: ServiceCall) -> None:
        if is_paid_call(call, lane) and trigger():
            seconds = faults.random.uniform(60, MAX_PAUSE_SECONDS)
            world.event_loop.call_later(
                faults.random.uniform(0, 20), lambda: world.pause_lane(seconds=seconds, provider=lane)
            )

    world.transport.faults_before.append(strike)
