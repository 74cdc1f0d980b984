"""AWS's assumed times, and a large folder next to a small one: duration, requests, and fairness by number of photos.

The times of a request, a download, and a cold start are assumptions, which the page states. Nothing here was measured
on AWS.
"""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from statistics import median

from bench.aws_cost.bill import DOWNLOAD_SECONDS, FULL_CPU_MB, REQUEST_SECONDS, count_requests
from bench.aws_cost.cost_result import CostRow
from bench.cpu_usage import STAGES
from bench.extrapolation.large_world import CHECK_DELAY_SECONDS, LargeWorld
from bench.extrapolation.photo_checks import shorten
from bench.peak_memory import read_peak_megabytes
from simulation.run_environment import describe_commit
from simulation.world.sample_mandates import create_mandate
from simulation.world.simulated_dynamodb import Key, read_key
from simulation.world.transport import ServiceCall, raise_conflict
from simulation.world.world_clock import WORLD_START

DISPATCH_SECONDS = 0.02
"""Assumed: the time from a receivable message to the function's code."""
COLD_START_SECONDS = 2.0
"""Assumed: the additional time of a cold start."""
TRANSACTION_SECONDS = 0.01
"""Assumed: how long a transaction holds its items. Another transaction on one of them fails with a conflict."""
UPLOADS_PER_SECOND = 100
"""Assumed: how fast the large folder is uploaded."""
INITIAL_POLLERS, ADDED_POLLERS, MAX_POLLERS, SCALING_SECONDS = 5, 5, 1000, 1
"""Lambda starts with five batches at a time and adds up to 300 per minute (Developer Guide, "Configuring scaling
behavior for SQS event source mappings"), here five every second, up to the account's limit of 1,000, or to a lane's
`MaximumConcurrency`."""
SMALL_FOLDER_PHOTOS, SMALL_FOLDER_DELAY_SECONDS = 10, 60.0
"""The size of the small folder, and how long after the last photo of the large folder it arrives."""
MAX_HELD_ITEMS = 10_000
LARGE_FOLDER, SMALL_FOLDER = "shoes/", "hats/"


@dataclass(frozen=True)
class ScaledRun:
    """One large folder through C slots of S seconds. `requests`: to AWS, per photo, by function.

    `ended_seconds`: from the first upload to the end of the last job. `pause_ms`: the median between two calls of a
    slot. `small_folder_seconds`: from the small folder's upload to the end of its last job. `conflicts`: transactions
    that failed because another one held an item, per photo. `reconcile_per_hour`: reconcile's requests, by operation.
    `expired`: messages of the lane that exceeded its retention period. `checked_photos`: photos that were checked after
    they had ended, and `violations`: what was wrong. `cpu_minutes`, `peak_gigabytes`: what the simulation itself took.
    `has_mandate`: a mandate owns the large folder. `commit`: the one on which it was simulated.
    """

    photos: int
    limit: int
    seconds: float
    ended_seconds: float
    first_seconds: float
    pause_ms: float
    small_folder_seconds: float
    requests: Mapping[str, float]
    invocations: Mapping[str, float]
    conflicts: float
    reconcile_per_hour: Mapping[str, float]
    expired: int = 0
    checked_photos: int = 0
    violations: Sequence[str] = ()
    cpu_minutes: float = 0.0
    peak_gigabytes: float = 0.0
    has_mandate: bool = False
    commit: str = ""

    @property
    def ideal_seconds(self) -> float:
        """N·S/C for both folders."""
        return (self.photos + SMALL_FOLDER_PHOTOS) * self.seconds / self.limit


@dataclass(frozen=True)
class RequestTimes:
    """The seconds of a function's own work per request, by function."""

    own_seconds: Mapping[str, float]


def compute_request_times(row: CostRow, memory: Mapping[str, float]) -> RequestTimes:
    """Computes the times from the counted CPU time of a photo, and the share of a vCPU that a function has."""
    own: dict[str, float] = {}
    for name in STAGES:
        share = max(1.0, FULL_CPU_MB / (memory[name] * 1024))
        own[name] = row.usage.invocations[name].cpu_seconds * share / count_requests(row.usage, name)
    return RequestTimes(own)


class AwsTiming:
    """A large world with AWS's assumed times, in which no worker waits for a processor."""

    def __init__(self, world: LargeWorld, request_times: RequestTimes) -> None:
        self.world, self.request_times = world, request_times
        self._idle = Counter[str]()
        self.conflicts, self._locked_until = 0, dict[Key, datetime]()
        world.transport.add_latency = self.add_latency
        world.transport.faults_before.append(self._lock_items)
        world.lambda_service.before_invocation, world.lambda_service.after_invocation = (
            self.start_invocation,
            self.end_invocation,
        )
        lanes = {name: world.mappings[name].max_concurrency for name in world.providers}
        self._max_pollers = {"intake": MAX_POLLERS, "deliver": MAX_POLLERS, **lanes}
        self._scale_pollers(INITIAL_POLLERS)

    def add_latency(self, service: str, _operation: str) -> None:
        """Adds the time of a worker's request. A provider's latency is part of the call itself."""
        worker = self.world.event_loop.current_worker
        own = self.request_times.own_seconds.get(worker.name.rpartition("-")[0], 0.0) if worker else 0.0
        outside = {"downloads": DOWNLOAD_SECONDS, "provider": 0.0}
        self.world.clock.sleep(own + outside.get(service, REQUEST_SECONDS))

    def start_invocation(self, name: str) -> None:
        """Adds the time until a worker receives a message. The worker may start cold."""
        self.world.clock.sleep(DISPATCH_SECONDS + (0.0 if self._idle[name] else COLD_START_SECONDS))
        self._idle[name] = max(0, self._idle[name] - 1)

    def end_invocation(self, name: str) -> None:
        """Marks the worker as idle."""
        self._idle[name] += 1

    def _lock_items(self, call: ServiceCall) -> None:
        """Locks a transaction's items for a moment. Raises a conflict if one is locked."""
        if call.operation != "transact_write_items":
            return
        writes = [next(iter(one.items())) for one in call.request["TransactItems"]]
        keys = [read_key(sent["Item"] if kind == "Put" else sent["Key"]) for kind, sent in writes]
        now = self.world.clock.time
        if any(self._locked_until.get(key, WORLD_START) > now for key in keys):
            self.conflicts += 1
            raise_conflict(call)
        if len(self._locked_until) > MAX_HELD_ITEMS:
            self._locked_until = {key: until for key, until in self._locked_until.items() if until > now}
        self._locked_until |= dict.fromkeys(keys, now + timedelta(seconds=TRANSACTION_SECONDS))

    def _scale_pollers(self, pollers: int) -> None:
        for name, most in self._max_pollers.items():
            mapping = self.world.mappings[name]
            mapping.max_concurrency = min(pollers, most)
            self.world.sqs.ready(mapping.queue, self.world.clock.time)
        if pollers < MAX_POLLERS:
            self.world.event_loop.call_later(SCALING_SECONDS, lambda: self._scale_pollers(pollers + ADDED_POLLERS))


def run_scaled(
    photos: int, limit: int, seconds: float, request_times: RequestTimes, *, has_mandate: bool = False, seed: int = 1
) -> ScaledRun:
    """Simulates a large folder, and a small one that arrives after it. Checks every photo, and the ledger.

    `peak_gigabytes` is that of the process, so each run needs a new one.

    Raises:
        RuntimeError: it took ten times as long as the calls, or a photo was not checked.
    """
    began = time.process_time()
    world = LargeWorld(seed, in_flight=limit, seconds=seconds, account=limit, discards_data=True)
    timing = AwsTiming(world, request_times)
    if has_mandate:
        create_mandate(world, LARGE_FOLDER)
    world.start()

    def upload(n: int) -> None:
        world.upload(f"{LARGE_FOLDER}{n:07}.jpg")
        if n + 1 < photos:
            world.schedule((n + 1) / UPLOADS_PER_SECOND, lambda: upload(n + 1))

    world.schedule(0, lambda: upload(0))
    small_folder_at = photos / UPLOADS_PER_SECOND + SMALL_FOLDER_DELAY_SECONDS
    world.schedule(
        small_folder_at, lambda: [world.upload(f"{SMALL_FOLDER}{n}.jpg") for n in range(SMALL_FOLDER_PHOTOS)]
    )
    world.run_until_ended(photos + SMALL_FOLDER_PHOTOS, 10 * photos * seconds / limit + 10_000)
    run = _summarize(timing, photos, limit, seconds, small_folder_at)
    world.pass_time(2 * CHECK_DELAY_SECONDS)
    world.checks.check_everything()
    if world.checks.checked_count != photos + SMALL_FOLDER_PHOTOS:
        raise RuntimeError(f"{world.checks.checked_count} of {photos + SMALL_FOLDER_PHOTOS} photos were checked")
    return replace(
        run,
        checked_photos=world.checks.checked_count,
        violations=shorten(world.checks.violations),
        cpu_minutes=(time.process_time() - began) / 60,
        peak_gigabytes=read_peak_megabytes() / 1000,
        has_mandate=has_mandate,
        commit=describe_commit(),
    )


def _summarize(timing: AwsTiming, photos: int, limit: int, seconds: float, small_folder_at: float) -> ScaledRun:
    world, diary = timing.world, timing.world.diary
    hours = world.elapsed_seconds / 3600
    begins, ends = (sorted(moments) for moments in zip(*diary.calls, strict=True))
    pauses = [begin - end for begin, end in zip(begins[limit:], ends, strict=False)]
    small = [at for key, at in diary.ended_at.items() if key.startswith(SMALL_FOLDER)]
    return ScaledRun(
        photos=photos,
        limit=limit,
        seconds=seconds,
        ended_seconds=max(diary.ended_at.values()),
        first_seconds=min(diary.ended_at.values()),
        pause_ms=1000 * median(pauses),
        small_folder_seconds=max(small) - small_folder_at,
        requests={name: diary.count_requests(name) / (photos + SMALL_FOLDER_PHOTOS) for name in STAGES},
        invocations={name: diary.invocations[name] / (photos + SMALL_FOLDER_PHOTOS) for name in STAGES},
        conflicts=timing.conflicts / (photos + SMALL_FOLDER_PHOTOS),
        reconcile_per_hour={
            f"{service} {operation}": times / hours
            for (name, service, operation), times in sorted(diary.requests_by_operation.items())
            if name == "reconcile"
        },
        expired=world.count_expired,
    )
