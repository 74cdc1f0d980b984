"""What queues, notifications, and schedules may do: be late, repeated, out of order, too early, or lost."""

from collections.abc import Callable

from simulation.world.fault_profile.fault_types import FaultTrigger, InstalledFaults, register_fault
from simulation.world.fault_profile.operator_faults import pause_occasionally
from simulation.world.simulated_sqs import SimulatedMessage, SimulatedQueue
from simulation.world.sns_envelope import wrap_in_envelope

MAX_EVENT_DELAY_SECONDS = 90.0
MAX_COPY_DELAY_SECONDS = 400.0
DelayFunction = Callable[[list[float]], list[float]]


@register_fault()
def duplicate_message(faults: InstalledFaults) -> None:
    """A message is delivered twice."""
    _change_delays(faults, faults.create_trigger(5, 6), lambda delays: [*delays, *delays])


@register_fault()
def reordered_message(faults: InstalledFaults) -> None:
    """A message is delivered after others that were sent later."""
    _change_delays(
        faults, faults.create_trigger(4, 5), lambda delays: [delay + faults.random.uniform(1, 30) for delay in delays]
    )


@register_fault()
def early_redelivery(faults: InstalledFaults) -> None:
    """A message is delivered again while a worker is processing it."""
    trigger = faults.create_trigger(5, 8)
    sqs, event_loop = faults.world.sqs, faults.world.event_loop

    def make_visible(queue: SimulatedQueue, message: SimulatedMessage, handle: str) -> None:
        if message in queue.messages and message.receipt_handle == handle:
            sqs.make_visible(queue, message, faults.world.clock.time)

    def strike(queue: SimulatedQueue, message: SimulatedMessage) -> None:
        if queue is not faults.world.dead_letter_queue and trigger(message.id):
            handle = message.receipt_handle
            event_loop.call_later(faults.random.uniform(0.1, 15), lambda: make_visible(queue, message, handle))

    sqs.receive_listeners.append(strike)


@register_fault(lasts_for_days=True, strikes_one_lane=True)
def expired_message(faults: InstalledFaults) -> None:
    """A job's message is gone, as if its lane's retention had ended."""
    _change_delays(faults, faults.create_trigger(4, 8), lambda _: [], queue_name=faults.provider.name)


@register_fault()
def lost_event(faults: InstalledFaults) -> None:
    """S3 never sends the event of a file."""
    trigger = faults.create_trigger(3, 6)
    faults.world.event_delay_changes.append(
        lambda body, delays: [] if "ObjectCreated" in body and trigger() else delays
    )


@register_fault()
def late_event(faults: InstalledFaults) -> None:
    """S3 sends the event of a file a minute late, after others."""
    trigger = faults.create_trigger(3, 4)
    faults.world.event_delay_changes.append(
        lambda _, delays: (
            [delay + faults.random.uniform(5, MAX_EVENT_DELAY_SECONDS) for delay in delays] if trigger() else delays
        )
    )


@register_fault()
def double_event(faults: InstalledFaults) -> None:
    """S3 sends the event of a file again, minutes later."""
    trigger = faults.create_trigger(3, 4)
    faults.world.event_delay_changes.append(
        lambda _, delays: [*delays, faults.random.uniform(1, MAX_COPY_DELAY_SECONDS)] if trigger() else delays
    )


@register_fault()
def fanned_out_event(faults: InstalledFaults) -> None:
    """S3 notifies the queue through an SNS topic, whose envelope contains the notification."""
    trigger = faults.create_trigger(2, 3)
    faults.world.event_body_changes.append(lambda body: wrap_in_envelope(body) if trigger() else body)


@register_fault()
def double_tick(faults: InstalledFaults) -> None:
    """A schedule invokes its function twice at the same moment."""
    trigger = faults.create_trigger(1, 2)
    faults.world.lambda_service.count_ticks = lambda: 2 if trigger() else 1


@register_fault()
def slow_mapping(faults: InstalledFaults) -> None:
    """A lane is paused; its mapping is slow to switch off, and slow to switch on again."""
    trigger = faults.create_trigger(1, 1)
    faults.world.lambda_service.choose_mapping_delay = lambda: faults.random.uniform(5, 60) if trigger() else 0.0
    pause_occasionally(faults, faults.create_uncounted_trigger(3, 40, 2))


def _change_delays(
    faults: InstalledFaults, trigger: FaultTrigger, change_delays: DelayFunction, queue_name: str = ""
) -> None:
    def choose_delays(queue: SimulatedQueue, delays: list[float]) -> list[float]:
        applies = queue.name == queue_name if queue_name else queue is not faults.world.dead_letter_queue
        return change_delays(delays) if applies and trigger(queue.name) else delays

    faults.world.sqs.delay_changes.append(choose_delays)
