"""Who pays for some bytes asked something: one job, decided by the ledger, whoever comes at the same moment."""

from dataclasses import replace

import pytest

from backdrop.model import transitions
from backdrop.model.errors import ConflictError, ContentOwnedError
from backdrop.model.job import ContentOwner, Job, Source
from simulation.world.simulated_stack import World
from simulation.world.transport import TargetedFault, lose_response, raise_conflict
from tests.simulated.simulation import NOW, a_job

WRITE = "transact_write_items"
FIRST, SECOND, THIRD = (f"{n}" * 64 for n in "123")
SOURCE = Source(source_id=FIRST, bucket="photos", key="a.jpg")


def one(ident: str, **changes: str) -> Job:
    """A job of a photo of its own, for the same bytes asked the same thing."""
    return a_job(job_id=ident, source_id=ident, key=f"{ident[0]}.jpg", **changes)


def accepted(world: World, ident: str, **changes: str) -> Job:
    """A job that was written as intake writes it."""
    return world.ledger.write_transition(transitions.accept(one(ident, **changes)))


def owner_now(world: World) -> ContentOwner:
    """Who owns the content, as one more who comes is told."""
    with pytest.raises(ContentOwnedError) as raised:
        accepted(world, "9" * 64)
    return raised.value.owner


def owner(world: World) -> str:
    """Who owns the content."""
    return world.table.items["content#" + "c" * 64, "owner"]["job_id"]["S"]


def test_who_comes_first_pays_and_the_next_is_told_who() -> None:
    world = World()
    accepted(world, FIRST)
    with pytest.raises(ContentOwnedError) as raised:
        accepted(world, SECOND)
    assert raised.value.owner == transitions.build_content_owner(one(FIRST))
    assert [job.job_id for job in world.list_jobs()] == [FIRST]


def test_another_content_has_another_owner() -> None:
    world = World()
    accepted(world, FIRST)
    accepted(world, SECOND, content_id="d" * 64)
    assert len(world.list_jobs()) == 2


def test_a_job_owns_its_content_again_without_asking_anybody() -> None:
    world = World()
    left = transitions.supersede(accepted(world, FIRST), NOW)
    assert left
    step = transitions.reopen(world.ledger.write_transition(left), one(FIRST), NOW)
    assert step
    world.ledger.write_transition(step)
    assert owner(world) == FIRST


def test_content_passes_only_from_the_job_that_is_named() -> None:
    world = World()
    accepted(world, FIRST)
    first = owner_now(world)
    second = world.ledger.write_transition(transitions.wait_for_owner(one(SECOND), first))
    third = world.ledger.write_transition(transitions.wait_for_owner(one(THIRD), first))
    world.ledger.write_transition(transitions.take_over(second, first))
    assert owner(world) == SECOND
    with pytest.raises(ContentOwnedError) as raised:
        world.ledger.write_transition(transitions.take_over(third, first))
    assert raised.value.owner.job_id == SECOND
    assert world.ledger.find_job(THIRD, THIRD) == third


def test_content_does_not_pass_from_a_job_that_is_to_pay_again_since_it_was_seen_to_come_to_nothing() -> None:
    world = World()
    left = transitions.supersede(accepted(world, FIRST), NOW)
    seen = owner_now(world)
    assert left
    back = transitions.reopen(world.ledger.write_transition(left), one(FIRST), NOW)
    assert back
    world.ledger.write_transition(back)
    with pytest.raises(ContentOwnedError) as raised:
        world.ledger.write_transition(transitions.take_over(one(SECOND), seen))
    assert (owner(world), raised.value.owner) == (FIRST, owner_now(world))
    assert raised.value.owner != seen


def test_a_photo_is_not_written_while_its_content_is_anothers() -> None:
    """All or nothing: the place does not name a job that is not there."""
    world = World()
    accepted(world, SECOND)
    with pytest.raises(ContentOwnedError):
        world.ledger.put_source(replace(SOURCE, jobs={"": FIRST}), [transitions.accept(one(FIRST))])
    assert world.ledger.read_photo(FIRST) == (None, [])


def test_a_race_for_the_job_outranks_the_race_for_its_content() -> None:
    """Whoever read an old job looks again before it asks who owns what."""
    world = World()
    accepted(world, SECOND)
    world.ledger.write_transition(transitions.Transition(one(FIRST)))
    with pytest.raises(ConflictError):
        accepted(world, FIRST)


def test_an_owner_whose_write_was_never_answered_is_the_owner() -> None:
    world = World()
    world.transport.faults_after.append(lost := TargetedFault(lose_response, WRITE))
    accepted(world, FIRST)
    assert (lost.hit_count, owner(world)) == (1, FIRST)


def test_two_who_clash_are_told_who_was_first() -> None:
    world = World()
    accepted(world, FIRST)
    world.transport.faults_before.append(TargetedFault(raise_conflict, WRITE, times=3))
    with pytest.raises(ContentOwnedError):
        accepted(world, SECOND)
