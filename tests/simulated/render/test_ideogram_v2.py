"""Ideogram v2 next to v1: acknowledged work survives crashes and a change of the parameter; lost submissions do not."""

from typing import Any

import pytest

from backdrop.model.codes import Code
from backdrop.model.job import AttemptOutcome, JobStatus
from backdrop.model.provider_result import RetryClass
from backdrop.ports import IdeogramEndpoint
from backdrop.providers.ideogram import ENDPOINT_PATHS, V2_ENDPOINT_PATHS
from simulation.world.call_behavior import CallBehavior, build_charged_hang_up, build_refusal
from simulation.world.sample_images import build_photo
from simulation.world.simulated_provider import ProviderKind
from simulation.world.simulated_stack import World
from simulation.world.transport import TargetedFault, crash_worker
from tests.simulated.simulated_days import list_report_codes
from tests.simulated.stage_worlds import KEY, assert_at_rest, find_only_job

STYLED = {"operation": "replace", "prompt": "a beach", "seed": "7"}


def build_world(**setup: Any) -> World:
    """Returns a world with v2 next to v1."""
    return World(kind=ProviderKind.LOOKUP_BY_PROVIDER_ID, ideogram_endpoint=IdeogramEndpoint.V2, **setup)


def world_with_photo(tags: dict[str, str] | None = None, **setup: Any) -> World:
    world = build_world(**setup)
    world.upload_photo(KEY, build_photo(), **(tags or {"operation": "remove"}))
    return world


def test_attempt_names_the_endpoint_of_its_call() -> None:
    world = world_with_photo()
    world.run_until_empty()
    (attempt,) = find_only_job(world).attempts
    assert (attempt.endpoint, bool(attempt.provider_id)) == (V2_ENDPOINT_PATHS["remove"], True)
    receipt = world.read_receipt(KEY)
    assert receipt
    assert receipt["jobs"][0]["attempts"][0]["endpoint"] == V2_ENDPOINT_PATHS["remove"]


def test_styled_request_goes_to_v1_in_the_same_lane() -> None:
    world = world_with_photo(STYLED)
    world.run_until_empty()
    job = find_only_job(world)
    assert (job.status, job.provider) == (JobStatus.STORED, "ideogram")
    assert [(one.endpoint, one.provider_id) for one in job.attempts] == [(ENDPOINT_PATHS["replace"], None)]


def test_endpoint_is_written_before_the_call_is_sent() -> None:
    world, seen = world_with_photo(), list[str | None]()
    behavior = CallBehavior(run_during_call=lambda: seen.extend(one.endpoint for one in find_only_job(world).attempts))
    world.provider.script.append(behavior)
    world.run_until_empty()
    assert seen == [V2_ENDPOINT_PATHS["remove"]]


@pytest.mark.parametrize("policy", ["retry_once", "hold"])
@pytest.mark.parametrize("returns_to_v1", [False, True], ids=["v2", "back to v1"])
def test_acknowledged_generation_survives_a_crash(policy: str, *, returns_to_v1: bool) -> None:
    world = world_with_photo(on_lost_answer=policy)
    world.transport.faults_after.append(fault := TargetedFault(crash_worker, "poll"))
    if returns_to_v1:
        world.event_loop.call_later(30, lambda: setattr(world.provider, "endpoint", IdeogramEndpoint.V1))
    world.run_until_empty()
    job = find_only_job(world)
    assert (fault.hit_count, job.status, job.unknown) == (1, JobStatus.STORED, 0)
    assert [one.outcome for one in job.attempts] == [AttemptOutcome.ANSWERED]
    assert (len(world.provider.received_job_ids), job.charged) == (1, world.provider.charged_micro_usd)
    assert_at_rest(world)


def test_slow_generation_is_parked_and_bought_once() -> None:
    world = world_with_photo()
    world.provider.script.append(CallBehavior(work_seconds=world.provider.timeout_seconds * 3))
    world.run_until_empty()
    job = find_only_job(world)
    assert (job.status, job.unknown, len(job.attempts)) == (JobStatus.STORED, 0, 1)
    assert len(world.provider.received_job_ids) == 1


def test_lost_submission_is_sent_once_more_and_both_charges_are_recorded() -> None:
    world = world_with_photo()
    world.provider.script.append(build_charged_hang_up())
    world.run_until_empty()
    job = find_only_job(world)
    assert [(one.outcome, one.provider_id is None) for one in job.attempts] == [
        (AttemptOutcome.LOST, True),
        (AttemptOutcome.ANSWERED, False),
    ]
    assert job.charged + job.unknown == world.provider.charged_micro_usd


def test_lost_submission_is_held_if_the_operator_wants_that() -> None:
    world = world_with_photo(on_lost_answer="hold")
    world.provider.script.append(build_charged_hang_up())
    world.run_until_empty()
    assert (find_only_job(world).status, list_report_codes(world, KEY)) == (JobStatus.HELD, [Code.CHARGE_UNKNOWN])


def test_plan_that_refuses_private_generations_pauses_the_lane() -> None:
    world = world_with_photo()
    world.provider.script.append(build_refusal(RetryClass.PAUSE, Code.PROVIDER_PLAN_REFUSES))
    world.run_until_empty()
    health = world.ledger.read_health("ideogram")
    codes = [pause.code for pause in (*health.past_pauses, *health.pauses)]
    assert codes == [Code.PROVIDER_PLAN_REFUSES]
    assert world.provider.charged_micro_usd == find_only_job(world).charged


def test_switch_of_the_endpoint_buys_nothing_again() -> None:
    world = world_with_photo()
    world.run_until_empty()
    job_id = find_only_job(world).job_id
    world.provider.endpoint = IdeogramEndpoint.V1
    world.upload_photo(KEY, build_photo(), operation="remove")
    world.run_until_empty()
    assert (find_only_job(world).job_id, len(world.provider.received_job_ids)) == (job_id, 1)
