"""Abandoned calls are looked up if the provider can do that. Otherwise, their charge stays unknown."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import cast

import pytest

from backdrop.model.job import Attempt, AttemptOutcome, Job, JobStatus, PictureLink
from backdrop.model.provider_result import LookupStatus, ProviderResult
from backdrop.model.transitions import BudgetChange, Transition
from backdrop.ports import Provider
from simulation.world.simulated_provider import ProviderKind
from simulation.world.simulated_stack import World
from tests.simulated.stage_worlds import OK, PRICE, assert_budgets, find_only_job, world_with_photo

LOOKUP_KINDS = [ProviderKind.LOOKUP_BY_PROVIDER_ID, ProviderKind.LOOKUP_BY_OUR_ID]
SOON = timedelta(minutes=15)


def world_with_orphan(kind: ProviderKind, ident: str | None = None) -> World:
    """Returns a stored photo with a call whose worker crashed. `ident`: the ID for a lookup at the provider."""
    world = world_with_photo(kind=kind)
    world.run_until_empty()
    job = find_only_job(world)
    (first,) = job.attempts
    known = None if kind is ProviderKind.NO_LOOKUP else ident or next(iter(world.provider.account.work_by_id))
    fresh = {"n": 2, "outcome": AttemptOutcome.IN_FLIGHT, "charged": 0, "reserved": PRICE, "provider_id": known}
    orphan = replace(first, **fresh, lease_until=world.clock.time, submitted_at=world.clock.time)
    world.ledger.write_transition(
        Transition(
            replace(job, attempts=(first, orphan)), BudgetChange(first.budget_day, first.provider, reserved=PRICE)
        )
    )
    return world


@dataclass
class FixedLookupProvider:
    """A provider that answers every lookup in the same way."""

    answer: ProviderResult

    def look_up(self, job: Job, provider_id: str) -> ProviderResult:
        return self.answer


def run_reconcile(world: World, after: timedelta = SOON) -> Attempt:
    """Returns the orphaned attempt after a run of reconcile."""
    world.clock.advance_to(world.clock.time + after)
    assert world.run_reconcile()
    return find_only_job(world).attempts[1]


@pytest.mark.parametrize("kind", LOOKUP_KINDS)
def test_providers_result_of_an_abandoned_call_is_recorded(kind: ProviderKind) -> None:
    world = world_with_orphan(kind)
    orphan = run_reconcile(world)
    assert (orphan.outcome, orphan.charged, orphan.unknown) == (AttemptOutcome.ANSWERED, PRICE, 0)
    assert find_only_job(world).status is JobStatus.STORED


def test_unrecognized_response_of_an_abandoned_call_is_kept() -> None:
    world = world_with_orphan(ProviderKind.LOOKUP_BY_OUR_ID)
    unrecognized = replace(OK, links=(PictureLink(url=None, is_unrecognized=True),), raw_response=b"response")
    world.steps.reconcile.redispatcher.providers = {"ideogram": cast("Provider", FixedLookupProvider(unrecognized))}
    run_reconcile(world)
    kept = [key for key in world.output_bucket.list_keys() if key.endswith("_response.txt")]
    assert len(kept) == 1


def test_charge_stays_unknown_if_the_provider_has_no_lookup() -> None:
    world = world_with_orphan(ProviderKind.NO_LOOKUP)
    orphan = run_reconcile(world)
    assert (orphan.outcome, orphan.charged, orphan.unknown) == (AttemptOutcome.LOST, 0, PRICE)
    assert_budgets(world)


@pytest.mark.parametrize("kind", LOOKUP_KINDS)
def test_charge_stays_unknown_if_the_provider_has_no_record(kind: ProviderKind) -> None:
    orphan = run_reconcile(world_with_orphan(kind, "unknown to the provider"))
    assert (orphan.outcome, orphan.unknown) == (AttemptOutcome.LOST, PRICE)


@pytest.mark.parametrize("kind", LOOKUP_KINDS)
def test_pending_abandoned_call_is_looked_up_for_an_hour(kind: ProviderKind) -> None:
    world = world_with_orphan(kind)
    world.provider.override_lookup = lambda: LookupStatus.PENDING
    assert run_reconcile(world).outcome is AttemptOutcome.IN_FLIGHT
    assert run_reconcile(world, timedelta(hours=1)).outcome is AttemptOutcome.LOST


def test_charge_stays_unknown_if_the_provider_is_disabled() -> None:
    world = world_with_orphan(ProviderKind.LOOKUP_BY_OUR_ID)
    world.steps.reconcile.redispatcher.providers = {}
    assert run_reconcile(world).outcome is AttemptOutcome.LOST
