"""How well the provider's slots were used: the seconds that the calls needed, compared with the seconds that passed."""

from collections.abc import Sequence
from dataclasses import dataclass

type TimedValue = tuple[float, float]
"""A time (Unix seconds), and the value from then on."""
type TimeRange = tuple[float, float]
"""A start and an end time (Unix seconds)."""


@dataclass(frozen=True)
class SlotUse:
    """`efficiency` is the ratio of ideal to measured seconds."""

    ideal_seconds: float
    measured_seconds: float

    @property
    def efficiency(self) -> float:
        return self.ideal_seconds / self.measured_seconds if self.measured_seconds else 0.0


@dataclass(frozen=True)
class SlotHistory:
    """The slots during a run.

    `slots_held`: how many were occupied. `limits`: how many the account allowed. `blocked_ranges`: when the provider or
    the lane was stopped. `reserved_ranges`: for each lost call, when one slot had to stay free because the call might
    still occupy it.
    """

    slots_held: Sequence[TimedValue]
    limits: Sequence[TimedValue]
    blocked_ranges: Sequence[TimeRange] = ()
    reserved_ranges: Sequence[TimeRange] = ()


def measure_slot_use(history: SlotHistory, start: float) -> SlotUse:
    """Measures from `start` to the end of the last call.

    The ideal is the time that the same calls take if every slot is in use: the occupied and reserved slot-seconds,
    divided by the limit at the time, plus the ranges in which no call was possible.
    """
    ended_at = max((at for at, count in history.slots_held if count == 0), default=start)
    boundaries = {at for at, _ in [*history.slots_held, *history.limits]}
    boundaries |= {at for window in [*history.blocked_ranges, *history.reserved_ranges] for at in window}
    moments = sorted({start, ended_at, *(at for at in boundaries if start < at < ended_at)})
    ideal = sum((after - at) * _find_share_used(at, history) for at, after in zip(moments, moments[1:], strict=False))
    return SlotUse(ideal, ended_at - start)


def _find_share_used(moment: float, history: SlotHistory) -> float:
    """Returns the share of the slots that was in use at a moment; 1 if no call was possible."""
    limit = _find_value(moment, history.limits)
    if _count_covering(moment, history.blocked_ranges) or not limit:
        return 1.0
    return min(
        1.0, (_find_value(moment, history.slots_held) + _count_covering(moment, history.reserved_ranges)) / limit
    )


def _count_covering(moment: float, ranges: Sequence[TimeRange]) -> int:
    return sum(begin <= moment < end for begin, end in ranges)


def _find_value(at: float, values: Sequence[TimedValue]) -> float:
    """Returns the value at a moment; 0 before the first."""
    return next((value for moment, value in reversed(values) if moment <= at), 0.0)
