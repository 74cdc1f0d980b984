"""What a mutant is, and how it is made: texts of the product replaced in a copy of it."""

import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from proof.mutants.scene import Scene

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "layers" / "backdrop" / "backdrop"
ROW = re.compile(r"(?ms)^        Rule\(\n.*?^        \),\n")


class PatchError(Exception):
    """A text that is to be replaced is not there exactly once: the product has changed since the mutant was written."""


@dataclass(frozen=True)
class Patch:
    """One text in one file of the package, and what stands there in the mutant. It must be there exactly once."""

    file: str
    old: str
    new: str

    def applied(self, source: str) -> str:
        """The file's text with the replacement; PatchError where it does not fit."""
        times = source.count(self.old)
        if times != 1:
            raise PatchError(f"{self.file}: {times} times: {self.old!r}")
        return source.replace(self.old, self.new)

    def lines(self) -> range:
        """The lines of the file that it replaces."""
        source = (PACKAGE / self.file).read_text()
        self.applied(source)
        first = source[: source.index(self.old)].count("\n") + 1
        return range(first, first + self.old.count("\n") + 1)


class Change(Protocol):
    """One place of one file that is changed."""

    @property
    def file(self) -> str: ...
    def applied(self, source: str) -> str: ...
    def lines(self) -> range: ...


@dataclass(frozen=True)
class DroppedRow:
    """A rule that the mutant's decision table does not have, known by its reason."""

    reason: str
    file: str = "core/intake_decision.py"

    def applied(self, source: str) -> str:
        """The file's text without the row; PatchError where there is none, or more than one."""
        return self._patch(source).applied(source)

    def lines(self) -> range:
        """The lines of the file that it takes away."""
        return self._patch((PACKAGE / self.file).read_text()).lines()

    def _patch(self, source: str) -> Patch:
        rows = [row for row in ROW.findall(source) if f'"{self.reason}"' in row]
        if len(rows) != 1:
            raise PatchError(f"{self.file}: {len(rows)} rows: {self.reason!r}")
        return Patch(self.file, rows[0], "")


@dataclass(frozen=True)
class Mutant:
    """A guard taken out. `guard`: what it keeps, with its place in the design. `scene`: where to look for it.

    More than one patch where the same guard stands twice, so that taking one out changes nothing.
    """

    name: str
    guard: str
    patches: tuple[Change, ...]
    scene: Scene = Scene()


def mutant(
    name: str,
    guard: str,
    *changes: tuple[str, str, str] | DroppedRow,
    faults: str = "",
    kind: str = "",
    deeds: Iterable[str] = (),
    late: bool = False,
    asleep: bool = False,
    minutes: int = 0,
    **setup: Any,
) -> Mutant:
    """A mutant of changes (file, old, new) in a scene; `faults`: names parted by blanks. See Scene for the rest."""
    scene = Scene(tuple(faults.split()) or None, kind, setup, tuple(deeds), late, asleep, minutes)
    return Mutant(name, guard, tuple(_patch(change) for change in changes), scene)


def _patch(change: tuple[str, str, str] | DroppedRow) -> Change:
    return change if isinstance(change, DroppedRow) else Patch(*change)


def grown(one: Mutant, folder: Path) -> Path:
    """A copy of the package with the guard taken out; the folder that goes first on the path."""
    copy = folder / PACKAGE.name
    shutil.copytree(PACKAGE, copy)
    for file, text in texts(one).items():
        (copy / file).write_text(text)
    return folder


def texts(one: Mutant) -> Mapping[str, str]:
    """The changed files of a mutant."""
    changed: dict[str, str] = {}
    for patch in one.patches:
        changed[patch.file] = patch.applied(changed.get(patch.file) or (PACKAGE / patch.file).read_text())
    return changed


def places(mutants: Iterator[Mutant]) -> dict[str, set[int]]:
    """The lines of each file that some mutant replaces."""
    found: dict[str, set[int]] = {}
    for one in mutants:
        for patch in one.patches:
            found.setdefault(patch.file, set()).update(patch.lines())
    return found
