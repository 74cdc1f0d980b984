"""The recorded addresses: which of them no longer fit the product, and how to update them.

Nothing changes automatically: `rename` follows a module, class, function, or name that was renamed, and `accept`
records what a developer has checked.
"""

import ast
import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from simulation.bill import bill_mutants
from simulation.bill.bill_mutants import BILL_MUTANTS
from simulation.mutation import accepted_survivors, condition_mutants
from simulation.mutation.accepted_survivors import ACCEPTED_SURVIVORS
from simulation.mutation.condition_mutants import format_killers, read_killers
from simulation.mutation.guards import MUTANTS
from simulation.mutation.killer_files import CONDITION_KILLERS_FILE
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
BILL_FILE = Path(bill_mutants.__file__)


@dataclass(frozen=True)
class AddressRecord:
    """A mutant, by its name, or a condition, by its address."""

    name: str
    addresses: tuple[MutationAddress, ...]
    file: Path


@dataclass(frozen=True)
class AddressMismatch:
    """An address that does not fit. `proposal`: where its node is now, if that can be determined."""

    record: AddressRecord
    address: MutationAddress
    error: AddressError
    proposal: MutationAddress | None

    def __str__(self) -> str:
        first = str(self.error).partition("\n")[0]
        proposed = f"\n  proposed: {self.proposal}" if self.proposal else ""
        return f"{self.record.name}\n  {first}{proposed}"


def list_records() -> Iterator[AddressRecord]:
    """Yields everything that has addresses."""
    for path in sorted(MUTANTS_FOLDER.glob("*.py")):
        for name in _locate_mutants(path):
            yield AddressRecord(name, tuple(change.address for change in MUTANTS[name].changes), path)
    for name, one in BILL_MUTANTS.items():
        yield AddressRecord(name, tuple(change.address for change in one.mutant.changes), BILL_FILE)
    yield from (AddressRecord(name, (MutationAddress.parse(name),), CONDITION_KILLERS_FILE) for name in read_killers())
    yield from (
        AddressRecord(name, (MutationAddress.parse(name),), SURVIVORS_FILE)
        for name in ACCEPTED_SURVIVORS
        if "#" in name
    )


def find_mismatches(since: str = "") -> list[AddressMismatch]:
    """Returns the addresses that do not fit. `since`: a commit at which they did, which shows the intended nodes."""
    mismatches: list[AddressMismatch] = []
    for record in list_records():
        for address in record.addresses:
            try:
                address.find_node()
            except AddressError as error:
                mismatches.append(AddressMismatch(record, address, error, _propose_address(address, since)))
    return mismatches


def format_report(mismatches: list[AddressMismatch]) -> str:
    """Formats all mismatches. Each function in which they occur is shown once, as it is now, with its addresses."""
    definition_names = dict.fromkeys(mismatch.address.definition_name for mismatch in mismatches)
    parts: list[str] = []
    for definition_name in definition_names:
        own_mismatches = [mismatch for mismatch in mismatches if mismatch.address.definition_name == definition_name]
        definition = find_definition(own_mismatches[0].address.module, own_mismatches[0].address.name)
        kinds = {mismatch.address.kind for mismatch in own_mismatches}
        described = definition.describe(*kinds) if definition else str(own_mismatches[0].error).partition("\n")[2]
        parts += [f"==== {definition_name}", *map(str, own_mismatches), "", described]
    return "\n".join(parts)


def list_orphaned_survivors() -> list[str]:
    """Returns the survivors that name a module or a function that no longer exists."""
    names = (name for name in ACCEPTED_SURVIVORS if "#" not in name)
    return [name for name in names if not _exists(*name.partition(":")[::2])]


def _exists(module: str, name: str) -> bool:
    return find_module_file(module).is_file() and (not name or name in read_definitions(module))


def _propose_address(address: MutationAddress, since: str) -> MutationAddress | None:
    """Returns the only node with the text that the addressed one had at a commit.

    Without a commit: the node of the same kind and ordinal.
    """
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
    matching_nodes = [
        node
        for node in definition.list_nodes()
        if old_node and (node.address.kind, node.text) == (address.kind, old_node.text)
    ]
    return matching_nodes[0].address if len(matching_nodes) == 1 else None


def _read_definition_at(commit: str, address: MutationAddress) -> Definition | None:
    """Returns the function of an address as it was at a commit."""
    file = find_module_file(address.module).relative_to(ROOT)
    command = ["git", "show", f"{commit}:{file}"]
    completed = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    return parse_definitions(address.module, completed.stdout).get(address.name) if completed.returncode == 0 else None


def accept_proposals(name: str, since: str = "") -> list[tuple[MutationAddress, MutationAddress]]:
    """Records where the nodes of a mutant or condition are now. Returns each old address with the new one.

    A function's name selects all addresses in it. Raises AddressError if the place of a node cannot be determined.
    """
    selected = [
        mismatch
        for mismatch in find_mismatches(since)
        if name in (mismatch.record.name, mismatch.address.definition_name)
    ]
    changed: list[tuple[MutationAddress, MutationAddress]] = []
    for mismatch in selected:
        if mismatch.proposal is None:
            raise AddressError(f"{mismatch}\n  Its new place cannot be determined. Correct the address by hand.")
        _replace_address(mismatch.record, str(mismatch.address), str(mismatch.proposal))
        changed.append((mismatch.address, mismatch.proposal))
    return changed


def _replace_address(record: AddressRecord, old: str, new: str) -> None:
    text = record.file.read_text()
    start, end = _locate_mutants(record.file)[record.name] if record.file.parent == MUTANTS_FOLDER else (0, len(text))
    _write_registry_file(record.file, text[:start] + text[start:end].replace(f'"{old}"', f'"{new}"') + text[end:])


def _write_registry_file(file: Path, text: str) -> None:
    file.write_text(format_killers(json.loads(text)) if file == CONDITION_KILLERS_FILE else text)


def _locate_mutants(file: Path) -> dict[str, tuple[int, int]]:
    """Returns the start and the end of each mutant's source text, as character offsets."""
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
    """Renames every address below `old` (module, package, or module:qualified.name). Returns how many there were."""
    pattern = re.compile(rf'(?<="){re.escape(old)}(?=[.:#"])')
    count = 0
    for file in (
        *sorted(MUTANTS_FOLDER.glob("*.py")),
        BILL_FILE,
        SURVIVORS_FILE,
        CONDITIONS_FILE,
        CONDITION_KILLERS_FILE,
    ):
        text, replaced_count = pattern.subn(new, file.read_text())
        _write_registry_file(file, text)
        count += replaced_count
    return count
