"""What happens to workers: they are killed at any call, time out, or have a wrong clock."""

from datetime import timedelta

from simulation.world.event_loop import NO_SKEW, SimulatedCrash, Worker
from simulation.world.fault_profile.fault_types import InstalledFaults, register_fault
from simulation.world.fault_profile.service_faults import is_paid_call
from simulation.world.transport import ServiceCall, crash_worker

MAX_SKEW_SECONDS = 4.0
MAX_JUMP_SECONDS = 20.0


@register_fault()
def killed_before(faults: InstalledFaults) -> None:
    """A worker is killed before the service gets its call."""
    trigger = faults.create_trigger(40, 80)

    def strike(call: ServiceCall) -> None:
        if call.worker_name and trigger(call):
            crash_worker(call)

    faults.world.transport.faults_before.append(strike)


@register_fault()
def killed_after(faults: InstalledFaults) -> None:
    """A worker is killed when the service has done what was requested."""
    trigger = faults.create_trigger(40, 80)

    def strike(call: ServiceCall) -> None:
        if call.worker_name and trigger(call):
            crash_worker(call)

    faults.world.transport.faults_after.append(strike)


@register_fault(strikes_one_lane=True)
def killed_in_paid_call(faults: InstalledFaults) -> None:
    """A worker is killed while the provider is processing its call."""
    trigger, event_loop, lane = faults.create_trigger(3, 8), faults.world.event_loop, faults.provider.name

    def kill(worker: Worker) -> None:
        if worker in event_loop.workers:
            event_loop.kill_worker(worker, SimulatedCrash("killed in the paid call"))

    def strike(call: ServiceCall) -> None:
        worker = event_loop.current_worker
        if worker and is_paid_call(call, lane) and trigger(call):
            event_loop.call_later(faults.random.uniform(0.1, 8), lambda: kill(worker))

    faults.world.transport.faults_before.append(strike)


@register_fault()
def out_of_time(faults: InstalledFaults) -> None:
    """A worker hangs until Lambda ends it, before or after its call was processed."""
    before, after = faults.create_trigger(40, 100), faults.create_trigger(80, 100)

    def hang(call: ServiceCall, strikes: bool) -> None:
        worker = faults.world.event_loop.current_worker
        if worker and strikes:
            faults.world.clock.sleep((worker.deadline - call.started_at).total_seconds() + 1)

    transport = faults.world.transport
    transport.faults_before.append(lambda call: hang(call, bool(call.worker_name) and before(call)))
    transport.faults_after.append(lambda call: hang(call, bool(call.worker_name) and after(call)))


@register_fault()
def clock_skew(faults: InstalledFaults) -> None:
    """Each worker's clock is some seconds off."""
    trigger = faults.create_trigger(1, 1)

    def skew() -> timedelta:
        if not faults.is_active:
            return NO_SKEW
        trigger.strike()
        return timedelta(seconds=faults.random.uniform(-MAX_SKEW_SECONDS, MAX_SKEW_SECONDS))

    faults.world.lambda_service.choose_clock_skew = skew


@register_fault()
def clock_jump(faults: InstalledFaults) -> None:
    """A worker's clock is set forward or back while it works."""
    trigger = faults.create_trigger(20, 40)

    def strike(call: ServiceCall) -> None:
        worker = faults.world.event_loop.current_worker
        if worker and trigger(call):
            worker.skew += timedelta(seconds=faults.random.uniform(-MAX_JUMP_SECONDS, MAX_JUMP_SECONDS))

    faults.world.transport.faults_before.append(strike)
