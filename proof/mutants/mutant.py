"""What a mutant is, and how it is made: some nodes of the product changed in a copy of it."""

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from typing import Any

from proof.checker.books import Promise
from proof.mutants.address import PACKAGE, Span
from proof.mutants.operators import Change, Edit, OperatorError
from proof.mutants.scene import Scene


@dataclass(frozen=True)
class Mutant:
    """A guard taken out. `guard`: what it keeps, with its place in the design. `scene`: where to look for it.

    `breaks`: the promise that breaks without it; another one that breaks kills nothing. None: any.
    More than one change where the same guard stands twice, so that taking one out changes nothing.
    """

    name: str
    guard: str
    changes: tuple[Change, ...]
    breaks: Promise | None
    scene: Scene = Scene()


def mutant(
    name: str,
    guard: str,
    *changes: Change,
    breaks: Promise,
    faults: str = "",
    kind: str = "",
    deeds: Iterable[str] = (),
    late: bool = False,
    asleep: bool = False,
    minutes: int = 0,
    **setup: Any,
) -> Mutant:
    """A mutant of changes in a scene; `faults`: names parted by blanks. See Scene for the rest."""
    scene = Scene(tuple(faults.split()) or None, kind, setup, tuple(deeds), late, asleep, minutes)
    return Mutant(name, guard, changes, breaks, scene)


def spans(one: Mutant) -> dict[str, list[Span]]:
    """The bytes of each file that a mutant replaces."""
    found: dict[str, list[Span]] = {}
    for change in one.changes:
        found.setdefault(change.address.file, []).extend(span for span, _ in change.edits)
    return found


def texts(one: Mutant) -> Mapping[str, str]:
    """The changed files of a mutant."""
    edits: dict[str, list[Edit]] = {}
    for change in one.changes:
        edits.setdefault(change.address.file, []).extend(change.edits)
    return {file: _spliced(one, (PACKAGE / file).read_bytes(), some) for file, some in edits.items()}


def _spliced(one: Mutant, source: bytes, edits: Iterable[Edit]) -> str:
    before = len(source)
    for (start, end), text in sorted(edits, reverse=True):
        if end > before:
            raise OperatorError(f"{one.name} changes the same code twice")
        source, before = source[:start] + text.encode() + source[end:], start
    return source.decode()


def diff(one: Mutant) -> str:
    """What the mutant changes, as a patch."""
    lines: list[str] = []
    for file, text in texts(one).items():
        old = (PACKAGE / file).read_text().splitlines(keepends=True)
        lines += unified_diff(old, text.splitlines(keepends=True), file, file, n=2)
    return "".join(lines)


def grown(one: Mutant, folder: Path) -> Path:
    """A copy of the package with the guard taken out; the folder that goes first on the path."""
    copy = folder / PACKAGE.name
    shutil.copytree(PACKAGE, copy)
    for file, text in texts(one).items():
        (copy / file).write_text(text)
    return folder
