"""Processes one photo completely in a simulated stack whose adapter calls a real server."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

from backdrop.aws.s3 import OutputBucket
from backdrop.model.codes import Code
from backdrop.model.job import JobStatus, MoneyStatus
from backdrop.model.object_keys import result_key
from backdrop.ports import Provider, WorkStorage
from simulation.world.sample_images import build_photo
from simulation.world.simulated_provider import ProviderKind
from simulation.world.simulated_stack import OUTPUT_BUCKET, World
from tests.contract.adapters import Recorder, Reply, recording

KEY = "shoes/red.jpg"
type Adapter = Callable[[Recorder, WorkStorage], Provider]


class Purchase(NamedTuple):
    """The outcome of a photo: its job's status and code, money status, charge in micro-dollars, and number of paid
    calls.

    `response`: whether the provider's response was kept for a person.
    """

    status: JobStatus
    code: Code | None
    money: MoneyStatus
    charged: int
    calls: int
    pictures: int
    response: bool


@dataclass(frozen=True)
class BucketWorkStorage:
    """A WorkStorage in the simulated output bucket, without links for providers."""

    output: OutputBucket

    def create_download_link(self, data: bytes, *, provider_url: str) -> str | None:
        return None

    def create_upload_link(self, name: str, *, provider_url: str) -> str | None:
        return None

    def save_result(self, name: str, data: bytes) -> None:
        """Stores a result for deliver."""
        self.output.put(result_key(name), data, "application/octet-stream")

    def has_result(self, name: str) -> bool:
        return self.output.find_key(result_key(name)) is not None


@dataclass(frozen=True)
class Shop:
    """Buys photos from one provider. `paid`: the beginning of a paid call's request line."""

    name: str
    paid: str
    make: Adapter
    price: int = 0

    def buy(self, *replies: Reply, **fields: Any) -> Purchase:
        """Uploads a photo, sends these replies (repeating the last one), and lets half an hour pass."""
        with recording(*replies) as server:
            world = self.drop(server, **fields)
            world.run_for(1800)
            calls = sum(request.line.startswith(self.paid) for request in server.requests)
        (job,) = world.list_jobs(KEY)
        kept = [key for key in world.output_bucket.list_keys() if key.endswith("_response.txt")]
        code = job.problem.code if job.problem else None
        return Purchase(job.status, code, job.money, job.charged, calls, len(world.read_pictures(KEY)), bool(kept))

    def drop(self, server: Recorder, **fields: Any) -> World:
        """Returns a world with a photo in this provider's lane. The provider's adapter is the real one."""
        prices = {self.name: self.price} if self.price else {}
        world = World(other_providers={self.name: ProviderKind.LOOKUP_BY_PROVIDER_ID}, credit_prices=prices)
        providers = cast("dict[str, Any]", world.providers)
        providers[self.name] = self.make(server, BucketWorkStorage(OutputBucket(cast("Any", world.s3), OUTPUT_BUCKET)))
        world.upload_sidecar(KEY, **{"prompt": "a beach", "provider": self.name, **fields})
        world.upload_photo(KEY, build_photo())
        world.run_until_empty("intake")
        return world
