"""How the stages send one another their messages."""

from backdrop.aws.sqs import Queue
from backdrop.model.ids import fairness_group
from backdrop.model.image_request import Asked
from backdrop.model.job import Job, Source
from backdrop.model.queue_messages import (
    RECEIPT,
    CheckMessage,
    DeliverMessage,
    FolderMessage,
    JobMessage,
    LaneMessage,
    RecheckMessage,
    RerunMessage,
    SettleMessage,
    body_of,
)


def to_lane(lane: Queue, job: Job, *, receipt: str = "") -> None:
    """Put a job into its lane, with the ETag of its photo's first receipt where that has just been written."""
    body = body_of(JobMessage(source_id=job.source_id, job_id=job.job_id))
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
        body_of(DeliverMessage(source_id=source.source_id, job_id=job_id)),
        group=fairness_group(source.key),
        delay_seconds=delay_seconds,
        attributes={RECEIPT: receipt},
    )


def tell_of_lane(deliver: Queue, provider: str) -> None:
    """Have people told that a provider was paused or goes on."""
    deliver.send(body_of(LaneMessage(provider=provider)), group=fairness_group(provider))


def remind(intake: Queue, source: Source, delay_seconds: int) -> None:
    """Have intake look at a photo when its time to settle is over."""
    body = body_of(SettleMessage(bucket=source.bucket, key=source.key))
    intake.send(body, group=fairness_group(source.key), delay_seconds=delay_seconds)


def look_at(intake: Queue, bucket: str, key: str) -> None:
    """Have intake look at a photo."""
    intake.send(body_of(CheckMessage(bucket=bucket, key=key)), group=fairness_group(key))


def look_again(intake: Queue, bucket: str, key: str, *, delay_seconds: int = 0) -> None:
    """Have intake finish what an earlier look at a photo may not have finished."""
    body = body_of(RecheckMessage(bucket=bucket, key=key))
    intake.send(body, group=fairness_group(key), delay_seconds=delay_seconds)


def look_at_folder(intake: Queue, bucket: str, key: str, *, after: str = "", delay_seconds: int = 0) -> None:
    """Have intake check a folder's defaults again and wake its waiting photos, those behind `after`."""
    body = body_of(FolderMessage(bucket=bucket, key=key, after=after))
    intake.send(body, group=fairness_group(key), delay_seconds=delay_seconds)


def rerun(intake: Queue, bucket: str, key: str) -> None:
    """Have intake resolve a photo anew."""
    intake.send(body_of(RerunMessage(bucket=bucket, key=key)), group=fairness_group(key))


def begin_again(intake: Queue, job: Job) -> None:
    """Have intake decide anew, and send the job back if it is still what is wanted."""
    look_again(intake, job.bucket, job.key)
