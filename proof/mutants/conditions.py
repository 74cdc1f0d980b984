"""Hunts the conditions: for each a way to turn it round, a scene and a seed in which a promise breaks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from proof.mutants.flips import Killer, far, flip, flipped, left_over, near, scene_of, ways
from proof.mutants.guards import Guard
from proof.mutants.lab import Lab, Play, in_labs, plays
from proof.mutants.spared import SPARED

NEAR, FAR = 3, 1
"""How many seeds in each of the scenes."""
HEALING = 12
"""Where a stored seed does not kill any more, so many of its scene are played in all."""


@dataclass(frozen=True)
class Found:
    """A condition, and what killed it; None where nothing did."""

    guard: Guard
    killer: Killer | None


def conditions() -> list[Guard]:
    """Those that are to be killed: in no mutant of the roll, and not spared."""
    return [one for one in left_over() if str(one) not in SPARED]


def hunt_conditions(processes: int, *, anew: bool) -> Iterator[Found]:
    """Each condition with its killer, as soon as there is one; `anew`: without a look at what killed before."""
    known = {} if anew else flipped()
    yield from in_labs(conditions(), lambda lab, guard: _hunted(lab, guard, known.get(str(guard))), processes)


def _hunted(lab: Lab, guard: Guard, known: Killer | None) -> Found:
    before = _healed(lab, guard, known) if known else None
    return Found(guard, before or _new_killer(lab, guard))


def _healed(lab: Lab, guard: Guard, known: Killer) -> Killer | None:
    """What killed before, at the same seed or at another one of its scene; None where it kills no more."""
    verdict = lab.hunted(flip(guard, known.way), plays(scene_of(known.scene), known.seed, HEALING))
    if verdict.seed is None:
        return None
    return Killer(known.way, known.scene, verdict.seed, verdict.promise, known.played)


def _new_killer(lab: Lab, guard: Guard) -> Killer | None:
    """The first way that is killed, where mutants of the same file die before anywhere else."""
    played = 0
    for scenes, seeds in ((near(guard.file), NEAR), (far(guard.file), FAR)):
        named = [(name, (scene, seed)) for name, scene in scenes.items() for seed in range(seeds)]
        for one in ways(guard):
            verdict = lab.hunted(one, _plays(named))
            played += verdict.played
            if verdict.place is not None and verdict.seed is not None:
                way = one.name.rpartition("[")[2].rstrip("]")
                return Killer(way, named[verdict.place][0], verdict.seed, verdict.promise, played)
    return None


def _plays(named: Sequence[tuple[str, Play]]) -> list[Play]:
    return [play for _, play in named]
