"""Several pictures with the photo's own product: each is made once, however many invocations and crashes it takes."""

from datetime import timedelta
from typing import Any

import pytest

from backdrop.model.codes import Code
from backdrop.model.fidelity import FidelityVerdict
from backdrop.model.job import ImageStepKind, Job, JobStatus
from backdrop.model.job_warning import WarningCode
from backdrop.model.object_keys import CHANGE_MAPS_PREFIX
from backdrop.model.review import ReviewDecision
from simulation.world.simulated_stack import World
from simulation.world.transport import ServiceCall, TargetedFault, crash_worker
from tests.simulated.deliver.test_fidelity import CHANGED_SCENE, TRANSPARENT_PHOTO
from tests.simulated.deliver.test_own_pixels import SMALL_SCENE
from tests.simulated.simulated_days import pass_time
from tests.simulated.stage_worlds import KEY, assert_at_rest, decide, find_only_job, replay_with_crashes
from tests.unit.ledger_items import list_warning_codes

LANE = "ideogram"
IMAGES = 4
SLOW = timedelta(seconds=30)
"""How long it takes to make one picture. An invocation of 120 seconds makes three: a fourth could take longer."""
OWN: dict[str, Any] = {"prompt": "on grass", "num_images": IMAGES, "subject": {"pixels": "own"}}


def build_paid_world(*scenes: bytes, duration: timedelta = timedelta(0), **fields: Any) -> World:
    """Returns a world with bought pictures. `duration`: how long it takes to make each."""
    world = World()
    world.downloads.script_by_provider[LANE] = scenes or (SMALL_SCENE,)
    world.upload_photo(KEY, TRANSPARENT_PHOTO)
    world.upload_sidecar(KEY, **(OWN | fields))
    world.run_until_empty("intake", LANE)
    assert find_only_job(world).status is JobStatus.PAID
    if duration:
        slow = TargetedFault(lambda _: world.clock.sleep(duration.total_seconds()), times=1_000, matches=is_made)
        world.transport.faults_before.append(slow)
    return world


def is_made(call: ServiceCall) -> bool:
    """Whether a picture was composed and compared: its change map is written then."""
    return call.operation == "put_object" and str(call.request["Key"]).startswith(CHANGE_MAPS_PREFIX)


def list_made(world: World) -> list[str]:
    """Returns the keys of the change maps, one for each time that a picture was made."""
    return [str(call.request["Key"]) for call in world.transport.calls if is_made(call)]


def assert_delivered(world: World) -> Job:
    job = find_only_job(world)
    assert job.status is JobStatus.STORED
    assert [result.n for result in job.results] == [*range(1, IMAGES + 1)]
    assert {result.fidelity.verdict for result in job.results if result.fidelity} == {FidelityVerdict.SAME}
    assert job.image_steps == ()
    assert_at_rest(world)
    return job


def test_pictures_that_take_too_long_continue_later_and_are_made_once() -> None:
    world = build_paid_world(duration=SLOW)
    world.run_until_empty()
    assert_delivered(world)
    assert [one.code for one in world.returned_messages] == [Code.TOO_LITTLE_TIME]
    assert len(list_made(world)) == IMAGES
    assert world.crash_count == 0


def test_each_invocation_makes_at_least_one_picture_however_long_it_takes() -> None:
    world = build_paid_world(duration=timedelta(seconds=100))
    world.run_until_empty()
    assert_delivered(world)
    assert len(world.returned_messages) == IMAGES - 1
    assert len(list_made(world)) == IMAGES
    assert world.crash_count == 0


@pytest.mark.parametrize("duration", [timedelta(0), SLOW], ids=["fast", "slow"])
def test_crash_after_any_call_repeats_at_most_one_picture(duration: timedelta) -> None:
    def deliver(world: World) -> None:
        world.run_until_empty(max_deliveries=3000)

    for call, world in replay_with_crashes(lambda: build_paid_world(duration=duration), deliver):
        pass_time(world, 900)
        assert_delivered(world)
        assert len(list_made(world)) <= IMAGES + 1, call
        assert world.crash_count == 1, call


def test_crashes_in_every_picture_lose_none() -> None:
    """More crashes than one photo may have, but not in a row: each picture crashes its worker four times."""
    world = build_paid_world()
    for n in range(1, IMAGES + 1):
        crash = TargetedFault(
            crash_worker, times=4, matches=lambda call, n=n: is_made(call) and f"_{n}." in call.request["Key"]
        )
        world.transport.faults_before.append(crash)
    world.run_until_empty(max_deliveries=3000)
    assert_delivered(world)
    assert world.crash_count == 4 * IMAGES


def test_picture_that_always_crashes_its_worker_ends_the_job() -> None:
    world = build_paid_world()
    crash = TargetedFault(
        crash_worker, times=1_000, matches=lambda call: is_made(call) and "_3." in call.request["Key"]
    )
    world.transport.faults_before.append(crash)
    world.run_until_empty(max_deliveries=3000)
    job = find_only_job(world)
    assert (job.status, job.problem and job.problem.code) == (JobStatus.DEAD, Code.CRASHED)
    assert len(list_made(world)) <= IMAGES + 6


def test_changed_outputs_are_written_for_every_picture() -> None:
    world = build_paid_world(duration=SLOW)
    world.deliver_next("deliver")
    assert [step.kind for step in find_only_job(world).image_steps] == [ImageStepKind.DELIVERED] * 3
    world.upload_sidecar(KEY, **OWN, output={"format": "jpg"})
    world.run_until_empty()
    job = assert_delivered(world)
    assert {result.format for result in job.results} == {"jpg"}


def test_file_that_cannot_be_used_is_reported_once() -> None:
    world = build_paid_world(SMALL_SCENE, b"no picture", SMALL_SCENE, duration=SLOW)
    world.run_until_empty()
    job = find_only_job(world)
    assert job.status is JobStatus.STORED
    assert [result.n for result in job.results] == [1, 3, 4]
    assert list_warning_codes(job).count(Code.RESULT_NOT_AN_IMAGE) == 1


def test_pictures_for_approval_are_made_once() -> None:
    world = build_paid_world(duration=SLOW, approval="required")
    world.run_until_empty()
    job = find_only_job(world)
    assert (job.status, [review.n for review in job.reviews]) == (JobStatus.REVIEW, [*range(1, IMAGES + 1)])
    assert job.image_steps == ()
    assert len(list_made(world)) == IMAGES
    for n in range(1, IMAGES + 1):
        transition = decide(find_only_job(world), ReviewDecision.APPROVED, n)
        assert transition
        world.ledger.write_transition(transition)
    world.run_reconcile()
    pass_time(world, 3600)
    assert_delivered(world)
    assert len(list_made(world)) == IMAGES


@pytest.mark.parametrize("duration", [timedelta(0), SLOW], ids=["fast", "slow"])
def test_pictures_that_may_be_bought_again_are_compared_once_and_made_once_more(duration: timedelta) -> None:
    world = build_paid_world(duration=duration, subject=OWN["subject"] | {"otherwise": "retry"})
    world.run_until_empty()
    job = assert_delivered(world)
    assert len(job.attempts) == 1
    assert len(list_made(world)) == 2 * IMAGES


def test_pictures_without_own_pixels_are_delivered_in_one_go() -> None:
    world = build_paid_world(duration=SLOW, subject={"pixels": "provider"}, num_images=3)
    world.run_until_empty()
    assert find_only_job(world).status is JobStatus.STORED
    assert not world.returned_messages
    assert not [one for one in world.transitions if one.job.image_steps]


def test_own_pixels_of_one_picture_need_no_further_write() -> None:
    world = build_paid_world(num_images=1)
    world.run_until_empty()
    assert find_only_job(world).status is JobStatus.STORED
    assert not [one for one in world.transitions if one.job.image_steps]


def test_picture_that_needs_approval_only_when_it_is_made_again_is_not_delivered() -> None:
    """Two pictures are delivered. Then the photo is gone, so the others show the provider's product."""
    world = build_paid_world(duration=SLOW, subject={"pixels": "own", "otherwise": "review"})
    for _ in range(2):
        world.deliver_next("deliver")
        world.clock.sleep(1)
    delivered = {step.n for step in find_only_job(world).image_steps if step.kind is ImageStepKind.DELIVERED}
    assert 0 < len(delivered) < IMAGES
    del world.input_bucket.objects[KEY]
    world.run_until_empty("deliver")
    job = find_only_job(world)
    assert job.status is JobStatus.REVIEW
    assert {review.n for review in job.reviews} == {*range(1, IMAGES + 1)} - delivered
    assert {review.fidelity.verdict for review in job.reviews if review.fidelity} == {FidelityVerdict.CANNOT_SAY}


def test_photo_that_moves_between_invocations_leaves_the_finished_pictures() -> None:
    world = build_paid_world(CHANGED_SCENE, duration=SLOW)
    world.deliver_next("deliver")
    del world.input_bucket.objects[KEY]
    world.run_until_empty("deliver")
    job = find_only_job(world)
    assert [result.n for result in job.results] == [*range(1, IMAGES + 1)]
    assert list_warning_codes(job).count(WarningCode.PHOTO_GONE) == 1
