"""Grows mutants and lets seeds loose on them, each in a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from types import TracebackType
from typing import Any, Self

from proof.mutants.mutant import PACKAGE, ROOT, Mutant, grown

KILLERS = Path(__file__).with_name("killers.json")


@dataclass(frozen=True)
class Verdict:
    """What became of a mutant. `seed`: the one that showed it, None where none did; `seeds`: how many were played.

    `errors`: how the seeds ended that an exception ended; they kill nothing.
    """

    mutant: Mutant
    seed: int | None
    promise: str
    words: str
    seeds: int
    errors: tuple[str, ...] = ()


class Lab:
    """One process that plays seeds on mutants, one after another."""

    def __enter__(self) -> Self:
        paths = os.pathsep.join(map(str, (ROOT, PACKAGE.parent, ROOT / "local")))
        environment = os.environ | {"PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "proof.mutants.hunt"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=environment,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()

    def hunted(self, one: Mutant, first: int, seeds: int) -> Verdict:
        """A mutant after so many seeds, or after the first that showed it and that the product itself passes."""
        played, errors = 0, tuple[str, ...]()
        with TemporaryDirectory(prefix="mutant-") as folder:
            copy = str(grown(one, Path(folder)))
            while played < seeds:
                found = self._played(copy, one, first + played, seeds - played)
                played, errors = played + found["seeds"], (*errors, *found["errors"])
                if found["seed"] is None:
                    break
                if self.healthy(one, found["seed"]):
                    return Verdict(one, found["seed"], found["promise"], found["words"], played, errors)
        return Verdict(one, None, "", "", played, errors)

    def healthy(self, one: Mutant, seed: int) -> bool:
        """Whether the product itself keeps every promise on a seed that kills a mutant."""
        found = self._played("", one, seed, 1)
        return found["seed"] is None and not found["errors"]

    def _played(self, copy: str, one: Mutant, first: int, seeds: int) -> Mapping[str, Any]:
        case = {"copy": copy, "first": first, "seeds": seeds, "faults": one.faults or (), "kind": one.kind}
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the process has no pipes")
        self._process.stdin.write(json.dumps(case) + "\n")
        self._process.stdin.flush()
        found = json.loads(self._process.stdout.readline())
        if copy and found["package"] and not found["package"].startswith(copy):
            raise RuntimeError(f"the seeds played {found['package']}, not the mutant")
        return found


def hunt(mutants: Sequence[Mutant], seeds: int, processes: int) -> Iterator[Verdict]:
    """All these mutants on some processes, each as soon as it is done."""
    waiting, done = list(reversed(mutants)), list[Verdict]()

    def work() -> None:
        with Lab() as lab:
            while waiting:
                done.append(lab.hunted(waiting.pop(), 0, seeds))

    threads = [Thread(target=work) for _ in range(processes)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads) or done:
        for thread in threads:
            thread.join(0.2)
        while done:
            yield done.pop(0)


def killers() -> dict[str, int]:
    """The seed that killed each mutant when they were last hunted."""
    return json.loads(KILLERS.read_text())["seeds"]


def keep(verdicts: Iterable[Verdict]) -> None:
    """Write the seeds down that killed; those of mutants that were not hunted stay."""
    known = killers() if KILLERS.exists() else {}
    known |= {one.mutant.name: one.seed for one in verdicts if one.seed is not None}
    KILLERS.write_text(json.dumps({"seeds": dict(sorted(known.items()))}, indent=2) + "\n")
