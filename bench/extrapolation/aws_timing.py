"""Time as AWS may take it, and a large folder beside a small one: drain, requests and fairness by the number of photos.

What AWS takes for a request, a download and a start is assumed, and said on the page; nothing here was measured on AWS.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from bench.aws_cost.bill import DOWNLOAD_SECONDS, FULL_CPU_MB, REQUEST_SECONDS, count_requests
from bench.aws_cost.cost_result import CostRow
from bench.cpu_usage import STAGES
from bench.extrapolation.large_world import LargeWorld
from simulation.world.dynamodb_writes import Key, read_key
from simulation.world.transport import ServiceCall, raise_conflict
from simulation.world.world_clock import WORLD_START

DISPATCH_SECONDS = 0.02
"""Assumed: from a message that can be received to the function's code."""
COLD_START_SECONDS = 2.0
"""Assumed: what a cold start takes on top."""
TRANSACTION_SECONDS = 0.01
"""Assumed: for so long a transaction holds its items, and any other that wants one of them is refused as a conflict."""
UPLOADS_PER_SECOND = 100
"""Assumed: how fast the large folder is uploaded."""
INITIAL_POLLERS, ADDED_POLLERS, MAX_POLLERS, SCALING_SECONDS = 5, 300, 1000, 60
"""Lambda begins with five batches at a time and adds up to 300 a minute (Developer Guide, "Configuring scaling behavior
for SQS event source mappings"); more than an account's 1,000 there cannot be."""
SMALL_FOLDER_PHOTOS, SMALL_FOLDER_DELAY_SECONDS = 10, 60.0
"""A folder of so few photos comes so long after the last photo of the large one."""
MAX_HELD_ITEMS = 10_000
LARGE_FOLDER, SMALL_FOLDER = "shoes/", "hats/"


@dataclass(frozen=True)
class ScaledRun:
    """One large folder through C slots of S seconds; `asked`: requests to AWS for each photo, by function.

    `ended`: seconds from the first upload to the last end. `pause_ms`: between two calls of a slot, in the median.
    `small`: how long the small folder took from its upload to its last end. `conflicts`: transactions that another's
    hold of an item refused, for each photo. `reconcile_an_hour`: its requests, by operation. `expired`: messages
    of the lane that grew older than it keeps them.
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

    @property
    def ideal_seconds(self) -> float:
        """N·S/C, for both folders."""
        return (self.photos + SMALL_FOLDER_PHOTOS) * self.seconds / self.limit


@dataclass(frozen=True)
class RequestTimes:
    """Seconds of a function's own work for each of its requests, by function."""

    own_seconds: Mapping[str, float]


def compute_request_times(row: CostRow, memory: Mapping[str, float]) -> RequestTimes:
    """From what was counted of a photo's processor time, and the share of a processor that a function has."""
    own: dict[str, float] = {}
    for name in STAGES:
        share = max(1.0, FULL_CPU_MB / (memory[name] * 1024))
        own[name] = row.usage.invocations[name].cpu_seconds * share / count_requests(row.usage, name)
    return RequestTimes(own)


class AwsTiming:
    """A large world in a region where nobody waits for a processor."""

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
        self._scale_pollers(INITIAL_POLLERS)

    def add_latency(self, service: str, _operation: str) -> None:
        """A request of a worker's, up to its answer; a provider's latency is its call's own."""
        worker = self.world.event_loop.current_worker
        own = self.request_times.own_seconds.get(worker.name.rpartition("-")[0], 0.0) if worker else 0.0
        outside = {"downloads": DOWNLOAD_SECONDS, "provider": 0.0}
        self.world.clock.sleep(own + outside.get(service, REQUEST_SECONDS))

    def start_invocation(self, name: str) -> None:
        """A message is handed to a worker, which may have to be started."""
        self.world.clock.sleep(DISPATCH_SECONDS + (0.0 if self._idle[name] else COLD_START_SECONDS))
        self._idle[name] = max(0, self._idle[name] - 1)

    def end_invocation(self, name: str) -> None:
        """The worker is free again."""
        self._idle[name] += 1

    def _lock_items(self, call: ServiceCall) -> None:
        """A transaction's items are its own for a moment."""
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
        for name in ("intake", "deliver"):
            self.world.mappings[name].max_concurrency = min(pollers, MAX_POLLERS)
        if pollers < MAX_POLLERS:
            self.world.event_loop.call_later(SCALING_SECONDS, lambda: self._scale_pollers(pollers + ADDED_POLLERS))


def run_scaled(photos: int, limit: int, seconds: float, request_times: RequestTimes, seed: int = 1) -> ScaledRun:
    """A large folder, and a small one that comes when all of it is there."""
    world = LargeWorld(seed, in_flight=limit, seconds=seconds, account=limit)
    timing = AwsTiming(world, request_times)
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
    return _summarize(timing, photos, limit, seconds, small_folder_at)


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
