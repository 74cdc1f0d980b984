"""Lost answers of providers that can look up a call by their ID or by ours: nothing is charged twice."""

from datetime import timedelta
from typing import Any

import pytest

from backdrop.model.circuit import FAILURE_THRESHOLD
from backdrop.model.codes import Code
from backdrop.model.job import AttemptOutcome, JobStatus
from backdrop.model.provider_result import LookupStatus, RetryClass
from simulation.world.sample_images import build_photo
from simulation.world.simulated_provider import (
    CallBehavior,
    build_charged_hang_up,
    build_refusal,
    build_uncharged_hang_up,
)
from simulation.world.simulated_stack import TIMEOUTS_SECONDS, World
from simulation.world.transport import TargetedFault, crash_worker, lose_response
from tests.simulated.simulated_days import DAY, list_pause_reasons, list_report_codes, pass_time, read_lane_health
from tests.simulated.stage_worlds import FAILED, KEY, PRICE, assert_at_rest, find_only_job, world_with_photo

S = JobStatus
ACKNOWLEDGED, OWN_ID = "acknowledged", "own_id"
LOOKUP_KINDS = pytest.mark.parametrize("kind", [ACKNOWLEDGED, OWN_ID])
POLICIES = pytest.mark.parametrize("policy", ["retry_once", "hold"])


def list_lookups(world: World) -> list[Any]:
    """Returns the calls that looked something up at the provider."""
    return [call for call in world.transport.calls if call.operation == "look_up"]


def assert_paid_once(world: World) -> None:
    """Asserts one charge, in one attempt, and its picture."""
    job = find_only_job(world)
    assert (job.status, job.charged, job.unknown, world.provider.charged_micro_usd) == (S.STORED, PRICE, 0, PRICE)
    assert [attempt.outcome for attempt in job.attempts] == [AttemptOutcome.ANSWERED]
    assert (list_report_codes(world, KEY), len(world.read_pictures())) == ([], 1)
    assert not world.dead_letter_queue.messages
    assert_at_rest(world)


# -- found by a lookup -------------------------------------------------------------------------------------------


@LOOKUP_KINDS
@POLICIES
def test_lost_answer_is_looked_up_by_its_id(kind: str, policy: str) -> None:
    """The poll that would have returned the answer fails. The provider has the work under its ID."""
    world = world_with_photo(kind=kind, on_lost_answer=policy)
    world.transport.faults_after.append(fault := TargetedFault(crash_worker, "poll"))
    world.run_until_empty()
    assert (fault.hit_count, len(world.provider.received_job_ids), bool(list_lookups(world))) == (1, 1, True)
    assert_paid_once(world)


@POLICIES
def test_charged_call_with_our_id_is_found_after_any_loss(policy: str) -> None:
    world = world_with_photo(kind=OWN_ID, on_lost_answer=policy)
    world.provider.script.append(build_charged_hang_up())
    world.run_until_empty()
    assert len(world.provider.received_job_ids) == 1
    assert_paid_once(world)


@POLICIES
def test_call_with_our_id_that_never_arrived_is_resent(policy: str) -> None:
    """The provider has no record of the call. Even if it had one, the same ID could not be charged twice."""
    world = world_with_photo(kind=OWN_ID, on_lost_answer=policy)
    world.provider.script.append(build_uncharged_hang_up())
    world.run_until_empty()
    first, second = world.provider.paid_calls
    assert second.started_at - first.started_at >= timedelta(seconds=10)
    assert_paid_once(world)


def test_call_is_resent_even_with_short_invocations(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is never enough time for both the wait and the call. One invocation waits, and the next one calls."""
    monkeypatch.setitem(TIMEOUTS_SECONDS, "ideogram", 24)
    world = world_with_photo(kind=OWN_ID)
    world.provider.timeout_seconds = 5.0
    world.provider.script.append(build_uncharged_hang_up())
    world.provider.default_behavior = CallBehavior(work_seconds=2)
    world.run_for(120)
    first, second = world.provider.paid_calls
    assert timedelta(seconds=10) <= second.started_at - first.started_at <= timedelta(seconds=60)
    assert_paid_once(world)


def test_each_resend_waits_from_the_latest_loss() -> None:
    world = world_with_photo(kind=OWN_ID)
    world.provider.script.extend([build_uncharged_hang_up(30), build_uncharged_hang_up(), build_uncharged_hang_up()])
    world.run_until_empty()
    opened = [call.started_at for call in world.provider.paid_calls]
    ended = [call.ended_at for call in world.provider.paid_calls]
    assert len(opened) == 4
    assert all(again - lost >= timedelta(seconds=10) for lost, again in zip(ended, opened[1:], strict=False) if lost)
    assert_paid_once(world)


@POLICIES
def test_call_without_provider_id_cannot_be_looked_up(policy: str) -> None:
    world = world_with_photo(kind=ACKNOWLEDGED, on_lost_answer=policy)
    world.provider.script.append(build_charged_hang_up())
    world.run_until_empty()
    job = find_only_job(world)
    assert (job.status, len(world.provider.received_job_ids)) == (
        (S.STORED, 2) if policy == "retry_once" else (S.HELD, 1)
    )
    assert (job.unknown, list_lookups(world)) == (PRICE, [])
    assert_at_rest(world)


@LOOKUP_KINDS
def test_lookup_reports_work_that_failed_without_charge(kind: str) -> None:
    world = world_with_photo(kind=kind)
    refusal = build_refusal(RetryClass.PERM, Code.UNSAFE_REQUEST).result
    world.provider.script.append(CallBehavior(failure=refusal))
    world.transport.faults_after.append(TargetedFault(crash_worker, "poll"))
    world.run_until_empty()
    assert (find_only_job(world).status, world.provider.charged_micro_usd, find_only_job(world).unknown) == (
        S.REFUSED,
        0,
        0,
    )
    assert list_report_codes(world, KEY) == ["unsafe_request"]
    assert_at_rest(world)


@pytest.mark.parametrize("bills", [True, False])
@pytest.mark.parametrize("lost", [True, False], ids=["looked up", "polled"])
def test_work_that_failed_at_unknown_cost_is_not_bought_again(bills: bool, lost: bool) -> None:
    world = world_with_photo(kind=OWN_ID)
    world.provider.script.append(CallBehavior(failure=FAILED, bills_failure=bills))
    if lost:
        world.transport.faults_after.append(TargetedFault(crash_worker, "poll"))
    world.run_until_empty()
    world.upload_photo(KEY, build_photo(), operation="remove")
    world.run_until_empty()
    job = find_only_job(world)
    assert (job.status, job.charged, job.unknown, len(world.provider.received_job_ids)) == (S.DEAD, 0, PRICE, 1)
    assert list_report_codes(world, KEY) == ["provider_failed"]
    assert_at_rest(world)


@LOOKUP_KINDS
def test_result_in_the_submits_response_is_used(kind: str) -> None:
    world = world_with_photo(kind=kind)
    world.provider.script.append(CallBehavior(responds_immediately=True))
    world.run_until_empty()
    assert not [call for call in world.transport.calls if call.operation in ("poll", "look_up")]
    assert_paid_once(world)


# -- work that takes longer than its worker ----------------------------------------------------------------------


@LOOKUP_KINDS
def test_work_that_outlasts_the_invocation_is_one_call_without_a_crash(kind: str) -> None:
    """The worker parks the call and ends. The next delivery continues to poll."""
    world = world_with_photo(kind=kind)
    world.provider.script.append(CallBehavior(work_seconds=700))
    crashes: list[int] = []
    world.transport.faults_before.append(
        TargetedFault(lambda _: crashes.append(find_only_job(world).crash_count), "look_up", times=1000)
    )
    world.run_until_empty()
    assert (len(world.provider.received_job_ids), world.crash_count) == (1, 0)
    assert {wait.code for wait in world.returned_messages} == {Code.JOB_IN_FLIGHT}
    assert set(crashes) == {0}
    assert_paid_once(world)


@LOOKUP_KINDS
def test_repeated_crashes_during_lookup_charge_nothing_twice(kind: str) -> None:
    world = world_with_photo(kind=kind)
    world.provider.script.append(CallBehavior(work_seconds=700))
    world.transport.faults_after.append(fault := TargetedFault(crash_worker, "look_up", times=8))
    world.transport.faults_before.append(TargetedFault(crash_worker, "poll", nth=3))
    world.run_until_empty()
    assert (fault.hit_count, len(world.provider.received_job_ids)) == (8, 1)
    assert_paid_once(world)


@LOOKUP_KINDS
@POLICIES
def test_provider_that_never_answers_is_abandoned_after_an_hour(kind: str, policy: str) -> None:
    """Work that is pending for longer than the provider keeps its records is lost, as if there were no lookup."""
    world = world_with_photo(kind=kind, on_lost_answer=policy)
    world.provider.override_lookup = lambda: LookupStatus.PENDING
    pass_time(world, 3000)
    assert (find_only_job(world).status, len(world.provider.received_job_ids)) == (S.SUBMITTING, 1)
    pass_time(world, DAY, every=1800)
    job = find_only_job(world)
    assert (job.status, list_report_codes(world, KEY)) == (S.HELD, ["charge_unknown"])
    assert job.unknown >= PRICE
    assert_at_rest(world)


def test_record_that_the_provider_forgot_is_lost() -> None:
    """No worker looked the call up for more than an hour, because the lane was paused."""
    world = world_with_photo(kind=ACKNOWLEDGED)
    world.transport.faults_after.append(TargetedFault(crash_worker, "poll"))
    world.deliver_next("intake")
    world.deliver_next("ideogram")
    world.pause_lane()
    world.run_for(4000)
    world.resume_lane()
    world.run_until_empty()
    assert (find_only_job(world).status, find_only_job(world).unknown, world.provider.charged_micro_usd) == (
        S.STORED,
        PRICE,
        2 * PRICE,
    )
    assert_at_rest(world)


# -- the same ID or a new one -------------------------------------------------------------------------------------


def test_job_whose_answers_are_always_lost_is_charged_once_and_held() -> None:
    world = world_with_photo(kind=OWN_ID)
    world.provider.default_behavior = build_charged_hang_up()
    world.provider.override_lookup = lambda: LookupStatus.ABSENT
    pass_time(world, DAY, every=1800)
    assert (find_only_job(world).status, world.provider.charged_micro_usd) == (S.HELD, PRICE)
    assert 2 <= len(world.provider.received_job_ids) <= 5
    assert (len(find_only_job(world).attempts), find_only_job(world).unknown) == (1, PRICE)
    assert_at_rest(world)


def test_work_that_the_provider_abandoned_is_bought_under_another_id() -> None:
    world = world_with_photo(kind=OWN_ID)
    rejected = build_refusal(RetryClass.PERM, Code.UNSAFE_REQUEST).result
    world.provider.script.append(CallBehavior(failure=rejected))
    world.run_until_empty()
    world.upload_photo(KEY, build_photo(), operation="remove")
    world.run_until_empty()
    job = find_only_job(world)
    assert (job.status, job.charge_no, world.provider.charged_micro_usd) == (S.STORED, 1, PRICE)
    assert len({attempt.provider_id for attempt in job.attempts}) == 2


# -- IDs that cannot be recorded ---------------------------------------------------------------------------------


def test_provider_id_is_in_the_ledger_before_the_first_poll() -> None:
    world = world_with_photo(kind=ACKNOWLEDGED)
    names: list[str | None] = []
    note = TargetedFault(lambda _: names.append(find_only_job(world).attempts[0].provider_id), "poll", times=100)
    world.transport.faults_before.append(note)
    world.run_until_empty()
    assert None not in names
    assert names


def test_provider_id_is_written_once_after_an_unanswered_write() -> None:
    world = world_with_photo(kind=ACKNOWLEDGED)
    world.transport.faults_after.append(lost := TargetedFault(lose_response, "transact_write_items", nth=3))
    world.run_until_empty()
    bodies = [str(call.request) for call in world.transport.calls if call.operation == "transact_write_items"]
    named = [body for body in bodies if '"status":"submitting"' in body and '"provider_id":null' not in body]
    assert (lost.hit_count, len(named), list_lookups(world)) == (1, 1, [])
    assert_paid_once(world)


# -- the provider's health ---------------------------------------------------------------------------------------


def test_lookup_that_finds_the_job_counts_as_a_good_result() -> None:
    """A provider whose lost answers can all be found is not failing."""
    world = World(kind=OWN_ID)
    for n in range(2 * FAILURE_THRESHOLD):
        world.upload_photo(f"shoes/{n}.jpg", build_photo(f"{n}"), operation="remove")
    world.run_until_empty("intake")
    world.provider.default_behavior = build_charged_hang_up()
    for _ in range(2 * FAILURE_THRESHOLD):
        world.deliver_next("ideogram")
        assert (read_lane_health(world).opened_since, list_pause_reasons(world)) == (None, [])
    assert len(world.provider.received_job_ids) == 2 * FAILURE_THRESHOLD
