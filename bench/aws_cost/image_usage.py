"""Sends photos through a warm local cloud, one at a time, and records each one's use of AWS."""

import io
import json
import re
import statistics
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

from PIL import Image

from backdrop.model.object_keys import receipt_key
from backdrop_local.cloud import Cloud
from backdrop_local.home import STACK
from bench.aws_cost.dynamodb_units import DynamoDBUnits
from bench.aws_cost.recorder import PROVIDER, RequestRecorder
from bench.aws_cost.request_names import RequestCount, count_by_name
from bench.cpu_usage import list_workers, read_cpu_seconds

STAGES = ("intake", "render", "deliver")
FUNCTIONS = (*STAGES, "reconcile")
WARM_UP, PHOTOS = 1, 2
PHOTO_SIZE, PHOTO_QUALITY = (1500, 1000), 71
QUIET_SECONDS = 1.5
TIMEOUT_SECONDS = 120.0
LOG_EVENT_BYTES = 26
"""The bytes that CloudWatch adds to each log event (API reference, PutLogEvents)."""
REPORT = re.compile(r"REPORT RequestId: \S+\tDuration: (?P<ms>[\d.]+) ms")
SERVER_ERROR = 500


class ColdStartError(Exception):
    """A function started cold during a warm measurement."""


@dataclass(frozen=True)
class CostCase:
    """The instructions for a photo. `has_tags`: in its tags instead of a sidecar."""

    name: str
    instructions: Mapping[str, str]
    provider: str = "ideogram"
    has_tags: bool = False


@dataclass(frozen=True)
class InvocationUsage:
    """One function's usage per image: its invocations, its own CPU seconds, and its seconds on this machine."""

    times: float
    cpu_seconds: float
    seconds: float


@dataclass(frozen=True)
class ImageUsage:
    """The use of AWS per image of a case, and its logs."""

    requests: tuple[RequestCount, ...]
    invocations: Mapping[str, InvocationUsage]
    write_units: float
    read_units: float
    log_bytes: float
    metrics: int
    photo_bytes: int


def build_photo(n: int) -> bytes:
    """Returns a photo of about 200 KB whose bytes are unique to this number."""
    coarse = Image.frombytes("RGB", (150, 100), Random(n).randbytes(150 * 100 * 3))
    file = io.BytesIO()
    coarse.resize(PHOTO_SIZE, Image.Resampling.BICUBIC).save(file, "JPEG", quality=PHOTO_QUALITY)
    return file.getvalue()


@dataclass(eq=False)
class WatchedCloud:
    """A running cloud whose functions reach AWS through the recorder."""

    running: Cloud
    recorder: RequestRecorder
    dropped_count: int = 0
    units: DynamoDBUnits = field(default_factory=DynamoDBUnits)

    @property
    def outputs(self) -> dict[str, str]:
        return self.running.outputs()

    def drop_photo(self, case: CostCase, key: str) -> None:
        """Drops one photo with its instructions, and waits until no more requests are made."""
        s3, outputs = self.running.clients.s3, self.outputs
        self.dropped_count += 1
        bucket, data, instructions = (
            outputs["InputBucketName"],
            build_photo(self.dropped_count),
            {"provider": case.provider, **case.instructions},
        )
        if case.has_tags:
            tags = "&".join(f"{name}={value}".replace(" ", "%20") for name, value in instructions.items())
            s3.put_object(Bucket=bucket, Key=key, Body=data, Tagging=tags)
        else:
            s3.put_object(Bucket=bucket, Key=f"{key}.json", Body=json.dumps(instructions).encode())
            self.wait_until_quiet()
            s3.put_object(Bucket=bucket, Key=key, Body=data)
        self._wait_until(lambda: self.is_stored(key), f"{key} to be stored")
        self.wait_until_quiet()

    def is_stored(self, key: str) -> bool:
        """Returns whether the photo's receipt reports all jobs as stored."""
        s3, bucket = self.running.clients.s3, self.outputs["OutputBucketName"]
        listed = s3.list_objects_v2(Bucket=bucket, Prefix=receipt_key(key))
        if not listed["KeyCount"]:
            return False
        receipt = json.loads(s3.get_object(Bucket=bucket, Key=receipt_key(key))["Body"].read())
        return all(job["status"] == "stored" for job in receipt["jobs"])

    def wait_until_quiet(self) -> None:
        """Waits until no request has been made for a while."""
        before, since = -1, time.monotonic()
        while time.monotonic() - since < QUIET_SECONDS:
            if len(self.recorder.requests) != before:
                before, since = len(self.recorder.requests), time.monotonic()
            time.sleep(0.05)

    def _wait_until(self, is_so: Callable[[], bool], expected: str) -> None:
        end = time.monotonic() + TIMEOUT_SECONDS
        while not is_so():
            if time.monotonic() > end:
                raise TimeoutError(f"waited {TIMEOUT_SECONDS:.0f} s for {expected}")
            time.sleep(0.1)

    def count_usage(self, work: Callable[[], object], images: int, functions: Sequence[str] = STAGES) -> ImageUsage:
        """Returns the use of AWS per image of some work. Ignores the requests of other functions."""
        first, began = len(self.recorder.requests), round(time.time() * 1000)
        workers = {name: read_cpu_seconds(list_workers(self.running, name)) for name in functions}
        work()
        requests = [one for one in self.recorder.requests[first:] if one.function in (*functions, PROVIDER)]
        if any(one.status >= SERVER_ERROR for one in requests):
            raise RuntimeError(f"a service failed: {[one for one in requests if one.status >= SERVER_ERROR]}")
        before = self.units.writes, self.units.reads
        for request in requests:
            if request.service == "dynamodb":
                self.units.add(request)
        logs = {name: self._read_log(name, began) for name in functions}
        return ImageUsage(
            requests=count_by_name(requests, images),
            invocations={
                name: self._measure_invocations(name, lines, workers[name], images)
                for name, lines in logs.items()
                if any(REPORT.match(line) for line in lines)
            },
            write_units=(self.units.writes - before[0]) / images,
            read_units=(self.units.reads - before[1]) / images,
            log_bytes=sum(len(line.encode()) + LOG_EVENT_BYTES for lines in logs.values() for line in lines) / images,
            metrics=len({metric for lines in logs.values() for line in lines for metric in parse_metrics(line)}),
            photo_bytes=len(build_photo(self.dropped_count)),
        )

    def _measure_invocations(
        self, name: str, lines: list[str], before: Mapping[int, float], images: int
    ) -> InvocationUsage:
        reports = [float(found["ms"]) / 1000 for line in lines if (found := REPORT.match(line))]
        after = read_cpu_seconds(list_workers(self.running, name))
        if not before.keys() >= after.keys():
            raise ColdStartError(f"{name} started cold")
        used = sum(seconds - before[pid] for pid, seconds in after.items())
        return InvocationUsage(len(reports) / images, used / images, statistics.median(reports) * len(reports) / images)

    def _read_log(self, name: str, began: int) -> list[str]:
        pages = self.running.clients.logs.get_paginator("filter_log_events").paginate(
            logGroupName=f"/aws/lambda/{STACK}-{name}", startTime=began
        )
        return [event.get("message", "") for page in pages for event in page["events"]]


def parse_metrics(line: str) -> list[tuple[str, ...]]:
    """Returns the metrics of a log line (CloudWatch's embedded metric format): name and dimensions."""
    if '"_aws"' not in line:
        return []
    record: dict[str, Any] = json.loads(line)
    return [
        (metric["Name"], *(str(record[name]) for name in names))
        for one in record["_aws"]["CloudWatchMetrics"]
        for names in one["Dimensions"]
        for metric in one["Metrics"]
    ]


@contextmanager
def watch_cloud(running: Cloud) -> Generator[WatchedCloud]:
    """Directs the cloud's functions to AWS through a recorder for the duration of the block."""
    recorder = RequestRecorder(running.endpoint_url)
    with ExitStack() as stack:
        for name in FUNCTIONS:
            _redirect(running, name, stack.enter_context(recorder.listen(name)))
        yield WatchedCloud(running, recorder)


def _redirect(running: Cloud, name: str, url: str) -> None:
    functions, function_name = running.clients.functions, f"{STACK}-{name}"
    variables = (
        functions.get_function_configuration(FunctionName=function_name).get("Environment", {}).get("Variables", {})
    )
    functions.update_function_configuration(
        FunctionName=function_name, Environment={"Variables": {**variables, "AWS_ENDPOINT_URL": url}}
    )
