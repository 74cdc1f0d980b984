"""The naive pipeline of the fault bench, run without faults: photos and sidecars through one function."""

import json
import time

from backdrop_local.cloud import Cloud
from bench.drain.baseline import PROMPT
from bench.drain.harness import POLL_SECONDS, WARM_UP_SECONDS
from bench.drain.scenario import Scenario
from bench.reliability import check_faults
from bench.sample_photos import build_photo
from bench.standin_controller import PROVIDER_PATH, StandinController
from fault_bench.bench_pipeline import DeployedPipeline
from fault_bench.faulted_run import NotDrainedError
from fault_bench.naive_pipeline import naive_deployment

TIMEOUT_SECONDS = 60
SIDECAR = json.dumps({"prompt": PROMPT}).encode()


class NaivePipeline:
    """The naive pipeline, deployed to the cloud on which Backdrop runs."""

    def __init__(self, running: Cloud, limit: int) -> None:
        self.standin = StandinController(running.standin_url)
        url = running.standin_url + PROVIDER_PATH
        self.deployed: DeployedPipeline = naive_deployment.deploy_stack(
            running, url, concurrency_limit=limit, timeout_seconds=TIMEOUT_SECONDS
        )
        self.rounds = 0

    def measure(self, scenario: Scenario) -> float:
        """Returns the seconds from the first upload to the end of the invocation that wrote the last picture."""
        self._run_scenario(Scenario(2 * scenario.limit, scenario.limit, WARM_UP_SECONDS))
        began = self._run_scenario(scenario)
        reports = self.deployed.clients.logs.get_paginator("filter_log_events").paginate(
            logGroupName=f"/aws/lambda/{naive_deployment.STACK_NAME}-function",
            startTime=round(began * 1000),
            filterPattern="REPORT",
        )
        ends = [event.get("timestamp", 0) / 1000 for page in reports for event in page["events"]]
        check_faults(f"{scenario.name}, naive", self.standin.read_log().problems)
        return max(ends) - began

    def _run_scenario(self, scenario: Scenario) -> float:
        """Uploads all photos and waits for their pictures. Returns when the first was uploaded (Unix seconds)."""
        self.rounds += 1
        keys = [f"round-{self.rounds:02}/{n:05}.jpg" for n in range(scenario.photos)]
        self.deployed.upload((f"{key}.json", SIDECAR) for key in keys)
        self.standin.reset(scenario.seconds, scenario.limit)
        began, end = time.time(), time.monotonic() + scenario.timeout_seconds
        self.deployed.upload((key, build_photo(key)) for key in keys)
        while not self.standin.has_accepted(scenario.photos) or self.deployed.count_messages():
            if time.monotonic() > end:
                raise NotDrainedError(f"{scenario.name}: the naive pipeline did not finish")
            time.sleep(POLL_SECONDS)
        return began
