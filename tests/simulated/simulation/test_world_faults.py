"""Planned faults occur, are counted, and end together. Afterward, everything is repaired."""

from datetime import timedelta

import pytest

from backdrop.model.job import JobStatus
from simulation.world.fault_profile import FAULT_TYPES, InstalledFaults, draw_faults
from simulation.world.sample_images import build_photo
from simulation.world.simulated_lambda import InvocationOutcome
from simulation.world.simulated_provider import ProviderKind
from simulation.world.simulated_stack import World
from simulation.world.world_clock import WORLD_START
from tests.simulated.stage_worlds import assert_at_rest, assert_budgets

PHOTOS = 8
TROUBLE = WORLD_START + timedelta(minutes=10)
DAYS = 7
# These faults affect commands, tasks, reconcile's repairs, and schedules, which do not occur here. A photo that is
# refused without a reason waits until its provider serves another photo. Seeds have all of these faults.
SEED_ONLY_FAULTS = frozenset(
    {name for name, fault_type in FAULT_TYPES.items() if fault_type.is_drawn_apart}
    | {"killed_person", "killed_reconcile", "late_tick", "lost_task_answer", "refused_without_reason"}
)
IMMEDIATE_FAULTS = {"half_limit", "long_calls"}


def build_busy_world(seed: int, names: tuple[str, ...], kind: ProviderKind) -> tuple[World, InstalledFaults]:
    """Returns a world in which photos and sidecars arrive within a minute, and these faults occur for ten minutes."""
    world = World(seed, kind=kind, in_flight=3, account_limit=3)
    world.start()
    for n in range(PHOTOS):
        at, key = WORLD_START + timedelta(seconds=world.random.uniform(0, 60)), f"folder{n % 3}/{n}.jpg"
        world.event_loop.call_at(at, lambda n=n, key=key: world.upload_photo(key, build_photo(str(n))))
        world.event_loop.call_at(
            at + timedelta(seconds=world.random.uniform(-5, 10)), lambda key=key: upload_instructions(world, key)
        )
    return world, InstalledFaults(world, names, until=TROUBLE)


def upload_instructions(world: World, key: str) -> None:
    world.upload_sidecar(key, operation="remove")


def is_at_rest(world: World) -> bool:
    """Whether the faults are over, every photo has its job, and no work is left."""
    if world.clock.time < TROUBLE or not world.is_quiet():
        return False
    jobs = world.list_jobs()
    return len(jobs) == PHOTOS and all(job.has_ended for job in jobs)


def run_until_at_rest(world: World) -> bool:
    """Runs until everything is at rest. After two hours, reconcile runs less often."""
    if world.event_loop.run_until(WORLD_START + timedelta(hours=2), should_stop=lambda: is_at_rest(world)):
        return True
    world.reconcile_schedule.interval_seconds = 6 * 3600
    return world.event_loop.run_until(WORLD_START + timedelta(days=DAYS), should_stop=lambda: is_at_rest(world))


def find_kind(name: str) -> ProviderKind:
    """Returns a kind of provider at which a fault can occur."""
    return sorted(FAULT_TYPES[name].kinds)[0]


@pytest.mark.parametrize("name", sorted(FAULT_TYPES.keys() - SEED_ONLY_FAULTS))
def test_every_fault_occurs_and_every_photo_is_completed(name: str) -> None:
    world, faults = build_busy_world(1, (name,), find_kind(name))
    assert run_until_at_rest(world), world.format_history()[-50:]
    assert faults.strike_counts[name]
    assert not faults.list_unfired()
    assert_budgets(world)


@pytest.mark.parametrize("seed", range(12))
def test_ledger_documents_and_bill_agree_after_faults(seed: int) -> None:
    kind = list(ProviderKind)[seed % 3]
    world, _ = build_busy_world(seed, draw_faults(World(seed).random, 6, kind), kind)
    world.transport.listeners.append(lambda _: assert_open_calls(world))
    assert run_until_at_rest(world), world.format_history()[-50:]
    assert_at_rest(world)


def assert_open_calls(world: World) -> None:
    """Checks that no more calls are open than the limit allows."""
    assert world.provider.count_in_flight() <= 3


@pytest.mark.parametrize("kind", list(ProviderKind))
def test_without_faults_every_photo_is_bought_once(kind: ProviderKind) -> None:
    world, _ = build_busy_world(3, (), kind)
    assert run_until_at_rest(world)
    assert {job.status for job in world.list_jobs()} == {JobStatus.STORED}
    assert len(world.provider.received_job_ids) == PHOTOS
    assert not world.dead_letter_queue.messages
    assert all(invocation.outcome is InvocationOutcome.SUCCEEDED for invocation in world.lambda_service.invocations)


def test_seed_always_has_the_same_history() -> None:
    names = draw_faults(World(5).random, 8, ProviderKind.LOOKUP_BY_OUR_ID)
    histories: list[list[str]] = []
    for _ in range(2):
        world, _ = build_busy_world(5, names, ProviderKind.LOOKUP_BY_OUR_ID)
        run_until_at_rest(world)
        histories.append(world.format_history())
    assert histories[0] == histories[1]


def test_fault_that_never_occurred_is_listed() -> None:
    world = World()
    world.start()
    faults = InstalledFaults(world, ("throttled_table", "slow_call"))
    world.event_loop.run_until(WORLD_START + timedelta(minutes=1))
    assert faults.list_unfired() == ["throttled_table", "slow_call"]


def test_ended_faults_no_longer_occur() -> None:
    world, faults = build_busy_world(
        2,
        tuple(name for name in FAULT_TYPES if ProviderKind.LOOKUP_BY_OUR_ID in FAULT_TYPES[name].kinds),
        ProviderKind.LOOKUP_BY_OUR_ID,
    )
    faults.end()
    assert run_until_at_rest(world)
    assert faults.strike_counts.keys() <= IMMEDIATE_FAULTS
    assert {job.status for job in world.list_jobs()} == {JobStatus.STORED}


def test_drawn_faults_fit_the_seed_and_the_provider() -> None:
    drawn = draw_faults(World(1).random, 10, ProviderKind.NO_LOOKUP)
    assert drawn == draw_faults(World(1).random, 10, ProviderKind.NO_LOOKUP)
    assert len({*drawn}) == 10
    all_faults = draw_faults(World(1).random, 1000, ProviderKind.NO_LOOKUP)
    assert "stalled_look_up" not in all_faults
    assert "expired_message" not in all_faults
    assert "expired_message" in draw_faults(World(1).random, 1000, ProviderKind.LOOKUP_BY_OUR_ID, include_days=True)
