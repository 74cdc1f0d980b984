"""The product without one of its guards breaks a promise, each time; and there is no guard that nobody takes out."""

from collections.abc import Generator, Sequence

import pytest

from proof.mutants.flips import flip, flipped, left_over
from proof.mutants.lab import Lab, killers
from proof.mutants.mutant import Mutant, texts
from proof.mutants.roll import MUTANTS
from proof.mutants.spared import LIVING, SPARED, UNHUNTED

SHARDS = 8


@pytest.fixture(scope="module")
def lab() -> Generator[Lab]:
    """The process that plays seeds on mutants."""
    with Lab() as one:
        yield one


def shard(place: int) -> Sequence[tuple[Mutant, int]]:
    """Some of all mutants, each with the seed that killed it."""
    known = [(one, killers()[name]) for name, one in MUTANTS.items() if name in killers()]
    conditions = {str(guard): guard for guard in left_over()}
    found = flipped()
    known += [
        (flip(conditions[name], str(found[name]["way"])), int(found[name]["seed"]))
        for name in conditions
        if name in found
    ]
    return known[place::SHARDS]


@pytest.mark.parametrize("place", range(SHARDS))
def test_every_mutant_is_killed_by_its_seed(lab: Lab, place: int) -> None:
    verdicts = [lab.hunted(one, seed, 1) for one, seed in shard(place)]
    assert [(one.mutant.name, one.errors) for one in verdicts if one.seed is None] == []


def test_every_mutant_of_the_roll_has_a_seed_that_kills_it_or_is_said_to_live() -> None:
    assert {*MUTANTS} == {*killers()} | LIVING
    assert not {*killers()} & LIVING


@pytest.mark.parametrize("one", MUTANTS.values(), ids=[*MUTANTS])
def test_every_mutant_changes_the_product_as_it_is(one: Mutant) -> None:
    for file, text in texts(one).items():
        compile(text, file, "exec")


def test_there_is_no_guard_that_no_mutant_takes_out() -> None:
    names = {str(guard) for guard in left_over()}
    assert names - {*flipped()} - {*SPARED} - UNHUNTED == set()


def test_what_is_spared_is_still_there_and_has_a_reason() -> None:
    assert {*SPARED} - {str(guard) for guard in left_over()} == set()
    assert all(len(reason) > 20 for reason in SPARED.values())
    assert not {*SPARED} & {*flipped()}
