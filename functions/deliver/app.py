"""Door three: something ended; it leaves as pictures, receipt, error report and event."""

from functools import cache
from typing import Any

import boto3
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from backdrop.aws.batch import Inbox, receipt, receives
from backdrop.aws.buckets import S3Output, S3Photos
from backdrop.aws.bus import EventBus
from backdrop.aws.clients import QUICK, seldom
from backdrop.aws.clock import SystemClock
from backdrop.aws.ledger import DynamoLedger
from backdrop.aws.log import door_log
from backdrop.aws.meter import count_end, counts_cold_starts
from backdrop.aws.queues import SqsQueue, name_of
from backdrop.aws.settings import settings
from backdrop.aws.step_functions import SfnTokens
from backdrop.aws.table import Table
from backdrop.core.money import usd_of
from backdrop.core.queue_messages import DeliverMessage, LaneMessage, parse
from backdrop.providers.downloads import ResultDownloads
from backdrop.steps.assemble import handing as assemble
from backdrop.steps.assemble.handing import Handing
from backdrop.steps.deliver import Deliver
from backdrop.steps.telling import LaneNews

logger = door_log()


@cache
def build() -> tuple[Deliver, LaneNews, Inbox]:
    """The steps and their inbox, made at the first invocation."""
    ours, sqs = settings(), boto3.client("sqs", config=QUICK)
    dead_letters = SqsQueue(sqs, ours.dead_letter_queue_url)
    s3 = boto3.client("s3", config=QUICK)
    dynamodb = boto3.client("dynamodb", config=QUICK)
    table = Table(dynamodb, ours.ledger_table, SystemClock(), kept_days=ours.ledger_retention_days)
    handing = Handing(
        ledger=DynamoLedger(table),
        photos=S3Photos(s3),
        output=S3Output(s3, ours.output_bucket),
        deliver=SqsQueue(sqs, ours.deliver_queue_url),
        intake=SqsQueue(sqs, ours.intake_queue_url),
        downloads=ResultDownloads({name: one.base_url for name, one in ours.providers.items()}, ours.extra_hosts),
        events=EventBus(boto3.client("events", config=QUICK), ours.event_bus_name),
        tokens=SfnTokens(seldom("stepfunctions")),
        dead_letters=dead_letters,
        clock=SystemClock(),
        input_bucket=ours.input_bucket,
        max_megapixels=ours.max_image_megapixels,
        provenance=ours.provenance_metadata,
    )
    urls = {name_of(ours.deliver_queue_url): ours.deliver_queue_url}
    inbox = Inbox(sqs, urls, dead_letters, logger)
    return assemble.deliver(handing), assemble.lane_news(handing), inbox


def deliver(record: SQSRecord) -> None:
    """One message: a photo's views and its job's end handed over, or a provider's state told."""
    message = parse(record.body, DeliverMessage, LaneMessage)
    if isinstance(message, LaneMessage):
        lane = build()[1](message.provider)
        logger.info("lane told", provider=lane.provider, paused=lane.paused)
        return
    logger.append_keys(source_id=message.source_id, job_id=message.job_id)
    delivery = build()[0](message, receives=receives(record), receipt=receipt(record))
    job = delivery.job
    if job and delivery.ended_here:
        count_end(job)
        logger.info(
            "job ended",
            status=job.status.value,
            key=job.key,
            provider=job.provider,
            operation=job.operation,
            spent_usd=usd_of(job.charged),
            unknown_usd=usd_of(job.unknown),
        )


@counts_cold_starts
@logger.inject_lambda_context(clear_state=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """SQS batch in, the messages that shall come again out."""
    return build()[2].work_through(event, context, deliver)
