"""Door one: something came into the input bucket; it leaves as jobs in their lanes."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache, partial
from typing import Any

import boto3
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from backdrop.aws.arrivals import looks_of
from backdrop.aws.batch import Inbox, receives, sent_at
from backdrop.aws.books import DynamoBooks
from backdrop.aws.buckets import S3Output, S3Photos
from backdrop.aws.clients import QUICK
from backdrop.aws.clock import SystemClock
from backdrop.aws.inputs import S3Inputs
from backdrop.aws.ledger import DynamoLedger
from backdrop.aws.log import door_log
from backdrop.aws.meter import count_accepted, count_refused, counts_cold_starts
from backdrop.aws.queues import SqsQueue, name_of
from backdrop.aws.settings import settings
from backdrop.aws.table import Table
from backdrop.core.errors import DamagedMessageError
from backdrop.core.intake_event import Look
from backdrop.steps.assemble.arriving import Arriving
from backdrop.steps.intake import Intake

logger = door_log()


@cache
def build() -> tuple[Intake, Inbox]:
    """The step and its inbox, made at the first invocation."""
    ours, sqs = settings(), boto3.client("sqs", config=QUICK)
    queue, s3 = partial(SqsQueue, sqs), boto3.client("s3", config=QUICK)
    dynamodb = boto3.client("dynamodb", config=QUICK)
    table = Table(dynamodb, ours.ledger_table, SystemClock(), kept_days=ours.ledger_retention_days)
    output = S3Output(s3, ours.output_bucket)
    arriving = Arriving(
        photos=S3Photos(s3),
        output=output,
        input_bucket=ours.input_bucket,
        inputs=S3Inputs(output),
        ledger=DynamoLedger(table),
        books=DynamoBooks(table),
        lanes={name: queue(lane.queue_url) for name, lane in ours.lanes.items()},
        deliver=queue(ours.deliver_queue_url),
        intake=queue(ours.intake_queue_url),
        clock=SystemClock(),
        default_provider=ours.default_provider,
        settle_seconds=ours.settle_seconds,
        max_megapixels=ours.max_image_megapixels,
        prices=ours.prices,
    )
    urls = {name_of(ours.intake_queue_url): ours.intake_queue_url}
    return arriving.step(), Inbox(sqs, urls, queue(ours.dead_letter_queue_url), logger)


def looks(record: SQSRecord) -> list[Look]:
    """Where a message says to look."""
    times, ours = receives(record), settings()
    return looks_of(
        record.body,
        bucket=ours.input_bucket,
        readable=ours.readable,
        again=times > 1,
        ident=record.message_id,
        receives=times,
        sent=sent_at(record),
    )


def coming(event: Mapping[str, Any]) -> Iterator[Look]:
    """All looks of a batch; what is damaged is dealt with in its turn."""
    for record in event["Records"]:
        with suppress(DamagedMessageError):
            yield from looks(SQSRecord(record))


def take_in(record: SQSRecord) -> None:
    """One message: look at each photo that it names."""
    step, _ = build()
    for look in looks(record):
        logger.append_keys(bucket=look.bucket, key=look.key)
        decision = step(look)
        for job in decision.accepted:
            count_accepted(job, sent_at(record))
            logger.info("job accepted", job_id=job.job_id, key=job.key)
        for key, code in decision.refused:
            count_refused(code)
            logger.info("photo refused", code=code.value, key=key)


@counts_cold_starts
@logger.inject_lambda_context(clear_state=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """SQS batch in, the messages that shall come again out."""
    step, inbox = build()
    step.begin_batch(coming(event))
    return inbox.work_through(event, context, take_in)
