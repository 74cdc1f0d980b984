"""The messages between stages: their content, their queues, and their message groups."""

from backdrop.aws.sqs import Queue
from backdrop.model.ids import derive_message_group
from backdrop.model.image_request import ImageRequest
from backdrop.model.job import Job, Source
from backdrop.model.queue_messages import (
    RECEIPT_ETAG,
    DeliverMessage,
    IntakeMessage,
    JobMessage,
    LaneMessage,
    RecheckMessage,
    to_body,
)

# Longer than a write to the ledger takes: boto3 tries it four times, for 12 s each.
SAFETY_DELAY_SECONDS = 60


def enqueue_for_intake(intake_queue: Queue, message: IntakeMessage, *, delay_seconds: int = 0) -> None:
    intake_queue.send(to_body(message), group=derive_message_group(message.key), delay_seconds=delay_seconds)


def return_to_intake(intake_queue: Queue, job: Job) -> None:
    """Has intake decide about the job's photo again. Intake sends the job back to a lane if it is still current."""
    enqueue_for_intake(intake_queue, RecheckMessage(bucket=job.bucket, key=job.key))


def enqueue_job(lane_queue: Queue, job: Job, *, receipt_etag: str = "") -> None:
    """Sends a job to its lane; `receipt_etag` is the ETag of the photo's first receipt if it has just been written."""
    lane_queue.send(
        to_body(JobMessage(source_id=job.source_id, job_id=job.job_id)),
        group=derive_message_group(job.key),
        attributes={RECEIPT_ETAG: receipt_etag},
    )


def enqueue_delivery(
    deliver_queue: Queue,
    source: Source | Job | ImageRequest,
    job_id: str | None = None,
    *,
    delay_seconds: int = 0,
    receipt_etag: str = "",
) -> None:
    """Has deliver write a photo's receipt and report and, if `job_id` is given, deliver that job's pictures.

    `receipt_etag` is the ETag in the message from the job's lane.
    """
    deliver_queue.send(
        to_body(DeliverMessage(source_id=source.source_id, job_id=job_id)),
        group=derive_message_group(source.key),
        delay_seconds=delay_seconds,
        attributes={RECEIPT_ETAG: receipt_etag},
    )


def schedule_documents(deliver_queue: Queue, source: Source | Job) -> None:
    """Has deliver write a photo's receipt and report a little later.

    Sent before a write that may end a job without a message of its own: this worker may crash right after the write.
    """
    enqueue_delivery(deliver_queue, source, delay_seconds=SAFETY_DELAY_SECONDS)


def enqueue_provider_notification(deliver_queue: Queue, provider: str) -> None:
    """Has deliver announce that a provider was paused or resumed."""
    deliver_queue.send(to_body(LaneMessage(provider=provider)), group=derive_message_group(provider))
