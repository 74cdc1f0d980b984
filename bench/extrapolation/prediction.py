"""What was played, as it is kept beside its page: rows are added by and by, since the large ones take long."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from bench.drain.figures import RunFigures
from bench.drain.measurements import COLD, PHOTOS, WARM, DrainResult
from bench.drain.scenario import Scenario
from bench.extrapolation.aws_timing import ScaledRun
from bench.extrapolation.calibration import calibrate, predict_seconds
from bench.extrapolation.local_timing import MachineCosts
from bench.saved_results import load_result

NAME = "extrapolation"
CALIBRATION = frozenset(one for one in (*WARM, *COLD) if one.photos == PHOTOS[0])
"""The drain's runs of few photos calibrate, all others are held out."""


@dataclass(frozen=True)
class PredictedRun:
    """A run of the bench: the seconds that it took, and those of the simulated world."""

    scenario: Scenario
    measured: float
    predicted: float

    @property
    def error(self) -> float:
        """By how much the world was off, as a share."""
        return self.predicted / self.measured - 1

    @property
    def ideal_error(self) -> float:
        """By how much N·S/C alone would have been."""
        return self.scenario.ideal_seconds / self.measured - 1


@dataclass(frozen=True)
class Prediction:
    """What was fitted, and how near the world comes in runs that it was fitted to and in those that it was not."""

    costs: MachineCosts
    calibration: tuple[PredictedRun, ...]
    held_out: tuple[PredictedRun, ...]


@dataclass(frozen=True)
class Extrapolation:
    """`foresight`: None while no run of the bench is kept."""

    prediction: Prediction | None
    scaled: tuple[ScaledRun, ...]


def predict_runs(runs: Sequence[RunFigures]) -> Prediction:
    """Fit to the runs of few photos, foretell the others."""
    fitted = [one for one in runs if one.scenario in CALIBRATION]
    costs = calibrate(fitted)

    def predict(some: Iterable[RunFigures]) -> tuple[PredictedRun, ...]:
        return tuple(
            PredictedRun(one.scenario, one.measured_seconds, predict_seconds(one.scenario, costs)) for one in some
        )

    return Prediction(costs, predict(fitted), predict(one for one in runs if one not in fitted))


def load_bench_runs() -> list[RunFigures]:
    """What `make bench` kept."""
    drained, held_out = load_result("drain", DrainResult), load_result("held_out", tuple[RunFigures, ...])
    return [*(drained.result.runs if drained else ()), *(held_out.result if held_out else ())]


def replace_row(rows: Sequence[ScaledRun], new: ScaledRun) -> tuple[ScaledRun, ...]:
    """The rows with a new one in the place of its like, in their order."""
    others = [one for one in rows if _row_key(one) != _row_key(new)]
    return tuple(sorted([*others, new], key=_row_key))


def _row_key(one: ScaledRun) -> tuple[Any, ...]:
    return one.limit, one.seconds, one.photos
