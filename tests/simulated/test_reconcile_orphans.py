"""A call that nobody waits for any more is asked after where its provider can be asked, and else stays in doubt."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import cast

import pytest

from backdrop.model.job import Attempt, AttemptOutcome, Job, JobStatus, PictureLink
from backdrop.model.provider_result import LookupStatus, ProviderResult
from backdrop.model.transitions import BudgetChange, Transition
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
    fresh = {"n": 2, "outcome": AttemptOutcome.IN_FLIGHT, "charged": 0, "reserved": PRICE, "provider_id": known}
    orphan = replace(first, **fresh, lease_until=world.clock.time, submitted_at=world.clock.time)
    world.ledger.write_transition(
        Transition(
            replace(job, attempts=(first, orphan)), BudgetChange(first.budget_day, first.provider, reserved=PRICE)
        )
    )
    return world


@dataclass
class Answering:
    """A provider that answers each question so."""

    answer: ProviderResult

    def look_up(self, job: Job, provider_id: str) -> ProviderResult:
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
    assert (orphan.outcome, orphan.charged, orphan.unknown) == (AttemptOutcome.ANSWERED, PRICE, 0)
    assert the_job(world).status is JobStatus.STORED


def test_unrecognized_response_of_an_orphaned_call_is_kept() -> None:
    world = orphaned(Kind.OWN_ID)
    unrecognized = replace(OK, links=(PictureLink(url=None, is_unrecognized=True),), raw_response=b"response")
    world.steps.reconcile.redispatcher.providers = {"ideogram": cast("Provider", Answering(unrecognized))}
    set_right(world)
    kept = [key for key in world.output.keys() if key.endswith("_response.txt")]  # noqa: SIM118 - our own method
    assert len(kept) == 1


def test_of_a_provider_that_cannot_be_asked_the_charge_stays_in_doubt() -> None:
    world = orphaned(Kind.UNASKABLE)
    orphan = set_right(world)
    assert (orphan.outcome, orphan.charged, orphan.unknown) == (AttemptOutcome.LOST, 0, PRICE)
    assert_books(world)


@pytest.mark.parametrize("kind", ASKABLE)
def test_what_its_provider_knows_nothing_of_stays_in_doubt(kind: Kind) -> None:
    orphan = set_right(orphaned(kind, "never heard of"))
    assert (orphan.outcome, orphan.unknown) == (AttemptOutcome.LOST, PRICE)


@pytest.mark.parametrize("kind", ASKABLE)
def test_one_that_is_still_at_work_is_asked_after_for_an_hour(kind: Kind) -> None:
    world = orphaned(kind)
    world.provider.stalls = lambda: LookupStatus.PENDING
    assert set_right(world).outcome is AttemptOutcome.IN_FLIGHT
    assert set_right(world, timedelta(hours=1)).outcome is AttemptOutcome.LOST


def test_one_whose_provider_is_off_stays_in_doubt() -> None:
    world = orphaned(Kind.OWN_ID)
    world.steps.reconcile.redispatcher.providers = {}
    assert set_right(world).outcome is AttemptOutcome.LOST
