"""Time as AWS may take it, and a large folder beside a small one: drain, requests and fairness by the number of photos.

What AWS takes for a request, a download and a start is assumed, and said on the page; nothing here was measured on AWS.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from bench.aws_cost.bill import DOWNLOAD_SECONDS, REQUEST_SECONDS, WHOLE_PROCESSOR_MB, requests_of
from bench.aws_cost.found import Row
from bench.beyond.large import LargeWorld
from bench.processors import STAGES
from simulation.world.dynamodb_writes import Key, read_key
from simulation.world.transport import ServiceCall, raise_conflict
from simulation.world.world_clock import WORLD_START

HANDING_SECONDS = 0.02
"""Assumed: from a message that can be received to the function's code."""
START_SECONDS = 2.0
"""Assumed: what a cold start takes on top."""
TRANSACTION_SECONDS = 0.01
"""Assumed: for so long a transaction holds its items, and any other that wants one of them is refused as a conflict."""
UPLOADS_A_SECOND = 100
"""Assumed: how fast the large folder is uploaded."""
FIRST_POLLERS, MORE_POLLERS, MOST_POLLERS, SCALING_SECONDS = 5, 300, 1000, 60
"""Lambda begins with five batches at a time and adds up to 300 a minute (Developer Guide, "Configuring scaling behavior
for SQS event source mappings"); more than an account's 1,000 there cannot be."""
SMALL, LATER_SECONDS = 10, 60.0
"""A folder of so few photos comes so long after the last photo of the large one."""
MOST_HELD = 10_000
LARGE_FOLDER, SMALL_FOLDER = "shoes/", "hats/"


@dataclass(frozen=True)
class Scaled:
    """One large folder through C slots of S seconds; `asked`: requests to AWS for each photo, by function.

    `ended`: seconds from the first upload to the last end. `pause_ms`: between two calls of a slot, in the median.
    `small`: how long the small folder took from its upload to its last end. `conflicts`: transactions that another's
    hold of an item refused, for each photo. `reconcile_an_hour`: its requests, by operation. `expired`: messages
    of the lane that grew older than it keeps them.
    """

    photos: int
    limit: int
    seconds: float
    ended: float
    first: float
    pause_ms: float
    small: float
    asked: Mapping[str, float]
    invoked: Mapping[str, float]
    conflicts: float
    reconcile_an_hour: Mapping[str, float]
    expired: int = 0

    @property
    def ideal(self) -> float:
        """N·S/C, for both folders."""
        return (self.photos + SMALL) * self.seconds / self.limit


@dataclass(frozen=True)
class Pace:
    """Seconds of a function's own work for each of its requests, by function."""

    own: Mapping[str, float]


def pace_of(row: Row, memory: Mapping[str, float]) -> Pace:
    """From what was counted of a photo's processor time, and the share of a processor that a function has."""
    own: dict[str, float] = {}
    for name in STAGES:
        share = max(1.0, WHOLE_PROCESSOR_MB / (memory[name] * 1024))
        own[name] = row.counted.invoked[name].cpu_seconds * share / requests_of(row.counted, name)
    return Pace(own)


class Region:
    """A large world in a region where nobody waits for a processor."""

    def __init__(self, world: LargeWorld, pace: Pace) -> None:
        self.world, self.pace = world, pace
        self._idle = Counter[str]()
        self.conflicts, self._held = 0, dict[Key, datetime]()
        world.transport.add_latency = self.travel
        world.transport.faults_before.append(self._hold)
        world.lambda_service.before_invocation, world.lambda_service.after_invocation = self.enter, self.leave
        self._scale(FIRST_POLLERS)

    def travel(self, service: str, _operation: str) -> None:
        """A request of a worker's, up to its answer; a provider's latency is its call's own."""
        worker = self.world.event_loop.current_worker
        own = self.pace.own.get(worker.name.rpartition("-")[0], 0.0) if worker else 0.0
        outside = {"downloads": DOWNLOAD_SECONDS, "provider": 0.0}
        self.world.clock.sleep(own + outside.get(service, REQUEST_SECONDS))

    def enter(self, name: str) -> None:
        """A message is handed to a worker, which may have to be started."""
        self.world.clock.sleep(HANDING_SECONDS + (0.0 if self._idle[name] else START_SECONDS))
        self._idle[name] = max(0, self._idle[name] - 1)

    def leave(self, name: str) -> None:
        """The worker is free again."""
        self._idle[name] += 1

    def _hold(self, call: ServiceCall) -> None:
        """A transaction's items are its own for a moment."""
        if call.operation != "transact_write_items":
            return
        writes = [next(iter(one.items())) for one in call.request["TransactItems"]]
        keys = [read_key(sent["Item"] if kind == "Put" else sent["Key"]) for kind, sent in writes]
        now = self.world.clock.time
        if any(self._held.get(key, WORLD_START) > now for key in keys):
            self.conflicts += 1
            raise_conflict(call)
        if len(self._held) > MOST_HELD:
            self._held = {key: until for key, until in self._held.items() if until > now}
        self._held |= dict.fromkeys(keys, now + timedelta(seconds=TRANSACTION_SECONDS))

    def _scale(self, pollers: int) -> None:
        for name in ("intake", "deliver"):
            self.world.mappings[name].max_concurrency = min(pollers, MOST_POLLERS)
        if pollers < MOST_POLLERS:
            self.world.event_loop.call_later(SCALING_SECONDS, lambda: self._scale(pollers + MORE_POLLERS))


def play(photos: int, limit: int, seconds: float, pace: Pace, seed: int = 1) -> Scaled:
    """A large folder, and a small one that comes when all of it is there."""
    world = LargeWorld(seed, in_flight=limit, seconds=seconds, account=limit)
    region = Region(world, pace)
    world.start()

    def upload(n: int) -> None:
        world.upload(f"{LARGE_FOLDER}{n:07}.jpg")
        if n + 1 < photos:
            world.at((n + 1) / UPLOADS_A_SECOND, lambda: upload(n + 1))

    world.at(0, lambda: upload(0))
    comes = photos / UPLOADS_A_SECOND + LATER_SECONDS
    world.at(comes, lambda: [world.upload(f"{SMALL_FOLDER}{n}.jpg") for n in range(SMALL)])
    world.play(photos + SMALL, 10 * photos * seconds / limit + 10_000)
    return _scaled(region, photos, limit, seconds, comes)


def _scaled(region: Region, photos: int, limit: int, seconds: float, comes: float) -> Scaled:
    world, diary = region.world, region.world.diary
    hours = world.seconds / 3600
    begins, ends = (sorted(moments) for moments in zip(*diary.calls, strict=True))
    pauses = [begin - end for begin, end in zip(begins[limit:], ends, strict=False)]
    small = [at for key, at in diary.ended.items() if key.startswith(SMALL_FOLDER)]
    return Scaled(
        photos=photos,
        limit=limit,
        seconds=seconds,
        ended=max(diary.ended.values()),
        first=min(diary.ended.values()),
        pause_ms=1000 * median(pauses),
        small=max(small) - comes,
        asked={name: diary.requests(name) / (photos + SMALL) for name in STAGES},
        invoked={name: diary.invoked[name] / (photos + SMALL) for name in STAGES},
        conflicts=region.conflicts / (photos + SMALL),
        reconcile_an_hour={
            f"{service} {operation}": times / hours
            for (name, service, operation), times in sorted(diary.asked.items())
            if name == "reconcile"
        },
        expired=world.expired,
    )
