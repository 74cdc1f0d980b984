"""Sends what the stages say to one another: ids, never contents."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from backdrop.aws.queues import Queue
from backdrop.core.asked import Asked
from backdrop.core.identity import fairness_group
from backdrop.core.job import Job, Source
from backdrop.core.queue_messages import RECEIPT, DeliverMessage, JobMessage, LaneMessage


def to_lane(lane: Queue, job: Job, *, receipt: str = "") -> None:
    """Put a job into its lane, with the ETag of its photo's first receipt where that has just been written."""
    body = _body(JobMessage(source_id=job.source_id, job_id=job.job_id))
    lane.send(body, group=fairness_group(job.key), attributes={RECEIPT: receipt})


def to_deliver(
    deliver: Queue,
    source: Source | Job | Asked,
    job_id: str | None = None,
    *,
    delay_seconds: int = 0,
    receipt: str = "",
) -> None:
    """Have a photo's views written, and a job's end handed over; `receipt` as its lane's message had it."""
    deliver.send(
        _body(DeliverMessage(source_id=source.source_id, job_id=job_id)),
        group=fairness_group(source.key),
        delay_seconds=delay_seconds,
        attributes={RECEIPT: receipt},
    )


def tell_of_lane(deliver: Queue, provider: str) -> None:
    """Have people told that a provider was paused or goes on."""
    deliver.send(asdict(LaneMessage(provider=provider)), group=fairness_group(provider))


def remind(intake: Queue, source: Source, delay_seconds: int) -> None:
    """Have intake look at a photo when its time to settle is over."""
    body = {"bucket": source.bucket, "key": source.key, "settled": True}
    intake.send(body, group=fairness_group(source.key), delay_seconds=delay_seconds)


def look_at(intake: Queue, bucket: str, key: str) -> None:
    """Have intake look at a photo."""
    intake.send({"bucket": bucket, "key": key}, group=fairness_group(key))


def look_again(intake: Queue, bucket: str, key: str, *, after: str = "", delay_seconds: int = 0) -> None:
    """Have intake go on with a folder's photos, wake those that came to rest meanwhile, or finish what died."""
    body = {"bucket": bucket, "key": key, "again": True} | ({"after": after} if after else {})
    intake.send(body, group=fairness_group(key), delay_seconds=delay_seconds)


def rerun(intake: Queue, bucket: str, key: str) -> None:
    """Have intake resolve a photo anew."""
    intake.send({"bucket": bucket, "key": key, "rerun": True}, group=fairness_group(key))


def begin_again(intake: Queue, job: Job) -> None:
    """Have intake decide anew, and send the job back if it is still what is wanted."""
    intake.send({"bucket": job.bucket, "key": job.key, "again": True}, group=fairness_group(job.key))


def _body(message: JobMessage | DeliverMessage) -> Mapping[str, Any]:
    return asdict(message)
