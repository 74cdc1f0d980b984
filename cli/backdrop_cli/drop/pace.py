"""How long pictures take: measured on calls that are over, never guessed."""

import json
import math
from collections.abc import Iterable
from datetime import datetime
from itertools import islice, takewhile
from statistics import mean

from backdrop.model.job import Job, Status
from backdrop.model.object_keys import RECEIPTS
from backdrop_cli.side_by_side import side_by_side
from backdrop_cli.stack import Stack

MOST_LISTED, MOST_READ = 1000, 8
FEWEST_DELIVERIES, MOST_DELIVERIES = 5, 50


def of_receipts(stack: Stack) -> float | None:
    """Seconds that the last calls took, by the newest of some receipts; None where there are none."""
    listed = stack.photos.listed(stack.output_bucket, f"{RECEIPTS}/")
    receipts = takewhile(lambda one: one.key.startswith(f"{RECEIPTS}/"), listed)
    newest = sorted(islice(receipts, MOST_LISTED), key=lambda one: one.modified)[-MOST_READ:]
    texts = side_by_side(stack.output.read, [one.key for one in newest], stack.at_once)
    jobs = [job for text in texts for job in json.loads(text)["jobs"]]
    times = [(job["submitted_at"], job["paid_at"]) for job in jobs]
    return _mean(
        (datetime.fromisoformat(paid) - datetime.fromisoformat(sent)).total_seconds()
        for sent, paid in times
        if sent and paid
    )


def of_jobs(jobs: Iterable[Job]) -> float | None:
    """Seconds that these jobs' calls took; None where none is over."""
    times = ((job.submitted_at, job.paid_at) for job in jobs)
    return _mean((paid - sent).total_seconds() for sent, paid in times if sent and paid)


def between_deliveries(jobs: Iterable[Job], since: datetime) -> float | None:
    """Seconds from one delivery to the next, by the last ones since then; None while there are too few to tell."""
    ends = sorted(job.ended_at for job in jobs if job.status is Status.STORED and job.ended_at)
    last = [one for one in ends if one >= since][-MOST_DELIVERIES:]
    if len(last) < FEWEST_DELIVERIES:
        return None
    return (last[-1] - last[0]).total_seconds() / (len(last) - 1)


def to_go(ahead: int, limit: int, call_seconds: float) -> float:
    """Seconds until so many calls are over, of which so many may be open at a time."""
    return math.ceil(ahead / max(limit, 1)) * call_seconds


def _mean(seconds: Iterable[float]) -> float | None:
    known = [one for one in seconds if one >= 0]
    return mean(known) if known else None
