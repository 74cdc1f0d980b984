"""A simulated world for many images, which counts requests and discards histories."""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from io import BytesIO
from typing import cast, override

from PIL import Image
from sortedcontainers import SortedDict

from backdrop.model.object_keys import PAID_PREFIX, receipt_key
from bench.extrapolation.fair_queue import FairQueue, FairSqs
from bench.extrapolation.packed_mapping import PackedMapping, PackedObjects
from bench.extrapolation.photo_checks import PhotoChecks
from simulation.world.call_behavior import CallBehavior
from simulation.world.dynamodb_expressions import Item
from simulation.world.sample_images import SIDE_PIXELS
from simulation.world.simulated_dynamodb import Key
from simulation.world.simulated_s3 import ObjectVersion, SimulatedBucket
from simulation.world.simulated_stack import World
from simulation.world.transport import ServiceCall
from simulation.world.world_clock import WORLD_START

TRIM_EVERY = 1000
CHECK_DELAY_SECONDS = 60.0
LOOKUP_PERIOD = timedelta(hours=1)
PAGE_ITEMS = 1000
NO_LIMIT = 10**15
EMPTY: Mapping[str, str] = {}


@dataclass(eq=False)
class WorldLog:
    """Counts of a world. `requests_by_operation`: by function, service, and operation. `ended_at`: seconds from the
    start to a photo's first end, by its key.
    """

    requests_by_operation: Counter[tuple[str, str, str]] = field(default_factory=Counter[tuple[str, str, str]])
    invocations: Counter[str] = field(default_factory=Counter[str])
    ended_at: dict[str, float] = field(default_factory=dict[str, float])
    calls: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])
    refused_calls: int = 0

    def count_requests(self, function: str) -> int:
        """Returns how many requests a function made to AWS."""
        return sum(
            times
            for (name, service, _), times in self.requests_by_operation.items()
            if name == function and service in AWS_SERVICES
        )


AWS_SERVICES = frozenset({"s3", "dynamodb", "sqs", "events", "lambda", "states"})
END_EVENTS = frozenset({"Image Completed", "Image Failed"})


class LargeWorld(World):
    """The simulated world with queues for many messages. A call takes `seconds`; `account` calls may be in flight.

    `discards_data`: checks each photo a minute after it has ended, and then discards what its objects contain.
    """

    sqs_type = FairSqs

    def __init__(self, seed: int, *, in_flight: int, seconds: float, account: int, discards_data: bool = False) -> None:
        super().__init__(seed, in_flight=in_flight, account_limit=account, budget=NO_LIMIT)
        self.diary = WorldLog()
        self.checks = PhotoChecks(self)
        self._discards_data = discards_data
        self.table.page_size = PAGE_ITEMS
        # Table and buckets need only what these mappings have.
        self.table.items.data = cast("dict[Key, Item]", PackedMapping[Key, Item]())
        for bucket in self.s3.buckets.values():
            bucket.objects = cast("SortedDict[str, list[ObjectVersion]]", PackedObjects())
        self.provider.default_behavior = CallBehavior(work_seconds=seconds)
        self.transport.faults_before.append(self._count_request)
        self.transport.listeners.append(self._note_event)

    def upload(self, key: str) -> None:
        """Uploads a unique photo for a replaced background."""
        self.upload_photo(key, _build_unique_photo(key), operation="replace", prompt="on a beach at dawn")

    def schedule(self, seconds: float, act: Callable[[], object]) -> None:
        """Schedules an action this many seconds after the start."""
        self.event_loop.call_at(WORLD_START + timedelta(seconds=seconds), act)

    @property
    def elapsed_seconds(self) -> float:
        """Seconds since the start."""
        return (self.clock.time - WORLD_START).total_seconds()

    @property
    def count_expired(self) -> int:
        """The number of the lane's messages that exceeded its retention period."""
        return self.find_lane().expired

    def find_lane(self) -> FairQueue:
        """Returns the messages of the lane."""
        return cast("FairSqs", self.sqs).find_fair_queue(self.queues[self.provider.name])

    def pass_time(self, seconds: float) -> None:
        """Runs for this many seconds."""
        self.event_loop.run_until(self.clock.time + timedelta(seconds=seconds))

    def run_until_ended(self, photos: int, timeout_seconds: float) -> None:
        """Runs until this many photos have ended.

        Raises:
            RuntimeError: it took too long.
        """
        done = self.event_loop.run_until(
            WORLD_START + timedelta(seconds=timeout_seconds), lambda: len(self.diary.ended_at) >= photos
        )
        self._trim_history()
        if not done:
            raise RuntimeError(f"{len(self.diary.ended_at)} of {photos} photos ended within {timeout_seconds:.0f} s")

    def _count_request(self, call: ServiceCall) -> None:
        self.diary.requests_by_operation[call.worker_name.rpartition("-")[0], call.service, call.operation] += 1

    def _note_event(self, call: ServiceCall) -> None:
        if call.operation == "put_events":
            for event in self.bus.events:
                if event.detail_type in END_EVENTS:
                    self._note_end(event.detail["source"]["key"], event.detail["job"]["job_id"])
            self.bus.events.clear()
        if len(self.transport.calls) >= TRIM_EVERY:
            self._trim_history()

    def _note_end(self, key: str, job_id: str) -> None:
        if key in self.diary.ended_at:
            return
        self.diary.ended_at[key] = self.elapsed_seconds
        if self._discards_data:
            self.event_loop.call_later(CHECK_DELAY_SECONDS, lambda: self._check_photo(key, job_id))

    def _check_photo(self, key: str, job_id: str) -> None:
        """Checks a photo that has ended, and then discards what its objects contain."""
        self.checks.check_photo(key)
        output = self.output_bucket
        prefixes = f"{key}/", f"{PAID_PREFIX}/{job_id}/"
        names = [receipt_key(key), *(name for prefix in prefixes for name in output.iterate_keys(prefix))]
        _discard_data(self.input_bucket, key)
        for name in names:
            _discard_data(output, name)

    def _trim_history(self) -> None:
        """Discards histories and the provider's records of ended calls."""
        log, provider, oldest = self.diary, self.provider, self.clock.time - LOOKUP_PERIOD
        over = [call for call in provider.paid_calls if call.ended_at]
        sold = [call for call in over if call.micro_usd]
        log.refused_calls += len(over) - len(sold)
        log.calls += [
            ((one.started_at - WORLD_START).total_seconds(), (one.ended_at - WORLD_START).total_seconds())
            for one in sold
            if one.ended_at
        ]
        provider.paid_calls[:] = [call for call in provider.paid_calls if not call.ended_at]
        works = provider.account.work_by_id
        for name in [name for name, work in works.items() if work.done_at < oldest]:
            del works[name]
        invocations = self.lambda_service.invocations
        for invocation in invocations:
            log.invocations[invocation.name.rpartition("-")[0]] += invocation.ended_at is not None
        invocations[:] = [invocation for invocation in invocations if invocation.ended_at is None]
        for histories in (
            self.transport.calls,
            self.transport.history,
            self.transitions,
            self.returned_messages,
            provider.received_job_ids,
            self.downloads.fetched_urls,
            self.table.changed_keys,
            *(bucket.changed_keys for bucket in self.s3.buckets.values()),
        ):
            histories.clear()
        self.table.discard_replaced()

    @override
    def is_quiet(self) -> bool:
        raise NotImplementedError("a large world cannot tell whether its queues are empty")


def _build_unique_photo(name: str) -> bytes:
    """Returns a photo that no other name has, even among a million."""
    file, digest = BytesIO(), hashlib.sha512(name.encode()).digest()
    pixels = digest * (3 * SIDE_PIXELS**2 // len(digest))
    Image.frombytes("RGB", (SIDE_PIXELS, SIDE_PIXELS), pixels).save(file, "PNG")
    return file.getvalue()


def _discard_data(bucket: SimulatedBucket, key: str) -> None:
    """Discards earlier versions, and what the current one contains, but not its ETag."""
    current = bucket.objects[key][-1]
    bucket.objects[key] = [replace(current, data=b"", metadata=EMPTY, tags=EMPTY)]
