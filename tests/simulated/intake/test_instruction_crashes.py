"""After a crash at any call, requests, variants, folder defaults, and reruns have the same result, paid for once."""

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from backdrop.model.job import JobStatus
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World
from simulation.world.transport import (
    ServiceCall,
    TargetedFault,
    crash_worker,
    lose_response,
    raise_conflict,
    raise_throttle,
)
from tests.simulated.simulated_days import list_report_codes
from tests.simulated.stage_worlds import KEY, assert_at_rest
from tests.simulated.uploads_and_requests import (
    BEACH,
    FOREST,
    REMOVE,
    count_paid_calls,
    list_folder_codes,
    read_current_instructions,
    send_request,
    send_rerun,
    upload_defaults,
    upload_unique_photo,
)

KEYS = ("shoes/1.jpg", "shoes/2.jpg")
Story = Callable[[World], None]


def request_waiting_photo(world: World) -> None:
    """A photo is requested before its settle time is over."""
    upload_unique_photo(world, KEY)
    world.deliver_next("intake")
    send_request(world, KEY, **BEACH)


def send_broken_request(world: World) -> None:
    """The photo already has its picture."""
    upload_unique_photo(world, KEY, operation="remove")
    world.run_until_empty()
    send_request(world, KEY, promt="x")


def request_missing_photo(world: World) -> None:
    """The photo does not exist."""
    send_request(world, KEY, **REMOVE)


def change_variants(world: World) -> None:
    """One variant is edited, one is removed, one is new."""
    world.upload_photo(KEY, build_photo())
    world.upload_sidecar(KEY, variants={"a": BEACH, "b": FOREST})
    world.run_until_empty()
    world.upload_sidecar(KEY, variants={"a": REMOVE, "c": FOREST})


def add_defaults_late(world: World) -> None:
    """Photos were reported before the defaults arrived."""
    for key in KEYS:
        upload_unique_photo(world, key)
    world.run_until_empty()
    upload_defaults(world, "shoes/", REMOVE)


def add_broken_defaults(world: World) -> None:
    """Photos arrive at the same time."""
    upload_defaults(world, "shoes/", {"promt": "x"})
    for key in KEYS:
        upload_unique_photo(world, key, operation="remove")


def correct_defaults(world: World) -> None:
    """Photos are held until then."""
    add_broken_defaults(world)
    world.run_until_empty()
    upload_defaults(world, "shoes/", {"max_cost_usd": 1})


def change_defaults_and_rerun(world: World) -> None:
    """A person reruns the photos."""
    upload_defaults(world, "shoes/", BEACH)
    upload_unique_photo(world, KEY)
    world.run_until_empty()
    upload_defaults(world, "shoes/", FOREST)
    send_rerun(world, KEY)


ENDS: dict[Story, dict[str, Any]] = {
    request_waiting_photo: {"instructions": {KEY: {"": "on a beach"}}, "bought": 1, "codes": []},
    send_broken_request: {"instructions": {KEY: {"": "remove"}}, "bought": 1, "codes": ["unknown_field"]},
    request_missing_photo: {"instructions": {KEY: {}}, "bought": 0, "codes": ["photo_not_found"]},
    change_variants: {"instructions": {KEY: {"a": "remove", "c": "in a forest"}}, "bought": 3, "codes": []},
    add_defaults_late: {"instructions": {key: {"": "remove"} for key in KEYS}, "bought": 2, "codes": []},
    add_broken_defaults: {"instructions": {key: {} for key in KEYS}, "bought": 0, "codes": []},
    correct_defaults: {"instructions": {key: {"": "remove"} for key in KEYS}, "bought": 2, "codes": []},
    change_defaults_and_rerun: {"instructions": {KEY: {"": "in a forest"}}, "bought": 2, "codes": []},
}


WITH_TAGS = (send_broken_request, add_broken_defaults, correct_defaults)
"""Tags are read only if S3 says that the photo has some."""


def describe_end(world: World, story: Story) -> dict[str, Any]:
    """Returns the results for the scenario's photos."""
    keys = list(ENDS[story]["instructions"])
    assert list_folder_codes(world, "shoes/") == (["unknown_field"] if story is add_broken_defaults else [])
    named = {job_id for key in keys if (source := world.read_source(key)) for job_id in source.jobs.values()}
    assert {job.status for job in world.list_jobs() if job.job_id in named} <= {JobStatus.STORED}
    assert_at_rest(world)
    found = [code for key in keys for code in list_report_codes(world, key)]
    return {
        "instructions": {key: read_current_instructions(world, key) for key in keys},
        "bought": count_paid_calls(world),
        "codes": found,
    }


def play_with_fault(story: Story, fault: TargetedFault, *, after: bool) -> World:
    """Plays the scenario to its end. Its last event runs into a fault in intake."""
    world = World()
    story(world)
    (world.transport.faults_after if after else world.transport.faults_before).append(fault)
    world.run_until_empty("intake")
    world.transport.clear_faults()
    world.run_until_empty(max_deliveries=10_000)
    return world


@pytest.mark.parametrize("story", ENDS)
def test_crash_after_any_call_of_intake_does_not_change_the_result(story: Story) -> None:
    for nth in count(1):
        fault = TargetedFault(crash_worker, nth=nth)
        world = play_with_fault(story, fault, after=True)
        assert describe_end(world, story) == ENDS[story], fault.struck_calls
        if not fault.hit_count:
            assert nth > 4
            return


@pytest.mark.parametrize("story", ENDS)
@pytest.mark.parametrize(
    ("fault", "operation"),
    [
        (raise_throttle, "get_object"),
        (raise_throttle, "query"),
        (raise_throttle, "send_message"),
        (raise_conflict, "transact_write_items"),
        (lose_response, "transact_write_items"),
        (lose_response, "get_object_tagging"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_transient_fault_in_intake_does_not_change_the_result(
    story: Story, fault: Callable[[ServiceCall], None], operation: str
) -> None:
    strikes = 0
    for nth in (1, 2, 4):
        targeted_fault = TargetedFault(fault, operation, nth=nth)
        world = play_with_fault(story, targeted_fault, after=fault is lose_response)
        assert describe_end(world, story) == ENDS[story], targeted_fault.struck_calls
        strikes += targeted_fault.hit_count
    assert bool(strikes) == (operation != "get_object_tagging" or story in WITH_TAGS)
