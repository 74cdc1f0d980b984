"""Mutants' addresses fit the product, and survive renames and changed texts.

After other changes, the error shows the function as it is.
"""

import ast
import builtins
import json
import symtable
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from simulation.mutation import address_records
from simulation.mutation import mutant as mutants
from simulation.mutation import mutation_address as addresses
from simulation.mutation.condition_mutants import format_killers, list_named_plays, read_killers
from simulation.mutation.guards import MUTANTS
from simulation.mutation.killer_files import CONDITION_KILLERS_FILE
from simulation.mutation.mutant import Mutant, render_files
from simulation.mutation.mutation_address import AddressError, MutationAddress, find_definition
from simulation.mutation.mutation_operators import Mutation, OperatorError, replace_literal
from simulation.mutation.mutation_scene import FAULT_SCENES, build_scene

SOURCE = '''\
"""A module."""

RULES = (
    ("gone", 1),  # the first
    ("same", 2),
    ("other", 3),
)


class Shop:
    def buy(self, job, lane):
        """Buy it."""
        if job.ended or (lane.shut and not job.urgent):
            return None
        elif lane.late:
            lane.skip(job)
        self._notify(job)
        outcome = self.ledger.put(job, only="rev = :rev AND attribute_exists(pk)", outcome="bought “it”")
        return outcome if outcome.cost > 0 else max(job.price, 1)
'''

type Product = Callable[[str], None]


@pytest.fixture
def product(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Product:
    """A package with one module, `shop`, whose source can be changed."""
    for module in (addresses, mutants):
        monkeypatch.setattr(module, "PACKAGE", tmp_path)

    def write(source: str) -> None:
        (tmp_path / "shop.py").write_text(source)

    write(SOURCE)
    return write


def find_address(name: str, node: str) -> MutationAddress:
    """Returns the present address of a node."""
    definition = find_definition("shop", name)
    assert definition is not None
    return MutationAddress.parse(f"shop:{name}#{definition.fingerprint} {node}")


def mutate(operator: str, name: str, node: str, value: str = "") -> str:
    """Returns the module with one node changed."""
    mutant = Mutant("mutant", "", (Mutation(operator, find_address(name, node), value),), None)
    return render_files(mutant)["shop.py"]


def test_every_address_fits_the_product() -> None:
    mismatches = address_records.find_mismatches()
    assert not mismatches, f"see `python -m simulation.mutation check`\n\n{address_records.format_report(mismatches)}"
    assert address_records.list_orphaned_survivors() == [], "accepted survivors that name what no longer exists"


def test_every_scene_of_a_condition_exists() -> None:
    assert {killer.scene for killer in read_killers().values()} <= {*FAULT_SCENES, *MUTANTS}


def test_search_begins_with_the_seeds_that_kill_the_scenes_own_mutants() -> None:
    first, second, other = build_scene("hang_up"), build_scene("hang_up"), build_scene("slow_call")
    scenes = {"first": first, "second": second, "other": other}
    assert list_named_plays(scenes, {"first": 7, "second": 1}, 2) == [
        ("first", (first, 7)),
        ("first", (first, 0)),
        ("second", (second, 1)),
        ("other", (other, 0)),
        ("other", (other, 1)),
    ]


CHANGES = (
    ("on", "if 1", "job.ended or (lane.shut and not job.urgent)", "(True)"),
    ("off", "operand 2", "lane.shut and not job.urgent", "(False)"),
    ("not", "conditional expression 1", "outcome.cost > 0", "(not (outcome.cost > 0))"),
    ("drop", "statement 3", "elif lane.late:\n            lane.skip(job)", "else: pass"),
    ("drop", "statement 5", "self._notify(job)", "pass"),
    ("drop", "keyword 1", 'only="rev = :rev AND attribute_exists(pk)",', ""),
    ("drop", "operand 4", "lane.shut and not job.urgent", "((lane.shut))"),
    ("drop", "argument 5", "max(job.price, 1)", "((job.price))"),
    ("literal", "constant 5", "1)\n", "9)\n"),
    ("on", "clause 1", "rev = :rev AND", "(rev = :rev OR attribute_exists(pk) OR attribute_not_exists(pk)) AND"),
    ("not", "clause 2", "attribute_exists(pk)", "(NOT attribute_exists(pk))"),
)


@pytest.mark.usefixtures("product")
@pytest.mark.parametrize(("operator", "node", "old", "new"), CHANGES)
def test_operator_changes_only_the_bytes_of_its_node(operator: str, node: str, old: str, new: str) -> None:
    head, _, body = SOURCE.partition("class Shop")
    text = mutate(operator, "Shop.buy", node, "9" if operator == "literal" else "")
    assert text == f"{head}class Shop{body.replace(old, new)}"
    ast.parse(text)


@pytest.mark.usefixtures("product")
def test_table_rows_are_dropped_and_swapped() -> None:
    table = ast.literal_eval
    dropped, swapped = (mutate(operator, "RULES", "row 2") for operator in ("drop", "swap"))
    rules = [table(text.partition("RULES = ")[2].partition("\n\n\nclass")[0]) for text in (dropped, swapped)]
    assert rules == [(("gone", 1), ("other", 3)), (("gone", 1), ("other", 3), ("same", 2))]


def test_several_rows_of_a_call_can_be_dropped(product: Product) -> None:
    product("RULES = table(\n    (1, 2),\n    (\n        rule(3),\n        rule(4),\n        rule(5),\n    ),\n)\n")
    mutant = Mutant("mutant", "", tuple(Mutation("drop", find_address("RULES", f"row {row}")) for row in (1, 3)), None)
    assert ast.unparse(ast.parse(render_files(mutant)["shop.py"])) == "RULES = table((1, 2), (rule(4),))"


@pytest.mark.usefixtures("product")
def test_operator_that_does_not_fit_its_node_is_rejected() -> None:
    with pytest.raises(OperatorError):
        mutate("on", "Shop.buy", "statement 1")
    with pytest.raises(ValueError, match="malformed"):
        replace_literal("shop:Shop.buy#000000 constant 1", "job.price")


RENAMED = SOURCE.replace("job", "purchase").replace("_notify", "_announce").replace("outcome", "sent")
TEXTS = (
    SOURCE.replace('"""Buy it."""\n', "# why\n")
    .replace("bought", "paid")
    .replace("(self, job, lane)", "(\n self, job, lane)")
)


@pytest.mark.parametrize("source", [RENAMED, TEXTS, f"import os\n{SOURCE}"])
def test_renames_and_texts_keep_an_address(product: Product, source: str) -> None:
    before = find_address("Shop.buy", "if 1")
    product(source)
    assert before.find_node().address == before


OTHERS = [
    SOURCE.replace("not job.urgent", "job.urgent"),
    SOURCE.replace("max(job.price, 1)", "max(job.price, 2)"),
    SOURCE.replace("job.ended or (lane.shut", "lane.shut or (job.ended"),
    SOURCE.replace("AND attribute_exists(pk)", "OR attribute_exists(pk)"),
]


@pytest.mark.parametrize("source", OTHERS)
def test_any_other_change_breaks_an_address_and_shows_the_function(product: Product, source: str) -> None:
    before = find_address("Shop.buy", "if 1")
    product(source)
    with pytest.raises(AddressError) as raised:
        before.find_node()
    now = find_address("Shop.buy", "if 1")
    assert "def buy(self, job, lane):" in str(raised.value)
    assert f"{now}: {now.find_node().text}" in str(raised.value)


def test_address_of_a_moved_function_names_its_new_place(product: Product) -> None:
    before = find_address("Shop.buy", "if 1")
    product(SOURCE.replace("class Shop", "class Market"))
    with pytest.raises(AddressError, match="shop:Market.buy"):
        before.find_node()


@pytest.fixture
def recorded(product: Product, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A registry of one file with two mutants at the same address."""
    address = find_address("Shop.buy", "if 1")
    registry = tmp_path / "registry"
    registry.mkdir()
    file = registry / "buying.py"
    file.write_text(
        f'# "shop:Shop"\nbuild_mutant("a", "1: x", off("{address}"))\nbuild_mutant("b", "1: y", off("{address}"))\n'
    )
    empty = tmp_path / "empty"
    empty.write_text("")
    monkeypatch.setattr(address_records, "MUTANTS_FOLDER", registry)
    for name in ("BILL_FILE", "SURVIVORS_FILE", "CONDITIONS_FILE"):
        monkeypatch.setattr(address_records, name, empty)
    monkeypatch.setattr(address_records, "CONDITION_KILLERS_FILE", tmp_path / "conditions.json")
    address_records.CONDITION_KILLERS_FILE.write_text("{}")
    both = {name: Mutant(name, "", (Mutation("off", address),), None) for name in "ab"}
    monkeypatch.setattr(address_records, "MUTANTS", both)
    monkeypatch.setattr(address_records, "BILL_MUTANTS", {})
    monkeypatch.setattr(address_records, "ACCEPTED_SURVIVORS", {})
    monkeypatch.setattr(address_records, "read_killers", dict)
    product(SOURCE.replace("not job.urgent", "job.urgent"))
    return file


def test_rename_rewrites_every_address_below_it(recorded: Path) -> None:
    before = recorded.read_text()
    assert address_records.rename_addresses("shop:Shop.bu", "shop:Shop.pay") == 0
    assert address_records.rename_addresses("shop:Shop.buy", "shop:Shop.pay") == 2
    assert recorded.read_text() == before.replace("shop:Shop.buy", "shop:Shop.pay")
    address_records.rename_addresses("shop", "intake.market")
    assert "shop:" not in recorded.read_text()


def test_recorded_conditions_are_sorted_by_address() -> None:
    text = CONDITION_KILLERS_FILE.read_text()
    assert text == format_killers(json.loads(text))


def test_rename_keeps_conditions_sorted(recorded: Path) -> None:
    recorded_addresses = [f"{name}:Shop.buy#abc123 if 1" for name in ("market", "shop")]
    address_records.CONDITION_KILLERS_FILE.write_text(format_killers(dict.fromkeys(recorded_addresses)))
    assert address_records.rename_addresses("shop", "basket") == 4
    assert list(json.loads(address_records.CONDITION_KILLERS_FILE.read_text())) == [
        recorded_addresses[1].replace("shop", "basket"),
        recorded_addresses[0],
    ]


def test_accept_updates_only_the_named_mutant(recorded: Path) -> None:
    assert [mismatch.record.name for mismatch in address_records.find_mismatches()] == ["a", "b"]
    ((old, new),) = address_records.accept_proposals("b")
    text = recorded.read_text()
    assert (text.count(str(old)), text.count(str(new))) == (1, 1)
    assert text.index(str(old)) < text.index(str(new))
    assert new == find_address("Shop.buy", "if 1")


def find_undefined_names(table: symtable.SymbolTable, known: frozenset[str]) -> Iterator[str]:
    """Yields the global names that a module's functions use and that the module does not define."""
    for child in table.get_children():
        yield from (one.get_name() for one in child.get_symbols() if one.is_global() and one.get_name() not in known)
        yield from find_undefined_names(child, known)


@pytest.mark.parametrize("name", [name for name, one in MUTANTS.items() if "code" in {n.operator for n in one.changes}])
def test_code_of_a_mutant_uses_only_names_that_exist(name: str) -> None:
    """A rename in the product does not change the code with which a mutant replaces a node."""
    for path, text in render_files(MUTANTS[name]).items():
        table = symtable.symtable(text, path, "exec")
        known = frozenset({*dir(builtins), *table.get_identifiers(), "__file__", "__name__"})
        assert [*find_undefined_names(table, known)] == []
