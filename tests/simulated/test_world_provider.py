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
from tests.simulated.simulation import PRICE, build_job


def build_provider(kind: ProviderKind = ProviderKind.NO_LOOKUP, **setup: Any) -> SimulatedProvider:
    """Returns the provider of a world with one invocation at a time."""
    return World(kind=kind, **setup).provider


def make_call(provider: SimulatedProvider, job: Job | None = None) -> ProviderResult | LookupStatus:
    """Makes one paid call."""
    return make_recorded_call(provider, job)[0]


def called(provider: SimulatedProvider, job: Job | None = None) -> tuple[ProviderResult | LookupStatus, list[str]]:
    """One paid call, and the names that it was acknowledged by."""
    ready, names = provider.prepare(job or build_job(), build_photo()), list[str]()
    assert not isinstance(ready, ProviderResult)
    return ready(names.append), names


@pytest.mark.parametrize("kind", list(ProviderKind))
def test_a_call_is_charged_once_and_answered_with_links(kind: ProviderKind) -> None:
    one = provider(kind)
    answer = call(one)
    assert isinstance(answer, ProviderResult)
    assert (answer.retry_class, answer.charged, one.charged_micro_usd) == (RetryClass.OK, PRICE, PRICE)
    assert answer.is_usable
    assert [entry.order.client_hint for entry in one.bill.jobs()] == [build_job().job_id]


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
def test_work_that_outlives_the_time_out_goes_on_and_can_be_asked_about(kind: ProviderKind) -> None:
    one, job = provider(kind), build_job()
    one.script.append(CallBehavior(work_seconds=300))
    standing, names = called(one, job)
    assert standing is LookupStatus.PENDING
    name = one.idempotency_key(job) or names[0]
    assert one.look_up(job, name) is LookupStatus.PENDING
    one.clock.sleep(300)
    answer = one.look_up(job, name)
    assert isinstance(answer, ProviderResult)
    assert (answer.is_usable, one.charged_micro_usd) == (True, PRICE)


def test_a_provider_that_cannot_be_asked_is_not_asked() -> None:
    one = provider()
    assert one.idempotency_key(build_job()) is None
    with pytest.raises(NotImplementedError):
        one.look_up(build_job(), "anything")


def test_a_name_is_passed_on_before_anybody_polls() -> None:
    one = provider(ProviderKind.LOOKUP_BY_PROVIDER_ID)
    assert one.idempotency_key(build_job()) is None
    _, names = called(one)
    assert names == [work.id for work in one.account.work_by_id.values()]
    operations = [call.operation for call in one.wire.calls]
    assert operations[0] == "call"
    assert set(operations[1:]) == {"poll"}


def test_lost_acknowledgement_leaves_work_without_an_id() -> None:
    provider = build_provider(ProviderKind.LOOKUP_BY_PROVIDER_ID)
    provider.script.append(build_charged_hang_up())
    result, provider_ids = make_recorded_call(provider)
    assert isinstance(result, ProviderResult)
    assert (result.retry_class, provider_ids, provider.charged_micro_usd) == (RetryClass.AMBIG, [], PRICE)


def test_a_record_is_forgotten_after_an_hour() -> None:
    one = provider(ProviderKind.LOOKUP_BY_PROVIDER_ID)
    _, names = called(one)
    one.clock.sleep(3601)
    assert one.look_up(build_job(), names[0]) is LookupStatus.ABSENT


def test_our_own_id_again_is_the_same_work_and_another_charge_has_another_id() -> None:
    one, job = provider(ProviderKind.LOOKUP_BY_OUR_ID), build_job()
    one.script.append(build_charged_hang_up())
    first, second = call(one, job), call(one, job)
    assert isinstance(first, ProviderResult)
    assert isinstance(second, ProviderResult)
    assert (first.retry_class, second.retry_class, provider.charged_micro_usd) == (
        RetryClass.AMBIG,
        RetryClass.OK,
        PRICE,
    )
    make_call(provider, replace(job, charge_no=1))
    assert provider.charged_micro_usd == 2 * PRICE


def test_what_was_taken_is_not_refused_when_it_is_sent_again() -> None:
    one, job = provider(ProviderKind.LOOKUP_BY_OUR_ID), build_job()
    one.script.extend([build_charged_hang_up(), build_refusal(RetryClass.PERM, Code.UNSAFE_REQUEST)])
    call(one, job)
    again = call(one, job)
    assert isinstance(again, ProviderResult)
    assert (again.retry_class, one.charged_micro_usd) == (RetryClass.OK, PRICE)


def test_an_id_that_was_never_taken_is_absent() -> None:
    one, job = provider(ProviderKind.LOOKUP_BY_OUR_ID), build_job()
    one.script.append(build_uncharged_hang_up())
    call(one, job)
    assert one.look_up(job, one.idempotency_key(job) or "") is LookupStatus.ABSENT


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
