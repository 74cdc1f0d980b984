"""The time of a single photo through a warm pipeline and a stand-in that answers immediately."""

import time
from dataclasses import dataclass
from statistics import median

from bench.drain.harness import TAGS, DrainHarness
from bench.drain.log_metrics import parse_log_metrics
from bench.sample_photos import build_photo

PHOTOS = 20


@dataclass(frozen=True)
class SinglePhoto:
    """Seconds from the upload to the receipt that reports the job as stored, and the median of each stage."""

    median: float
    slowest: float
    stages: dict[str, float]


def measure_single_photo(harness: DrainHarness) -> SinglePhoto:
    """Sends one photo after another. The pipeline must be warm."""
    harness.standin.reset(0.0, PHOTOS)
    began, times = time.time(), list[float]()
    for n, key in enumerate(harness.create_keys(PHOTOS)):
        dropped = time.time()
        harness.deployed.upload([(key, build_photo(key))], TAGS)
        harness.wait_until_drained(n + 1, 60)
        times.append(max(parse_log_metrics(harness.read_log_lines(began)).stored_at) - dropped)
    log_metrics = parse_log_metrics(harness.read_log_lines(began))
    return SinglePhoto(median(times), max(times), {name: median(values) for name, values in log_metrics.stages.items()})
