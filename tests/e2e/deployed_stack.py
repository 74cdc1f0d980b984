"""A deployed stack: its names, stand-in, queues, functions, logs, and the check of its bill against its receipts."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager, suppress
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from backdrop_local.cloud import Cloud
from backdrop_local.home import ROOT, STACK
from backdrop_local.stack import read_outputs
from tests.contract.standin_client import StandinClient
from tests.e2e.log_rules import find_faults, find_secrets
from tests.e2e.queues import Queue, QueueRecorder

# Longer than a message stays hidden in intake's queue or a lane after its worker has died.
TIMEOUT_SECONDS = 420.0
# Polls become rarer, because the emulators that they ask share two cores with what they wait for.
FIRST_POLL_SECONDS, MAX_POLL_SECONDS = 0.1, 0.8
RECEIPTS_PREFIX = "_backdrop/receipts/"
# A bucket outside the stack that the stack may read (`ReadableBuckets`).
READABLE_BUCKET = "readable-photos"
# A state machine outside the stack that may wait for it (`WaitingStateMachines`).
WAITING_STATE_MACHINE = "publish"
FED_BY_QUEUES = ("intake", "render", "deliver")
FUNCTIONS = (*FED_BY_QUEUES, "reconcile", "reconcile-bill", "campaign", "deployment-check")
LANES = {
    "ideogram": "IdeogramQueueUrl",
    "segmind": "SegmindQueueUrl",
    "1min": "OneMinQueueUrl",
    "runware": "RunwareQueueUrl",
}


def eventually[T](poll: Callable[[], T | None], what: str, describe_state: Callable[[], object] | None = None) -> T:
    """Calls `poll` until its result is true, and returns that. On a timeout, fails and shows `describe_state()`."""
    deadline, pause = time.monotonic() + TIMEOUT_SECONDS, FIRST_POLL_SECONDS
    while not (result := poll()):
        if time.monotonic() > deadline:
            state = describe_state() if describe_state else None
            pytest.fail(f"{what}: not within {TIMEOUT_SECONDS:.0f} s; found instead: {state}")
        time.sleep(pause)
        pause = min(1.5 * pause, MAX_POLL_SECONDS)
    return result


class DeployedStack:
    """One deployed stack. `name`: the CloudFormation stack."""

    def __init__(self, cloud: Cloud, standin: StandinClient, name: str = STACK) -> None:
        self.cloud = cloud
        self.name = name
        self.clients = cloud.clients
        self.standin = standin
        self.event_recorder = QueueRecorder(self.clients, self._subscribe())
        self._initial_settings = standin.control("settings", {"pictures": "prepared"})

    @cached_property
    def outputs(self) -> dict[str, str]:
        """The stack's outputs, by name."""
        return read_outputs(self.clients, self.name)

    @property
    def input_bucket(self) -> str:
        """The input bucket."""
        return self.outputs["InputBucketName"]

    @property
    def output_bucket(self) -> str:
        """The output bucket."""
        return self.outputs["OutputBucketName"]

    def _subscribe(self) -> str:
        """Creates a queue that receives every event of the stack, and returns its URL."""
        url = self.clients.sqs.create_queue(QueueName=f"all-events-of-{self.name}")["QueueUrl"]
        attributes = self.clients.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        arn = attributes.get("Attributes", {})["QueueArn"]
        bus, rule = self.outputs["EventBusName"], "all-events"
        pattern = json.dumps({"source": ["backdrop"]})
        self.clients.events.put_rule(Name=rule, EventBusName=bus, EventPattern=pattern)
        self.clients.events.put_targets(Rule=rule, EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])
        return url

    # -- queues --------------------------------------------------------------------------------------------

    def send(self, queue: str, body: object) -> None:
        """Sends a message to the queue of this stack output. Text is sent unchanged."""
        text = body if isinstance(body, str) else json.dumps(body)
        self.clients.sqs.send_message(QueueUrl=self.outputs[queue], MessageBody=text)

    def queue(self, name: str) -> Queue:
        """Returns the queue of this stack output."""
        return Queue(self.cloud, self.outputs[name])

    def reset(self) -> None:
        """Removes all faults, restores the stand-in's settings, releases its held calls, and resumes all lanes."""
        self.standin.control("faults", method="DELETE")
        self.standin.control("settings", self._initial_settings)
        self.standin.control("release")
        for provider in LANES:
            if self.is_paused(provider):
                self.run_backdrop("resume", provider)
            eventually(lambda provider=provider: not self.provider_report(provider), f"no report about {provider}")

    def is_paused(self, provider: str) -> bool:
        """Whether a lane is paused according to the ledger. The provider's report follows a moment later."""
        key = {"pk": {"S": f"lane#{provider}"}, "sk": {"S": "lane"}}
        response = self.clients.dynamodb.get_item(TableName=self.outputs["LedgerTableName"], Key=key)
        body = response.get("Item", {}).get("body", {}).get("S", "{}")
        return bool(json.loads(body).get("pauses"))

    def run_backdrop(self, *words: str) -> None:
        """Runs a `backdrop` command on this cloud."""
        env = {**os.environ, "BACKDROP_HOME": str(self.cloud.home.path)}
        subprocess.run([str(ROOT / ".venv" / "bin" / "backdrop"), *words], env=env, check=True, capture_output=True)

    def purge_lanes(self) -> None:
        """Deletes all messages in the lanes."""
        for lane in LANES.values():
            self.clients.sqs.purge_queue(QueueUrl=self.outputs[lane])

    # -- functions -----------------------------------------------------------------------------------------

    def run_reconcile(self) -> None:
        """Runs reconcile now instead of at its next scheduled time."""
        response = self.clients.functions.invoke(FunctionName=f"{self.name}-reconcile")
        # Reading the answer returns the connection to its pool, instead of leaving it to the garbage collector.
        answer = response["Payload"].read()
        assert "FunctionError" not in response, answer

    def provider_report(self, provider: str = "ideogram") -> dict[str, Any] | None:
        """Returns the report about a provider, which exists while its lane is paused."""
        try:
            return self.read_json(f"_backdrop/errors/_providers/{provider}.json")
        except self.clients.s3.exceptions.NoSuchKey:
            return None

    @contextmanager
    def override_environment(self, function: str, **variables: str) -> Generator[None]:
        """Restarts a function with other environment variables for the duration of the block."""
        name = f"{self.name}-{function}"
        configuration = self.clients.functions.get_function_configuration(FunctionName=name)
        original = configuration.get("Environment", {}).get("Variables", {})
        self._restart(name, {**original, **variables})
        try:
            yield
        finally:
            self._restart(name, original)

    def _restart(self, name: str, variables: dict[str, str]) -> None:
        self.clients.functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables})

    def list_workers(self, function: str) -> set[int]:
        """Returns the IDs of the processes in which a function of this cloud runs."""
        folder = str(self.cloud.home.emulator_folder / "tmp" / f"ministack-lambda-{self.name}-{function}")
        return {
            int(link.parent.name) for link in Path("/proc").glob("[0-9]*/cwd") if _read_link(link).startswith(folder)
        }

    def kill_render_workers(self) -> None:
        """Kills render's workers, as a failing machine would, and waits until they are gone."""
        killed = self.list_workers("render")
        for pid in killed:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        eventually(lambda: not killed & self.list_workers("render"), "the workers are gone")

    @contextmanager
    def limit_lane(self, limit: int) -> Generator[None]:
        """Limits the concurrent calls of Ideogram's lane for the duration of the block."""
        arn = self.queue_arn("IdeogramQueueUrl")
        response = self.clients.functions.list_event_source_mappings(EventSourceArn=arn)
        mapping = response["EventSourceMappings"][0]
        original = mapping.get("ScalingConfig", {}).get("MaximumConcurrency", 10)
        self._limit(mapping.get("UUID", ""), limit)
        try:
            yield
        finally:
            self._limit(mapping.get("UUID", ""), original)

    def _limit(self, mapping: str, limit: int) -> None:
        scaling = {"MaximumConcurrency": limit}
        self.clients.functions.update_event_source_mapping(UUID=mapping, ScalingConfig=scaling)

    def queue_arn(self, name: str) -> str:
        """Returns the ARN of the queue of this stack output."""
        response = self.clients.sqs.get_queue_attributes(QueueUrl=self.outputs[name], AttributeNames=["QueueArn"])
        return response.get("Attributes", {})["QueueArn"]

    # -- logs ----------------------------------------------------------------------------------------------

    def read_log(self, function: str, since: float = 0) -> list[str]:
        """Returns the lines that a function has logged since `since` (Unix seconds)."""
        pages = self.clients.logs.get_paginator("filter_log_events").paginate(
            logGroupName=f"/aws/lambda/{self.name}-{function}", startTime=int(since * 1000)
        )
        return [event.get("message", "") for page in pages for event in page["events"]]

    def read_metrics(self, function: str, since: float = 0) -> list[dict[str, Any]]:
        """Returns the log lines that CloudWatch turns into metrics, written since `since` (Unix seconds).

        Selects them by their own timestamp: a line may reach the log only when its worker handles the next message.
        """
        lines = [json.loads(line) for line in self.read_log(function, since) if '"CloudWatchMetrics"' in line]
        return [line for line in lines if line["_aws"]["Timestamp"] >= int(since * 1000)]

    def check_logs(
        self, *functions: str, find_bad_lines: Callable[[list[str], set[str]], list[str]] = find_faults
    ) -> None:
        """Asserts that these functions (by default, all) logged no bad lines. A failure shows bad lines in full."""
        workers = {worker for function in FUNCTIONS for worker in self.list_workers(function)}
        secrets = find_secrets(self.clients, self.outputs["LedgerTableName"], workers)
        bad_lines = [
            line for function in functions or FUNCTIONS for line in find_bad_lines(self.read_log(function), secrets)
        ]
        assert not bad_lines, "\n".join(bad_lines)

    # -- money ---------------------------------------------------------------------------------------------

    def find_charges(self, prompt_sha: str) -> list[dict[str, Any]]:
        """Returns the charges for the prompt with this SHA-256."""
        return [job for job in self.standin.jobs() if job["prompt_sha"] == prompt_sha]

    def read_receipts(self) -> list[dict[str, Any]]:
        """Returns all receipts in the output bucket."""
        pages = self.clients.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.output_bucket, Prefix=RECEIPTS_PREFIX
        )
        keys = [entry.get("Key", "") for page in pages for entry in page.get("Contents", [])]
        return [self.read_json(key) for key in keys]

    def read_json(self, key: str) -> dict[str, Any]:
        """Returns a JSON document of the output bucket."""
        return json.loads(self.clients.s3.get_object(Bucket=self.output_bucket, Key=key)["Body"].read())

    def check_charges(self) -> None:
        """Asserts that every charge in the receipts was billed, and that every billed charge is in a receipt."""
        eventually(lambda: not self.describe_mismatch(), "receipts that explain the bill", self.describe_mismatch)
        jobs = [job for receipt in self.read_receipts() for job in receipt["jobs"]]
        paid = sum(attempt["money"] != "not_spent" for job in jobs for attempt in job["attempts"])
        charged = [job for job in self.standin.jobs() if Decimal(job["usd"])]
        assert len(charged) <= paid, "a charge without an attempt in a receipt"

    def describe_mismatch(self) -> str:
        """Describes how bill and receipts differ. Empty if confirmed <= bill <= confirmed + unknown."""
        billed, receipts = Decimal(self.standin.total_usd()), self.read_receipts()
        jobs = [job for receipt in receipts for job in receipt["jobs"]]
        confirmed = _sum(job["cost"]["usd"] for job in jobs)
        unknown = _sum(job["cost"]["unknown_usd"] for job in jobs)
        total = _sum(receipt["total_usd"] for receipt in receipts)
        if confirmed <= billed <= confirmed + unknown and confirmed == total:
            return ""
        return f"bill {billed}, confirmed {confirmed}, unknown {unknown}, totals {total}"


def _sum(amounts: Iterable[float]) -> Decimal:
    return sum((Decimal(str(amount)) for amount in amounts), Decimal(0))


def _read_link(link: Path) -> str:
    try:
        return str(link.readlink())
    except (FileNotFoundError, PermissionError, ProcessLookupError):
        return ""
