"""What a mutant is, and how it is made: a copy of the product in which some nodes are changed."""

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
    """The product without one guard.

    `description`: the section of the design, and the rule that the guard enforces. `scene`: where the mutant runs.
    `invariant`: the one that must break; others kill nothing. None accepts any. There are several changes if the same
    guard exists in several places, so that removing one of them changes nothing.
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
    """Builds a mutant that runs in a scene; `faults` are names separated by spaces. See `MutationScene`."""
    scene = MutationScene(
        tuple(faults.split()) or None, kind, setup, tuple(actions), starts_before_midnight, is_old_stack, fault_minutes
    )
    return Mutant(name, description, changes, invariant, scene)


def list_spans(mutant: Mutant) -> dict[str, list[ByteSpan]]:
    """Returns the bytes of each file that a mutant replaces."""
    spans_by_file: dict[str, list[ByteSpan]] = {}
    for change in mutant.changes:
        spans_by_file.setdefault(change.address.file, []).extend(span for span, _ in change.edits)
    return spans_by_file


def render_files(mutant: Mutant) -> Mapping[str, str]:
    """Returns the text of each changed file."""
    edits_by_file: dict[str, list[Edit]] = {}
    for change in mutant.changes:
        edits_by_file.setdefault(change.address.file, []).extend(change.edits)
    return {file: _apply_edits(mutant, (PACKAGE / file).read_bytes(), edits) for file, edits in edits_by_file.items()}


def _apply_edits(mutant: Mutant, source: bytes, edits: Iterable[Edit]) -> str:
    previous_start = len(source)
    for (start, end), text in sorted(edits, reverse=True):
        if end > previous_start:
            raise OperatorError(f"{mutant.name} changes the same code twice")
        source, previous_start = source[:start] + text.encode() + source[end:], start
    return source.decode()


def format_diff(mutant: Mutant) -> str:
    """Returns the mutant's changes as a patch."""
    lines: list[str] = []
    for file, text in render_files(mutant).items():
        old = (PACKAGE / file).read_text().splitlines(keepends=True)
        lines += unified_diff(old, text.splitlines(keepends=True), file, file, n=2)
    return "".join(lines)


def write_mutant(mutant: Mutant, folder: Path) -> Path:
    """Writes a copy of the package with the changes. Returns the folder to put first on the Python path."""
    copy = folder / PACKAGE.name
    shutil.copytree(PACKAGE, copy)
    for file, text in render_files(mutant).items():
        (copy / file).write_text(text)
    return folder
