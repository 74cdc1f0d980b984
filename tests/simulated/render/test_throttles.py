"""An account with half of the configured rate: nearly all of that rate is used, and no message is lost."""

from datetime import timedelta

import pytest

from backdrop.model.circuit import ProviderHealth
from backdrop.model.job import JobStatus
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World
from simulation.world.world_clock import WORLD_START
from tests.simulated.simulated_days import read_lane_health
from tests.simulated.stage_worlds import PRICE, assert_budgets

PHOTOS, LIMIT, CALL_SECONDS = 40, 5, 10


def drain_throttled_lane(seed: int) -> World:
    """Processes forty photos in a lane of ten slots. The account allows five calls at a time."""
    world = World(seed, in_flight=2 * LIMIT, account_limit=LIMIT)
    world.start()
    for n in range(PHOTOS):
        world.upload_photo(f"shoes/{n}.jpg", build_photo(f"{n}"), operation="remove")
    assert world.event_loop.run_until(WORLD_START + timedelta(hours=1), should_stop=lambda: is_done(world))
    return world


def is_done(world: World) -> bool:
    """Whether every photo was paid for."""
    return len(world.provider.bill.jobs()) == PHOTOS and world.provider.account.count_in_flight() == 0


@pytest.mark.parametrize("seed", range(2))
def test_nine_tenths_of_the_possible_rate_are_used(seed: int) -> None:
    world = drain_throttled_lane(seed)
    possible = PHOTOS / LIMIT * CALL_SECONDS
    first = min(call.started_at for call in world.provider.paid_calls)
    assert possible / (world.clock.time - first).total_seconds() >= 0.9
    assert world.provider.account.refused_count > PHOTOS / 2


def test_many_throttles_cause_no_open_circuit_and_no_dead_letter() -> None:
    world = drain_throttled_lane(0)
    world.event_loop.run_until(world.clock.time + timedelta(minutes=5), should_stop=world.is_quiet)
    assert {job.status for job in world.list_jobs()} == {JobStatus.STORED}
    assert world.provider.charged_micro_usd == PHOTOS * PRICE
    assert LIMIT < world.provider.peak_in_flight <= 2 * LIMIT
    lane = read_lane_health(world)
    assert (lane.pauses, lane.failure_streak, lane.opened_since) == (
        ProviderHealth(provider="ideogram").pauses,
        0,
        None,
    )
    assert world.dead_letter_queue.messages == []
    assert max((job.throttled_ms for job in world.list_jobs()), default=0) > 0
    assert_budgets(world)
