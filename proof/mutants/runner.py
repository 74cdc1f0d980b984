"""Grows mutants and lets seeds loose on them, each in a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import Queue
from tempfile import TemporaryDirectory
from threading import Thread
from types import TracebackType
from typing import Any, Self

from proof.mutants.address import PACKAGE, ROOT
from proof.mutants.mutant import Mutant, grown
from proof.mutants.scene import Scene

type Play = tuple[Scene, int]
"""A scene, and the seed that plays in it."""


@dataclass(frozen=True)
class Verdict:
    """What became of a mutant. `place`, `seed`: which play showed it, None where none did; `played`: how many were.

    `errors`: how the plays ended that an exception ended; they kill nothing. Neither do promises that are not the one
    recorded for the mutant, `others`.
    """

    mutant: Mutant
    place: int | None = None
    seed: int | None = None
    promise: str = ""
    words: str = ""
    played: int = 0
    errors: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


class Lab:
    """One process that plays seeds on mutants, one after another."""

    def __enter__(self) -> Self:
        paths = os.pathsep.join(map(str, (ROOT, PACKAGE.parent, ROOT / "local")))
        environment = os.environ | {"PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"}
        self._sound: dict[str, bool] = {}
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

    def hunted(self, one: Mutant, plays: Sequence[Play]) -> Verdict:
        """A mutant after these plays, or after the first that showed it and that the product itself passes."""
        first, errors, others = 0, tuple[str, ...](), dict[str, None]()
        breaks = one.breaks.name if one.breaks else ""
        with TemporaryDirectory(prefix="mutant-") as folder:
            copy = str(grown(one, Path(folder)))
            while first < len(plays):
                found = self._asked({"copy": copy, "breaks": breaks, "plays": [_sent(play) for play in plays[first:]]})
                if found["package"] and not found["package"].startswith(copy):
                    raise RuntimeError(f"the seeds played {found['package']}, not the mutant")
                errors += tuple(found["errors"])
                others |= dict.fromkeys(found["others"])
                if found["place"] is None:
                    break
                place = first + int(found["place"])
                if self.is_sound(plays[place]):
                    words = found["promise"], found["words"]
                    return Verdict(one, place, plays[place][1], *words, place + 1, errors, tuple(others))
                first = place + 1
        return Verdict(one, played=len(plays), errors=errors, others=tuple(others))

    def is_sound(self, play: Play) -> bool:
        """Whether the product itself keeps every promise in a play that kills a mutant."""
        self.try_out([play])
        return self._sound[json.dumps(_sent(play))]

    def try_out(self, plays: Iterable[Play]) -> None:
        """Find out of several plays at once whether the product itself keeps every promise in them."""
        new = [sent for play in plays if json.dumps(sent := _sent(play)) not in self._sound]
        if new:
            found = self._asked({"copy": "", "plays": new})
            broken = range(len(new)) if found.get("errors") else found["broken"]
            self._sound |= {json.dumps(sent): place not in broken for place, sent in enumerate(new)}

    def _asked(self, case: Mapping[str, Any]) -> Mapping[str, Any]:
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the process has no pipes")
        self._process.stdin.write(json.dumps(case) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


def _sent(play: Play) -> tuple[dict[str, Any], int]:
    return asdict(play[0]), play[1]


def in_labs[T, R](waiting: Sequence[T], work: Callable[[Lab, T], R], processes: int) -> Iterator[R]:
    """The same work on all of these, in some processes, each as soon as it is done."""
    left, done = list(reversed(waiting)), Queue[R | BaseException]()

    def one_lab() -> None:
        with Lab() as lab:
            while left:
                try:
                    done.put(work(lab, left.pop()))
                except BaseException as error:  # noqa: BLE001 - it is raised where the results are read
                    done.put(error)

    for _ in range(processes):
        Thread(target=one_lab, daemon=True).start()
    for _ in waiting:
        found = done.get()
        if isinstance(found, BaseException):
            raise found
        yield found


def plays(scene: Scene, stored: int | None, most: int) -> list[Play]:
    """The seed that killed last time first, then the others of its scene; so many at most."""
    seeds = [*([] if stored is None else [stored]), *(seed for seed in range(most) if seed != stored)]
    return [(scene, seed) for seed in seeds[:most]]
