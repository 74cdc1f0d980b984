"""A call that nobody waits for any more is asked after where its provider can be asked, and else stays in doubt."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import cast

import pytest

from backdrop.model.job import Attempt, Job, Link, Outcome, Status
from backdrop.model.provider_result import Answer, Standing
from backdrop.model.transitions import Booking, Step
from backdrop.ports import Provider
from proof.world.provider import Kind
from proof.world.stack import World
from tests.simulated.simulation import OK, PRICE, assert_books, dropped, the_job

ASKABLE = [Kind.ACKNOWLEDGED, Kind.OWN_ID]
SOON = timedelta(minutes=15)


def orphaned(kind: Kind, ident: str | None = None) -> World:
    """A photo that is stored, and beside it a call whose worker died; `ident`: what the provider is asked by."""
    world = dropped(kind=kind)
    world.run()
    job = the_job(world)
    (first,) = job.attempts
    known = None if kind is Kind.UNASKABLE else ident or next(iter(world.provider.account.works))
    fresh = {"n": 2, "outcome": Outcome.IN_FLIGHT, "charged": 0, "reserved": PRICE, "provider_id": known}
    orphan = first.but(**fresh, lease_until=world.clock.time, submitted_at=world.clock.time)
    world.ledger.advance(Step(job.but(attempts=(first, orphan)), Booking(first.day, first.provider, reserved=PRICE)))
    return world


@dataclass
class Answering:
    """A provider that answers each question so."""

    answer: Answer

    def look_up(self, job: Job, provider_id: str) -> Answer:
        """The same answer for each job."""
        return self.answer


def set_right(world: World, after: timedelta = SOON) -> Attempt:
    """The orphan, after a run of reconcile."""
    world.clock.wait_until(world.clock.time + after)
    assert world.set_right()
    return the_job(world).attempts[1]


@pytest.mark.parametrize("kind", ASKABLE)
def test_what_its_provider_says_of_it_is_written_down(kind: Kind) -> None:
    world = orphaned(kind)
    orphan = set_right(world)
    assert (orphan.outcome, orphan.charged, orphan.unknown) == (Outcome.ANSWERED, PRICE, 0)
    assert the_job(world).status is Status.STORED


def test_unrecognized_response_of_an_orphaned_call_is_kept() -> None:
    world = orphaned(Kind.OWN_ID)
    unrecognized = replace(OK, links=(Link(url=None, unrecognized=True),), raw=b"response")
    world.steps.reconcile.put_back.providers = {"ideogram": cast("Provider", Answering(unrecognized))}
    set_right(world)
    kept = [key for key in world.output.keys() if key.endswith("_response.txt")]  # noqa: SIM118 - our own method
    assert len(kept) == 1


def test_of_a_provider_that_cannot_be_asked_the_charge_stays_in_doubt() -> None:
    world = orphaned(Kind.UNASKABLE)
    orphan = set_right(world)
    assert (orphan.outcome, orphan.charged, orphan.unknown) == (Outcome.LOST, 0, PRICE)
    assert_books(world)


@pytest.mark.parametrize("kind", ASKABLE)
def test_what_its_provider_knows_nothing_of_stays_in_doubt(kind: Kind) -> None:
    orphan = set_right(orphaned(kind, "never heard of"))
    assert (orphan.outcome, orphan.unknown) == (Outcome.LOST, PRICE)


@pytest.mark.parametrize("kind", ASKABLE)
def test_one_that_is_still_at_work_is_asked_after_for_an_hour(kind: Kind) -> None:
    world = orphaned(kind)
    world.provider.stalls = lambda: Standing.PENDING
    assert set_right(world).outcome is Outcome.IN_FLIGHT
    assert set_right(world, timedelta(hours=1)).outcome is Outcome.LOST


def test_one_whose_provider_is_off_stays_in_doubt() -> None:
    world = orphaned(Kind.OWN_ID)
    world.steps.reconcile.put_back.providers = {}
    assert set_right(world).outcome is Outcome.LOST
