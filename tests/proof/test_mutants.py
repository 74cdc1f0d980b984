"""The product without one of its guards breaks a promise, each time; and there is no guard that nobody takes out.

Each mutant is shown the seed that killed it before; where the product or the world has changed since, others of its
scene. `make mutants` hunts anew and writes the seeds down.
"""

from collections.abc import Generator, Sequence

import pytest

from proof.mutants.conditions import HEALING
from proof.mutants.flips import flip, flipped, left_over, scene_of
from proof.mutants.lab import Lab, Play, plays
from proof.mutants.mutant import Mutant, texts
from proof.mutants.page import SECTIONS, section
from proof.mutants.roll import MUTANTS, killers
from proof.mutants.spared import SPARED, UNGUARDED

SHARDS = 8


@pytest.fixture(scope="module")
def lab() -> Generator[Lab]:
    """The process that plays seeds on mutants."""
    with Lab() as one:
        yield one


def shard(place: int) -> Sequence[tuple[Mutant, list[Play]]]:
    """Some of all mutants, each with the seeds that it is shown."""
    conditions = {str(guard): guard for guard in left_over()}
    shown = [(one, plays(one.scene, killers().get(name), HEALING)) for name, one in MUTANTS.items()]
    shown += [
        (flip(conditions[name], killer.way), plays(scene_of(killer.scene), killer.seed, HEALING))
        for name, killer in flipped().items()
        if name in conditions
    ]
    return shown[place::SHARDS]


@pytest.mark.parametrize("place", range(SHARDS))
def test_every_mutant_is_killed(lab: Lab, place: int) -> None:
    shown = shard(place)
    lab.try_out(seeds[0] for _, seeds in shown)
    verdicts = [lab.hunted(one, seeds) for one, seeds in shown]
    assert [(one.mutant.name, one.errors) for one in verdicts if one.seed is None] == []


def test_every_mutant_of_the_roll_has_a_seed_that_killed_it() -> None:
    assert {*MUTANTS} - {*killers()} == set()


@pytest.mark.parametrize("one", MUTANTS.values(), ids=[*MUTANTS])
def test_every_mutant_changes_the_product_as_it_is(one: Mutant) -> None:
    for file, text in texts(one).items():
        compile(text, file, "exec")


def test_there_is_no_condition_that_no_mutant_turns_round() -> None:
    names = {str(guard) for guard in left_over()}
    assert names - {*flipped()} - {*SPARED} == set(), "run make mutants"


def test_what_is_spared_is_still_there_and_has_a_reason() -> None:
    assert {*SPARED} - {str(guard) for guard in left_over()} == set()
    assert all(len(reason) > 20 for reason in SPARED.values())
    assert not {*SPARED} & {*flipped()}


def test_there_is_a_guard_for_all_that_is_promised_of_money() -> None:
    guarded = {section(one.guard) for one in MUTANTS.values()}
    assert guarded <= {*SECTIONS}
    assert {*SECTIONS} - guarded == {*UNGUARDED}
