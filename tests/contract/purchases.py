"""One photo from its drop to its end: the simulated stack around an adapter that talks to a real server."""

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
    """How a photo ended: its job's status and code, the money in micro-dollars, and how many paid calls went out."""

    status: JobStatus
    code: Code | None
    money: MoneyStatus
    charged: int
    calls: int
    pictures: int
    response: bool


@dataclass(frozen=True)
class Bucket:
    """The Work port in the simulated output bucket, which no provider can reach by a link."""

    output: OutputBucket

    def create_download_link(self, data: bytes, *, provider_url: str) -> str | None:
        """No link."""
        return None

    def create_upload_link(self, name: str, *, provider_url: str) -> str | None:
        """No link."""
        return None

    def save_result(self, name: str, data: bytes) -> None:
        """Put a result aside for deliver."""
        self.output.put(result_key(name), data, "application/octet-stream")

    def has_result(self, name: str) -> bool:
        """Whether it was put aside."""
        return self.output.find_key(result_key(name)) is not None


@dataclass(frozen=True)
class Shop:
    """A provider as one photo meets it. `paid`: how the request line of a paid call begins."""

    name: str
    paid: str
    make: Adapter
    price: int = 0

    def buy(self, *replies: Reply, **fields: Any) -> Purchase:
        """Drop one photo, answer its calls so (the last reply again and again), and let half an hour pass."""
        with recording(*replies) as server:
            world = self.drop(server, **fields)
            world.run_for(1800)
            calls = sum(one.line.startswith(self.paid) for one in server.requests)
        (job,) = world.list_jobs(KEY)
        kept = [key for key in world.output_bucket.list_keys() if key.endswith("_response.txt")]
        code = job.problem.code if job.problem else None
        return Purchase(job.status, code, job.money, job.charged, calls, len(world.read_pictures(KEY)), bool(kept))

    def drop(self, server: Recorder, **fields: Any) -> World:
        """A world in which this provider is real, and a photo in its lane."""
        prices = {self.name: self.price} if self.price else {}
        world = World(other_providers={self.name: ProviderKind.LOOKUP_BY_PROVIDER_ID}, credit_prices=prices)
        providers = cast("dict[str, Any]", world.providers)
        providers[self.name] = self.make(server, Bucket(OutputBucket(cast("Any", world.s3), OUTPUT_BUCKET)))
        world.upload_sidecar(KEY, **{"prompt": "a beach", "provider": self.name, **fields})
        world.upload_photo(KEY, build_photo())
        world.run_until_empty("intake")
        return world
