"""The command of the mutants: `python -m proof.mutants` hunts them all; exit code 1 where one lives.

`check`, `nodes`, `show`, `rename` and `accept` are about the addresses at which they change the product.
"""

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rich.console import Console

from proof.mutants.address import AddressError, definition_of, definitions
from proof.mutants.conditions import Found, hunt_conditions, record, recorded
from proof.mutants.mutant import diff
from proof.mutants.page import document
from proof.mutants.records import accept, mismatches, rename, report, unplaced
from proof.mutants.registry import MUTANTS, keep_killers, killers
from proof.mutants.runner import Verdict, in_labs, plays


def main() -> int:
    """Do what the command line says."""
    options, console = _options(), Console(soft_wrap=True, highlight=False, markup=False)
    commands: Mapping[str | None, Callable[[argparse.Namespace, Console], int]] = {
        None: _hunt,
        "check": _check,
        "nodes": _nodes,
        "show": _show,
        "rename": _rename,
        "accept": _accept,
    }
    return commands[options.command](options, console)


def _hunt(options: argparse.Namespace, console: Console) -> int:
    """Hunt every mutant and every condition, say what killed it and how many seeds that took."""
    started = time.monotonic()
    verdicts: Sequence[Verdict] = _registry(options, console) if options.conditions is None else ()
    found: Sequence[Found] = () if options.only else _conditions(options, console)
    living = sum(one.seed is None for one in verdicts) + sum(one.killer is None for one in found)
    words = f"{len(verdicts)} mutants, {len(found)} conditions: {living} live, {time.monotonic() - started:.0f} s"
    console.print(words, style="red" if living else "green")
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(document(verdicts, found))
    return int(bool(living))


def _registry(options: argparse.Namespace, console: Console) -> Sequence[Verdict]:
    """The mutants of the registry, from seed 0 on."""
    chosen = [MUTANTS[name] for name in options.only.split(",") if name] or [*MUTANTS.values()]
    verdicts: list[Verdict] = []
    hunted = in_labs(chosen, lambda lab, one: lab.hunted(one, plays(one.scene, None, options.seeds)), options.processes)
    for verdict in hunted:
        verdicts.append(verdict)
        console.print(_verdict(verdict), style="" if verdict.seed is not None else "red")
        keep_killers(killers() | ({} if verdict.seed is None else {verdict.mutant.name: verdict.seed}))
    order = [*MUTANTS]
    return sorted(verdicts, key=lambda one: order.index(one.mutant.name))


def _verdict(verdict: Verdict) -> str:
    name = verdict.mutant.name
    if verdict.seed is None:
        others = f", and broke only {', '.join(verdict.others)}" if verdict.others else ""
        return f"{name} LIVES after {verdict.played} seeds ({len(verdict.errors)} ended by an exception{others})"
    return f"{name} killed by {verdict.promise} at seed {verdict.seed}, after {verdict.played}: {verdict.words}"


def _conditions(options: argparse.Namespace, console: Console) -> Sequence[Found]:
    """The conditions of the code that no mutant of the registry changes; what killed them before is tried first."""
    known, done = recorded(), list[Found]()
    for found in hunt_conditions(options.processes, anew=options.anew, within=options.conditions or ""):
        done.append(found)
        address = str(found.condition.address)
        if found.killer:
            known[address] = found.killer
        elif known.get(address):
            del known[address]
        console.print(_found(found), style="" if found.killer else "red")
        record(known)
    return sorted(done, key=lambda one: str(one.condition.address))


def _found(found: Found) -> str:
    killer, condition = found.killer, found.condition
    if killer is None:
        return f"{condition.address} LIVES: {condition.text}"
    words = f"killed by {killer.promise} at seed {killer.seed} of {killer.scene}, after {killer.played}"
    return f"{condition.address} [{killer.operator}] {words}"


# -- addresses -----------------------------------------------------------------------------------------------------


def _check(options: argparse.Namespace, console: Console) -> int:
    """Say which addresses do not fit the product any more, and what stands there now."""
    found, lost = mismatches(options.since), unplaced()
    if found:
        console.print(report(found))
    for name in lost:
        console.print(f"{name}: a survivor of something that is no more", style="red")
    console.print(f"{len(found) + len(lost)} addresses do not fit", style="red" if found or lost else "green")
    return int(bool(found or lost))


def _nodes(options: argparse.Namespace, console: Console) -> int:
    """Print a function with all its addresses."""
    module, _, name = options.place.partition(":")
    definition = definition_of(module, name)
    if definition is None:
        console.print(f"There is no {options.place}; {module} has:", *definitions(module), sep="\n  ")
        return 1
    console.print(definition.described())
    return 0


def _show(options: argparse.Namespace, console: Console) -> int:
    """Print what a mutant changes."""
    one = MUTANTS[options.name]
    console.print(f"{one.guard}\nwithout it breaks {one.breaks}\n\n{diff(one)}")
    return 0


def _rename(options: argparse.Namespace, console: Console) -> int:
    """Follow a rename of the product."""
    console.print(
        f"{rename(options.old, options.new)} addresses renamed; `python -m proof.mutants check` compares them"
    )
    return 0


def _accept(options: argparse.Namespace, console: Console) -> int:
    """Write down where the nodes of some mutants are now."""
    for name in options.names:
        try:
            for old, new in accept(name, options.since):
                console.print(f"{old}\n  is now {new}")
        except AddressError as error:
            console.print(str(error), style="red")
            return 1
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m proof.mutants", description=__doc__)
    parser.add_argument("--seeds", type=int, default=60, help="how many at most for each mutant of the registry")
    parser.add_argument("--only", default="", help="these mutants of the registry, parted by commas, and no condition")
    words = "only the conditions whose addresses begin so, and no mutant of the registry"
    parser.add_argument("--conditions", nargs="?", const="", metavar="ADDRESS", help=words)
    parser.add_argument("--anew", action="store_true", help="forget what killed the conditions before")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path, help="the page to write")
    commands = parser.add_subparsers(dest="command")
    check = commands.add_parser(
        "check", help="list the addresses that do not fit the product, with what it looks like now"
    )
    nodes = commands.add_parser("nodes", help="print a function with the address of everything in it")
    nodes.add_argument("place", help="module:qualified.name, such as render.service:RenderService._buy")
    show = commands.add_parser("show", help="print what a mutant changes, as a patch")
    show.add_argument("name")
    renamed = commands.add_parser(
        "rename", help="rewrite the addresses of a module, class or function that was renamed"
    )
    renamed.add_argument("old", help="package.module, or module:qualified.name")
    renamed.add_argument("new")
    accepted = commands.add_parser("accept", help="write down where the nodes of mutants or conditions are now")
    accepted.add_argument("names", nargs="+", help="a mutant, a condition's recorded address, or a function")
    for one in (check, accepted):
        since = "a commit at which the addresses fitted: a node is then looked for by what it read there"
        one.add_argument("--since", default="", help=since)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
