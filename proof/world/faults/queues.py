"""What queues, notifications and schedules may do: late, twice, in any order, too early, or not at all."""

from collections.abc import Callable

from proof.world.faults.people import pause_now_and_then
from proof.world.faults.plan import Faults, Trap, fault
from proof.world.sns import envelope
from proof.world.sqs import Line, Message

LATEST_EVENT_SECONDS = 90.0
LATEST_COPY_SECONDS = 400.0
Delays = Callable[[list[float]], list[float]]


@fault()
def duplicate_message(faults: Faults) -> None:
    """A message comes twice."""
    _change(faults, faults.trap(5, 6), lambda delays: [*delays, *delays])


@fault()
def reordered_message(faults: Faults) -> None:
    """A message comes after others that were sent later."""
    _change(faults, faults.trap(4, 5), lambda delays: [one + faults.random.uniform(1, 30) for one in delays])


@fault()
def early_redelivery(faults: Faults) -> None:
    """A message is handed out again while somebody is at work on it."""
    trap = faults.trap(5, 8)
    sqs, hub = faults.world.sqs, faults.world.hub

    def show(line: Line, message: Message, handle: str) -> None:
        if message in line.messages and message.receipt_handle == handle:
            sqs.show_again(line, message, faults.world.clock.time)

    def strike(line: Line, message: Message) -> None:
        if line is not faults.world.dead_letters and trap(message.id):
            handle = message.receipt_handle
            hub.after(faults.random.uniform(0.1, 15), lambda: show(line, message, handle))

    sqs.received.append(strike)


@fault(slow=True, of_lane=True)
def expired_message(faults: Faults) -> None:
    """A job's message is gone, as when its lane's retention is over."""
    _change(faults, faults.trap(4, 8), lambda _: [], only=faults.provider.name)


@fault()
def lost_event(faults: Faults) -> None:
    """S3 never tells of a file that was written."""
    trap = faults.trap(3, 6)
    faults.world.event_delays.append(lambda body, delays: [] if "ObjectCreated" in body and trap() else delays)


@fault()
def late_event(faults: Faults) -> None:
    """S3 tells of a file a minute later, after others."""
    trap = faults.trap(3, 4)
    faults.world.event_delays.append(
        lambda _, delays: [one + faults.random.uniform(5, LATEST_EVENT_SECONDS) for one in delays] if trap() else delays
    )


@fault()
def double_event(faults: Faults) -> None:
    """S3 tells of a file again, minutes later."""
    trap = faults.trap(3, 4)
    faults.world.event_delays.append(
        lambda _, delays: [*delays, faults.random.uniform(1, LATEST_COPY_SECONDS)] if trap() else delays
    )


@fault()
def fanned_out_event(faults: Faults) -> None:
    """S3 notifies the queue through an SNS topic, whose envelope holds the notification."""
    trap = faults.trap(2, 3)
    faults.world.event_bodies.append(lambda body: envelope(body) if trap() else body)


@fault()
def double_tick(faults: Faults) -> None:
    """A schedule invokes its function twice at the same moment."""
    trap = faults.trap(1, 2)
    faults.world.functions.ticks = lambda: 2 if trap() else 1


@fault()
def slow_mapping(faults: Faults) -> None:
    """A lane is paused; its mapping goes on for a while, and takes its time when it is switched on again."""
    trap = faults.trap(1, 1)
    faults.world.functions.switching_seconds = lambda: faults.random.uniform(5, 60) if trap() else 0.0
    pause_now_and_then(faults, faults.quiet_trap(3, 40, 2))


def _change(faults: Faults, trap: Trap, change: Delays, only: str = "") -> None:
    def arrive(line: Line, delays: list[float]) -> list[float]:
        ours = line.name == only if only else line is not faults.world.dead_letters
        return change(delays) if ours and trap(line.name) else delays

    faults.world.sqs.sending.append(arrive)
