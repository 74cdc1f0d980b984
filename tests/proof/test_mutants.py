"""The product without one of its guards breaks the promise recorded for it, and every guard is taken out by a mutant.

Each mutant is shown the seed that killed it before; where the product or the world has changed since, others of its
scene. A hash of the product chooses the third of the mutants that is hunted; `make proof` hunts all of them every week.
"""

from collections.abc import Generator, Sequence
from pathlib import Path

import pytest

from proof.mutants.accepted_survivors import SURVIVORS, UNGUARDED
from proof.mutants.conditions import HEALING, conditions, known_mutants, names, reason, recorded, to_kill
from proof.mutants.mutant import Mutant, texts
from proof.mutants.page import SECTIONS, section
from proof.mutants.records import mismatches, report, unplaced
from proof.mutants.registry import MUTANTS, killers
from proof.mutants.runner import Lab, Play, plays
from proof.product_hash import product_hash

TURNS, SHARDS = 3, 4
TURN = product_hash(Path(__file__).parents[2]) % TURNS


@pytest.fixture(scope="module")
def lab() -> Generator[Lab]:
    """The process that plays seeds on mutants."""
    with Lab() as one:
        yield one


def shard(place: int) -> Sequence[tuple[Mutant, list[Play]]]:
    """Some of the mutants whose turn it is, each with the seeds that it is shown."""
    shown = [(one, plays(one.scene, killers().get(name), HEALING)) for name, one in MUTANTS.items()]
    return [*shown, *known_mutants()][TURN::TURNS][place::SHARDS]


@pytest.mark.parametrize("place", range(SHARDS))
def test_every_mutant_breaks_the_promise_recorded_for_it(lab: Lab, place: int) -> None:
    shown = shard(place)
    lab.try_out(seeds[0] for _, seeds in shown)
    verdicts = [lab.hunted(one, seeds) for one, seeds in shown]
    assert [(one.mutant.name, one.errors, one.others) for one in verdicts if one.seed is None] == []


def test_every_address_fits_the_product() -> None:
    found = mismatches()
    assert not found, f"see `python -m proof.mutants check`\n\n{report(found)}"
    assert unplaced() == [], "survivors of modules and functions that are no more"


def test_every_mutant_is_code_that_python_reads() -> None:
    for one in (*MUTANTS.values(), *(mutant for mutant, _ in known_mutants())):
        for file, text in texts(one).items():
            compile(text, file, "exec")


def test_every_mutant_of_the_registry_has_a_seed_that_killed_it() -> None:
    assert {*MUTANTS} == {*killers()}


def test_at_most_ten_mutants_are_free_form_code() -> None:
    free = [one.name for one in MUTANTS.values() if any(change.operator == "code" for change in one.changes)]
    assert len(free) <= 10, free


def test_there_is_no_condition_that_no_mutant_turns_round() -> None:
    addresses = {str(one.address) for one in to_kill()}
    assert addresses == {*recorded()}, "run make mutants"


def test_each_survivor_has_a_reason_and_is_still_a_condition() -> None:
    named = {name for one in conditions() for name in names(one.address)}
    assert {*SURVIVORS} - named == set()
    assert all(len(reason(one)) > 20 for one in conditions() if reason(one))


def test_there_is_a_guard_for_all_that_is_promised_of_money() -> None:
    guarded = {section(one.guard) for one in MUTANTS.values()}
    assert guarded <= {*SECTIONS}
    assert {*SECTIONS} - guarded == {*UNGUARDED}
