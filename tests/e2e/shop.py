"""A deployed stack as its operator sees it: its names, its stand-in, its queues, logs, and the books at the end."""

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

from backdrop_local import stack
from backdrop_local.cloud import Cloud
from backdrop_local.home import ROOT, STACK
from tests.contract.standin_client import StandinClient
from tests.e2e import logs
from tests.e2e.queues import Mailbox, Queue

# Longer than a message of intake or of a lane stays hidden whose worker died.
PATIENCE_SECONDS = 420.0
POLL_SECONDS = 0.1
RECEIPTS = "_backdrop/receipts/"
# A bucket of somebody's whose photos may be asked for.
SHELF = "somebodys-photos"
# A state machine outside the stack whose executions Backdrop may ask about.
WAITING = "publish"
FED_BY_QUEUES = ("intake", "render", "deliver")
FUNCTIONS = (*FED_BY_QUEUES, "reconcile", "campaign", "deployment-check")
LANES = {
    "ideogram": "IdeogramQueueUrl",
    "segmind": "SegmindQueueUrl",
    "1min": "OneMinQueueUrl",
    "runware": "RunwareQueueUrl",
}


def eventually[T](look: Callable[[], T | None], what: str, instead: Callable[[], object] | None = None) -> T:
    """Looks again and again until there is something to see; `instead` says what there is when it is not."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (seen := look()):
        if time.monotonic() > deadline:
            pytest.fail(f"{what}: not within {PATIENCE_SECONDS:.0f} s; instead: {instead() if instead else None}")
        time.sleep(POLL_SECONDS)
    return seen


class Shop:
    """One deployed stack, `name`; every picture it sold stands in its books."""

    def __init__(self, cloud: Cloud, standin: StandinClient, name: str = STACK) -> None:
        self.cloud = cloud
        self.name = name
        self.clients = cloud.clients
        self.standin = standin
        self.events = Mailbox(self.clients, self._subscribe())
        self._usual = standin.control("settings", {"pictures": "prepared"})

    @cached_property
    def outputs(self) -> dict[str, str]:
        """The stack's outputs by name."""
        return stack.read_outputs(self.clients, self.name)

    @property
    def photos(self) -> str:
        """The input bucket."""
        return self.outputs["InputBucketName"]

    @property
    def pictures(self) -> str:
        """The output bucket."""
        return self.outputs["OutputBucketName"]

    def _subscribe(self) -> str:
        """A queue that hears all that the stack tells the world."""
        url = self.clients.sqs.create_queue(QueueName=f"everything-{self.name}-tells")["QueueUrl"]
        found = self.clients.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        arn = found.get("Attributes", {})["QueueArn"]
        bus, rule = self.outputs["EventBusName"], "everything"
        pattern = json.dumps({"source": ["backdrop"]})
        self.clients.events.put_rule(Name=rule, EventBusName=bus, EventPattern=pattern)
        self.clients.events.put_targets(Rule=rule, EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])
        return url

    # -- queues --------------------------------------------------------------------------------------------

    def send(self, queue: str, body: object) -> None:
        """Puts a message into the queue of this output; a text goes as it is."""
        text = body if isinstance(body, str) else json.dumps(body)
        self.clients.sqs.send_message(QueueUrl=self.outputs[queue], MessageBody=text)

    def queue(self, name: str) -> Queue:
        """The queue of this output, to look into."""
        return Queue(self.cloud, self.outputs[name])

    def tidy(self) -> None:
        """The stand-in as it was at first: no faults, the usual settings, and no call is held any more."""
        self.standin.control("faults", method="DELETE")
        self.standin.control("settings", self._usual)
        self.standin.control("release")
        for provider in LANES:
            if self.paused(provider):
                self.backdrop("resume", provider)
            eventually(lambda provider=provider: not self.provider_report(provider), f"no report of {provider}")

    def paused(self, provider: str) -> bool:
        """Whether the ledger has a reason not to pay a provider; its report comes a moment later, and goes so."""
        key = {"pk": {"S": f"lane#{provider}"}, "sk": {"S": "lane"}}
        found = self.clients.dynamodb.get_item(TableName=self.outputs["LedgerTableName"], Key=key)
        body = found.get("Item", {}).get("body", {}).get("S", "{}")
        return bool(json.loads(body).get("pauses"))

    def backdrop(self, *words: str) -> None:
        """Types a command of `backdrop` at this cloud."""
        env = {**os.environ, "BACKDROP_HOME": str(self.cloud.home.path)}
        subprocess.run([str(ROOT / ".venv" / "bin" / "backdrop"), *words], env=env, check=True, capture_output=True)

    def empty_lanes(self) -> None:
        """Throws away what waits in the lanes, for however long it was to wait."""
        for lane in LANES.values():
            self.clients.sqs.purge_queue(QueueUrl=self.outputs[lane])

    # -- functions -----------------------------------------------------------------------------------------

    def set_right(self) -> None:
        """Reconcile runs now, and not at its next five minutes."""
        done = self.clients.functions.invoke(FunctionName=f"{self.name}-reconcile")
        assert "FunctionError" not in done, done["Payload"].read()

    def provider_report(self, provider: str = "ideogram") -> dict[str, Any] | None:
        """The one report of a provider while it is paused."""
        try:
            return self.read_json(f"_backdrop/errors/_providers/{provider}.json")
        except self.clients.s3.exceptions.NoSuchKey:
            return None

    @contextmanager
    def running(self, function: str, **variables: str) -> Generator[None]:
        """Within this block a function runs anew, in another environment."""
        name = f"{self.name}-{function}"
        before = self.clients.functions.get_function_configuration(FunctionName=name)
        usual = before.get("Environment", {}).get("Variables", {})
        self._restart(name, {**usual, **variables})
        try:
            yield
        finally:
            self._restart(name, usual)

    def _restart(self, name: str, variables: dict[str, str]) -> None:
        self.clients.functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables})

    def workers(self, function: str) -> set[int]:
        """The processes of this cloud in which a function runs."""
        folder = str(self.cloud.home.emulator_folder / "tmp" / f"ministack-lambda-{self.name}-{function}")
        return {
            int(place.parent.name) for place in Path("/proc").glob("[0-9]*/cmdline") if folder in _command_line(place)
        }

    def kill_render_workers(self) -> None:
        """Ends them without a word, as a machine that fails does; returns once they are gone."""
        doomed = self.workers("render")
        for pid in doomed:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        eventually(lambda: not doomed & self.workers("render"), "the workers are gone")

    @contextmanager
    def in_flight_limit(self, most: int) -> Generator[None]:
        """Within this block Ideogram's lane allows so many calls at a time."""
        arn = self.queue_arn("IdeogramQueueUrl")
        listed = self.clients.functions.list_event_source_mappings(EventSourceArn=arn)
        mapping = listed["EventSourceMappings"][0]
        usual = mapping.get("ScalingConfig", {}).get("MaximumConcurrency", 10)
        self._limit(mapping.get("UUID", ""), most)
        try:
            yield
        finally:
            self._limit(mapping.get("UUID", ""), usual)

    def _limit(self, mapping: str, most: int) -> None:
        scaling = {"MaximumConcurrency": most}
        self.clients.functions.update_event_source_mapping(UUID=mapping, ScalingConfig=scaling)

    def queue_arn(self, name: str) -> str:
        """The ARN of the queue of this output."""
        found = self.clients.sqs.get_queue_attributes(QueueUrl=self.outputs[name], AttributeNames=["QueueArn"])
        return found.get("Attributes", {})["QueueArn"]

    # -- what was said -------------------------------------------------------------------------------------

    def log(self, function: str, since: float = 0) -> list[str]:
        """Every line that a function wrote, or those since a moment (Unix seconds)."""
        pages = self.clients.logs.get_paginator("filter_log_events").paginate(
            logGroupName=f"/aws/lambda/{self.name}-{function}", startTime=int(since * 1000)
        )
        return [event.get("message", "") for page in pages for event in page["events"]]

    def metrics(self, function: str, since: float = 0) -> list[dict[str, Any]]:
        """What a function counted since a moment (Unix seconds): its lines that CloudWatch makes metrics of.

        A line may come into the log with its worker's next turn only, so its own time says when it was written.
        """
        lines = [json.loads(line) for line in self.log(function, since) if '"CloudWatchMetrics"' in line]
        return [line for line in lines if line["_aws"]["Timestamp"] >= int(since * 1000)]

    def check_the_logs(self, *functions: str, bad: Callable[[list[str], set[str]], list[str]] = logs.faults) -> None:
        """No line of these functions, or of all, is bad; a failure shows each such line whole."""
        workers = {worker for function in FUNCTIONS for worker in self.workers(function)}
        secret = logs.secrets(self.clients, self.outputs["LedgerTableName"], workers)
        found = [line for function in functions or FUNCTIONS for line in bad(self.log(function), secret)]
        assert not found, "\n".join(found)

    # -- money ---------------------------------------------------------------------------------------------

    def bill_of(self, prompt_sha: str) -> list[dict[str, Any]]:
        """The charges for a prompt."""
        return [job for job in self.standin.jobs() if job["prompt_sha"] == prompt_sha]

    def receipts(self) -> list[dict[str, Any]]:
        """Every receipt in the output bucket."""
        pages = self.clients.s3.get_paginator("list_objects_v2").paginate(Bucket=self.pictures, Prefix=RECEIPTS)
        keys = [found.get("Key", "") for page in pages for found in page.get("Contents", [])]
        return [self.read_json(key) for key in keys]

    def read_json(self, key: str) -> dict[str, Any]:
        """A JSON object of the output bucket."""
        return json.loads(self.clients.s3.get_object(Bucket=self.pictures, Key=key)["Body"].read())

    def check_the_books(self) -> None:
        """What the receipts call certain was billed, and all that was billed stands in a receipt."""
        eventually(lambda: not self.imbalance(), "receipts that explain the bill", self.imbalance)
        jobs = [job for receipt in self.receipts() for job in receipt["jobs"]]
        paid = sum(attempt["money"] != "not_spent" for job in jobs for attempt in job["attempts"])
        charged = [job for job in self.standin.jobs() if Decimal(job["usd"])]
        assert len(charged) <= paid, "a charge that no attempt in a receipt tells of"

    def imbalance(self) -> str:
        """How bill and receipts differ; empty where certain <= bill <= certain + unknown."""
        billed, receipts = Decimal(self.standin.total_usd()), self.receipts()
        jobs = [job for receipt in receipts for job in receipt["jobs"]]
        certain = _sum(job["cost"]["usd"] for job in jobs)
        unknown = _sum(job["cost"]["unknown_usd"] for job in jobs)
        total = _sum(receipt["total_usd"] for receipt in receipts)
        if certain <= billed <= certain + unknown and certain == total:
            return ""
        return f"bill {billed}, certain {certain}, unknown {unknown}, totals {total}"


def _sum(amounts: Iterable[float]) -> Decimal:
    return sum((Decimal(str(amount)) for amount in amounts), Decimal(0))


def _command_line(place: Path) -> str:
    try:
        return place.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
