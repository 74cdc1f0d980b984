"""Predictions and simulated rows, saved next to their page. Rows are added one at a time: large ones take long."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from bench.drain.figures import RunFigures
from bench.drain.measurements import COLD, PHOTOS, WARM, DrainResult
from bench.drain.scenario import Scenario
from bench.extrapolation.aws_timing import ScaledRun
from bench.extrapolation.calibration import calibrate, predict_seconds
from bench.extrapolation.faulty_folder import FaultyRun
from bench.extrapolation.local_timing import MachineCosts
from bench.saved_results import load_result

NAME = "extrapolation"
CALIBRATION = frozenset(one for one in (*WARM, *COLD) if one.photos == PHOTOS[0])
"""The drain's runs with few photos, which are used for calibration. All others are held out."""


@dataclass(frozen=True)
class PredictedRun:
    """A run of the bench: its measured seconds, and those of the simulated world."""

    scenario: Scenario
    measured: float
    predicted: float

    @property
    def error(self) -> float:
        """The relative error of the simulated world."""
        return self.predicted / self.measured - 1

    @property
    def ideal_error(self) -> float:
        """The relative error of N·S/C alone."""
        return self.scenario.ideal_seconds / self.measured - 1


@dataclass(frozen=True)
class Prediction:
    """The fitted costs, and the predictions for the runs used in the fit and for the held-out runs."""

    costs: MachineCosts
    calibration: tuple[PredictedRun, ...]
    held_out: tuple[PredictedRun, ...]


@dataclass(frozen=True)
class Extrapolation:
    """The content of the page. `prediction`: None if no run of the bench is saved. `faulty`: the run with faults."""

    prediction: Prediction | None
    scaled: tuple[ScaledRun, ...]
    faulty: FaultyRun | None = None


def predict_runs(runs: Sequence[RunFigures]) -> Prediction:
    """Fits the costs to the runs with few photos, and predicts the others."""
    fitted = [one for one in runs if one.scenario in CALIBRATION]
    costs = calibrate(fitted)

    def predict(some: Iterable[RunFigures]) -> tuple[PredictedRun, ...]:
        return tuple(
            PredictedRun(one.scenario, one.measured_seconds, predict_seconds(one.scenario, costs)) for one in some
        )

    return Prediction(costs, predict(fitted), predict(one for one in runs if one not in fitted))


def load_bench_runs() -> list[RunFigures]:
    """Returns the runs that `make bench` saved."""
    drained, held_out = load_result("drain", DrainResult), load_result("held_out", tuple[RunFigures, ...])
    return [*(drained.result.runs if drained else ()), *(held_out.result if held_out else ())]


def replace_row(rows: Sequence[ScaledRun], new: ScaledRun) -> tuple[ScaledRun, ...]:
    """Returns the sorted rows, in which the new row replaces the one with the same parameters."""
    others = [one for one in rows if _row_key(one) != _row_key(new)]
    return tuple(sorted([*others, new], key=_row_key))


def _row_key(one: ScaledRun) -> tuple[Any, ...]:
    return one.has_mandate, one.limit, one.seconds, one.photos
