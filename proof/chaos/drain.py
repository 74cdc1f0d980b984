"""How well the provider's slots were used: the seconds that the calls needed, against the seconds that went by."""

from collections.abc import Sequence
from dataclasses import dataclass

type Step = tuple[float, float]
"""From this moment (Unix seconds) on, this value."""
type Window = tuple[float, float]
"""Between these two moments."""


@dataclass(frozen=True)
class Drain:
    """`ideal` and `measured` in seconds; `efficiency` is their ratio."""

    ideal: float
    measured: float

    @property
    def efficiency(self) -> float:
        return self.ideal / self.measured if self.measured else 0.0


@dataclass(frozen=True)
class Course:
    """What a run shows of the slots.

    `held`: how many calls had one. `limits`: how many the account allowed. `blocked`: when provider or lane was shut.
    `kept`: how long one slot each had to stay free, since a lost call might hold it still.
    """

    held: Sequence[Step]
    limits: Sequence[Step]
    blocked: Sequence[Window] = ()
    kept: Sequence[Window] = ()


def drain(course: Course, start: float) -> Drain:
    """From `start` to the end of the last call.

    The ideal is the time that the same calls take with every slot in use: the slot-seconds, those kept free among
    them, by the limit of their moment, plus the windows in which nothing could be done.
    """
    ended = max((at for at, count in course.held if count == 0), default=start)
    cuts = {at for at, _ in [*course.held, *course.limits]}
    cuts |= {at for window in [*course.blocked, *course.kept] for at in window}
    moments = sorted({start, ended, *(at for at in cuts if start < at < ended)})
    ideal = sum((after - at) * _use(at, course) for at, after in zip(moments, moments[1:], strict=False))
    return Drain(ideal, ended - start)


def _use(at: float, course: Course) -> float:
    """Which share of the slots was in use at a moment; all, where nothing could be done."""
    limit = _value(at, course.limits)
    if _covering(at, course.blocked) or not limit:
        return 1.0
    return min(1.0, (_value(at, course.held) + _covering(at, course.kept)) / limit)


def _covering(at: float, windows: Sequence[Window]) -> int:
    return sum(begin <= at < end for begin, end in windows)


def _value(at: float, steps: Sequence[Step]) -> float:
    """The value that holds at a moment; 0 before the first."""
    return next((value for moment, value in reversed(steps) if moment <= at), 0.0)
