"""An update while photos are in flight: is any of them lost or charged twice?

`python -m bench.update_in_flight` starts its own local cloud, and deploys changed code to it once jobs are in every
stage. `OUT=page` also writes the table to that file.
"""

import argparse
import io
import json
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from PIL import Image

from backdrop_local import cloud
from backdrop_local.cloud import Cloud
from backdrop_local.release import CURRENT_RELEASE, Release
from bench.standin_controller import StandinController
from bench.temporary_home import temporary_home
from simulation.run_environment import describe_environment

PRICE = Decimal("0.01")
CALL_SECONDS = 2.0
TIMEOUT_SECONDS = 1800.0
FINAL_STATUSES = frozenset({"stored", "rejected", "refused", "dead", "held", "superseded", "cancelled"})
NOT_STARTED = "not begun"


def build_picture(n: int) -> bytes:
    """Returns a small photo whose bytes are unique to this number."""
    file = io.BytesIO()
    Image.frombytes("RGB", (32, 32), Random(n).randbytes(32 * 32 * 3)).save(file, "PNG")
    return file.getvalue()


def copy_changed_release(folder: Path) -> Release:
    """Copies the built release, and adds a line to each function and to the package that all of them use."""
    shutil.copytree(CURRENT_RELEASE.built_template.parent, folder / ".aws-sam" / "build", symlinks=True)
    shutil.copytree(CURRENT_RELEASE.folder / "statemachines", folder / "statemachines")
    shutil.copy(CURRENT_RELEASE.template, folder)
    release = Release(folder)
    for path in [
        *release.built_template.parent.glob("*/app.py"),
        *release.built_template.parent.glob("*/python/backdrop/__init__.py"),
    ]:
        path.write_text(path.read_text() + "\n# changed\n")
    return release


@dataclass
class UpdateRun:
    """Job counts by status, and durations in seconds. `photos` of `total` should be in flight at the update."""

    photos: int
    total: int
    before: Counter[str] = field(default_factory=Counter[str])
    after: Counter[str] = field(default_factory=Counter[str])
    deployment_seconds: float = 0.0
    total_seconds: float = 0.0

    @property
    def open_count(self) -> int:
        """The photos that were in flight when the update started."""
        return sum(number for status, number in self.before.items() if status not in FINAL_STATUSES)


class PhotosInFlight:
    """Photos in flight through one local cloud."""

    def __init__(self, running: Cloud) -> None:
        self.running, self.outputs = running, running.outputs()
        self.call_standin("settings", {"latency_by_speed": {"REMOVE": CALL_SECONDS}})

    def call_standin(self, route: str, body: object = None) -> Any:
        """Calls one of the stand-in's control routes."""
        return StandinController(self.running.standin_url).call(route, body)

    def drop_photos(self, numbers: Sequence[int]) -> None:
        """Uploads photos, several at a time."""

        def put(n: int) -> None:
            bucket, key = self.outputs["InputBucketName"], f"photos/{n:04}.png"
            self.running.clients.s3.put_object(
                Bucket=bucket, Key=key, Body=build_picture(n), Tagging="operation=remove"
            )

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(put, numbers))

    def count_statuses(self, photos: int) -> Counter[str]:
        """Counts the jobs in the ledger by status. Intake has not received the events of some photos yet."""
        pages = self.running.clients.dynamodb.get_paginator("scan").paginate(TableName=self.outputs["LedgerTableName"])
        found = Counter(item["status"].get("S", "") for page in pages for item in page["Items"] if "status" in item)
        return found + Counter({NOT_STARTED: photos - found.total()})

    def read_receipts(self) -> list[dict[str, Any]]:
        """Returns all receipts in the output bucket."""
        s3, bucket = self.running.clients.s3, self.outputs["OutputBucketName"]
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="_backdrop/receipts/")
        keys = [one.get("Key", "") for page in pages for one in page.get("Contents", [])]
        return [json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read()) for key in keys]

    def count_dead_letters(self) -> int:
        name: Any = "ApproximateNumberOfMessages"
        url = self.outputs["DeadLetterQueueUrl"]
        found: Any = self.running.clients.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])
        return int(found["Attributes"][name])


def wait_until(condition: Callable[[], bool]) -> None:
    """Polls until the condition is true."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {TIMEOUT_SECONDS:.0f} s")
        time.sleep(0.5)


def run_update(update: PhotosInFlight, photos: int, deploy: Callable[[], object]) -> UpdateRun:
    """Drops more photos than should be in flight, and deploys the stack again as soon as one of them is stored."""
    result = UpdateRun(photos, photos + photos // 5)
    began = time.monotonic()
    update.drop_photos(range(result.total))
    wait_until(lambda: update.count_statuses(result.total)["stored"] > 0)
    result.before = update.count_statuses(result.total)
    deploying = time.monotonic()
    deploy()
    result.deployment_seconds = time.monotonic() - deploying
    result.after = update.count_statuses(result.total)
    wait_until(
        lambda: sum(one["jobs"][0]["status"] in FINAL_STATUSES for one in update.read_receipts()) == result.total
    )
    result.total_seconds = time.monotonic() - began
    return result


def check_promises(update: PhotosInFlight, result: UpdateRun) -> list[tuple[str, str, bool]]:
    """Returns each promise, the figures found, and whether it was kept."""
    receipts, bill = update.read_receipts(), update.call_standin("bill")
    jobs = [job for one in receipts for job in one["jobs"]]
    statuses = Counter(job["status"] for job in jobs)
    billed = Decimal(str(bill["total_usd"]))
    certain = sum((Decimal(str(job["cost"]["usd"])) for job in jobs), Decimal(0))
    unknown = sum((Decimal(str(job["cost"]["unknown_usd"])) for job in jobs), Decimal(0))
    duplicate_count = len(bill["duplicates"])
    money = f"bill ${billed}, receipts ${certain}, unknown ${unknown}"
    return [
        (
            "in flight when the update started",
            f"{result.open_count}: {_format_counts(result.before)}",
            result.open_count >= result.photos,
        ),
        ("in flight when it ended", _format_counts(result.after), True),
        ("the update took", f"{result.deployment_seconds:.0f} s of {result.total_seconds:.0f} s", True),
        ("lost", str(result.total - statuses["stored"]), statuses == {"stored": result.total}),
        ("charged twice", str(duplicate_count), not duplicate_count),
        ("dead letters", str(update.count_dead_letters()), not update.count_dead_letters()),
        ("money", money, billed == certain == result.total * PRICE and not unknown),
    ]


def _format_counts(states: Counter[str]) -> str:
    return ", ".join(f"{number} {status}" for status, number in states.most_common())


def format_page(result: UpdateRun, found: Sequence[tuple[str, str, bool]]) -> str:
    head = (
        f"# An update with {result.open_count} photos in flight\n\n"
        f"Written by `python -m bench.update_in_flight` with `OUT=`. Measured on {describe_environment()}.\n\n"
        f"`sam deploy` of changed functions and a changed layer on the emulator, while {result.open_count} of"
        f" {result.total} photos are in flight. 10 concurrent calls of {CALL_SECONDS:g} s each.\n\n"
        "| | found | kept |\n| --- | --- | --- |\n"
    )
    return head + "".join(f"| {name} | {words} | {'yes' if kept else '**no**'} |\n" for name, words, kept in found)


def main() -> int:
    """Prints the table. Returns 1 if a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=100)
    photos: int = parser.parse_args().photos
    given = {"DailyBudgetUSD": "1000", "SettleSeconds": "2"}
    with temporary_home() as home, tempfile.TemporaryDirectory() as folder:
        update = PhotosInFlight(cloud.up(home, given, print, standin_options=["--prepared"]))
        release = copy_changed_release(Path(folder))
        result = run_update(update, photos, lambda: cloud.up(home, given, print, build=False, release=release))
        found = check_promises(update, result)
    page = format_page(result, found)
    print(page)
    if os.environ.get("OUT"):
        Path(os.environ["OUT"]).write_text(page)
    return int(not all(kept for _, _, kept in found))


if __name__ == "__main__":
    sys.exit(main())
