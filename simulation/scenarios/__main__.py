"""Runs seeds: `python -m simulation.scenarios --seeds 500`. The exit code is 1 if a promise was broken."""

import argparse
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console

from backdrop_cli.errors import EXIT_INTERRUPTED
from simulation.scenarios.seed_runner import run_seeds
from simulation.scenarios.seed_statistics import SeedStatistics, build_tables, format_page
from simulation.scenarios.shrink import shrink
from simulation.scenarios.simulation_plan import SimulationPlan, draw_plan
from simulation.scenarios.simulation_run import Simulation, SimulationResult
from simulation.world.fault_profile import FAULT_TYPES

MAX_HISTORY_LINES = 4000


def main() -> int:
    """Runs the seeds, and prints the figures and the failures."""
    options, console = _parse_options(), Console(soft_wrap=True, highlight=False)
    if options.seed is not None:
        return _run_single_seed(
            draw_plan(options.seed, options.faults, options.kind), console, should_shrink=options.shrink
        )
    statistics, started = SeedStatistics(), time.monotonic()
    seeds = range(options.first, options.first + options.seeds)
    for run in run_seeds(seeds, options.faults, options.kind, options.processes):
        statistics.add_result(run)
        if run.broken_invariants or run.error:
            _print_failure(run, console)
    statistics.wall_seconds = time.monotonic() - started
    for table in build_tables(statistics):
        console.print(table)
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(format_page(statistics, options.first))
    return _print_verdict(statistics, console)


def _print_failure(run: SimulationResult, console: Console) -> None:
    messages = [f"call {call}: {violation}" for call, violation in run.violations] or run.error.strip().splitlines()[
        -1:
    ]
    console.print(f"seed {run.plan.seed}, {messages[0]}", style="red", markup=False)
    console.print(f"  to see its history: make simulate SEED={run.plan.seed}", markup=False)


def _run_single_seed(plan: SimulationPlan, console: Console, *, should_shrink: bool) -> int:
    """Runs one seed, and prints its plan and its history."""
    simulation = Simulation(plan)
    run = simulation.run()
    if should_shrink and run.broken_invariants:
        simulation = Simulation(shrink(plan, run.broken_invariants[0]))
        run = simulation.run()
    _print_lines(console, run.plan.format_lines())
    _print_lines(console, simulation.world.format_history()[-MAX_HISTORY_LINES:])
    for call, violation in run.violations:
        console.print(f"call {call}: {violation}", style="red", markup=False)
    if not run.broken_invariants:
        console.print("every promise was kept", style="green")
    console.print(
        f"{run.call_count} calls, {run.simulated_seconds:.0f} simulated seconds, "
        f"history {simulation.hash_history()[:16]}"
    )
    return int(bool(run.broken_invariants))


def _print_lines(console: Console, lines: Iterable[str]) -> None:
    for line in lines:
        console.print(line, markup=False)


def _print_verdict(statistics: SeedStatistics, console: Console) -> int:
    if statistics.violations_by_seed:
        console.print(
            f"{len(statistics.violations_by_seed)} of {statistics.seed_count} seeds broke a promise", style="red"
        )
    elif not statistics.list_unfired_faults():
        console.print("every promise was kept", style="green")
    for name in statistics.list_unfired_faults():
        console.print(f"{name}: planned, but never struck", style="red")
    return int(bool(statistics.violations_by_seed or statistics.list_unfired_faults()))


def _parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m simulation.scenarios", description=__doc__)
    parser.add_argument("--seeds", type=int, default=500, help="how many seeds to run")
    parser.add_argument("--first", type=int, default=0, help="the first seed to run")
    parser.add_argument("--seed", type=int, help="run only this seed, and print its history")
    parser.add_argument(
        "--shrink",
        action="store_true",
        help="with --seed: leave out the faults and actions that the failure does not need",
    )
    parser.add_argument(
        "--faults",
        type=_parse_fault_names,
        help="use these faults, separated by commas, instead of those that the seed draws",
    )
    parser.add_argument("--kind", default="", help="the kind of provider: unaskable, acknowledged, or own_id")
    parser.add_argument("--processes", type=int, default=2, help="how many processes to use")
    parser.add_argument("--out", type=Path, help="write a page with the results to this file")
    return parser.parse_args()


def _parse_fault_names(text: str) -> tuple[str, ...]:
    names = tuple(name for name in text.split(",") if name)
    unknown = [name for name in names if name not in FAULT_TYPES]
    if unknown:
        raise argparse.ArgumentTypeError(
            f"unknown faults: {', '.join(unknown)}. Choose from {', '.join(sorted(FAULT_TYPES))}."
        )
    return names


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
