"""What was played, as it is kept beside its page: rows are added by and by, since the large ones take long."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from bench.beyond.aws import Scaled
from bench.beyond.calibrate import calibrated, foretold
from bench.beyond.machine import Costs
from bench.drain.figures import Figures
from bench.drain.parts import COLD, PHOTOS, WARM, Drained
from bench.drain.scenario import Scenario
from bench.keep import kept

NAME = "beyond"
CALIBRATION = frozenset(one for one in (*WARM, *COLD) if one.photos == PHOTOS[0])
"""The drain's runs of few photos calibrate, all others are held out."""


@dataclass(frozen=True)
class Foretold:
    """A run of the bench: the seconds that it took, and those of the simulated world."""

    scenario: Scenario
    measured: float
    foretold: float

    @property
    def off(self) -> float:
        """By how much the world was off, as a share."""
        return self.foretold / self.measured - 1

    @property
    def ideal_off(self) -> float:
        """By how much N·S/C alone would have been."""
        return self.scenario.ideal_seconds / self.measured - 1


@dataclass(frozen=True)
class Foresight:
    """What was fitted, and how near the world comes in runs that it was fitted to and in those that it was not."""

    costs: Costs
    calibration: tuple[Foretold, ...]
    held_out: tuple[Foretold, ...]


@dataclass(frozen=True)
class Beyond:
    """`foresight`: None while no run of the bench is kept."""

    foresight: Foresight | None
    scaled: tuple[Scaled, ...]


def foresee(runs: Sequence[Figures]) -> Foresight:
    """Fit to the runs of few photos, foretell the others."""
    fitted = [one for one in runs if one.scenario in CALIBRATION]
    costs = calibrated(fitted)

    def told(some: Iterable[Figures]) -> tuple[Foretold, ...]:
        return tuple(Foretold(one.scenario, one.measured_seconds, foretold(one.scenario, costs)) for one in some)

    return Foresight(costs, told(fitted), told(one for one in runs if one not in fitted))


def runs_of_the_bench() -> list[Figures]:
    """What `make bench` kept."""
    drained, held_out = kept("drain", Drained), kept("held_out", tuple[Figures, ...])
    return [*(drained.found.runs if drained else ()), *(held_out.found if held_out else ())]


def with_row(rows: Sequence[Scaled], new: Scaled) -> tuple[Scaled, ...]:
    """The rows with a new one in the place of its like, in their order."""
    others = [one for one in rows if _like(one) != _like(new)]
    return tuple(sorted([*others, new], key=_like))


def _like(one: Scaled) -> tuple[Any, ...]:
    return one.limit, one.seconds, one.photos
