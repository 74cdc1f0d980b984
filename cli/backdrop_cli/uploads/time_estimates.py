"""Time estimates, always based on measured calls and deliveries."""

import json
import math
from collections.abc import Iterable
from datetime import datetime
from itertools import islice, takewhile
from statistics import mean

from backdrop.model.job import Job, JobStatus
from backdrop.model.object_keys import RECEIPTS_PREFIX
from backdrop_cli.parallel import parallel_map
from backdrop_cli.stack import Stack

MAX_LISTED_RECEIPTS, MAX_READ_RECEIPTS = 1000, 8
MIN_MEASURED_DELIVERIES, MAX_MEASURED_DELIVERIES = 5, 50


def measure_call_seconds_in_receipts(stack: Stack) -> float | None:
    """Returns the mean duration of calls in the newest of some receipts; None if there are none."""
    listed = stack.photos.iterate_objects(stack.output_bucket, f"{RECEIPTS_PREFIX}/")
    receipts = takewhile(lambda one: one.key.startswith(f"{RECEIPTS_PREFIX}/"), listed)
    newest = sorted(islice(receipts, MAX_LISTED_RECEIPTS), key=lambda one: one.modified_at)[-MAX_READ_RECEIPTS:]
    texts = parallel_map(stack.output_store.read, [one.key for one in newest], stack.max_threads)
    jobs = [job for text in texts for job in json.loads(text)["jobs"]]
    times = [(job["submitted_at"], job["paid_at"]) for job in jobs]
    return _mean(
        (datetime.fromisoformat(paid) - datetime.fromisoformat(sent)).total_seconds()
        for sent, paid in times
        if sent and paid
    )


def measure_call_seconds_of_jobs(jobs: Iterable[Job]) -> float | None:
    """Returns the mean duration of these jobs' calls in seconds; None if none has ended."""
    times = ((job.submitted_at, job.paid_at) for job in jobs)
    return _mean((paid - sent).total_seconds() for sent, paid in times if sent and paid)


def measure_delivery_interval(jobs: Iterable[Job], since: datetime) -> float | None:
    """Returns the mean seconds between the last deliveries since a time; None if there are too few."""
    delivered_at = sorted(job.ended_at for job in jobs if job.status is JobStatus.STORED and job.ended_at)
    recent = [one for one in delivered_at if one >= since][-MAX_MEASURED_DELIVERIES:]
    if len(recent) < MIN_MEASURED_DELIVERIES:
        return None
    return (recent[-1] - recent[0]).total_seconds() / (len(recent) - 1)


def estimate_queue_seconds(call_count: int, max_in_flight: int, call_seconds: float) -> float:
    """Returns the seconds until `call_count` calls are over, with `max_in_flight` at a time."""
    return math.ceil(call_count / max(max_in_flight, 1)) * call_seconds


def _mean(seconds: Iterable[float]) -> float | None:
    known = [one for one in seconds if one >= 0]
    return mean(known) if known else None
