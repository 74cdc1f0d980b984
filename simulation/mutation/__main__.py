"""Runs the mutants: `python -m simulation.mutation`. The exit code is 1 if a mutant survives.

`check`, `nodes`, `show`, `rename`, and `accept` work on the addresses at which mutants change the product.
"""

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rich.console import Console

from simulation.mutation.address_records import (
    accept_proposals,
    find_mismatches,
    format_report,
    list_orphaned_survivors,
    rename_addresses,
)
from simulation.mutation.condition_mutants import ConditionResult, hunt_conditions, read_killers, write_killers
from simulation.mutation.guards import MUTANTS, read_killing_seeds, write_killing_seeds
from simulation.mutation.mutant import format_diff
from simulation.mutation.mutation_address import AddressError, find_definition, read_definitions
from simulation.mutation.mutation_page import format_page
from simulation.mutation.runner import MutantVerdict, list_plays, run_in_parallel
from simulation.run_environment import describe_environment


def main() -> int:
    options, console = _parse_options(), Console(soft_wrap=True, highlight=False, markup=False)
    commands: Mapping[str | None, Callable[[argparse.Namespace, Console], int]] = {
        None: _run_hunt,
        "check": _run_check,
        "nodes": _run_nodes,
        "show": _run_show,
        "rename": _run_rename,
        "accept": _run_accept,
    }
    return commands[options.command](options, console)


def _run_hunt(options: argparse.Namespace, console: Console) -> int:
    """Runs every mutant and every condition, and prints what killed each, and after how many seeds."""
    # Before the first record is written, because the records are no uncommitted changes of what is measured.
    environment, started = describe_environment(), time.monotonic()
    verdicts: Sequence[MutantVerdict] = _hunt_registry(options, console) if options.conditions is None else ()
    condition_results: Sequence[ConditionResult] = () if options.only else _hunt_conditions(options, console)
    survivor_count = sum(verdict.seed is None for verdict in verdicts) + sum(
        result.killer is None for result in condition_results
    )
    summary = (
        f"{len(verdicts)} mutants, {len(condition_results)} conditions: "
        f"{survivor_count} survive, {time.monotonic() - started:.0f} s"
    )
    console.print(summary, style="red" if survivor_count else "green")
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(format_page(verdicts, condition_results, environment))
    return int(bool(survivor_count))


def _hunt_registry(options: argparse.Namespace, console: Console) -> Sequence[MutantVerdict]:
    """Runs the registered mutants, from seed 0 on."""
    chosen = [MUTANTS[name] for name in options.only.split(",") if name] or [*MUTANTS.values()]
    verdicts: list[MutantVerdict] = []
    results = run_in_parallel(
        chosen,
        lambda runner, mutant: runner.hunt(mutant, list_plays(mutant.scene, None, options.seeds)),
        options.processes,
    )
    for verdict in results:
        verdicts.append(verdict)
        console.print(_format_verdict(verdict), style="" if verdict.seed is not None else "red")
        write_killing_seeds(
            read_killing_seeds() | ({} if verdict.seed is None else {verdict.mutant.name: verdict.seed})
        )
    order = [*MUTANTS]
    return sorted(verdicts, key=lambda verdict: order.index(verdict.mutant.name))


def _format_verdict(verdict: MutantVerdict) -> str:
    name = verdict.mutant.name
    if verdict.seed is None:
        other_violations = f", and broke only {', '.join(verdict.other_invariants)}" if verdict.other_invariants else ""
        failing = ", ".join(map(str, verdict.failing_seeds))
        failures = f"; in seeds {failing}, the product itself breaks an invariant" if failing else ""
        return (
            f"{name} SURVIVES {verdict.play_count} seeds "
            f"({len(verdict.errors)} ended by an exception{other_violations}{failures})"
        )
    return f"{name} killed by {verdict.invariant} at seed {verdict.seed}, after {verdict.play_count}: {verdict.detail}"


def _hunt_conditions(options: argparse.Namespace, console: Console) -> Sequence[ConditionResult]:
    """Runs the conditions that no registered mutant changes, first with what killed them last time."""
    killers, results = read_killers(), list[ConditionResult]()
    for result in hunt_conditions(
        options.processes, from_scratch=options.from_scratch, address_prefix=options.conditions or ""
    ):
        results.append(result)
        address = str(result.condition.address)
        if result.killer:
            killers[address] = result.killer
        else:
            killers.pop(address, None)
        console.print(_format_condition_result(result), style="" if result.killer else "red")
        write_killers(killers)
    return sorted(results, key=lambda result: str(result.condition.address))


def _format_condition_result(result: ConditionResult) -> str:
    killer, condition = result.killer, result.condition
    if killer is None:
        return f"{condition.address} SURVIVES: {condition.text}"
    detail = f"killed by {killer.invariant} at seed {killer.seed} of {killer.scene}, after {killer.play_count}"
    return f"{condition.address} [{killer.operator}] {detail}"


# -- addresses --------------------------------------------------------------------------------------------------


def _run_check(options: argparse.Namespace, console: Console) -> int:
    """Prints the addresses that no longer fit the product, and the functions as they are now."""
    misfits, orphans = find_mismatches(options.since), list_orphaned_survivors()
    if misfits:
        console.print(format_report(misfits))
    for name in orphans:
        console.print(f"{name}: this accepted survivor no longer exists", style="red")
    console.print(f"{len(misfits) + len(orphans)} addresses do not fit", style="red" if misfits or orphans else "green")
    return int(bool(misfits or orphans))


def _run_nodes(options: argparse.Namespace, console: Console) -> int:
    """Prints a function with all its addresses."""
    module, _, name = options.definition.partition(":")
    definition = find_definition(module, name)
    if definition is None:
        console.print(f"{options.definition} does not exist. {module} has:", *read_definitions(module), sep="\n  ")
        return 1
    console.print(definition.describe())
    return 0


def _run_show(options: argparse.Namespace, console: Console) -> int:
    """Prints what a mutant changes."""
    mutant = MUTANTS[options.name]
    console.print(
        f"{mutant.description}\nWithout this guard, this invariant breaks: {mutant.invariant}\n\n{format_diff(mutant)}"
    )
    return 0


def _run_rename(options: argparse.Namespace, console: Console) -> int:
    """Renames addresses after a rename in the product."""
    console.print(
        f"{rename_addresses(options.old, options.new)} addresses "
        f"renamed; `python -m simulation.mutation check` compares them"
    )
    return 0


def _run_accept(options: argparse.Namespace, console: Console) -> int:
    """Records where the nodes of some mutants are now."""
    for name in options.names:
        try:
            for old, new in accept_proposals(name, options.since):
                console.print(f"{old}\n  is now {new}")
        except AddressError as error:
            console.print(str(error), style="red")
            return 1
    return 0


def _parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m simulation.mutation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=60, help="run at most this many seeds on each registered mutant")
    parser.add_argument(
        "--only", default="", help="run only these registered mutants, separated by commas, and no conditions"
    )
    conditions_help = "run only the conditions whose addresses begin with this, and no registered mutants"
    parser.add_argument("--conditions", nargs="?", const="", metavar="ADDRESS", help=conditions_help)
    parser.add_argument("--from-scratch", action="store_true", help="ignore what killed the conditions last time")
    parser.add_argument("--processes", type=int, default=2, help="how many processes to use")
    parser.add_argument("--out", type=Path, help="write a page with the results to this file")
    commands = parser.add_subparsers(dest="command")
    check = commands.add_parser(
        "check", help="list the addresses that do not fit the product, and the functions as they are now"
    )
    nodes = commands.add_parser("nodes", help="print a function with all its addresses")
    nodes.add_argument("definition", help="module:qualified.name, such as render.service:RenderService._buy")
    show = commands.add_parser("show", help="print what a mutant changes, as a patch")
    show.add_argument("name", help="a registered mutant")
    rename_command = commands.add_parser(
        "rename", help="update the addresses of a module, class, or function that was renamed"
    )
    rename_command.add_argument("old", help="package.module, or module:qualified.name")
    rename_command.add_argument("new", help="the new name, in the same form")
    accept_command = commands.add_parser("accept", help="record where the nodes of mutants or conditions are now")
    accept_command.add_argument("names", nargs="+", help="a mutant, a condition's recorded address, or a function")
    for subparser in (check, accept_command):
        since_help = "a commit at which the addresses fit (default: HEAD); nodes are found by their text at that commit"
        subparser.add_argument("--since", default="HEAD", help=since_help)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
