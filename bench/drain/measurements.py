"""The parts of `make bench` that drain photos: how close to N·S/C, and how other systems compare."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from backdrop_local import cloud
from bench.cpu_usage import measure_cpu
from bench.drain.baseline import measure_baseline
from bench.drain.figures import RunFigures, check_run, compute_figures
from bench.drain.harness import PARAMETERS, DrainHarness
from bench.drain.naive_pipeline import NaivePipeline
from bench.drain.scenario import Scenario
from bench.drain.single_photo import SinglePhoto, measure_single_photo
from bench.reliability import NoisyMachineError, UnreliableMeasurementError, check_faults, check_machine, check_spread
from bench.temporary_home import temporary_home
from fault_bench.bench_run import find_fast_folder
from fault_bench.faulted_run import NotDrainedError

LIMITS, SECONDS, PHOTOS = (5, 10), (1.0, 4.0), (100, 300)
WARM = tuple(Scenario(n, c, s) for n in PHOTOS for s in SECONDS for c in LIMITS)
# With fewer slots, fewer workers start. Omitted to save time.
COLD = tuple(replace(one, cold=True) for one in WARM if one.limit == max(LIMITS))
LARGE = Scenario(1000, 10, 4.0)
REPEATED = Scenario(100, 10, 1.0)
REPEATS = 3
COMPARED = Scenario(100, 10, 4.0)
HELD_OUT = (Scenario(100, 8, 2.0), Scenario(60, 10, 4.0, account_limit=5))
SHORT_SECONDS = 60
"""A run of at most this duration is repeated once if other programs used the machine."""


@dataclass(frozen=True)
class DrainResult:
    """A single photo, all runs that can be reported, and the efficiencies of one scenario's repeats.

    `refused`: why the other runs are not reported.
    """

    single_photo: SinglePhoto
    runs: tuple[RunFigures, ...]
    repeated: Scenario
    repeats: tuple[float, ...]
    refused: tuple[str, ...] = ()


@dataclass(frozen=True)
class ComparisonResult:
    """Seconds for the same photos. `ratios`: Backdrop's time divided by the baseline's, in repeats of `repeated`."""

    scenario: Scenario
    backdrop: float
    baseline: float
    naive: float
    first_result_seconds: float
    repeated: Scenario
    ratios: tuple[float, ...]


@contextmanager
def open_harness() -> Generator[DrainHarness]:
    """Yields a harness with a local cloud that runs for the duration of the block."""
    with temporary_home(find_fast_folder()) as home:
        yield DrainHarness(cloud.up(home, PARAMETERS, print, build=False, standin_options=["--prepared"]))


def measure_drain() -> DrainResult:
    """Measures warm, cold, and large runs."""
    with open_harness() as harness:
        repeated = [measure_scenario(harness, REPEATED) for _ in range(REPEATS)]
        repeats = tuple(one.efficiency for one in repeated)
        check_spread(f"{REPEATED.name}, efficiency", repeats)
        single = measure_single_photo(harness)
        runs, refused = [repeated[-1]], list[str]()
        for scenario in (*WARM, *COLD, LARGE):
            if scenario != REPEATED:
                try:
                    runs.append(measure_scenario(harness, scenario))
                except (UnreliableMeasurementError, NotDrainedError) as error:
                    print(f"not reported: {error}", flush=True)
                    refused.append(str(error))
    return DrainResult(single, tuple(runs), REPEATED, repeats, tuple(refused))


def measure_held_out() -> tuple[RunFigures, ...]:
    """Measures runs that are not used for calibration: other sizes, and an account with half the configured limit."""
    with open_harness() as harness:
        return tuple(measure_scenario(harness, scenario) for scenario in HELD_OUT)


def measure_comparison() -> ComparisonResult:
    """Measures Backdrop, the baseline, and the naive pipeline, one after another on the same cloud."""
    with open_harness() as harness:
        ratios = [
            measure_scenario(harness, REPEATED).measured_seconds / measure_quiet_baseline(harness, REPEATED)
            for _ in range(REPEATS)
        ]
        check_spread(f"{REPEATED.name}, time by the bare script's", ratios)
        ours, script = measure_scenario(harness, COMPARED), measure_quiet_baseline(harness, COMPARED)
        naive = NaivePipeline(harness.running, COMPARED.limit).measure(COMPARED)
    first = ours.first_result_seconds
    return ComparisonResult(COMPARED, ours.measured_seconds, script, naive, first, REPEATED, tuple(ratios))


def measure_quiet_baseline(harness: DrainHarness, scenario: Scenario) -> float:
    """Returns the seconds of the baseline's run, which must pass the same checks as Backdrop's.

    Raises:
        UnreliableMeasurementError: it cannot be reported.
    """
    before, began = measure_cpu(harness.running), time.monotonic()
    seconds = measure_baseline(harness.standin, scenario)
    share = measure_cpu(harness.running).since(before).other_programs_share(time.monotonic() - began)
    check_machine(f"{scenario.name}, bare", share)
    check_faults(f"{scenario.name}, bare", harness.standin.read_log().problems)
    return seconds


def measure_scenario(harness: DrainHarness, scenario: Scenario, *, retry: bool = True) -> RunFigures:
    """Returns one run that can be reported. Repeats a short run once if other programs used the machine.

    Raises:
        UnreliableMeasurementError: it cannot be reported.
    """
    run = harness.run_scenario(scenario)
    figures = compute_figures(run)
    print(f"{scenario.name}: {figures.efficiency:.1%} of the ideal, {figures.call_share:.1%} in the call", flush=True)
    try:
        check_run(run, figures)
    except NoisyMachineError as error:
        if not retry or scenario.ideal_seconds > SHORT_SECONDS:
            raise
        print(f"again: {error}")
        return measure_scenario(harness, scenario, retry=False)
    return figures
