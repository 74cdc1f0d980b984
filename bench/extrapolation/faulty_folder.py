"""A large folder in a world where things keep going wrong, until every photo has ended and everything agrees again."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench.extrapolation.aws_timing import UPLOADS_PER_SECOND
from bench.extrapolation.large_world import LargeWorld
from bench.extrapolation.photo_checks import shorten
from bench.peak_memory import read_peak_megabytes
from simulation.invariants.violations import Invariant, Violation
from simulation.run_environment import describe_commit
from simulation.scenarios.fault_causes import FAULTS_BY_CODE
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
)
"""Faults of a single call, message, event, or photo, which strike until the last photo has ended."""
RARITY = 200
"""How many times rarer they are than in a seed, whose few photos each have several of them. Reconcile makes hundreds of
requests in a run if there are many photos. If faults are only 20 times as rare, most of its runs crash."""
LIMIT, SECONDS = 10, 15.0
SETTLING_SECONDS = 6 * 3600.0
FOLDER = "shoes/"


@dataclass(frozen=True)
class FaultyRun:
    """What one world with faults showed.

    `rarity`: how many times rarer the faults were than in a seed. `statuses`: how many jobs ended in each. `calls`:
    those that were charged. `strikes`: how often each fault struck. `days`: from the first upload to the end of the
    last job. `commit`: the one on which it was simulated.
    """

    photos: int
    rarity: int
    statuses: Mapping[str, int]
    calls: int
    strikes: Mapping[str, int]
    days: float
    violations: Sequence[str]
    cpu_minutes: float
    peak_gigabytes: float
    commit: str = ""


def run_with_faults(photos: int, seed: int = 1) -> FaultyRun:
    """Simulates a folder with faults, and then some hours without, and checks every photo at the end.

    Raises:
        RuntimeError: it took a day more than ten times as long as the calls.
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
    world.run_until_ended(photos, 10 * photos * SECONDS / LIMIT + 86_400)
    days = world.elapsed_seconds / 86_400
    faults.end()
    world.pass_time(SETTLING_SECONDS)
    strikes = faults.count_strikes()
    for key in keys:
        world.checks.check_photo(key, FAULTS_BY_CODE.keys())
    world.checks.check_everything()
    return FaultyRun(
        photos,
        RARITY,
        world.checks.statuses,
        sum(job.micro_usd > 0 for job in world.provider.bill.jobs()),
        strikes,
        days,
        shorten([*world.checks.violations, *check_failure_counts(world.checks.failures, strikes)]),
        (time.process_time() - began) / 60,
        read_peak_megabytes() / 1000,
        describe_commit(),
    )


def check_failure_counts(failures: Mapping[str, int], strikes: Mapping[str, int]) -> Iterator[Violation]:
    """Checks that each failure has a fault that explains it: for each code, at least as many faults as failures.

    A photo is given up after five crashes in a row, which these rare faults do not cause.
    """
    for code, count in failures.items():
        struck = sum(strikes.get(name, 0) for name in FAULTS_BY_CODE.get(code, ()))
        if count > struck:
            detail = f"{count} photos failed with {code}, but only {struck} faults could be the reason"
            yield Violation(Invariant.ENDS_FOR_A_CAUSE, detail)
