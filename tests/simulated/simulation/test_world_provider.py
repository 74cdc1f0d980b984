"""The simulated provider charges accepted calls, keeps their slots until they end, and supports its kind of lookup."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from backdrop.model.codes import Code
from backdrop.model.job import Job
from backdrop.model.provider_result import LookupStatus, ProviderResult, RetryClass
from simulation.world.sample_images import build_photo
from simulation.world.simulated_provider import (
    CallBehavior,
    ProviderKind,
    SimulatedProvider,
    build_charged_hang_up,
    build_refusal,
    build_uncharged_hang_up,
)
from simulation.world.simulated_stack import World
from simulation.world.transport import SimulatedCrash
from tests.simulated.stage_worlds import PRICE, build_job


def build_provider(kind: ProviderKind = ProviderKind.NO_LOOKUP, **setup: Any) -> SimulatedProvider:
    """Returns the provider of a world that runs one invocation at a time."""
    return World(kind=kind, **setup).provider


def make_call(provider: SimulatedProvider, job: Job | None = None) -> ProviderResult | LookupStatus:
    """Makes one paid call."""
    return make_recorded_call(provider, job)[0]


def make_recorded_call(
    provider: SimulatedProvider, job: Job | None = None
) -> tuple[ProviderResult | LookupStatus, list[str]]:
    """Makes one paid call. Returns its result, and the provider IDs that were acknowledged."""
    prepared, provider_ids = provider.prepare(job or build_job(), build_photo()), list[str]()
    assert not isinstance(prepared, ProviderResult)
    return prepared.send(provider_ids.append), provider_ids


@pytest.mark.parametrize("kind", list(ProviderKind))
def test_call_is_charged_once_and_returns_links(kind: ProviderKind) -> None:
    provider = build_provider(kind)
    result = make_call(provider)
    assert isinstance(result, ProviderResult)
    assert (result.retry_class, result.charged, provider.charged_micro_usd) == (RetryClass.OK, PRICE, PRICE)
    assert result.is_usable
    assert [entry.order.client_hint for entry in provider.bill.jobs()] == [build_job().job_id]


def test_lost_call_may_or_may_not_be_charged() -> None:
    provider = build_provider()
    provider.script.extend([build_charged_hang_up(), build_uncharged_hang_up()])
    for _ in range(2):
        result = make_call(provider)
        assert isinstance(result, ProviderResult)
        assert result.retry_class is RetryClass.AMBIG
    assert provider.charged_micro_usd == PRICE


def test_call_ends_at_the_timeout() -> None:
    provider = build_provider()
    provider.script.append(CallBehavior(work_seconds=1000))
    started_at = provider.clock.time
    assert make_call(provider) == ProviderResult.lost("no answer arrived in time")
    assert provider.clock.time == started_at + timedelta(seconds=provider.timeout_seconds)
    assert provider.charged_micro_usd == PRICE


@pytest.mark.parametrize("kind", [ProviderKind.LOOKUP_BY_PROVIDER_ID, ProviderKind.LOOKUP_BY_OUR_ID])
def test_work_beyond_the_timeout_can_be_looked_up(kind: ProviderKind) -> None:
    provider, job = build_provider(kind), build_job()
    provider.script.append(CallBehavior(work_seconds=300))
    status, provider_ids = make_recorded_call(provider, job)
    assert status is LookupStatus.PENDING
    provider_id = provider.idempotency_key(job) or provider_ids[0]
    assert provider.look_up(job, provider_id) is LookupStatus.PENDING
    provider.clock.sleep(300)
    result = provider.look_up(job, provider_id)
    assert isinstance(result, ProviderResult)
    assert (result.is_usable, provider.charged_micro_usd) == (True, PRICE)


def test_provider_without_lookup_rejects_lookups() -> None:
    provider = build_provider()
    assert provider.idempotency_key(build_job()) is None
    with pytest.raises(NotImplementedError):
        provider.look_up(build_job(), "anything")


def test_provider_id_is_acknowledged_before_polling() -> None:
    provider = build_provider(ProviderKind.LOOKUP_BY_PROVIDER_ID)
    assert provider.idempotency_key(build_job()) is None
    _, provider_ids = make_recorded_call(provider)
    assert provider_ids == [work.id for work in provider.account.work_by_id.values()]
    operations = [sent.operation for sent in provider.transport.calls]
    assert operations[0] == "call"
    assert set(operations[1:]) == {"poll"}


def test_lost_acknowledgement_leaves_work_without_an_id() -> None:
    provider = build_provider(ProviderKind.LOOKUP_BY_PROVIDER_ID)
    provider.script.append(build_charged_hang_up())
    result, provider_ids = make_recorded_call(provider)
    assert isinstance(result, ProviderResult)
    assert (result.retry_class, provider_ids, provider.charged_micro_usd) == (RetryClass.AMBIG, [], PRICE)


@pytest.mark.parametrize(("breaks_after", "shows_after"), [(0.3, 0.3), (12.0, 12.0), (100.0, 30.0)])
def test_broken_submission_need_not_show_at_once(breaks_after: float, shows_after: float) -> None:
    provider = build_provider(ProviderKind.LOOKUP_BY_PROVIDER_ID)
    provider.script.append(build_charged_hang_up(breaks_after))
    make_call(provider)
    (call,) = provider.paid_calls
    assert call.ended_at
    assert (call.ended_at - call.started_at).total_seconds() == shows_after


def test_lookup_record_expires_after_an_hour() -> None:
    provider = build_provider(ProviderKind.LOOKUP_BY_PROVIDER_ID)
    _, provider_ids = make_recorded_call(provider)
    provider.clock.sleep(3601)
    assert provider.look_up(build_job(), provider_ids[0]) is LookupStatus.ABSENT


def test_idempotency_key_identifies_the_work_of_a_charge() -> None:
    provider, job = build_provider(ProviderKind.LOOKUP_BY_OUR_ID), build_job()
    provider.script.append(build_charged_hang_up())
    first, second = make_call(provider, job), make_call(provider, job)
    assert isinstance(first, ProviderResult)
    assert isinstance(second, ProviderResult)
    assert (first.retry_class, second.retry_class, provider.charged_micro_usd) == (
        RetryClass.AMBIG,
        RetryClass.OK,
        PRICE,
    )
    make_call(provider, replace(job, charge_no=1))
    assert provider.charged_micro_usd == 2 * PRICE


def test_accepted_work_is_not_refused_on_resend() -> None:
    provider, job = build_provider(ProviderKind.LOOKUP_BY_OUR_ID), build_job()
    provider.script.extend([build_charged_hang_up(), build_refusal(RetryClass.PERM, Code.UNSAFE_REQUEST)])
    make_call(provider, job)
    second = make_call(provider, job)
    assert isinstance(second, ProviderResult)
    assert (second.retry_class, provider.charged_micro_usd) == (RetryClass.OK, PRICE)


def test_lookup_of_an_id_that_was_never_accepted_finds_nothing() -> None:
    provider, job = build_provider(ProviderKind.LOOKUP_BY_OUR_ID), build_job()
    provider.script.append(build_uncharged_hang_up())
    make_call(provider, job)
    assert provider.look_up(job, provider.idempotency_key(job) or "") is LookupStatus.ABSENT


def test_work_that_fails_at_the_end_is_not_charged() -> None:
    provider = build_provider(ProviderKind.LOOKUP_BY_PROVIDER_ID)
    failed = ProviderResult(RetryClass.PERM, message="failed")
    provider.script.append(CallBehavior(failure=failed))
    assert (make_call(provider), provider.charged_micro_usd) == (failed, 0)


def test_timed_out_call_keeps_its_slot_until_done() -> None:
    provider = build_provider(account_limit=1)
    provider.script.append(CallBehavior(work_seconds=300))
    make_call(provider)
    assert (provider.count_in_flight(), provider.account.count_in_flight()) == (0, 1)
    result = make_call(provider)
    assert isinstance(result, ProviderResult)
    assert (result.retry_class, provider.charged_micro_usd, provider.account.refused_count) == (
        RetryClass.QUOTA,
        PRICE,
        1,
    )
    provider.clock.sleep(300)
    assert provider.account.count_in_flight() == 0


def test_crash_of_the_worker_closes_its_call() -> None:
    provider = build_provider()
    provider.script.append(CallBehavior(kills_worker=True))
    with pytest.raises(SimulatedCrash):
        make_call(provider)
    (paid_call,) = provider.paid_calls
    assert paid_call.ended_at == provider.clock.time
    assert (paid_call.micro_usd, provider.count_in_flight(), provider.peak_in_flight) == (PRICE, 0, 1)
