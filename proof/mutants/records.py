"""The addresses as they are written down: which no longer fit the product, and how they are made to fit again.

Nothing is changed unasked: `rename` follows a module, class, function or name that got another name, and `accept` takes
over what a person has looked at.
"""

import ast
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from proof.mutants import accepted_survivors, conditions
from proof.mutants.accepted_survivors import SURVIVORS
from proof.mutants.address import (
    ROOT,
    Address,
    AddressError,
    Definition,
    at_present,
    definition_of,
    definitions,
    file_of,
    read,
)
from proof.mutants.conditions import RECORDED, recorded
from proof.mutants.registry import MUTANTS

REGISTRY = Path(__file__).with_name("registry")
SURVIVORS_FILE, CONDITIONS_FILE = Path(accepted_survivors.__file__), Path(conditions.__file__)


@dataclass(frozen=True)
class Record:
    """One mutant of the registry, by its name, or one condition, by its address."""

    name: str
    addresses: tuple[Address, ...]
    file: Path


@dataclass(frozen=True)
class Mismatch:
    """An address that does not fit. `proposal`: where its node is now, as far as anybody can tell."""

    record: Record
    address: Address
    error: AddressError
    proposal: Address | None

    def __str__(self) -> str:
        first = str(self.error).partition("\n")[0]
        proposed = f"\n  proposed: {self.proposal}" if self.proposal else ""
        return f"{self.record.name}\n  {first}{proposed}"


def records() -> Iterator[Record]:
    """All that have addresses of nodes."""
    for file in sorted(REGISTRY.glob("*.py")):
        for name in _calls(file):
            yield Record(name, tuple(change.address for change in MUTANTS[name].changes), file)
    yield from (Record(name, (Address.of(name),), RECORDED) for name in recorded())
    yield from (Record(name, (Address.of(name),), SURVIVORS_FILE) for name in SURVIVORS if "#" in name)


def mismatches(since: str = "") -> list[Mismatch]:
    """The addresses that do not fit; `since`: a commit at which they did, which tells the node that was meant."""
    found: list[Mismatch] = []
    for record in records():
        for address in record.addresses:
            try:
                address.node()
            except AddressError as error:
                found.append(Mismatch(record, address, error, _moved(address, since)))
    return found


def report(found: list[Mismatch]) -> str:
    """All mismatches, and each function that they meet once, as it looks now and with its addresses."""
    functions = dict.fromkeys(one.address.place for one in found)
    parts: list[str] = []
    for place in functions:
        here = [one for one in found if one.address.place == place]
        definition = definition_of(here[0].address.module, here[0].address.name)
        kinds = {one.address.kind for one in here}
        described = definition.described(*kinds) if definition else str(here[0].error).partition("\n")[2]
        parts += [f"==== {place}", *map(str, here), "", described]
    return "\n".join(parts)


def unplaced() -> list[str]:
    """The survivors that name no node but a module or function, where there is none."""
    named = (name for name in SURVIVORS if "#" not in name)
    return [name for name in named if not _is_there(*name.partition(":")[::2])]


def _is_there(module: str, name: str) -> bool:
    return file_of(module).is_file() and (not name or name in definitions(module))


def _moved(address: Address, since: str) -> Address | None:
    """The one node that reads as the addressed one did at a commit; without a commit: the same kind and ordinal."""
    definition = definition_of(address.module, address.name)
    if definition is None:
        return None
    if not since:
        return at_present(address) if definition.node(address.kind, address.ordinal) else None
    old = _at(since, address)
    meant = old.node(address.kind, address.ordinal) if old and old.shape == address.shape else None
    same = [one for one in definition.nodes() if meant and (one.address.kind, one.text) == (address.kind, meant.text)]
    return same[0].address if len(same) == 1 else None


def _at(commit: str, address: Address) -> Definition | None:
    """What an address's function was at a commit."""
    file = file_of(address.module).relative_to(ROOT)
    command = ["git", "show", f"{commit}:{file}"]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    return read(address.module, shown.stdout).get(address.name) if shown.returncode == 0 else None


def accept(name: str, since: str = "") -> list[tuple[Address, Address]]:
    """Write down where the nodes of a mutant or condition are now; each address with the one before.

    A function's name stands for all addresses in it. AddressError where it cannot be told where a node is.
    """
    found = [one for one in mismatches(since) if name in (one.record.name, one.address.place)]
    changed: list[tuple[Address, Address]] = []
    for one in found:
        if one.proposal is None:
            raise AddressError(f"{one}\n  Where that is now cannot be told: write its address down by hand.")
        _replace(one.record, str(one.address), str(one.proposal))
        changed.append((one.address, one.proposal))
    return changed


def _replace(record: Record, old: str, new: str) -> None:
    text = record.file.read_text()
    start, end = _calls(record.file)[record.name] if record.file.parent == REGISTRY else (0, len(text))
    record.file.write_text(text[:start] + text[start:end].replace(f'"{old}"', f'"{new}"') + text[end:])


def _calls(file: Path) -> dict[str, tuple[int, int]]:
    """Where each mutant of a registry file is written, from one character to another."""
    text = file.read_text()
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    found: dict[str, tuple[int, int]] = {}
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Call(func=ast.Name("mutant"), args=[ast.Constant(str(name)), *_]):
                first, last = starts[node.lineno - 1], starts[(node.end_lineno or 0) - 1]
                found[name] = first + node.col_offset, last + (node.end_col_offset or 0)
            case _:
                pass
    return found


def rename(old: str, new: str) -> int:
    """Rewrite every address below `old` (module, package, or module:qualified.name) to `new`; how many there were."""
    pattern = re.compile(rf'(?<="){re.escape(old)}(?=[.:#"])')
    count = 0
    for file in (*sorted(REGISTRY.glob("*.py")), SURVIVORS_FILE, CONDITIONS_FILE, RECORDED):
        text, times = pattern.subn(new, file.read_text())
        file.write_text(text)
        count += times
    return count
