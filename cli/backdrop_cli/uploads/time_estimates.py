"""Reads the times of the newest jobs, and estimates from them how long a planned upload will take."""

from collections import Counter
from collections.abc import Sequence
from functools import partial
from itertools import islice, takewhile

from backdrop.intake.photo_status import list_current_jobs
from backdrop.model.ids import derive_source_id
from backdrop.model.job import Job
from backdrop.model.object_keys import RECEIPTS_PREFIX
from backdrop_cli.parallel import parallel_map
from backdrop_cli.stack import Stack
from backdrop_cli.uploads.plan_estimates import JobTimes, LaneLoad, build_job_times, estimate_seconds, waits_for_sidecar

MAX_LISTED_RECEIPTS, MAX_MEASURED_PHOTOS = 1000, 32


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
