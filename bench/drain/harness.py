"""The harness: a local cloud that processes one scenario after another, and the data of each run."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from backdrop_local.cloud import Cloud
from backdrop_local.home import STACK
from bench.cpu_usage import STAGES, CpuUsage, measure_cpu
from bench.drain.log_metrics import LogMetrics, parse_log_metrics
from bench.drain.scenario import Scenario
from bench.drain.slot_losses import SlotLosses, compute_losses
from bench.sample_photos import build_photo
from bench.standin_controller import StandinController, StandinLog
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
POLL_SECONDS, QUIET_POLLS = 0.25, 3
SETTLE_SECONDS = 1.0
READERS = 4


@dataclass(frozen=True)
class DrainRun:
    """One scenario's run. `began`, `uploaded`, and `ended`: the Unix seconds of the first upload, of the end of the
    uploads, and of the last receipt of a stored job.
    """

    scenario: Scenario
    began: float
    uploaded: float
    ended: float
    standin_log: StandinLog
    log_metrics: LogMetrics
    cpu_usage: CpuUsage
    losses: SlotLosses
    unfinished: Mapping[str, float]


@dataclass(eq=False)
class DrainHarness:
    """A running cloud. `rounds` counts the batches of photos dropped so far."""

    running: Cloud
    rounds: int = 0

    def __post_init__(self) -> None:
        self.standin = StandinController(self.running.standin_url)
        self.deployed: DeployedPipeline = backdrop_pipeline.describe_stack(self.running)

    def run_scenario(self, scenario: Scenario) -> DrainRun:
        """Runs one scenario once, with the workers of a warm lane or with none."""
        self.deployed.set_max_concurrency(scenario.limit)
        if scenario.cold:
            self.end_workers()
        else:
            self.warm_up(scenario.limit)
        self.standin.reset(scenario.seconds, scenario.slots)
        time.sleep(SETTLE_SECONDS)
        before, keys = measure_cpu(self.running), self.create_keys(scenario.photos)
        began = time.time()
        self.deployed.upload(((key, build_photo(key)) for key in keys), TAGS)
        uploaded = time.time()
        self.wait_until_drained(scenario.photos, scenario.timeout_seconds)
        cpu_usage = measure_cpu(self.running).since(before)
        log_metrics = parse_log_metrics(self.read_log_lines(began))
        ended = max(log_metrics.stored_at, default=time.time())
        standin_log = self.standin.read_log()
        return DrainRun(
            scenario=scenario,
            began=began,
            uploaded=uploaded,
            ended=ended,
            standin_log=standin_log,
            log_metrics=log_metrics,
            cpu_usage=cpu_usage,
            losses=compute_losses(standin_log.calls, scenario, began, ended),
            unfinished=self.count_unfinished(keys),
        )

    def create_keys(self, number: int) -> list[str]:
        """Returns keys that no earlier run has used."""
        self.rounds += 1
        return [f"round-{self.rounds:02}/{n:05}.jpg" for n in range(number)]

    def warm_up(self, limit: int) -> None:
        """Sends twice as many photos as there are slots through every stage."""
        self.standin.reset(WARM_UP_SECONDS, limit)
        keys = self.create_keys(2 * limit)
        self.deployed.upload(((key, build_photo(key)) for key in keys), TAGS)
        self.wait_until_drained(len(keys), Scenario(len(keys), limit, WARM_UP_SECONDS).timeout_seconds)

    def end_workers(self) -> None:
        """Stops all workers, as Lambda does when a function's configuration changes."""
        self.rounds += 1
        functions = self.running.clients.functions
        for name in STAGES:
            function_name = f"{STACK}-{name}"
            variables = (
                functions.get_function_configuration(FunctionName=function_name)
                .get("Environment", {})
                .get("Variables", {})
            )
            functions.update_function_configuration(
                FunctionName=function_name, Environment={"Variables": {**variables, "BENCH_ROUND": str(self.rounds)}}
            )

    def wait_until_drained(self, photos: int, timeout_seconds: float) -> None:
        """Waits until this many calls were accepted and no message is in flight. Polls rarely, to spare the emulator.

        Raises:
            NotDrainedError: it took too long.
        """
        end = time.monotonic() + timeout_seconds

        def wait_until(is_so: Callable[[], bool]) -> None:
            while not is_so():
                if time.monotonic() > end:
                    raise NotDrainedError(f"{photos} photos were not drained within {timeout_seconds:.0f} s")
                time.sleep(POLL_SECONDS)

        wait_until(lambda: self.standin.has_accepted(photos))
        for _ in range(QUIET_POLLS):
            wait_until(lambda: not self.deployed.count_messages())

    def read_log_lines(self, began: float) -> Iterator[str]:
        """Yields what all functions have logged since then."""
        pages = self.running.clients.logs.get_paginator("filter_log_events")
        for name in FUNCTIONS:
            found = pages.paginate(logGroupName=f"/aws/lambda/{STACK}-{name}", startTime=round(began * 1000))
            yield from (event.get("message", "") for page in found for event in page["events"])

    def count_unfinished(self, keys: list[str]) -> dict[str, float]:
        """Counts the photos without a receipt of a stored job, and the dead letters."""
        receipt_keys = [f"{backdrop_pipeline.RECEIPTS_PREFIX}{key}.json" for key in keys]
        with ThreadPoolExecutor(READERS) as readers:
            stored = sum(readers.map(self._is_stored, receipt_keys))
        dead_letters = len(self.deployed.drain_dead_letters())
        return {"photo without a receipt that says stored": len(keys) - stored, "dead letter": dead_letters}

    def _is_stored(self, key: str) -> bool:
        try:
            found = self.running.clients.s3.get_object(Bucket=self.deployed.picture_bucket, Key=key)["Body"].read()
        except self.running.clients.s3.exceptions.NoSuchKey:
            return False
        return all(job["status"] == "stored" for job in json.loads(found)["jobs"])
