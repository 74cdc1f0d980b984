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

from simulation.mutation import accepted_survivors, condition_mutants
from simulation.mutation.accepted_survivors import ACCEPTED_SURVIVORS
from simulation.mutation.condition_mutants import KILLERS_FILE, read_killers
from simulation.mutation.guards import MUTANTS
from simulation.mutation.mutation_address import (
    ROOT,
    AddressError,
    Definition,
    MutationAddress,
    find_definition,
    find_module_file,
    parse_definitions,
    read_definitions,
    update_fingerprint,
)

MUTANTS_FOLDER = Path(__file__).with_name("guards")
SURVIVORS_FILE, CONDITIONS_FILE = Path(accepted_survivors.__file__), Path(condition_mutants.__file__)


@dataclass(frozen=True)
class AddressRecord:
    """One mutant of the registry, by its name, or one condition, by its address."""

    name: str
    addresses: tuple[MutationAddress, ...]
    file: Path


@dataclass(frozen=True)
class AddressMismatch:
    """An address that does not fit. `proposal`: where its node is now, as far as anybody can tell."""

    record: AddressRecord
    address: MutationAddress
    error: AddressError
    proposal: MutationAddress | None

    def __str__(self) -> str:
        first = str(self.error).partition("\n")[0]
        proposed = f"\n  proposed: {self.proposal}" if self.proposal else ""
        return f"{self.record.name}\n  {first}{proposed}"


def list_records() -> Iterator[AddressRecord]:
    """All that have addresses of nodes."""
    for path in sorted(MUTANTS_FOLDER.glob("*.py")):
        for name in _locate_mutants(path):
            yield AddressRecord(name, tuple(change.address for change in MUTANTS[name].changes), path)
    yield from (AddressRecord(name, (MutationAddress.parse(name),), KILLERS_FILE) for name in read_killers())
    yield from (
        AddressRecord(name, (MutationAddress.parse(name),), SURVIVORS_FILE)
        for name in ACCEPTED_SURVIVORS
        if "#" in name
    )


def find_mismatches(since: str = "") -> list[AddressMismatch]:
    """The addresses that do not fit; `since`: a commit at which they did, which tells the node that was meant."""
    mismatches_found: list[AddressMismatch] = []
    for record in list_records():
        for address in record.addresses:
            try:
                address.find_node()
            except AddressError as error:
                mismatches_found.append(AddressMismatch(record, address, error, _propose_address(address, since)))
    return mismatches_found


def format_report(mismatches_found: list[AddressMismatch]) -> str:
    """All mismatches, and each function that they meet once, as it looks now and with its addresses."""
    definition_names = dict.fromkeys(one.address.definition_name for one in mismatches_found)
    parts: list[str] = []
    for definition_name in definition_names:
        mismatches_here = [one for one in mismatches_found if one.address.definition_name == definition_name]
        definition = find_definition(mismatches_here[0].address.module, mismatches_here[0].address.name)
        kinds = {one.address.kind for one in mismatches_here}
        described = definition.describe(*kinds) if definition else str(mismatches_here[0].error).partition("\n")[2]
        parts += [f"==== {definition_name}", *map(str, mismatches_here), "", described]
    return "\n".join(parts)


def list_orphaned_survivors() -> list[str]:
    """The survivors that name no node but a module or function, where there is none."""
    names = (name for name in ACCEPTED_SURVIVORS if "#" not in name)
    return [name for name in names if not _exists(*name.partition(":")[::2])]


def _exists(module: str, name: str) -> bool:
    return find_module_file(module).is_file() and (not name or name in read_definitions(module))


def _propose_address(address: MutationAddress, since: str) -> MutationAddress | None:
    """The one node that reads as the addressed one did at a commit; without a commit: the same kind and ordinal."""
    definition = find_definition(address.module, address.name)
    if definition is None:
        return None
    if not since:
        return update_fingerprint(address) if definition.find_node(address.kind, address.ordinal) else None
    old_definition = _read_definition_at(since, address)
    old_node = (
        old_definition.find_node(address.kind, address.ordinal)
        if old_definition and old_definition.fingerprint == address.fingerprint
        else None
    )
    candidates = [
        one
        for one in definition.list_nodes()
        if old_node and (one.address.kind, one.text) == (address.kind, old_node.text)
    ]
    return candidates[0].address if len(candidates) == 1 else None


def _read_definition_at(commit: str, address: MutationAddress) -> Definition | None:
    """What an address's function was at a commit."""
    file = find_module_file(address.module).relative_to(ROOT)
    command = ["git", "show", f"{commit}:{file}"]
    completed = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    return parse_definitions(address.module, completed.stdout).get(address.name) if completed.returncode == 0 else None


def accept_proposals(name: str, since: str = "") -> list[tuple[MutationAddress, MutationAddress]]:
    """Write down where the nodes of a mutant or condition are now; each address with the one before.

    A function's name stands for all addresses in it. AddressError where it cannot be told where a node is.
    """
    selected = [one for one in find_mismatches(since) if name in (one.record.name, one.address.definition_name)]
    changed: list[tuple[MutationAddress, MutationAddress]] = []
    for one in selected:
        if one.proposal is None:
            raise AddressError(f"{one}\n  Where that is now cannot be told: write its address down by hand.")
        _replace_address(one.record, str(one.address), str(one.proposal))
        changed.append((one.address, one.proposal))
    return changed


def _replace_address(record: AddressRecord, old: str, new: str) -> None:
    text = record.file.read_text()
    start, end = _locate_mutants(record.file)[record.name] if record.file.parent == MUTANTS_FOLDER else (0, len(text))
    record.file.write_text(text[:start] + text[start:end].replace(f'"{old}"', f'"{new}"') + text[end:])


def _locate_mutants(file: Path) -> dict[str, tuple[int, int]]:
    """Where each mutant of a registry file is written, from one character to another."""
    text = file.read_text()
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    spans_by_name: dict[str, tuple[int, int]] = {}
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Call(func=ast.Name("build_mutant"), args=[ast.Constant(str(name)), *_]):
                first_line_start, last_line_start = starts[node.lineno - 1], starts[(node.end_lineno or 0) - 1]
                spans_by_name[name] = first_line_start + node.col_offset, last_line_start + (node.end_col_offset or 0)
            case _:
                pass
    return spans_by_name


def rename_addresses(old: str, new: str) -> int:
    """Rewrite every address below `old` (module, package, or module:qualified.name) to `new`; how many there were."""
    pattern = re.compile(rf'(?<="){re.escape(old)}(?=[.:#"])')
    count = 0
    for file in (*sorted(MUTANTS_FOLDER.glob("*.py")), SURVIVORS_FILE, CONDITIONS_FILE, KILLERS_FILE):
        text, times = pattern.subn(new, file.read_text())
        file.write_text(text)
        count += times
    return count
