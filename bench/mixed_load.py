"""A campaign, drops, and requests by event through one lane at the same time: does a photo wait too long or cost twice?

`python -m bench.mixed_load` starts its own local cloud. `OUT=page` also writes the table to that file.
"""

import argparse
import io
import json
import os
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from PIL import Image

from backdrop_cli.options import StackLocation
from backdrop_cli.stack import Stack, connect
from backdrop_local import cloud
from backdrop_local.cloud import Cloud
from bench.standin_controller import StandinController
from bench.temporary_home import temporary_home
from simulation.run_environment import describe_environment

LIMIT = 10
PRICE = Decimal("0.01")
REMOVE = {"operation": "remove"}
# A drop waits at most for the two rounds of calls before it, and for its own call.
MAX_CALLS_WAITED = 3
TIMEOUT_SECONDS = 7200.0
# With this many requests, the campaign fills the lane.
FULL_LANE_ITEMS = 2 * LIMIT


@dataclass(frozen=True)
class LoadSize:
    """The number of items, drops, and requests, and the duration of a call (seconds)."""

    items: int
    drops: int
    requests: int
    call_seconds: float

    @property
    def photos(self) -> int:
        return self.items + self.drops + self.requests


def build_picture(n: int) -> bytes:
    """Returns a small photo whose bytes are unique to this number."""
    file = io.BytesIO()
    Image.frombytes("RGB", (32, 32), Random(n).randbytes(32 * 32 * 3)).save(file, "PNG")
    return file.getvalue()


class MixedLoad:
    """A campaign, drops, and requests by event on one local cloud."""

    def __init__(self, running: Cloud, stack: Stack, size: LoadSize) -> None:
        self.running, self.stack, self.size = running, stack, size
        self.clients, self.outputs = running.clients, running.outputs()
        self.dropped: dict[str, datetime] = {}

    # -- what is requested -------------------------------------------------------------------------------------

    def upload_photos(self) -> None:
        """Uploads the photos of the campaign and the requests, without instructions."""
        keys = [f"campaign/{n:04}.png" for n in range(self.size.items)]
        keys += [f"asked/{n:04}.png" for n in range(self.size.requests)]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(self._put, keys, range(len(keys))))

    def _put(self, key: str, n: int, **more: Any) -> None:
        self.clients.s3.put_object(Bucket=self.outputs["InputBucketName"], Key=key, Body=build_picture(n), **more)

    def start_campaign(self) -> str:
        """Starts the campaign, and returns the ARN of its execution."""
        given = {"name": "together", "prefix": "campaign/", "instructions": REMOVE}
        machine = self.outputs["CampaignStateMachineArn"]
        begun = self.clients.stepfunctions.start_execution(stateMachineArn=machine, input=json.dumps(given))
        return begun["executionArn"]

    def drop_photo(self, n: int) -> None:
        """Drops a photo with tags."""
        key = f"drops/{n:04}.png"
        self.dropped[key] = datetime.now(UTC)
        self._put(key, self.size.items + self.size.requests + n, Tagging="operation=remove")

    def request_image(self, n: int) -> None:
        """Requests an image by an event on the bus."""
        detail = {"bucket": self.outputs["InputBucketName"], "key": f"asked/{n:04}.png", "instructions": REMOVE}
        entry = {"Source": "bench", "DetailType": "Image Requested", "Detail": json.dumps(detail)}
        sent = self.clients.events.put_events(Entries=[{**entry, "EventBusName": self.outputs["EventBusName"]}])
        if sent["FailedEntryCount"]:
            raise RuntimeError(f"the event bus rejected the event: {sent['Entries']}")

    def run(self, execution: str) -> None:
        """Sends drops and requests in turn once the campaign fills the lane, and waits until all have ended."""
        self._wait_until(lambda: self._count_requests(execution) >= min(FULL_LANE_ITEMS, self.size.items))
        others = [("drop", n) for n in range(self.size.drops)] + [("request", n) for n in range(self.size.requests)]
        Random(1).shuffle(others)
        pause = max(self.size.items * self.size.call_seconds / LIMIT / 2, self.size.call_seconds) / max(len(others), 1)
        for kind, n in others:
            self.drop_photo(n) if kind == "drop" else self.request_image(n)
            time.sleep(pause)
        self._wait_until(lambda: self._read_status(execution) != "RUNNING")
        self._wait_until(lambda: len(self.list_stored()) >= self.size.photos)

    def _read_status(self, execution: str) -> str:
        return self.clients.stepfunctions.describe_execution(executionArn=execution)["status"]

    def _count_requests(self, execution: str) -> int:
        return sum(
            1 for _ in self.stack.redrive_service.ledger_queries.list_campaign_requests(execution.rpartition(":")[2])
        )

    @staticmethod
    def _wait_until(condition: Any) -> None:
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"not within {TIMEOUT_SECONDS:.0f} s")
            time.sleep(1)

    # -- the results -----------------------------------------------------------------------------------

    def list_stored(self) -> list[dict[str, Any]]:
        """Returns the receipts of stored jobs."""
        return [one for one in self.read_receipts() if [job["status"] for job in one["jobs"]] == ["stored"]]

    def read_receipts(self) -> Iterator[dict[str, Any]]:
        return self.stack.bucket_reader.read_receipts("", 8)

    def call_standin(self, route: str, body: object = None) -> Any:
        """Calls one of the stand-in's control routes."""
        return StandinController(self.running.standin_url).call(route, body)

    def read_report(self) -> dict[str, Any]:
        return json.loads(self.stack.output_store.read("_backdrop/campaigns/together/report.json"))

    def measure_waits(self) -> list[float]:
        """Returns the seconds from each drop to the start of its call."""
        sent = {one["source"]["key"]: one["jobs"][0]["submitted_at"] for one in self.list_stored()}
        return [(datetime.fromisoformat(sent[key]) - began).total_seconds() for key, began in self.dropped.items()]

    def count_callbacks(self, execution: str) -> Counter[str]:
        """Returns how the task tokens were answered, according to the ledger."""
        requests = self.stack.redrive_service.ledger_queries.list_campaign_requests(execution.rpartition(":")[2])
        return Counter(one.outcome.value if one.outcome else "none" for one in requests)

    def count_succeeded(self, execution: str) -> int:
        """Returns how many items of the Map received a success."""
        runs = self.clients.stepfunctions.list_map_runs(executionArn=execution)["mapRuns"]
        counts = [self.clients.stepfunctions.describe_map_run(mapRunArn=one["mapRunArn"]) for one in runs]
        return sum(one["itemCounts"]["succeeded"] for one in counts)


def check_promises(load: MixedLoad, execution: str) -> list[tuple[str, str, bool]]:
    """Returns each promise, the figures found, and whether it was kept."""
    size, report = load.size, load.read_report()
    [lane] = [one for one in load.call_standin("inflight")["accounts"] if one["provider"] == "ideogram"]
    callbacks, succeeded = load.count_callbacks(execution), load.count_succeeded(execution)
    waits = load.measure_waits() or [0.0]
    median = statistics.median(waits)
    billed = Decimal(str(load.call_standin("bill")["total_usd"]))
    in_receipts = sum((Decimal(str(one["total_usd"])) for one in load.read_receipts()), Decimal(0))
    reported = Decimal(str(report["cost"]["usd"]))
    others = (size.drops + size.requests) * PRICE
    money = f"report ${reported}, others ${others}, receipts ${in_receipts}, bill ${billed}"
    return [
        ("maximum calls in flight", f"{lane['peak']} of {LIMIT}, {lane['refused']} refused", lane["peak"] <= LIMIT),
        ("calls refused at the limit", str(lane["refused"]), not lane["refused"]),
        (
            "tokens answered",
            f"{dict(callbacks)}, {succeeded} received",
            callbacks == {"success": size.items} and succeeded == size.items,
        ),
        (
            "campaign",
            f"{report['status']}, {report['items']['stored']} stored",
            report["items"]["stored"] == size.items,
        ),
        ("a drop's wait for its call, median", f"{median:.1f} s", median < MAX_CALLS_WAITED * size.call_seconds),
        ("the same, longest", f"{max(waits):.1f} s", True),
        ("money", money, reported + others == in_receipts == billed == size.photos * PRICE),
    ]


def format_page(size: LoadSize, seconds: float, found: Sequence[tuple[str, str, bool]]) -> str:
    head = (
        f"# A campaign of {size.items:,} items, {size.drops} drops, and {size.requests} requests by event at the same"
        f" time\n\nWritten by `python -m bench.mixed_load` with `OUT=`. Measured on {describe_environment()}.\n\nOne"
        f" lane with {LIMIT} concurrent calls of {size.call_seconds:g} s each, on the emulator, in {seconds:.0f}"
        " s.\n\n| | found | kept |\n| --- | --- | --- |\n"
    )
    return head + "".join(f"| {name} | {words} | {'yes' if kept else '**no**'} |\n" for name, words, kept in found)


def main() -> int:
    """Prints the table. Returns 1 if a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=1000)
    parser.add_argument("--drops", type=int, default=50)
    parser.add_argument("--requests", type=int, default=20)
    parser.add_argument("--call", type=float, default=4.0, dest="call_seconds", help="seconds per call")
    size = LoadSize(**vars(parser.parse_args()))
    with temporary_home() as home:
        os.environ["BACKDROP_HOME"] = str(home.path)
        given = {"IdeogramMaxInFlight": str(LIMIT), "DailyBudgetUSD": "1000", "SettleSeconds": "2"}
        load = MixedLoad(cloud.up(home, given, print, standin_options=["--prepared"]), connect(StackLocation()), size)
        load.call_standin("settings", {"latency_by_speed": {"REMOVE": size.call_seconds}})
        load.upload_photos()
        began = time.monotonic()
        execution = load.start_campaign()
        load.run(execution)
        found = check_promises(load, execution)
        page = format_page(size, time.monotonic() - began, found)
    print(page)
    if os.environ.get("OUT"):
        Path(os.environ["OUT"]).write_text(page)
    return int(not all(kept for _, _, kept in found))


if __name__ == "__main__":
    sys.exit(main())
