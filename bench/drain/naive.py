"""The naive pipeline of the fault bench, drained without faults: photos and sidecars through one function."""

import json
import time

from backdrop_local.cloud import Cloud
from bench.drain.bare import PROMPT
from bench.drain.ground import LOOK_SECONDS, WARM_UP_SECONDS
from bench.drain.scenario import Scenario
from bench.photos import photo
from bench.refusals import check_faults
from bench.standin import PROVIDER_PATH, StandinControl
from fault_bench.bench_pipeline import DeployedPipeline
from fault_bench.faulted_run import NotDrainedError
from fault_bench.naive_pipeline import naive_deployment

TIMEOUT_SECONDS = 60
WISH = json.dumps({"prompt": PROMPT}).encode()


class Naive:
    """The pipeline on the cloud on which Backdrop runs."""

    def __init__(self, running: Cloud, limit: int) -> None:
        self.standin = StandinControl(running.standin_url)
        url = running.standin_url + PROVIDER_PATH
        self.deployed: DeployedPipeline = naive_deployment.deploy_stack(
            running, url, concurrency_limit=limit, timeout_seconds=TIMEOUT_SECONDS
        )
        self.rounds = 0

    def drained(self, scenario: Scenario) -> float:
        """Seconds from the first photo's upload to the end of the invocation that wrote the last picture."""
        self._drop(Scenario(2 * scenario.limit, scenario.limit, WARM_UP_SECONDS))
        began = self._drop(scenario)
        reports = self.deployed.clients.logs.get_paginator("filter_log_events").paginate(
            logGroupName=f"/aws/lambda/{naive_deployment.STACK_NAME}-function",
            startTime=round(began * 1000),
            filterPattern="REPORT",
        )
        ends = [event.get("timestamp", 0) / 1000 for page in reports for event in page["events"]]
        check_faults(f"{scenario.name}, naive", self.standin.seen().troubles)
        return max(ends) - began

    def _drop(self, scenario: Scenario) -> float:
        """All photos, until their pictures are there; when the first was uploaded (Unix seconds)."""
        self.rounds += 1
        keys = [f"round-{self.rounds:02}/{n:05}.jpg" for n in range(scenario.photos)]
        self.deployed.upload((f"{key}.json", WISH) for key in keys)
        self.standin.begin(scenario.seconds, scenario.limit)
        began, end = time.time(), time.monotonic() + scenario.patience_seconds
        self.deployed.upload((key, photo(key)) for key in keys)
        while not self.standin.accepted(scenario.photos) or self.deployed.count_messages():
            if time.monotonic() > end:
                raise NotDrainedError(f"{scenario.name}: the naive pipeline did not drain")
            time.sleep(LOOK_SECONDS)
        return began
