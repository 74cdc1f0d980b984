"""Time estimates, always based on measured calls and deliveries."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial
from itertools import islice, takewhile
from statistics import mean

from backdrop.intake.photo_status import list_current_jobs
from backdrop.model.ids import derive_source_id
from backdrop.model.job import Job, JobStatus
from backdrop.model.object_keys import RECEIPTS_PREFIX
from backdrop_cli.parallel import parallel_map
from backdrop_cli.stack import Stack
from backdrop_cli.uploads.plan_estimates import JobTimes, LaneLoad, build_job_times, estimate_seconds, waits_for_sidecar

MAX_LISTED_RECEIPTS, MAX_MEASURED_PHOTOS = 1000, 32
MIN_MEASURED_DELIVERIES, MAX_MEASURED_DELIVERIES = 5, 50


def read_recent_job_times(stack: Stack) -> list[JobTimes]:
    """Returns the times of the delivered jobs of the photos with the newest of some receipts."""
    listed = stack.photos.iterate_objects(stack.output_bucket, f"{RECEIPTS_PREFIX}/")
    receipts = takewhile(lambda one: one.key.startswith(f"{RECEIPTS_PREFIX}/"), listed)
    newest = sorted(islice(receipts, MAX_LISTED_RECEIPTS), key=lambda one: one.modified_at)[-MAX_MEASURED_PHOTOS:]
    # The ledger has no photo of a shortened name, nor of another bucket; others suffice for a mean.
    keys = [one.key.removeprefix(f"{RECEIPTS_PREFIX}/").removesuffix(".json") for one in newest]
    return [
        times for found in parallel_map(partial(_read_job_times, stack), keys, stack.max_threads) for times in found
    ]


def _read_job_times(stack: Stack, key: str) -> list[JobTimes]:
    source, jobs = stack.redrive_service.ledger.read_photo(derive_source_id(stack.input_bucket, key))
    if source is None or source.photo is None:
        return []
    times = (build_job_times(job, source.photo.uploaded_at) for job in list_current_jobs(source, jobs))
    return [one for one in times if one]


def estimate_plan_seconds(stack: Stack, jobs: Sequence[Job], measured: Sequence[JobTimes]) -> float | None:
    """Estimates the seconds until planned jobs are delivered, behind those already in their lanes; None if unknown."""
    lanes = [
        LaneLoad(name, count, stack.count_lane_messages(name), stack.max_in_flight.get(name, 1))
        for name, count in Counter(job.provider for job in jobs).items()
    ]
    wait_seconds = stack.settle_seconds if any(map(waits_for_sidecar, jobs)) else 0
    return estimate_seconds(lanes, measured, wait_seconds=wait_seconds, now=stack.clock.now())


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
    """Returns the seconds until `call_count` calls have ended, with `max_in_flight` at a time."""
    return math.ceil(call_count / max(max_in_flight, 1)) * call_seconds


def _mean(seconds: Iterable[float]) -> float | None:
    known = [one for one in seconds if one >= 0]
    return mean(known) if known else None
