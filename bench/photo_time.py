"""How long one photo takes from upload to receipt through a warm pipeline, and where the time goes.

A local cloud of its own is started with a stand-in that answers at once, so what is left is Backdrop's own time on this
machine: `python bench/photo_time.py`.
"""

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from backdrop_local import cloud, photos
from backdrop_local.cloud import Cloud
from backdrop_local.home import Home
from backdrop_local.leash import leashed

WARM_UP = 3
PHOTOS = 20
LIMIT_SECONDS = 3.0
STAGES = ("queued_at", "submitted_at", "paid_at", "stored_at")


def drop(running: Cloud, name: str) -> tuple[float, dict[str, Any]]:
    """Drop one photo whose sidecar is there; the seconds to its finished receipt, and the receipt's job."""
    s3, outputs = running.clients.s3, running.outputs()
    key = f"bench/{name}.jpg"
    s3.put_object(Bucket=outputs["InputBucketName"], Key=f"{key}.json", Body=b'{"prompt": "on a marble table"}')
    started = time.monotonic()
    s3.put_object(Bucket=outputs["InputBucketName"], Key=key, Body=photos.load("coffee") + name.encode())
    while True:
        listed = s3.list_objects_v2(Bucket=outputs["OutputBucketName"], Prefix=f"_backdrop/receipts/{key}.json")
        if listed["KeyCount"]:
            found = s3.get_object(Bucket=outputs["OutputBucketName"], Key=f"_backdrop/receipts/{key}.json")
            job = json.loads(found["Body"].read())["jobs"][0]
            if job["status"] == "stored":
                return time.monotonic() - started, job
        time.sleep(0.02)


def stages(job: dict[str, Any]) -> list[float]:
    """Seconds between the receipt's moments."""
    moments = [datetime.fromisoformat(job[name]) for name in STAGES]
    return [(after - before).total_seconds() for before, after in zip(moments, moments[1:], strict=False)]


def table(times: Sequence[float], parts: Sequence[Sequence[float]]) -> str:
    """The medians, and the slowest whole."""
    waiting, calling, delivering = (statistics.median(column) for column in zip(*parts, strict=True))
    return (
        f"upload to receipt: median {statistics.median(times):.2f} s, slowest {max(times):.2f} s of {len(times)}\n"
        f"  accepted to call {waiting:.2f} s, call {calling:.2f} s, paid to stored {delivering:.2f} s"
    )


def main() -> int:
    """Print the table; 1 where the median is over the limit."""
    home = Home(Path(tempfile.mkdtemp(prefix="backdrop-bench-")))
    with leashed(home):
        running = cloud.up(home, {}, print, standin_options=["--prepared"])
        for n in range(WARM_UP):
            drop(running, f"warm-{n}")
        dropped = [drop(running, f"photo-{n}") for n in range(PHOTOS)]
    times = [seconds for seconds, _ in dropped]
    print(table(times, [stages(job) for _, job in dropped]))
    return int(statistics.median(times) > LIMIT_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
