"""The command of the mutants: `python -m proof.mutants`; exit code 1 where one lives."""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from proof.mutants.conditions import Found, hunt_conditions
from proof.mutants.flips import flipped, keep_flipped
from proof.mutants.lab import Verdict, in_labs, plays
from proof.mutants.page import document
from proof.mutants.roll import MUTANTS, keep_killers, killers


def main() -> int:
    """Hunt every mutant and every condition, say what killed it and how many seeds that took."""
    options, console = _options(), Console(soft_wrap=True, highlight=False)
    started = time.monotonic()
    verdicts = _roll(options, console)
    found: Sequence[Found] = () if options.only else _conditions(options, console)
    living = sum(one.seed is None for one in verdicts) + sum(one.killer is None for one in found)
    words = f"{len(verdicts)} mutants, {len(found)} conditions: {living} live, {time.monotonic() - started:.0f} s"
    console.print(words, style="red" if living else "green")
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(document(verdicts, found))
    return int(bool(living))


def _roll(options: argparse.Namespace, console: Console) -> Sequence[Verdict]:
    """The mutants of the roll, from seed 0 on."""
    chosen = [MUTANTS[name] for name in options.only.split(",") if name] or [*MUTANTS.values()]
    verdicts: list[Verdict] = []
    hunted = in_labs(chosen, lambda lab, one: lab.hunted(one, plays(one.scene, None, options.seeds)), options.processes)
    for verdict in hunted:
        verdicts.append(verdict)
        console.print(_verdict(verdict), markup=False, style="" if verdict.seed is not None else "red")
        keep_killers(killers() | ({} if verdict.seed is None else {verdict.mutant.name: verdict.seed}))
    order = [*MUTANTS]
    return sorted(verdicts, key=lambda one: order.index(one.mutant.name))


def _verdict(verdict: Verdict) -> str:
    name = verdict.mutant.name
    if verdict.seed is None:
        return f"{name} LIVES after {verdict.played} seeds ({len(verdict.errors)} ended by an exception)"
    return f"{name} killed by {verdict.promise} at seed {verdict.seed}, after {verdict.played}: {verdict.words}"


def _conditions(options: argparse.Namespace, console: Console) -> Sequence[Found]:
    """The conditions of the code that no mutant of the roll takes out; what killed them before is tried first."""
    known, done = flipped(), list[Found]()
    for found in hunt_conditions(options.processes, anew=options.anew):
        done.append(found)
        name = str(found.guard)
        known.pop(name, None)
        if found.killer:
            known[name] = found.killer
        console.print(_found(found), markup=False, style="" if found.killer else "red")
        keep_flipped(known)
    return sorted(done, key=lambda one: str(one.guard))


def _found(found: Found) -> str:
    killer = found.killer
    if killer is None:
        return f"{found.guard} LIVES"
    words = f"killed by {killer.promise} at seed {killer.seed} of {killer.scene}, after {killer.played}"
    return f"{found.guard} [{killer.way}] {words}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m proof.mutants", description=__doc__)
    parser.add_argument("--seeds", type=int, default=60, help="how many at most for each mutant of the roll")
    parser.add_argument("--only", default="", help="these mutants of the roll, parted by commas, and no condition")
    parser.add_argument("--anew", action="store_true", help="forget what killed the conditions before")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path, help="the page to write")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
