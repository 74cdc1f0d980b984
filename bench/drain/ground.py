"""A local cloud that drains photos, one scenario after another, and all that can be read of each run."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from backdrop_local.cloud import Cloud
from backdrop_local.home import STACK
from bench.drain.scenario import Scenario
from bench.drain.slots import Losses, losses
from bench.drain.told import Told, told
from bench.photos import photo
from bench.processors import STAGES, Used, used
from bench.standin import Seen, StandinControl
from fault_bench import backdrop_pipeline
from fault_bench.bench_pipeline import DeployedPipeline
from fault_bench.faulted_run import NotDrainedError

PARAMETERS = {
    **{f"{name}MaxInFlight": "0" for name in ("Segmind", "OneMin", "Runware")},
    "DailyBudgetUSD": "100000",
}
TAGS = "operation=replace&prompt=on a beach at dawn".replace(" ", "%20")
FUNCTIONS = (*STAGES, "reconcile")
WARM_UP_SECONDS = 1.0
LOOK_SECONDS, QUIET_LOOKS = 0.25, 3
SETTLE_SECONDS = 1.0
READERS = 4


@dataclass(frozen=True)
class Run:
    """One scenario's run: Unix seconds of the first upload, of its end and of the last receipt that says stored."""

    scenario: Scenario
    began: float
    uploaded: float
    ended: float
    seen: Seen
    told: Told
    used: Used
    losses: Losses
    unfinished: Mapping[str, float]


@dataclass(eq=False)
class Ground:
    """A running cloud; `rounds` counts what was dropped on it so far."""

    running: Cloud
    rounds: int = 0

    def __post_init__(self) -> None:
        self.standin = StandinControl(self.running.standin_url)
        self.deployed: DeployedPipeline = backdrop_pipeline.describe_stack(self.running)

    def play(self, scenario: Scenario) -> Run:
        """One scenario, once; the workers are those of a warm lane, or none."""
        self.deployed.set_max_concurrency(scenario.limit)
        if scenario.cold:
            self.chill()
        else:
            self.warm_up(scenario.limit)
        self.standin.begin(scenario.seconds, scenario.slots)
        time.sleep(SETTLE_SECONDS)
        before, keys = used(self.running), self.keys(scenario.photos)
        began = time.time()
        self.deployed.upload(((key, photo(key)) for key in keys), TAGS)
        uploaded = time.time()
        self.wait(scenario.photos, scenario.patience_seconds)
        spent = used(self.running).since(before)
        heard = told(self.lines(began))
        ended = max(heard.stored, default=time.time())
        seen = self.standin.seen()
        return Run(
            scenario=scenario,
            began=began,
            uploaded=uploaded,
            ended=ended,
            seen=seen,
            told=heard,
            used=spent,
            losses=losses(seen.calls, scenario, began, ended),
            unfinished=self.unfinished(keys),
        )

    def keys(self, number: int) -> list[str]:
        """Names that no earlier run had."""
        self.rounds += 1
        return [f"round-{self.rounds:02}/{n:05}.jpg" for n in range(number)]

    def warm_up(self, limit: int) -> None:
        """As many photos as there are slots, and as many again, through every stage."""
        self.standin.begin(WARM_UP_SECONDS, limit)
        keys = self.keys(2 * limit)
        self.deployed.upload(((key, photo(key)) for key in keys), TAGS)
        self.wait(len(keys), Scenario(len(keys), limit, WARM_UP_SECONDS).patience_seconds)

    def chill(self) -> None:
        """End all workers, as Lambda does where a function's configuration is changed."""
        self.rounds += 1
        functions = self.running.clients.functions
        for name in STAGES:
            full = f"{STACK}-{name}"
            given = functions.get_function_configuration(FunctionName=full).get("Environment", {}).get("Variables", {})
            functions.update_function_configuration(
                FunctionName=full, Environment={"Variables": {**given, "BENCH_ROUND": str(self.rounds)}}
            )

    def wait(self, photos: int, patience_seconds: float) -> None:
        """Until so many calls were accepted and nothing is on its way; looking costs the emulator time, so seldom.

        Raises:
            NotDrainedError: that took too long.
        """
        end = time.monotonic() + patience_seconds

        def until(is_so: Callable[[], bool]) -> None:
            while not is_so():
                if time.monotonic() > end:
                    raise NotDrainedError(f"{photos} photos were not drained within {patience_seconds:.0f} s")
                time.sleep(LOOK_SECONDS)

        until(lambda: self.standin.accepted(photos))
        for _ in range(QUIET_LOOKS):
            until(lambda: not self.deployed.count_messages())

    def lines(self, began: float) -> Iterator[str]:
        """What all functions wrote into their logs since then."""
        pages = self.running.clients.logs.get_paginator("filter_log_events")
        for name in FUNCTIONS:
            found = pages.paginate(logGroupName=f"/aws/lambda/{STACK}-{name}", startTime=round(began * 1000))
            yield from (event.get("message", "") for page in found for event in page["events"])

    def unfinished(self, keys: list[str]) -> dict[str, float]:
        """How many of these photos have no receipt that says stored, and how many dead letters there are."""
        wanted = [f"{backdrop_pipeline.RECEIPTS_PREFIX}{key}.json" for key in keys]
        with ThreadPoolExecutor(READERS) as readers:
            stored = sum(readers.map(self._is_stored, wanted))
        letters = len(self.deployed.drain_dead_letters())
        return {"photo without a receipt that says stored": len(keys) - stored, "dead letter": letters}

    def _is_stored(self, key: str) -> bool:
        try:
            found = self.running.clients.s3.get_object(Bucket=self.deployed.picture_bucket, Key=key)["Body"].read()
        except self.running.clients.s3.exceptions.NoSuchKey:
            return False
        return all(job["status"] == "stored" for job in json.loads(found)["jobs"])
