"""A large folder in a world where things keep going wrong, until every photo has ended and everything agrees again."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.extrapolation.aws_timing import MAX_VIOLATIONS, UPLOADS_PER_SECOND, read_peak_gigabytes
from bench.extrapolation.large_world import LargeWorld
from simulation.scenarios.fault_causes import list_possible_codes
from simulation.world.fault_profile import InstalledFaults

FAULTS = (
    "killed_before",
    "killed_after",
    "killed_in_paid_call",
    "out_of_time",
    "charge_and_hang_up",
    "hang_up",
    "slow_call",
    "withheld_picture",
    "failing_photo",
    "duplicate_message",
    "double_event",
    "late_event",
    "lost_event",
    "lost_ledger_answer",
    "lost_storage_answer",
    "repeated_call",
    "transaction_conflict",
    "throttled_storage",
    "stale_index",
)
"""Faults of a single call, message, event, or photo, which strike until the last photo has ended."""
RARITY = 20
"""How many times rarer they are than in a seed, whose few photos each have several of them."""
LIMIT, SECONDS = 10, 15.0
SETTLING_SECONDS = 6 * 3600.0
FOLDER = "shoes/"


@dataclass(frozen=True)
class FaultyRun:
    """What one world with faults showed.

    `statuses`: how many jobs ended in each. `calls`: those that were charged. `strikes`: how often each fault struck.
    `days`: from the first upload to the end of the last job.
    """

    photos: int
    statuses: Mapping[str, int]
    calls: int
    strikes: Mapping[str, int]
    days: float
    violations: Sequence[str]
    cpu_minutes: float
    peak_gigabytes: float


def run_with_faults(photos: int, seed: int = 1) -> FaultyRun:
    """Simulates a folder with faults, and then some hours without, and checks every photo at the end.

    Raises:
        RuntimeError: it took ten times as long as the calls.
    """
    began = time.process_time()
    world = LargeWorld(seed, in_flight=LIMIT, seconds=SECONDS, account=LIMIT)
    faults = InstalledFaults(world, FAULTS, rarity=RARITY)
    world.start()
    keys = [f"{FOLDER}{number}.jpg" for number in range(photos)]

    def upload_next(number: int) -> None:
        world.upload(keys[number])
        if number + 1 < photos:
            world.schedule((number + 1) / UPLOADS_PER_SECOND, lambda: upload_next(number + 1))

    world.schedule(0.0, lambda: upload_next(0))
    world.run_until_ended(photos, 10 * photos * SECONDS / LIMIT + 100_000)
    days = world.elapsed_seconds / 86_400
    faults.end()
    world.pass_time(SETTLING_SECONDS)
    possible_codes = list_possible_codes(world, faults.count_strikes())
    for key in keys:
        world.checks.check_photo(key, possible_codes)
    world.checks.check_everything()
    return FaultyRun(
        photos,
        world.checks.statuses,
        len(world.diary.calls),
        Counter(faults.count_strikes()),
        days,
        [*map(str, world.checks.violations[:MAX_VIOLATIONS])],
        (time.process_time() - began) / 60,
        read_peak_gigabytes(),
    )
