"""After a crash at any call, requests, variants, folder defaults, and reruns lead to the same end, paid once."""

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
from tests.simulated.days import codes
from tests.simulated.simulation import KEY, assert_at_rest
from tests.simulated.wishes import BEACH, FOREST, REMOVE, again, ask, bought, defaults, folder_codes, said, wishes

KEYS = ("shoes/1.jpg", "shoes/2.jpg")
Story = Callable[[World], None]


def request_for_a_photo_that_waits(world: World) -> None:
    """A photo is requested before its settle time is over."""
    said(world, KEY)
    world.deliver_next("intake")
    ask(world, KEY, **BEACH)


def request_that_is_broken(world: World) -> None:
    """The photo already has its picture."""
    said(world, KEY, operation="remove")
    world.run_until_empty()
    ask(world, KEY, promt="x")


def request_for_nothing(world: World) -> None:
    """The photo does not exist."""
    ask(world, KEY, **REMOVE)


def variants_that_change(world: World) -> None:
    """One variant is edited, one is removed, one is new."""
    world.upload_photo(KEY, build_photo())
    world.upload_sidecar(KEY, variants={"a": BEACH, "b": FOREST})
    world.run_until_empty()
    world.upload_sidecar(KEY, variants={"a": REMOVE, "c": FOREST})


def defaults_that_come_late(world: World) -> None:
    """Photos were reported before the defaults arrived."""
    for key in KEYS:
        said(world, key)
    world.run_until_empty()
    defaults(world, "shoes/", REMOVE)


def defaults_that_are_broken(world: World) -> None:
    """Photos arrive at the same time."""
    defaults(world, "shoes/", {"promt": "x"})
    for key in KEYS:
        said(world, key, operation="remove")


def defaults_that_are_mended(world: World) -> None:
    """Photos are held until then."""
    defaults_that_are_broken(world)
    world.run_until_empty()
    defaults(world, "shoes/", {"max_cost_usd": 1})


def defaults_that_changed_before_a_rerun(world: World) -> None:
    """A person reruns the photos."""
    defaults(world, "shoes/", BEACH)
    said(world, KEY)
    world.run_until_empty()
    defaults(world, "shoes/", FOREST)
    again(world, KEY)


ENDS: dict[Story, dict[str, Any]] = {
    request_for_a_photo_that_waits: {"wishes": {KEY: {"": "on a beach"}}, "bought": 1, "codes": []},
    request_that_is_broken: {"wishes": {KEY: {"": "remove"}}, "bought": 1, "codes": ["unknown_field"]},
    request_for_nothing: {"wishes": {KEY: {}}, "bought": 0, "codes": ["photo_not_found"]},
    variants_that_change: {"wishes": {KEY: {"a": "remove", "c": "in a forest"}}, "bought": 3, "codes": []},
    defaults_that_come_late: {"wishes": {key: {"": "remove"} for key in KEYS}, "bought": 2, "codes": []},
    defaults_that_are_broken: {"wishes": {key: {} for key in KEYS}, "bought": 0, "codes": []},
    defaults_that_are_mended: {"wishes": {key: {"": "remove"} for key in KEYS}, "bought": 2, "codes": []},
    defaults_that_changed_before_a_rerun: {"wishes": {KEY: {"": "in a forest"}}, "bought": 2, "codes": []},
}


def end(world: World, story: Story) -> dict[str, Any]:
    """Returns the result for the photos of the story."""
    keys = list(ENDS[story]["wishes"])
    assert folder_codes(world, "shoes/") == (["unknown_field"] if story is defaults_that_are_broken else [])
    named = {job_id for key in keys if (source := world.read_source(key)) for job_id in source.jobs.values()}
    assert {job.status for job in world.list_jobs() if job.job_id in named} <= {JobStatus.STORED}
    assert_at_rest(world)
    found = [code for key in keys for code in codes(world, key)]
    return {"wishes": {key: wishes(world, key) for key in keys}, "bought": bought(world), "codes": found}


def struck(story: Story, strike: TargetedFault, *, after: bool) -> World:
    """Plays the story to its end; its last event meets a fault in intake."""
    world = World()
    story(world)
    (world.transport.faults_after if after else world.transport.faults_before).append(strike)
    world.run_until_empty("intake")
    world.transport.clear_faults()
    world.run_until_empty(max_deliveries=10_000)
    return world


@pytest.mark.parametrize("story", ENDS)
def test_crash_after_any_call_of_intake_changes_no_end(story: Story) -> None:
    for nth in count(1):
        strike = TargetedFault(crash_worker, nth=nth)
        world = struck(story, strike, after=True)
        assert end(world, story) == ENDS[story], strike.struck_calls
        if not strike.hit_count:
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
def test_transient_fault_in_intake_changes_no_end(
    story: Story, fault: Callable[[ServiceCall], None], operation: str
) -> None:
    for nth in (1, 2, 4):
        strike = TargetedFault(fault, operation, nth=nth)
        world = struck(story, strike, after=fault is lose_response)
        assert end(world, story) == ENDS[story], strike.struck_calls
