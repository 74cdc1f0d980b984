"""How well the provider's slots were used: the seconds that the calls needed, against the seconds that went by."""

from collections.abc import Sequence
from dataclasses import dataclass

type TimedValue = tuple[float, float]
"""From this moment (Unix seconds) on, this value."""
type TimeRange = tuple[float, float]
"""Between these two moments."""


@dataclass(frozen=True)
class SlotUse:
    """`ideal` and `measured` in seconds; `efficiency` is their ratio."""

    ideal_seconds: float
    measured_seconds: float

    @property
    def efficiency(self) -> float:
        return self.ideal_seconds / self.measured_seconds if self.measured_seconds else 0.0


@dataclass(frozen=True)
class SlotHistory:
    """What a run shows of the slots.

    `held`: how many calls had one. `limits`: how many the account allowed. `blocked`: when provider or lane was shut.
    `kept`: how long one slot each had to stay free, since a lost call might hold it still.
    """

    slots_held: Sequence[TimedValue]
    limits: Sequence[TimedValue]
    blocked_ranges: Sequence[TimeRange] = ()
    reserved_ranges: Sequence[TimeRange] = ()


def measure_slot_use(history: SlotHistory, start: float) -> SlotUse:
    """From `start` to the end of the last call.

    The ideal is the time that the same calls take with every slot in use: the slot-seconds, those kept free among
    them, by the limit of their moment, plus the windows in which nothing could be done.
    """
    ended_at = max((at for at, count in history.slots_held if count == 0), default=start)
    boundaries = {at for at, _ in [*history.slots_held, *history.limits]}
    boundaries |= {at for window in [*history.blocked_ranges, *history.reserved_ranges] for at in window}
    moments = sorted({start, ended_at, *(at for at in boundaries if start < at < ended_at)})
    ideal = sum((after - at) * _find_share_used(at, history) for at, after in zip(moments, moments[1:], strict=False))
    return SlotUse(ideal, ended_at - start)


def _find_share_used(moment: float, history: SlotHistory) -> float:
    """Which share of the slots was in use at a moment; all, where nothing could be done."""
    limit = _find_value(moment, history.limits)
    if _count_covering(moment, history.blocked_ranges) or not limit:
        return 1.0
    return min(
        1.0, (_find_value(moment, history.slots_held) + _count_covering(moment, history.reserved_ranges)) / limit
    )


def _count_covering(moment: float, ranges: Sequence[TimeRange]) -> int:
    return sum(begin <= moment < end for begin, end in ranges)


def _find_value(at: float, values: Sequence[TimedValue]) -> float:
    """The value that holds at a moment; 0 before the first."""
    return next((value for moment, value in reversed(values) if moment <= at), 0.0)
