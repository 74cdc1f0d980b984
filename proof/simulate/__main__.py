"""The command of the seeds: `python -m proof.simulate --seeds 500`; exit code 1 where a promise was broken."""

import argparse
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console

from proof.simulate.figures import Figures, document, tables
from proof.simulate.many import runs
from proof.simulate.plan import Plan, draw
from proof.simulate.play import Play, Run
from proof.simulate.shrink import shrunk
from proof.world.faults import FAULTS

STORY_LINES = 4000


def main() -> int:
    """Play the seeds, show the figures, and the history of what failed."""
    options, console = _options(), Console(soft_wrap=True, highlight=False)
    if options.seed is not None:
        return _alone(draw(options.seed, options.faults, options.kind), console, smaller=options.shrink)
    figures, started = Figures(), time.monotonic()
    seeds = range(options.first, options.first + options.seeds)
    for run in runs(seeds, options.faults, options.kind, options.processes):
        figures.add(run)
        if run.broken or run.error:
            _tell(run, console)
    figures.real_seconds = time.monotonic() - started
    for shown in tables(figures):
        console.print(shown)
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(document(figures, options.first))
    return _judge(figures, console)


def _tell(run: Run, console: Console) -> None:
    words = [f"call {call}: {breach}" for call, breach in run.breaches] or run.error.strip().splitlines()[-1:]
    console.print(f"seed {run.plan.seed}, {words[0]}", style="red", markup=False)
    console.print(f"  its history: make simulate SEED={run.plan.seed}", markup=False)


def _alone(plan: Plan, console: Console, *, smaller: bool) -> int:
    """One seed with its plan and its history."""
    one = Play(plan)
    run = one.run()
    if smaller and run.broken:
        one = Play(shrunk(plan, run.broken[0]))
        run = one.run()
    _print(console, run.plan.told())
    _print(console, one.world.story()[-STORY_LINES:])
    for call, breach in run.breaches:
        console.print(f"call {call}: {breach}", style="red", markup=False)
    if not run.broken:
        console.print("every promise was kept", style="green")
    console.print(f"{run.calls} calls, {run.seconds:.0f} simulated seconds, history {run.digest[:16]}")
    return int(bool(run.broken))


def _print(console: Console, lines: Iterable[str]) -> None:
    for line in lines:
        console.print(line, markup=False)


def _judge(figures: Figures, console: Console) -> int:
    if figures.broken:
        console.print(f"{len(figures.broken)} of {figures.seeds} seeds broke a promise", style="red")
    elif not figures.silent():
        console.print("every promise was kept", style="green")
    for name in figures.silent():
        console.print(f"{name}: announced and never struck", style="red")
    return int(bool(figures.broken or figures.silent()))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m proof.simulate", description=__doc__)
    parser.add_argument("--seeds", type=int, default=500, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--seed", type=int, help="this seed alone, with its history")
    parser.add_argument("--shrink", action="store_true", help="with --seed: leave out what it does not need to fail")
    parser.add_argument("--faults", type=_faults, help="in place of those that the seed draws, parted by commas")
    parser.add_argument("--kind", default="", help="the provider: unaskable, acknowledged or own_id")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path, help="the page to write")
    return parser.parse_args()


def _faults(text: str) -> tuple[str, ...]:
    names = tuple(name for name in text.split(",") if name)
    unknown = [name for name in names if name not in FAULTS]
    if unknown:
        raise argparse.ArgumentTypeError(f"no fault {', '.join(unknown)}; there are {', '.join(sorted(FAULTS))}")
    return names


if __name__ == "__main__":
    sys.exit(main())
