"""The two parts of `make bench` that drain photos: how near to N·S/C, and what others need for the same photos."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from backdrop_local import cloud
from bench.drain.alone import Alone, alone
from bench.drain.bare import drained
from bench.drain.figures import Figures, check, figures
from bench.drain.ground import PARAMETERS, Ground
from bench.drain.naive import Naive
from bench.drain.scenario import Scenario
from bench.passing import passing_home
from bench.processors import used
from bench.refusals import NoisyError, RefusedError, check_faults, check_machine, check_spread
from fault_bench.bench_run import find_fast_folder
from fault_bench.faulted_run import NotDrainedError

LIMITS, SECONDS, PHOTOS = (5, 10), (1.0, 4.0), (100, 300)
WARM = tuple(Scenario(n, c, s) for n in PHOTOS for s in SECONDS for c in LIMITS)
# With fewer slots fewer workers start: left out for the time that it takes.
COLD = tuple(replace(one, cold=True) for one in WARM if one.limit == max(LIMITS))
LARGE = Scenario(1000, 10, 4.0)
REPEATED = Scenario(100, 10, 1.0)
REPEATS = 3
BESIDE = Scenario(100, 10, 4.0)
HELD_OUT = (Scenario(100, 8, 2.0), Scenario(60, 10, 4.0, account=5))
SHORT_SECONDS = 60
"""What takes no longer is tried once more where the machine was not the bench's own."""


@dataclass(frozen=True)
class Drained:
    """A photo alone, all runs that may be reported, and the efficiencies of one scenario's repeats.

    `refused`: why the other runs are not reported.
    """

    alone: Alone
    runs: tuple[Figures, ...]
    repeated: Scenario
    repeats: tuple[float, ...]
    refused: tuple[str, ...] = ()


@dataclass(frozen=True)
class Beside:
    """Seconds for the same photos; `ratios`: Backdrop's by the bare script's, again and again for `repeated`."""

    scenario: Scenario
    backdrop: float
    bare: float
    naive: float
    first_result_seconds: float
    repeated: Scenario
    ratios: tuple[float, ...]


@contextmanager
def ground() -> Generator[Ground]:
    """A cloud for the length of the block."""
    with passing_home(find_fast_folder()) as home:
        yield Ground(cloud.up(home, PARAMETERS, print, build=False, standin_options=["--prepared"]))


def measure_drain() -> Drained:
    """Warm, cold, and large."""
    with ground() as place:
        repeated = [played(place, REPEATED) for _ in range(REPEATS)]
        repeats = tuple(one.efficiency for one in repeated)
        check_spread(f"{REPEATED.name}, efficiency", repeats)
        single = alone(place)
        runs, refused = [repeated[-1]], list[str]()
        for scenario in (*WARM, *COLD, LARGE):
            if scenario != REPEATED:
                try:
                    runs.append(played(place, scenario))
                except (RefusedError, NotDrainedError) as error:
                    print(f"not reported: {error}", flush=True)
                    refused.append(str(error))
    return Drained(single, tuple(runs), REPEATED, repeats, tuple(refused))


def measure_held_out() -> tuple[Figures, ...]:
    """Runs that nobody is calibrated on: other sizes, and an account that is half of what it was said to be."""
    with ground() as place:
        return tuple(played(place, scenario) for scenario in HELD_OUT)


def measure_beside() -> Beside:
    """Backdrop, the bare script and the naive pipeline, one after the other on the same cloud."""
    with ground() as place:
        ratios = [played(place, REPEATED).measured_seconds / bare(place, REPEATED) for _ in range(REPEATS)]
        check_spread(f"{REPEATED.name}, time by the bare script's", ratios)
        ours, script = played(place, BESIDE), bare(place, BESIDE)
        naive = Naive(place.running, BESIDE.limit).drained(BESIDE)
    first = ours.first_result_seconds
    return Beside(BESIDE, ours.measured_seconds, script, naive, first, REPEATED, tuple(ratios))


def bare(place: Ground, scenario: Scenario) -> float:
    """Seconds of the bare script's run, which must be as quiet as ours.

    Raises:
        RefusedError: it may not be reported.
    """
    before, began = used(place.running), time.monotonic()
    seconds = drained(place.standin, scenario)
    share = used(place.running).since(before).foreign_share(time.monotonic() - began)
    check_machine(f"{scenario.name}, bare", share)
    check_faults(f"{scenario.name}, bare", place.standin.seen().troubles)
    return seconds


def played(place: Ground, scenario: Scenario, *, again: bool = True) -> Figures:
    """One run that may be reported; a short one once more where the machine was not the bench's own.

    Raises:
        RefusedError: it may not be reported.
    """
    run = place.play(scenario)
    found = figures(run)
    print(f"{scenario.name}: {found.efficiency:.1%} of the ideal, {found.call_share:.1%} in the call", flush=True)
    try:
        check(run, found)
    except NoisyError as error:
        if not again or scenario.ideal_seconds > SHORT_SECONDS:
            raise
        print(f"again: {error}")
        return played(place, scenario, again=False)
    return found
