"""Crashing workers: after a crash at any call, messages are received again, and the photo is charged once."""

from collections.abc import Callable
from functools import partial

import pytest

from backdrop.model.codes import Code
from backdrop.model.job import JobStatus
from backdrop.model.provider_result import RetryClass
from simulation.world.sample_images import build_photo
from simulation.world.simulated_provider import CallBehavior, build_refusal
from simulation.world.simulated_stack import World
from simulation.world.transport import ServiceCall, TargetedFault, crash_worker, lose_response
from tests.simulated.simulated_days import list_event_types, list_pause_reasons, list_provider_codes, pass_time
from tests.simulated.stage_worlds import (
    KEY,
    PRICE,
    assert_at_rest,
    find_only_job,
    replay_with_crashes,
    world_with_photo,
)


def has_unrecorded_answer(world: World, call: ServiceCall) -> bool:
    """Whether a worker that crashed after this call left a call's answer unrecorded."""
    if call.operation == "call":
        return True
    claimed = "submitting" in str(call.request) and world.transport.calls[call.number : call.number + 1]
    return call.operation == "transact_write_items" and bool(claimed)


@pytest.mark.parametrize("policy", ["retry_once", "hold"])
def test_crash_after_any_call_causes_one_charge_or_a_reported_second(policy: str) -> None:
    """Without a lookup, the charge stays unknown. The call is repeated once, or the job is held for a person."""
    seen: set[bool] = set()
    for call, world in replay_with_crashes(partial(world_with_photo, on_lost_answer=policy), World.run_until_empty):
        job, is_unrecorded = find_only_job(world), has_unrecorded_answer(world, call)
        assert job.status is (JobStatus.HELD if is_unrecorded and policy == "hold" else JobStatus.STORED), call
        assert job.unknown == (PRICE if is_unrecorded else 0), call
        assert len(world.provider.received_job_ids) <= 1 + (is_unrecorded and policy == "retry_once"), call
        assert world.provider.charged_micro_usd == PRICE or is_unrecorded, call
        assert bool(world.read_report(KEY)) is (job.status is JobStatus.HELD), call
        assert not world.dead_letter_queue.messages
        assert_at_rest(world)
        seen.add(is_unrecorded)
    assert seen == {True, False}


@pytest.mark.parametrize("policy", ["retry_once", "hold"])
def test_crash_after_any_call_with_our_id_causes_one_charge(policy: str) -> None:
    for call, world in replay_with_crashes(
        partial(world_with_photo, kind="own_id", on_lost_answer=policy), World.run_until_empty
    ):
        job = find_only_job(world)
        assert (job.status, job.charged, job.unknown, world.provider.charged_micro_usd) == (
            JobStatus.STORED,
            PRICE,
            0,
            PRICE,
        ), call
        assert len(job.attempts) == 1, call
        assert_at_rest(world)


def test_only_a_crash_before_the_provider_id_leaves_an_unknown_charge() -> None:
    unrecorded_flags: list[bool] = []
    for call, world in replay_with_crashes(partial(world_with_photo, kind="acknowledged"), World.run_until_empty):
        job = find_only_job(world)
        assert (job.status, job.charged) == (JobStatus.STORED, PRICE), call
        assert world.provider.charged_micro_usd == PRICE or job.unknown, call
        assert_at_rest(world)
        unrecorded_flags.append(bool(job.unknown))
    assert unrecorded_flags.count(True) == 2
    assert len(unrecorded_flags) > 20


@pytest.mark.parametrize("kind", ["unaskable", "acknowledged", "own_id"])
def test_crash_at_the_provider_after_charging_is_reported_or_found(kind: str) -> None:
    world = world_with_photo(kind=kind)
    world.provider.script.append(CallBehavior(kills_worker=True))
    world.run_until_empty()
    job, found = find_only_job(world), kind == "own_id"
    assert (job.status, job.charged, job.unknown) == (JobStatus.STORED, PRICE, 0 if found else PRICE)
    assert world.provider.charged_micro_usd == (1 if found else 2) * PRICE
    assert_at_rest(world)


def request_several_images() -> World:
    """A photo for which three pictures are requested."""
    world = World()
    world.upload_sidecar(KEY, prompt="on a marble table", num_images=3)
    world.upload_photo(KEY, build_photo())
    return world


def upload_unreadable_photo() -> World:
    """A file that only claims to be a photo."""
    world = World()
    world.upload_photo(KEY, b"just text", operation="remove")
    return world


def upload_without_instructions() -> World:
    """A photo without instructions."""
    world = World()
    world.upload_photo(KEY, build_photo())
    return world


def refuse_photo() -> World:
    """A photo that the provider's safety check refuses."""
    world = world_with_photo()
    world.provider.default_behavior = build_refusal(RetryClass.PERM, Code.UNSAFE_REQUEST)
    return world


def withhold_picture() -> World:
    """A picture that the provider makes and charges for, but withholds."""
    world = world_with_photo()
    world.provider.default_behavior = CallBehavior(unsafe_count=1)
    return world


def edit_before_payment() -> World:
    """A sidecar that is edited before anything is paid."""
    world = request_several_images()
    world.run_until_empty("intake")
    world.upload_sidecar(KEY, operation="remove")
    return world


def delete_waiting_photo() -> World:
    """A photo that is deleted while its job waits."""
    world = world_with_photo()
    world.run_until_empty("intake", "deliver")
    world.delete_file(KEY)
    return world


def correct_reported_sidecar() -> World:
    """A sidecar with errors that is corrected after its report was written."""
    world = World()
    world.upload_sidecar(KEY, operation="remoev")
    world.upload_photo(KEY, build_photo())
    world.run_until_empty()
    assert world.read_report(KEY)
    world.upload_sidecar(KEY, operation="remove")
    return world


def add_instructions_late() -> World:
    """A photo that was reported because it had no instructions, and then gets them."""
    world = upload_without_instructions()
    world.run_until_empty()
    world.upload_sidecar(KEY, operation="remove")
    return world


SCENES = (
    request_several_images,
    upload_unreadable_photo,
    upload_without_instructions,
    refuse_photo,
    withhold_picture,
    edit_before_payment,
    delete_waiting_photo,
    correct_reported_sidecar,
    add_instructions_late,
)


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
def test_crash_after_any_call_does_not_change_the_outcome(scene: Callable[[], World]) -> None:
    """A scenario has the same result with and without a crash: the same statuses, pictures, reports, and events."""
    world_without_crash = scene()
    decide_then_run(world_without_crash)
    expected = describe_end(world_without_crash)
    for call, world in replay_with_crashes(scene, decide_then_run):
        assert_at_rest(world)
        assert describe_end(world) == expected, call
        is_unrecorded = any(job.unknown for job in world.list_jobs())
        assert is_unrecorded is any(len(job.attempts) > 1 for job in world.list_jobs()), call
        assert world.provider.charged_micro_usd == world_without_crash.provider.charged_micro_usd or is_unrecorded, call
        assert world.provider.charged_micro_usd <= 2 * world_without_crash.provider.charged_micro_usd, call


def decide_then_run(world: World) -> None:
    """Intake finishes before anything is bought, so that a late event does not change the instructions."""
    world.run_until_empty("intake")
    world.run_until_empty()


def describe_end(world: World) -> tuple[object, ...]:
    """Returns what a person can see at the end, without times and money."""
    report, receipt = world.read_report(KEY), world.read_receipt(KEY)
    return (
        sorted(job.status for job in world.list_jobs()),
        sorted(world.read_pictures()),
        [(one["code"], one["status"]) for one in report["errors"]] if report else None,
        [(one["status"], one["current"]) for one in receipt["jobs"]] if receipt else None,
        {letter.attributes["code"] for letter in world.dead_letter_queue.messages},
        {event.detail_type for event in world.bus.events},
    )


def test_lost_response_of_any_write_changes_nothing() -> None:
    world_without_crash = world_with_photo()
    world_without_crash.run_until_empty()
    expected = describe_end(world_without_crash), world_without_crash.provider.charged_micro_usd
    for operation in ("transact_write_items", "put_object", "send_message", "put_events"):
        for nth in range(1, 20):
            world = world_with_photo()
            world.transport.faults_after.append(fault := TargetedFault(lose_response, operation, nth))
            world.run_until_empty()
            if not fault.hit_count:
                break
            assert (describe_end(world), world.provider.charged_micro_usd) == expected, (operation, nth)
            assert_at_rest(world)


def test_two_crashes_anywhere_cause_at_most_two_calls() -> None:
    for first in range(1, 30, 3):
        for second in range(first + 1, 60, 5):
            world = world_with_photo()
            world.transport.faults_after += [
                TargetedFault(crash_worker, nth=first),
                TargetedFault(crash_worker, nth=second),
            ]
            world.run_until_empty()
            job = find_only_job(world)
            assert len(world.provider.received_job_ids) <= 2
            assert job.status is JobStatus.STORED or (job.status is JobStatus.HELD and job.possible_charge_count == 2)
            assert_at_rest(world)


def test_report_of_a_paused_provider_survives_a_crash() -> None:
    """The report says why all jobs wait, even after a crash between the writes to ledger, mapping, and queue."""
    ends: set[JobStatus] = set()
    for nth in range(1, 24):
        world = world_with_photo()
        world.provider.default_behavior = build_refusal(RetryClass.PAUSE, Code.PROVIDER_KEY_REFUSED)
        world.run_until_empty("intake", "deliver")
        world.transport.faults_after.append(fault := TargetedFault(crash_worker, nth=nth))
        pass_time(world, 3600)
        assert fault.hit_count == 1
        assert (list_provider_codes(world), list_pause_reasons(world)) == (["provider_key_refused"], ["key"]), nth
        assert "Provider Paused" in list_event_types(world)
        ends.add(find_only_job(world).status)
    assert ends == {JobStatus.ACCEPTED, JobStatus.UNKNOWN}
