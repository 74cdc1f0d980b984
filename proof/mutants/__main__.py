"""The command of the mutants: `python -m proof.mutants`; exit code 1 where one lives."""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from proof.mutants.lab import Verdict, hunt, keep
from proof.mutants.roll import MUTANTS


def main() -> int:
    """Hunt every mutant, say what killed it and how many seeds that took."""
    options, console = _options(), Console(soft_wrap=True, highlight=False)
    chosen = [MUTANTS[name] for name in options.only.split(",") if name] or [*MUTANTS.values()]
    started, verdicts = time.monotonic(), list[Verdict]()
    for verdict in hunt(chosen, options.seeds, options.processes):
        verdicts.append(verdict)
        console.print(_line(verdict), markup=False, style="" if verdict.seed is not None else "red")
    console.print(_table(verdicts))
    living = [one.mutant.name for one in verdicts if one.seed is None]
    words = f"{len(verdicts) - len(living)} of {len(verdicts)} killed in {time.monotonic() - started:.0f} s"
    console.print(words, style="red" if living else "green")
    keep(verdicts)
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(_document(verdicts))
    return int(bool(living))


def _line(verdict: Verdict) -> str:
    name = verdict.mutant.name
    if verdict.seed is None:
        return f"{name} lives after {verdict.seeds} seeds ({len(verdict.errors)} ended by an exception)"
    return f"{name} killed by {verdict.promise} at seed {verdict.seed}: {verdict.words}"


def _table(verdicts: Sequence[Verdict]) -> Table:
    table = Table("mutant", "killed by", "seeds", box=None, pad_edge=False)
    for one in verdicts:
        table.add_row(one.mutant.name, one.promise or "nothing", str(one.seeds))
    return table


def _document(verdicts: Sequence[Verdict]) -> str:
    """The page that the repository keeps."""
    rows = [
        f"| `{one.mutant.name}` | {one.mutant.guard} | {one.promise or '**nothing**'} | {one.seeds} |"
        for one in verdicts
    ]
    killed = sum(one.seed is not None for one in verdicts)
    head = [
        "# Mutants",
        "",
        "Written by `make mutants`. In each the product stands without one guard, and the seeds of `make simulate` run",
        "on it until a promise breaks. An exception kills nothing.",
        "",
        f"{killed} of {len(verdicts)} killed; {sum(one.seeds for one in verdicts)} seeds were needed.",
        "",
        "| mutant | the guard that is gone | broken promise | seeds |",
        "|---|---|---|--:|",
    ]
    return "\n".join([*head, *rows]) + "\n"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m proof.mutants", description=__doc__)
    parser.add_argument("--seeds", type=int, default=300, help="how many at most for each mutant")
    parser.add_argument("--only", default="", help="these mutants, parted by commas")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path, help="the page to write")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
