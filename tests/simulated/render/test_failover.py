"""Failover: nothing is paid for twice, no job is lost, and the receipt shows what happened."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from backdrop.model.circuit import PauseReason
from backdrop.model.codes import Code
from backdrop.model.job import JobStatus
from backdrop.model.provider_result import ProviderResult
from simulation.world.sample_images import build_photo
from simulation.world.simulated_provider import CallBehavior, ProviderKind, build_charged_hang_up
from simulation.world.simulated_stack import World
from tests.simulated.stage_worlds import (
    BACKOFF,
    KEY,
    PAUSED,
    REFUSED,
    REJECTED,
    THROTTLED,
    assert_at_rest,
    assert_budgets,
    find_only_job,
    replay_with_crashes,
)

LIST = ["ideogram", "runware"]
PRICE = 60_000
TICK = 300


def world_with_two_lanes(provider: object = LIST, **setup: Any) -> World:
    """Returns a photo in its lane that names two providers, both enabled."""
    world = World(other_providers={"runware": ProviderKind.LOOKUP_BY_OUR_ID}, **setup)
    world.upload_sidecar(KEY, prompt="at sea", provider=provider)
    world.upload_photo(KEY, build_photo())
    world.run_until_empty("intake")
    return world


def list_charges(world: World) -> dict[str, int]:
    """Returns what each provider charged, in micro-dollars."""
    return {
        name: provider.charged_micro_usd for name, provider in world.providers.items() if provider.charged_micro_usd
    }


def list_warnings(world: World) -> list[str]:
    receipt = world.read_receipt(KEY)
    assert receipt
    return receipt["jobs"][0]["warnings"]


def list_attempt_outcomes(world: World) -> list[tuple[str, str]]:
    return [(attempt.provider, attempt.outcome.value) for attempt in find_only_job(world).attempts]


def reply_with(answer: ProviderResult) -> CallBehavior:
    return CallBehavior(accepts_work=False, result=answer, work_seconds=1)


def run_until_idle(world: World, ticks: int = 12) -> None:
    """Alternates between messages and reconcile until every job has ended and no message is left, and once more."""
    for _ in range(ticks):
        was_idle = all(job.has_ended for job in world.list_jobs()) and world.is_quiet()
        world.run_for(TICK)
        world.run_reconcile()
        if was_idle:
            return


def test_refused_key_moves_the_job_to_the_next_provider() -> None:
    world = world_with_two_lanes()
    world.provider.default_behavior = reply_with(PAUSED)
    world.run_until_empty()
    assert list_attempt_outcomes(world) == [("ideogram", "not_taken"), ("runware", "answered")]
    assert (find_only_job(world).status, list_charges(world)) == (JobStatus.STORED, {"runware": PRICE})
    assert list_warnings(world) == ["moved: from ideogram to runware: wrong key"]
    assert_at_rest(world)


def test_missing_key_also_moves_the_job() -> None:
    world = world_with_two_lanes()
    world.provider.preparation_error = ProviderResult(
        PAUSED.retry_class, Code.PROVIDER_KEY_MISSING, "There is no API key."
    )
    world.run_until_empty()
    assert list_attempt_outcomes(world) == [("runware", "answered")]
    assert_at_rest(world)


def test_reconcile_moves_jobs_out_of_a_paused_lane() -> None:
    world = world_with_two_lanes()
    world.pause_lane()
    assert world.run_reconcile()
    assert (find_only_job(world).provider, find_only_job(world).status) == ("runware", JobStatus.ACCEPTED)
    world.run_until_empty()
    world.resume_lane()
    run_until_idle(world, 2)
    assert (world.provider.received_job_ids, list_charges(world)) == ([], {"runware": PRICE})
    assert list_warnings(world) == ["moved: from ideogram to runware: ideogram is paused (paused_by_person)"]
    assert not world.queues["ideogram"].messages
    assert_at_rest(world)


def test_jobs_with_one_provider_do_not_hide_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reconcile reads a limited number of waiting jobs per run, oldest first. The next run continues after them."""
    monkeypatch.setattr("backdrop.reconcile.service.MAX_SCANNED_ITEMS", 2)
    world = World(other_providers={"runware": ProviderKind.LOOKUP_BY_OUR_ID})
    for n in range(4):
        world.upload_sidecar(f"shoes/{n}.jpg", prompt="at sea", provider="ideogram")
        world.upload_photo(f"shoes/{n}.jpg", build_photo(str(n)))
        world.run_until_empty("intake")
        world.clock.sleep(1)
    world.upload_sidecar(KEY, prompt="at sea", provider=LIST)
    world.upload_photo(KEY, build_photo())
    world.run_until_empty("intake")
    world.pause_lane()
    for _ in range(6):
        world.run_reconcile()
    providers = {job.key: job.provider for job in world.list_jobs()}
    assert (providers.pop(KEY), {*providers.values()}) == ("runware", {"ideogram"})


@pytest.mark.parametrize("reason", [PauseReason.BUDGET, PauseReason.DELIVERY])
def test_pause_of_the_whole_stack_moves_no_job(reason: PauseReason) -> None:
    world = world_with_two_lanes()
    world.steps.breaker.pause("ideogram", reason, Code.BUDGET_REACHED, "no", required_budget=10**12)
    world.run_reconcile()
    assert world.render.failover.fail_over_if_blocked(find_only_job(world)) is None
    assert find_only_job(world).provider == "ideogram"


def test_job_with_one_provider_waits_for_it() -> None:
    world = world_with_two_lanes("ideogram")
    world.pause_lane()
    world.run_reconcile()
    world.run_until_empty()
    assert (find_only_job(world).provider, find_only_job(world).status) == ("ideogram", JobStatus.ACCEPTED)
    world.resume_lane()
    world.run_until_empty()
    assert list_charges(world) == {"ideogram": PRICE}
    assert_at_rest(world)


def test_job_leaves_a_lane_with_an_open_circuit_unless_it_may_probe() -> None:
    world = world_with_two_lanes()
    lane = world.ledger.read_health("ideogram")
    later = world.clock.time + timedelta(hours=1)
    world.ledger.put_health(
        replace(lane, failure_streak=3, opened_since=world.clock.time, probe_count=1, next_probe_at=later)
    )
    world.run_until_empty()
    assert list_attempt_outcomes(world) == [("runware", "answered")]
    assert list_warnings(world) == ["moved: from ideogram to runware: ideogram is currently failing"]
    assert_at_rest(world)


def test_intake_chooses_the_first_available_lane() -> None:
    world = World(other_providers={"runware": ProviderKind.LOOKUP_BY_OUR_ID})
    world.pause_lane()
    world.upload_sidecar(KEY, prompt="at sea", provider=LIST)
    world.upload_photo(KEY, build_photo())
    world.run_until_empty()
    assert list_attempt_outcomes(world) == [("runware", "answered")]
    assert list_warnings(world) == ["passed_over: ideogram is paused (paused_by_person)"]
    assert_at_rest(world)


def test_photo_leaves_a_provider_that_keeps_failing_for_it() -> None:
    world = world_with_two_lanes()
    world.provider.default_behavior = reply_with(BACKOFF)
    world.run_until_empty()
    assert (find_only_job(world).status, list_charges(world)) == (JobStatus.STORED, {"runware": PRICE})
    assert {one for one, _ in list_attempt_outcomes(world)[:-1]} == {"ideogram"}
    assert list_attempt_outcomes(world)[-1] == ("runware", "answered")


@pytest.mark.parametrize("answer", [REFUSED, REJECTED])
def test_permanent_refusal_does_not_fail_over(answer: ProviderResult) -> None:
    world = world_with_two_lanes()
    world.provider.default_behavior = reply_with(answer)
    world.run_until_empty()
    assert (find_only_job(world).status in (JobStatus.REFUSED, JobStatus.DEAD), list_charges(world)) == (True, {})
    assert world.providers["runware"].received_job_ids == []


def test_rate_limit_does_not_fail_over() -> None:
    world = world_with_two_lanes()
    world.provider.script.extend([reply_with(THROTTLED)] * 6)
    world.run_until_empty()
    assert list_charges(world) == {"ideogram": PRICE}
    assert world.providers["runware"].received_job_ids == []


@pytest.mark.parametrize("policy", ["retry_once", "hold"])
def test_lost_answer_does_not_fail_over(policy: str) -> None:
    world = world_with_two_lanes(on_lost_answer=policy)
    world.provider.default_behavior = build_charged_hang_up()
    world.run_for(1000)
    world.pause_lane()
    run_until_idle(world, 4)
    assert (find_only_job(world).status, find_only_job(world).provider) == (JobStatus.HELD, "ideogram")
    assert world.providers["runware"].received_job_ids == []
    assert_budgets(world)


def test_job_goes_to_the_first_lane_that_resumes() -> None:
    world = world_with_two_lanes()
    world.pause_lane()
    world.pause_lane(provider="runware")
    run_until_idle(world, 2)
    assert find_only_job(world).status is JobStatus.ACCEPTED
    world.resume_lane(provider="runware")
    run_until_idle(world, 3)
    assert list_attempt_outcomes(world) == [("runware", "answered")]
    assert_at_rest(world)


def test_message_in_a_former_lane_buys_nothing() -> None:
    world = world_with_two_lanes()
    (message,) = world.queues["ideogram"].messages
    world.sqs.send_externally(world.queues["runware"], message.body)
    world.run_until_empty("runware")
    assert (world.providers["runware"].received_job_ids, world.provider.received_job_ids) == ([], [])
    assert world.queues["runware"].messages == []
    world.run_until_empty()
    assert list_charges(world) == {"ideogram": PRICE}


def move_by_render() -> World:
    world = world_with_two_lanes()
    world.provider.default_behavior = reply_with(PAUSED)
    return world


def move_by_reconcile() -> World:
    world = world_with_two_lanes()
    world.pause_lane()
    return world


@pytest.mark.parametrize("make", [move_by_render, move_by_reconcile])
def test_crash_anywhere_during_failover_buys_once(make: Callable[[], World]) -> None:
    def play(world: World) -> None:
        world.run_reconcile()
        world.run_for(TICK)

    for call, world in replay_with_crashes(make, play):
        run_until_idle(world, 3)
        in_doubt = find_only_job(world).status is JobStatus.UNKNOWN
        assert in_doubt or list_charges(world) == {"runware": PRICE}, call
        world.provider.default_behavior = CallBehavior()
        world.resume_lane()
        run_until_idle(world)
        assert (find_only_job(world).status, sum(list_charges(world).values())) == (JobStatus.STORED, PRICE), call
        assert_at_rest(world)


def test_job_that_moves_back_and_forth_pays_once() -> None:
    world = world_with_two_lanes()
    world.provider.script.append(reply_with(PAUSED))
    world.providers["runware"].default_behavior = reply_with(PAUSED)
    world.run_until_empty()
    assert find_only_job(world).provider == "runware"
    world.provider.default_behavior = CallBehavior()
    world.steps.breaker.resume("ideogram")
    run_until_idle(world, 3)
    assert (find_only_job(world).provider, list_charges(world)) == ("ideogram", {"ideogram": PRICE})
    assert len([one for one in list_warnings(world) if one.startswith("moved")]) == 2
    assert_at_rest(world)
