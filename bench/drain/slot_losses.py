"""Where the slots' time went: all slot-seconds of a run in which no call was being answered, by cause."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.drain.scenario import Scenario
from bench.reliability import UnreliableMeasurementError

PARTS = 3


@dataclass(frozen=True)
class TimedCall:
    """One answered call in the stand-in's journal: Unix seconds, and the deliberate delay of the response."""

    began: float
    read: float
    ended: float
    latency_seconds: float

    @property
    def upload_seconds(self) -> float:
        return self.read - self.began

    @property
    def standin_overhead_seconds(self) -> float:
        """The stand-in's overhead beyond the requested latency."""
        return self.ended - self.read - self.latency_seconds


@dataclass(frozen=True)
class SlotLosses:
    """Lost slot-seconds. Their sum is C·measured - N·S.

    `before`: until each slot's first call. `between`: between two calls of a slot. `upload`: while a call's bytes are
    sent. `standin`: the stand-in's overhead. `after`: from each slot's last call to the last receipt. `pauses`: the
    mean seconds between two calls of a slot at the run's beginning, middle, and end.
    """

    before: float
    between: float
    upload: float
    standin: float
    after: float
    pauses: tuple[float, ...]


def compute_losses(calls: Sequence[TimedCall], scenario: Scenario, began: float, ended: float) -> SlotLosses:
    """Returns the losses between the first upload (`began`) and the last receipt (`ended`).

    A call takes the slot that has been free for the longest time: the k-th call to start follows the (k - C)-th to end.
    """
    limit = scenario.slots
    if len(calls) < limit:
        raise UnreliableMeasurementError(f"{scenario.name}: {len(calls)} calls never filled {limit} slots")
    starts, ends = sorted(one.began for one in calls), sorted(one.ended for one in calls)
    pauses = [start - end for start, end in zip(starts[limit:], ends, strict=False)]
    return SlotLosses(
        before=sum(start - began for start in starts[:limit]),
        between=sum(pauses),
        upload=sum(one.upload_seconds for one in calls),
        standin=sum(one.standin_overhead_seconds for one in calls),
        after=sum(ended - end for end in ends[-limit:]),
        pauses=tuple(map(_mean, _split(pauses))),
    )


def _split(values: Sequence[float]) -> list[Sequence[float]]:
    """Splits values into beginning, middle, and end."""
    cuts = [len(values) * n // PARTS for n in range(PARTS + 1)]
    return [values[first:last] for first, last in zip(cuts, cuts[1:], strict=False)]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
