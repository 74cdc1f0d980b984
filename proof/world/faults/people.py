"""What people do to a running pipeline: they pause lanes and forget them for a while."""

from proof.world.faults.plan import Faults, Trap, fault
from proof.world.faults.services import is_paid_call
from proof.world.wire import Call

LONGEST_PAUSE_SECONDS = 900.0


@fault(of_lane=True)
def paused_by_person(faults: Faults) -> None:
    """Somebody pauses the lane and resumes it minutes later."""
    pause_now_and_then(faults, faults.trap(3, 40, 2))


def pause_now_and_then(faults: Faults, trap: Trap) -> None:
    """Pause and resume soon after a paid call that the trap chooses."""
    world, lane = faults.world, faults.provider.name

    def strike(call: Call) -> None:
        if is_paid_call(call, lane) and trap():
            seconds = faults.random.uniform(60, LONGEST_PAUSE_SECONDS)
            world.hub.after(faults.random.uniform(0, 20), lambda: world.pause(seconds=seconds, provider=lane))

    world.wire.before.append(strike)
