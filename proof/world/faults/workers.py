"""What happens to workers: killed at any step, run out of time, or with a clock that is wrong."""

from datetime import timedelta

from proof.world.faults.plan import Faults, fault
from proof.world.faults.services import is_paid_call
from proof.world.hub import NO_SKEW, SimulatedCrash, Worker
from proof.world.wire import Call, die

SKEW_SECONDS = 4.0
JUMP_SECONDS = 20.0


@fault()
def killed_before(faults: Faults) -> None:
    """A worker dies before a service hears of its call."""
    trap = faults.trap(40, 80)

    def strike(call: Call) -> None:
        if call.worker and trap(call):
            die(call)

    faults.world.wire.before.append(strike)


@fault()
def killed_after(faults: Faults) -> None:
    """A worker dies when a service has done what it was asked."""
    trap = faults.trap(40, 80)

    def strike(call: Call) -> None:
        if call.worker and trap(call):
            die(call)

    faults.world.wire.after.append(strike)


@fault(of_lane=True)
def killed_in_paid_call(faults: Faults) -> None:
    """A worker dies while the provider is at work for it."""
    trap, hub, lane = faults.trap(3, 8), faults.world.hub, faults.provider.name

    def kill(worker: Worker) -> None:
        if worker in hub.workers:
            hub.kill(worker, SimulatedCrash("killed in the paid call"))

    def strike(call: Call) -> None:
        worker = hub.worker
        if worker and is_paid_call(call, lane) and trap(call):
            hub.after(faults.random.uniform(0.1, 8), lambda: kill(worker))

    faults.world.wire.before.append(strike)


@fault()
def out_of_time(faults: Faults) -> None:
    """A worker hangs until Lambda ends it, with its call done or not."""
    before, after = faults.trap(40, 100), faults.trap(80, 100)

    def hang(call: Call, strikes: bool) -> None:
        worker = faults.world.hub.worker
        if worker and strikes:
            faults.world.clock.sleep((worker.deadline - call.at).total_seconds() + 1)

    wire = faults.world.wire
    wire.before.append(lambda call: hang(call, bool(call.worker) and before(call)))
    wire.after.append(lambda call: hang(call, bool(call.worker) and after(call)))


@fault()
def clock_skew(faults: Faults) -> None:
    """Each worker's clock is some seconds off."""
    trap = faults.trap(1, 1)

    def skew() -> timedelta:
        if not faults.active:
            return NO_SKEW
        trap.strike()
        return timedelta(seconds=faults.random.uniform(-SKEW_SECONDS, SKEW_SECONDS))

    faults.world.functions.skew = skew


@fault()
def clock_jump(faults: Faults) -> None:
    """A worker's clock is set forward or back while it works."""
    trap = faults.trap(20, 40)

    def strike(call: Call) -> None:
        worker = faults.world.hub.worker
        if worker and trap(call):
            worker.skew += timedelta(seconds=faults.random.uniform(-JUMP_SECONDS, JUMP_SECONDS))

    faults.world.wire.before.append(strike)
