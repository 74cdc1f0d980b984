"""Content ownership: the ledger lets exactly one job pay for the same bytes and request, even concurrently."""

from dataclasses import replace

import pytest

from backdrop.model import transitions
from backdrop.model.errors import ConflictError, ContentOwnedError
from backdrop.model.job import ContentOwner, Job, Source
from simulation.world.simulated_stack import World
from simulation.world.transport import TargetedFault, lose_response, raise_conflict
from tests.simulated.stage_worlds import NOW, build_job

WRITE = "transact_write_items"
FIRST, SECOND, THIRD = (f"{n}" * 64 for n in "123")
SOURCE = Source(source_id=FIRST, bucket="photos", key="a.jpg")


def build_copy(ident: str, **changes: str) -> Job:
    """Returns a job of another photo with the same bytes and the same request."""
    return build_job(job_id=ident, source_id=ident, key=f"{ident[0]}.jpg", **changes)


def create_job(world: World, ident: str, **changes: str) -> Job:
    """Writes a job as intake does."""
    return world.ledger.write_transition(transitions.accept(build_copy(ident, **changes)))


def claim_by_another_job(world: World) -> ContentOwner:
    """Returns the owner that is reported to another job that claims the content."""
    with pytest.raises(ContentOwnedError) as raised:
        create_job(world, "9" * 64)
    return raised.value.owner


def find_owner(world: World) -> str:
    return world.table.items["content#" + "c" * 64, "owner"]["job_id"]["S"]


def test_first_job_owns_the_content_and_the_next_is_informed() -> None:
    world = World()
    create_job(world, FIRST)
    with pytest.raises(ContentOwnedError) as raised:
        create_job(world, SECOND)
    assert raised.value.owner == transitions.build_content_owner(build_copy(FIRST))
    assert [job.job_id for job in world.list_jobs()] == [FIRST]


def test_different_content_has_a_different_owner() -> None:
    world = World()
    create_job(world, FIRST)
    create_job(world, SECOND, content_id="d" * 64)
    assert len(world.list_jobs()) == 2


def test_owner_can_claim_its_content_again() -> None:
    world = World()
    left = transitions.supersede(create_job(world, FIRST), NOW)
    assert left
    step = transitions.reopen(world.ledger.write_transition(left), build_copy(FIRST), NOW)
    assert step
    world.ledger.write_transition(step)
    assert find_owner(world) == FIRST


def test_content_is_taken_over_only_from_the_expected_owner() -> None:
    world = World()
    create_job(world, FIRST)
    first = claim_by_another_job(world)
    second = world.ledger.write_transition(transitions.wait_for_owner(build_copy(SECOND), first))
    third = world.ledger.write_transition(transitions.wait_for_owner(build_copy(THIRD), first))
    world.ledger.write_transition(transitions.take_over(second, first))
    assert find_owner(world) == SECOND
    with pytest.raises(ContentOwnedError) as raised:
        world.ledger.write_transition(transitions.take_over(third, first))
    assert raised.value.owner.job_id == SECOND
    assert world.ledger.find_job(THIRD, THIRD) == third


def test_content_is_not_taken_over_from_an_owner_that_pays_again() -> None:
    world = World()
    left = transitions.supersede(create_job(world, FIRST), NOW)
    seen = claim_by_another_job(world)
    assert left
    back = transitions.reopen(world.ledger.write_transition(left), build_copy(FIRST), NOW)
    assert back
    world.ledger.write_transition(back)
    with pytest.raises(ContentOwnedError) as raised:
        world.ledger.write_transition(transitions.take_over(build_copy(SECOND), seen))
    assert (find_owner(world), raised.value.owner) == (FIRST, claim_by_another_job(world))
    assert raised.value.owner != seen


def test_photo_is_not_written_while_another_job_owns_its_content() -> None:
    """The write is atomic, so that the source item never names a job that does not exist."""
    world = World()
    create_job(world, SECOND)
    with pytest.raises(ContentOwnedError):
        world.ledger.put_source(replace(SOURCE, jobs={"": FIRST}), [transitions.accept(build_copy(FIRST))])
    assert world.ledger.read_photo(FIRST) == (None, [])


def test_conflict_on_the_job_takes_precedence_over_its_content() -> None:
    """A worker with a stale job reads it again before ownership matters."""
    world = World()
    create_job(world, SECOND)
    world.ledger.write_transition(transitions.Transition(build_copy(FIRST)))
    with pytest.raises(ConflictError):
        create_job(world, FIRST)


def test_owner_whose_write_response_was_lost_remains_the_owner() -> None:
    world = World()
    world.transport.faults_after.append(lost := TargetedFault(lose_response, WRITE))
    create_job(world, FIRST)
    assert (lost.hit_count, find_owner(world)) == (1, FIRST)


def test_conflicting_claims_report_the_first_owner() -> None:
    world = World()
    create_job(world, FIRST)
    world.transport.faults_before.append(TargetedFault(raise_conflict, WRITE, times=3))
    with pytest.raises(ContentOwnedError):
        create_job(world, SECOND)
