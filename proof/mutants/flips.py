"""A mutant for each condition that no mutant of the roll takes out: turned round, or fixed to one side."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from proof.mutants.guards import Guard, guards
from proof.mutants.mutant import Mutant, PatchError, places
from proof.mutants.roll import MUTANTS
from proof.mutants.scene import WEATHER, Scene

ONLY = "core/transitions/step.py"
FLIPPED = Path(__file__).with_name("flipped.json")
WAYS = ("off", "not", "on")
"""Never true, the other way round, always true."""


@dataclass(frozen=True)
class Killer:
    """What killed a condition's mutant: how it was turned, in which scene, at which seed, after how many plays."""

    way: str
    scene: str
    seed: int
    promise: str
    played: int


@dataclass(frozen=True)
class Flip:
    """One condition of one file, replaced where it stands; PatchError where it is no more."""

    file: str
    function: str
    text: str
    way: str

    def applied(self, source: str) -> str:
        """The file's text with the condition replaced."""
        found = [one for one in guards() if (one.file, one.function, one.text) == (self.file, self.function, self.text)]
        if len(found) != 1:
            raise PatchError(f"{self.file}:{self.function}: {len(found)} times: {self.text!r}")
        return _replaced(source, found[0], self.way)

    def lines(self) -> range:
        """The lines of the file that it replaces."""
        (found,) = (
            one for one in guards() if (one.file, one.function, one.text) == (self.file, self.function, self.text)
        )
        return range(found.lines[0], found.lines[-1] + 1)


def _replaced(source: str, guard: Guard, way: str) -> str:
    lines = source.splitlines(keepends=True)
    first, last = guard.lines[0] - 1, guard.lines[-1] - 1
    start = sum(map(len, lines[:first])) + guard.columns[0]
    end = sum(map(len, lines[:last])) + guard.columns[1]
    old = source[start:end]
    new = {"off": "False", "on": "True", "not": f"not ({old})"}[way]
    return f"{source[:start]}({new}){source[end:]}"


def left_over() -> list[Guard]:
    """The conditions that no mutant of the roll touches; one that takes `only` out touches all that call it."""
    touched = places(iter(MUTANTS.values()))
    taken_out = bool(touched.get(ONLY))
    return [
        one
        for one in guards()
        if not touched.get(one.file, set()) & {*one.lines} and not (taken_out and one.text.startswith("only("))
    ]


def flip(guard: Guard, way: str) -> Mutant:
    """The mutant of one condition."""
    patch = Flip(guard.file, guard.function, guard.text, way)
    return Mutant(f"{guard} [{way}]", "", (patch,))


def ways(guard: Guard) -> Iterator[Mutant]:
    """The mutants of one condition, those first that take it out."""
    yield from (flip(guard, way) for way in WAYS)


def flipped() -> dict[str, Killer]:
    """What killed each condition's mutant when they were last hunted."""
    return {name: Killer(**found) for name, found in json.loads(FLIPPED.read_text()).items()}


def keep_flipped(found: Mapping[str, Killer]) -> None:
    """Write down what killed, without conditions that the product has no more."""
    names = {str(one) for one in left_over()}
    kept = {name: asdict(one) for name, one in sorted(found.items()) if name in names}
    FLIPPED.write_text(json.dumps(kept, indent=2) + "\n")


def near(file: str) -> dict[str, Scene]:
    """The scenes in which mutants of the same file die, and the weathers; the same one stands here once."""
    return _once({one.name: one.scene for one in MUTANTS.values() if _touches(one, file)} | {**WEATHER})


def far(file: str) -> dict[str, Scene]:
    """The scenes of all other mutants."""
    return _once({one.name: one.scene for one in MUTANTS.values() if not _touches(one, file)})


def _touches(one: Mutant, file: str) -> bool:
    return any(patch.file == file for patch in one.patches)


def _once(scenes: dict[str, Scene]) -> dict[str, Scene]:
    names = {json.dumps(asdict(scene)): name for name, scene in reversed(scenes.items())}
    return {name: scene for name, scene in scenes.items() if name in names.values()}


def scene_of(name: str) -> Scene:
    """The scene of a name: one of the weathers, or that of a mutant of the roll."""
    return WEATHER[name] if name in WEATHER else MUTANTS[name].scene
