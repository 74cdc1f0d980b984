"""The product without one of its guards breaks the invariant recorded for it, and every guard has a mutant.

Each mutant runs with the seed that killed it before and, if the product or the world has changed since, with other
seeds of its scene. A hash of the product selects the eighth of the mutants that run here. `make proof` runs all of
them every week.
"""

from collections.abc import Generator, Sequence
from pathlib import Path

import pytest

from simulation.bill.bill_mutants import BILL_MUTANTS
from simulation.mutation.accepted_survivors import ACCEPTED_SURVIVORS
from simulation.mutation.condition_mutants import (
    MAX_REPLACEMENT_PLAYS,
    find_survival_reason,
    list_conditions,
    list_conditions_to_kill,
    list_known_mutants,
    list_reason_keys,
    read_killers,
)
from simulation.mutation.guards import MUTANTS, read_killing_seeds
from simulation.mutation.mutant import Mutant, render_files
from simulation.mutation.mutation_page import SECTION_TITLES, find_section
from simulation.mutation.runner import MutantRunner, ScenePlay, list_plays
from simulation.product_hash import choose_eighth

ROOT = Path(__file__).parents[2]
SHARDS = 16


@pytest.fixture(scope="module")
def runner() -> Generator[MutantRunner]:
    """The process that runs seeds on mutants."""
    with MutantRunner() as runner:
        yield runner


def list_shard(shard_index: int) -> Sequence[tuple[Mutant, list[ScenePlay]]]:
    """Returns a share of the mutants that are selected for this run, each with its plays."""
    plays = [
        (mutant, list_plays(mutant.scene, read_killing_seeds().get(name), MAX_REPLACEMENT_PLAYS))
        for name, mutant in MUTANTS.items()
    ]
    return choose_eighth([*plays, *list_known_mutants()], ROOT)[shard_index::SHARDS]


@pytest.mark.parametrize("shard_index", range(SHARDS))
def test_every_mutant_breaks_its_recorded_invariant(runner: MutantRunner, shard_index: int) -> None:
    shard = list_shard(shard_index)
    runner.check_unmutated(plays[0] for _, plays in shard)
    verdicts = [runner.hunt(mutant, plays) for mutant, plays in shard]
    assert [
        (verdict.mutant.name, verdict.errors, verdict.other_invariants) for verdict in verdicts if verdict.seed is None
    ] == []


def test_every_mutant_compiles() -> None:
    for mutant in (*MUTANTS.values(), *(known for known, _ in list_known_mutants())):
        for file, text in render_files(mutant).items():
            compile(text, file, "exec")


def test_every_registered_mutant_has_a_killing_seed() -> None:
    assert {*MUTANTS} == {*read_killing_seeds()}


def test_at_most_ten_mutants_are_free_form_code() -> None:
    mutants = (*MUTANTS.values(), *(one.mutant for one in BILL_MUTANTS.values()))
    free_form = [mutant.name for mutant in mutants if any(change.operator == "code" for change in mutant.changes)]
    assert len(free_form) <= 10, free_form


def test_every_condition_is_killed_or_has_a_reason() -> None:
    addresses = {str(condition.address) for condition in list_conditions_to_kill()}
    assert addresses == {*read_killers()}, "run python -m simulation.mutation --conditions MODULE"


def test_every_accepted_survivor_exists_and_has_a_reason() -> None:
    reason_keys = {name for condition in list_conditions() for name in list_reason_keys(condition.address)}
    assert {*ACCEPTED_SURVIVORS} - reason_keys == set()
    assert all(
        len(find_survival_reason(condition)) > 20 for condition in list_conditions() if find_survival_reason(condition)
    )


def test_every_section_of_the_design_has_a_guard() -> None:
    assert {find_section(mutant.description) for mutant in MUTANTS.values()} == {*SECTION_TITLES}
