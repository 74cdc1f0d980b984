"""Builds mutants and runs seeds on them, each in its own process."""

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

from simulation.mutation.mutant import Mutant, write_mutant
from simulation.mutation.mutation_address import PACKAGE, ROOT
from simulation.mutation.mutation_scene import MutationScene

type ScenePlay = tuple[MutationScene, int]
"""A scene, and a seed that runs in it."""


@dataclass(frozen=True)
class MutantVerdict:
    """The result for a mutant.

    `play_index`, `seed`: the play that killed it, None if none did. `play_count`: how many plays were needed. `errors`:
    the exceptions that ended plays, which kill nothing. `other_invariants`: broken ones that are not recorded for this
    mutant, which kill nothing either. Nor do `failing_seeds`, in which the product itself breaks an invariant.
    """

    mutant: Mutant
    play_index: int | None = None
    seed: int | None = None
    invariant: str = ""
    detail: str = ""
    play_count: int = 0
    errors: tuple[str, ...] = ()
    other_invariants: tuple[str, ...] = ()
    failing_seeds: tuple[int, ...] = ()


class MutantRunner:
    """One process that runs seeds on mutants, one after another."""

    def __enter__(self) -> Self:
        python_path = os.pathsep.join(map(str, (ROOT, PACKAGE.parent, ROOT / "local")))
        environment = os.environ | {"PYTHONPATH": python_path, "PYTHONDONTWRITEBYTECODE": "1"}
        self._passes_by_play: dict[str, bool] = {}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "simulation.mutation.play_process"],
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

    def hunt(self, mutant: Mutant, plays: Sequence[ScenePlay]) -> MutantVerdict:
        """Runs these plays on a mutant until it is killed by one that the product itself passes."""
        first_index, errors, other_invariants, failing_seeds = 0, tuple[str, ...](), dict[str, None](), list[int]()
        invariant_name = mutant.invariant.name if mutant.invariant else ""
        with TemporaryDirectory(prefix="mutant-") as folder:
            copy = str(write_mutant(mutant, Path(folder)))
            while first_index < len(plays):
                result = self._send_case(
                    {
                        "copy": copy,
                        "breaks": invariant_name,
                        "plays": [_serialize_play(play) for play in plays[first_index:]],
                    }
                )
                if result["package"] and not result["package"].startswith(copy):
                    raise RuntimeError(f"the seeds ran {result['package']}, not the mutant")
                errors += tuple(result["errors"])
                other_invariants |= dict.fromkeys(result["others"])
                if result["place"] is None:
                    break
                index = first_index + int(result["place"])
                if self.passes_unmutated(plays[index]):
                    invariant_and_detail = result["promise"], result["words"]
                    return MutantVerdict(
                        mutant,
                        index,
                        plays[index][1],
                        *invariant_and_detail,
                        index + 1,
                        errors,
                        tuple(other_invariants),
                        tuple(failing_seeds),
                    )
                failing_seeds.append(plays[index][1])
                first_index = index + 1
        return MutantVerdict(
            mutant,
            play_count=len(plays),
            errors=errors,
            other_invariants=tuple(other_invariants),
            failing_seeds=tuple(failing_seeds),
        )

    def passes_unmutated(self, play: ScenePlay) -> bool:
        """Whether the product itself breaks no invariant in this play."""
        self.check_unmutated([play])
        return self._passes_by_play[json.dumps(_serialize_play(play))]

    def check_unmutated(self, plays: Iterable[ScenePlay]) -> None:
        """Runs several plays on the product itself, and caches whether it breaks an invariant in them."""
        new_plays = {json.dumps(serialized := _serialize_play(play)): serialized for play in plays}
        new_plays = {key: play for key, play in new_plays.items() if key not in self._passes_by_play}
        if new_plays:
            result = self._send_case({"copy": "", "plays": [*new_plays.values()]})
            failed_indexes = range(len(new_plays)) if result.get("errors") else result["broken"]
            self._passes_by_play |= {key: index not in failed_indexes for index, key in enumerate(new_plays)}

    def _send_case(self, case: Mapping[str, Any]) -> Mapping[str, Any]:
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the process has no pipes")
        self._process.stdin.write(json.dumps(case) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


def _serialize_play(play: ScenePlay) -> tuple[dict[str, Any], int]:
    return asdict(play[0]), play[1]


def run_in_parallel[T, R](items: Sequence[T], work: Callable[[MutantRunner, T], R], processes: int) -> Iterator[R]:
    """Yields the results of the same work on all items, in several processes, as soon as each is done."""
    remaining, results = list(reversed(items)), Queue[R | BaseException]()

    def process_remaining() -> None:
        with MutantRunner() as runner:
            while remaining:
                try:
                    results.put(work(runner, remaining.pop()))
                except BaseException as error:  # noqa: BLE001 - raised again by the reader of the results
                    results.put(error)

    for _ in range(processes):
        Thread(target=process_remaining, daemon=True).start()
    for _ in items:
        result = results.get()
        if isinstance(result, BaseException):
            raise result
        yield result


def list_plays(scene: MutationScene, known_seed: int | None, max_plays: int) -> list[ScenePlay]:
    """Returns at most `max_plays` plays: the seed that killed last time first, then the other seeds of the scene."""
    seeds = [*([] if known_seed is None else [known_seed]), *(seed for seed in range(max_plays) if seed != known_seed)]
    return [(scene, seed) for seed in seeds[:max_plays]]
