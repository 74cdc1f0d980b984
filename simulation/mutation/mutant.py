"""What a mutant is, and how it is made: some nodes of the product changed in a copy of it."""

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from typing import Any

from simulation.invariants.violations import Invariant
from simulation.mutation.mutation_address import PACKAGE, ByteSpan
from simulation.mutation.mutation_operators import Edit, Mutation, OperatorError
from simulation.mutation.mutation_scene import MutationScene


@dataclass(frozen=True)
class Mutant:
    """A guard taken out. `guard`: what it keeps, with its place in the design. `scene`: where to look for it.

    `breaks`: the promise that breaks without it; another one that breaks kills nothing. None: any.
    More than one change where the same guard stands twice, so that taking one out changes nothing.
    """

    name: str
    description: str
    changes: tuple[Mutation, ...]
    invariant: Invariant | None
    scene: MutationScene = MutationScene()


def build_mutant(
    name: str,
    description: str,
    *changes: Mutation,
    invariant: Invariant,
    faults: str = "",
    kind: str = "",
    actions: Iterable[str] = (),
    starts_before_midnight: bool = False,
    is_old_stack: bool = False,
    fault_minutes: int = 0,
    **setup: Any,
) -> Mutant:
    """A mutant of changes in a scene; `faults`: names parted by blanks. See Scene for the rest."""
    scene = MutationScene(
        tuple(faults.split()) or None, kind, setup, tuple(actions), starts_before_midnight, is_old_stack, fault_minutes
    )
    return Mutant(name, description, changes, invariant, scene)


def list_spans(mutated: Mutant) -> dict[str, list[ByteSpan]]:
    """The bytes of each file that a mutant replaces."""
    spans_by_file: dict[str, list[ByteSpan]] = {}
    for change in mutated.changes:
        spans_by_file.setdefault(change.address.file, []).extend(span for span, _ in change.edits)
    return spans_by_file


def render_files(mutated: Mutant) -> Mapping[str, str]:
    """The changed files of a mutant."""
    edits_by_file: dict[str, list[Edit]] = {}
    for change in mutated.changes:
        edits_by_file.setdefault(change.address.file, []).extend(change.edits)
    return {file: _apply_edits(mutated, (PACKAGE / file).read_bytes(), some) for file, some in edits_by_file.items()}


def _apply_edits(mutated: Mutant, source: bytes, edits: Iterable[Edit]) -> str:
    previous_start = len(source)
    for (start, end), text in sorted(edits, reverse=True):
        if end > previous_start:
            raise OperatorError(f"{mutated.name} changes the same code twice")
        source, previous_start = source[:start] + text.encode() + source[end:], start
    return source.decode()


def format_diff(mutated: Mutant) -> str:
    """What the mutant changes, as a patch."""
    lines: list[str] = []
    for file, text in render_files(mutated).items():
        old = (PACKAGE / file).read_text().splitlines(keepends=True)
        lines += unified_diff(old, text.splitlines(keepends=True), file, file, n=2)
    return "".join(lines)


def write_mutant(mutated: Mutant, folder: Path) -> Path:
    """A copy of the package with the guard taken out; the folder that goes first on the path."""
    copy = folder / PACKAGE.name
    shutil.copytree(PACKAGE, copy)
    for file, text in render_files(mutated).items():
        (copy / file).write_text(text)
    return folder
