"""The example creates a feed of 200 products with up to 20 photos in flight, and pays once for each."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from runpy import run_path
from typing import Any

import pytest

from backdrop_client import Backdrop
from backdrop_client.connection import Connection
from backdrop_local.home import ROOT
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World
from simulation.world.transport import Transport

FEED_LENGTH, IN_FLIGHT, PRICE = 200, 20, 60_000
WORLD_THREAD, BATCH_THREAD = "world", "backdrop-batch"


class SharedWorld:
    """A simulated world for several threads. All that happens in it happens in one thread of its own."""

    def __init__(self, world: World, thread: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
        self.world, self.max_in_flight = world, 0
        self._thread = thread
        execute = Transport.execute

        def execute_in_thread(*call: Any) -> object:
            return self._run(lambda: execute(*call))

        monkeypatch.setattr(Transport, "execute", execute_in_thread)

    def sleep(self, seconds: float) -> None:
        """Waits until a time, whichever thread makes the world's time pass."""
        batch = [one for one in threading.enumerate() if one.name == BATCH_THREAD]
        self.max_in_flight = max(self.max_in_flight, len(batch))
        clock = self.world.clock
        until = clock.time.timestamp() + seconds
        self._run(lambda: self.world.run_for(max(0.0, until - clock.time.timestamp())))

    def _run[R](self, call: Callable[[], R]) -> R:
        if threading.current_thread().name.startswith(WORLD_THREAD):
            return call()
        return self._thread.submit(call).result()


@pytest.fixture
def shared_world(monkeypatch: pytest.MonkeyPatch) -> Iterator[SharedWorld]:
    with ThreadPoolExecutor(1, WORLD_THREAD) as thread:
        yield SharedWorld(thread.submit(World, budget=FEED_LENGTH * PRICE).result(), thread, monkeypatch)


def write_feed(folder: Path) -> Path:
    rows = ["sku,photo,prompt"]
    for number in range(FEED_LENGTH):
        (folder / f"{number}.jpg").write_bytes(build_photo(str(number)))
        rows.append(f"SKU-{number},{number}.jpg,on marble")
    feed = folder / "feed.csv"
    feed.write_text("\n".join(rows))
    return feed


def test_feed_is_created_with_many_in_flight_and_paid_once(
    shared_world: SharedWorld, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    create_pictures: Any = run_path(str(ROOT / "examples/python-client/product_feed.py"))["create_pictures"]
    feed, folder = write_feed(tmp_path), tmp_path / "pictures"
    client = Backdrop(connection=Connection(shared_world.world.steps.bootstrap, shared_world.sleep))
    for _ in range(2):
        assert create_pictures(client, feed, folder) == 0
        assert capsys.readouterr().err.splitlines()[-1] == f"{FEED_LENGTH} stored, 0 failed, $12.00"
    assert {path.name for path in folder.iterdir()} == {f"SKU-{number}.png" for number in range(FEED_LENGTH)}
    assert len(shared_world.world.provider.received_job_ids) == FEED_LENGTH
    # How many of the threads wait at the same moment depends on the machine.
    assert 1 < shared_world.max_in_flight <= IN_FLIGHT
