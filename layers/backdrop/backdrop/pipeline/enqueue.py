"""How the stages send one another their messages."""

from backdrop.aws.sqs import Queue
from backdrop.model.ids import derive_message_group
from backdrop.model.image_request import ImageRequest
from backdrop.model.job import Job, Source
from backdrop.model.queue_messages import (
    RECEIPT_ETAG,
    CheckMessage,
    DeliverMessage,
    FolderMessage,
    JobMessage,
    LaneMessage,
    RecheckMessage,
    RerunMessage,
    SettleMessage,
    to_body,
)


def enqueue_job(lane_queue: Queue, job: Job, *, receipt_etag: str = "") -> None:
    """Put a job into its lane, with the ETag of its photo's first receipt where that has just been written."""
    body = to_body(JobMessage(source_id=job.source_id, job_id=job.job_id))
    lane_queue.send(body, group=derive_message_group(job.key), attributes={RECEIPT_ETAG: receipt_etag})


def enqueue_delivery(
    deliver_queue: Queue,
    source: Source | Job | ImageRequest,
    job_id: str | None = None,
    *,
    delay_seconds: int = 0,
    receipt_etag: str = "",
) -> None:
    """Have a photo's views written, and a job's end handed over; `receipt_etag` as its lane's message had it."""
    deliver_queue.send(
        to_body(DeliverMessage(source_id=source.source_id, job_id=job_id)),
        group=derive_message_group(source.key),
        delay_seconds=delay_seconds,
        attributes={RECEIPT_ETAG: receipt_etag},
    )


def enqueue_provider_notification(deliver_queue: Queue, provider: str) -> None:
    """Have people told that a provider was paused or goes on."""
    deliver_queue.send(to_body(LaneMessage(provider=provider)), group=derive_message_group(provider))


def enqueue_settle_check(intake_queue: Queue, source: Source, delay_seconds: int) -> None:
    """Have intake look at a photo when its time to settle is over."""
    body = to_body(SettleMessage(bucket=source.bucket, key=source.key))
    intake_queue.send(body, group=derive_message_group(source.key), delay_seconds=delay_seconds)


def enqueue_check(intake_queue: Queue, bucket: str, key: str) -> None:
    """Have intake look at a photo."""
    intake_queue.send(to_body(CheckMessage(bucket=bucket, key=key)), group=derive_message_group(key))


def enqueue_recheck(intake_queue: Queue, bucket: str, key: str, *, delay_seconds: int = 0) -> None:
    """Have intake finish what an earlier look at a photo may not have finished."""
    body = to_body(RecheckMessage(bucket=bucket, key=key))
    intake_queue.send(body, group=derive_message_group(key), delay_seconds=delay_seconds)


def enqueue_folder_scan(intake_queue: Queue, bucket: str, key: str, *, after: str = "", delay_seconds: int = 0) -> None:
    """Have intake check a folder's defaults again and wake its waiting photos, those behind `after`."""
    body = to_body(FolderMessage(bucket=bucket, key=key, start_after=after))
    intake_queue.send(body, group=derive_message_group(key), delay_seconds=delay_seconds)


def enqueue_rerun(intake_queue: Queue, bucket: str, key: str) -> None:
    """Have intake resolve a photo anew."""
    intake_queue.send(to_body(RerunMessage(bucket=bucket, key=key)), group=derive_message_group(key))


def return_to_intake(intake_queue: Queue, job: Job) -> None:
    """Have intake decide anew, and send the job back if it is still what is wanted."""
    enqueue_recheck(intake_queue, job.bucket, job.key)
