"""The command of the conditions: `python -m proof.mutants.conditions`; looks for a way and a seed that shows each."""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from queue import Queue
from threading import Thread

from proof.mutants.flips import FLIPPED, flipped, left_over, ways
from proof.mutants.guards import Guard
from proof.mutants.lab import Lab, Verdict
from proof.mutants.spared import SPARED


def main() -> int:
    """Hunt the conditions that are not known to be killed; exit code 1 where one lives."""
    options = _options()
    known = {} if options.anew or not FLIPPED.exists() else dict(flipped())
    names = {str(one) for one in left_over()}
    known = {name: one for name, one in known.items() if name in names}
    waiting = [one for one in left_over() if str(one) not in known and str(one) not in SPARED]
    living = 0
    for guard, verdict in _hunted(waiting, options.seeds, options.processes):
        sys.stdout.write(f"{guard}: {_said(verdict)}\n")
        sys.stdout.flush()
        living += verdict is None
        if verdict:
            known[str(guard)] = {"way": _way(verdict), "seed": verdict.seed or 0, "promise": verdict.promise}
            FLIPPED.write_text(json.dumps(dict(sorted(known.items())), indent=2) + "\n")
    sys.stdout.write(f"{len(known)} killed, {living} live\n")
    return int(bool(living))


def _way(verdict: Verdict) -> str:
    return verdict.mutant.name.rpartition("[")[2].rstrip("]")


def _hunted(waiting: Sequence[Guard], seeds: int, processes: int) -> Iterator[tuple[Guard, Verdict | None]]:
    """Each condition with its verdict, as soon as there is one."""
    left, done = list(reversed(waiting)), Queue[tuple[Guard, Verdict | None]]()

    def work() -> None:
        with Lab() as lab:
            while left:
                guard = left.pop()
                done.put((guard, _killed(lab, guard, seeds)))

    for _ in range(processes):
        Thread(target=work, daemon=True).start()
    for _ in waiting:
        yield done.get()


def _killed(lab: Lab, guard: Guard, seeds: int) -> Verdict | None:
    """The first way that is killed: a few seeds for each before many for any."""
    for size in (min(6, seeds), seeds):
        for one in ways(guard):
            verdict = lab.hunted(one, 0, size)
            if verdict.seed is not None:
                return verdict
    return None


def _said(verdict: Verdict | None) -> str:
    return f"[{_way(verdict)}] killed by {verdict.promise} at seed {verdict.seed}" if verdict else "LIVES"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m proof.mutants.conditions", description=__doc__)
    parser.add_argument("--seeds", type=int, default=60, help="how many at most for each way of each condition")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--anew", action="store_true", help="also those that were killed before")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
