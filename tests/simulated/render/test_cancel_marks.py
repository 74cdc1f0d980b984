"""The marks that cancels leave in a lane: which remain, which are removed, and which photos ignore them."""

from backdrop.model.circuit import MARK_LIFETIME, MAX_MARKS, CancelMark, merge_mark
from simulation.world.simulated_stack import World
from tests.simulated.simulated_days import cancel_jobs, read_lane_health, run_reconcile
from tests.simulated.stage_worlds import NOW


def test_mark_for_all_photos_replaces_marks_for_prefixes() -> None:
    world = World()
    for prefix in ("shoes/", "hats/", "hats/red/"):
        cancel_jobs(world, prefix)
        world.run_for(1)
    assert [mark.prefix for mark in read_lane_health(world).cancel_marks] == ["shoes/", "hats/", "hats/red/"]
    cancel_jobs(world)
    assert [mark.prefix for mark in read_lane_health(world).cancel_marks] == [""]


def test_marks_that_can_no_longer_match_are_removed() -> None:
    old, new = CancelMark(prefix="a", until=NOW), CancelMark(prefix="b", until=NOW + MARK_LIFETIME)
    assert merge_mark([old], new) == (new,)
    world = World()
    cancel_jobs(world)
    run_reconcile(world)
    assert read_lane_health(world).cancel_marks
    world.clock.sleep(MARK_LIFETIME.total_seconds())
    run_reconcile(world)
    assert read_lane_health(world).cancel_marks == ()


def test_mark_never_replaces_a_mark_for_another_prefix() -> None:
    """Otherwise, photos that the replaced mark stopped would be bought. A full lane is reported instead."""
    world = World()
    cancelling = world.steps.cancel()
    for n in range(MAX_MARKS):
        assert cancelling.has_room_for_mark(f"{n:04}/")
        cancelling.add_mark(f"{n:04}/")
    has_room_by_prefix = {prefix: cancelling.has_room_for_mark(prefix) for prefix in ("hats/", "0001/", "000", "")}
    assert has_room_by_prefix == {"hats/": False, "0001/": True, "000": True, "": True}
    assert len(read_lane_health(world).cancel_marks) == MAX_MARKS
