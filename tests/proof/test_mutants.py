"""The product without one of its guards breaks the promise recorded for it, and every guard is taken out by a mutant.

Each mutant is shown the seed that killed it before; where the product or the world has changed since, others of its
scene. A hash of the product chooses the third of the mutants that is hunted; `make proof` hunts all of them every week.
"""

from collections.abc import Generator, Sequence
from pathlib import Path

import pytest

from simulation.mutation.accepted_survivors import ACCEPTED_SURVIVORS
from simulation.mutation.address_records import find_mismatches, format_report, list_orphaned_survivors
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
from simulation.product_hash import hash_product

TURNS, SHARDS = 3, 4
TURN = hash_product(Path(__file__).parents[2]) % TURNS


@pytest.fixture(scope="module")
def lab() -> Generator[MutantRunner]:
    """The process that plays seeds on mutants."""
    with MutantRunner() as one:
        yield one


def shard(place: int) -> Sequence[tuple[Mutant, list[ScenePlay]]]:
    """Some of the mutants whose turn it is, each with the seeds that it is shown."""
    shown = [
        (one, list_plays(one.scene, read_killing_seeds().get(name), MAX_REPLACEMENT_PLAYS))
        for name, one in MUTANTS.items()
    ]
    return [*shown, *list_known_mutants()][TURN::TURNS][place::SHARDS]


@pytest.mark.parametrize("place", range(SHARDS))
def test_every_mutant_breaks_the_promise_recorded_for_it(lab: MutantRunner, place: int) -> None:
    shown = shard(place)
    lab.check_unmutated(seeds[0] for _, seeds in shown)
    verdicts = [lab.hunt(one, seeds) for one, seeds in shown]
    assert [(one.mutant.name, one.errors, one.other_invariants) for one in verdicts if one.seed is None] == []


def test_every_address_fits_the_product() -> None:
    found = find_mismatches()
    assert not found, f"see `python -m simulation.mutation check`\n\n{format_report(found)}"
    assert list_orphaned_survivors() == [], "survivors of modules and functions that are no more"


def test_every_mutant_is_code_that_python_reads() -> None:
    for one in (*MUTANTS.values(), *(mutant for mutant, _ in list_known_mutants())):
        for file, text in render_files(one).items():
            compile(text, file, "exec")


def test_every_mutant_of_the_registry_has_a_seed_that_killed_it() -> None:
    assert {*MUTANTS} == {*read_killing_seeds()}


def test_at_most_ten_mutants_are_free_form_code() -> None:
    free = [one.name for one in MUTANTS.values() if any(change.operator == "code" for change in one.changes)]
    assert len(free) <= 10, free


def test_there_is_no_condition_that_no_mutant_turns_round() -> None:
    addresses = {str(one.address) for one in list_conditions_to_kill()}
    assert addresses == {*read_killers()}, "run make mutants"


def test_each_survivor_has_a_reason_and_is_still_a_condition() -> None:
    named = {name for one in list_conditions() for name in list_reason_keys(one.address)}
    assert {*ACCEPTED_SURVIVORS} - named == set()
    assert all(len(find_survival_reason(one)) > 20 for one in list_conditions() if find_survival_reason(one))


def test_every_section_of_the_design_has_a_guard() -> None:
    assert {find_section(mutant.description) for mutant in MUTANTS.values()} == {*SECTION_TITLES}
