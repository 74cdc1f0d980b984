"""Door two: a job in a lane; it leaves paid, and the answer is in the ledger."""

from datetime import timedelta
from functools import cache, partial
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from backdrop.aws.batch import Inbox, name_of
from backdrop.aws.buckets import S3Photos
from backdrop.aws.clients import QUICK
from backdrop.aws.clock import SystemClock
from backdrop.aws.keys import api_key
from backdrop.aws.ledger import DynamoLedger
from backdrop.aws.meter import Metric, count
from backdrop.aws.queues import SqsQueue
from backdrop.aws.settings import Settings, settings
from backdrop.core.money import micro_of
from backdrop.ports import Provider
from backdrop.providers.ideogram import Ideogram
from backdrop.steps.messages import JobMessage, parse
from backdrop.steps.render import Render, Slot

logger = Logger()


@cache
def build() -> tuple[Render, Inbox]:
    """The step and its inbox, made at the first invocation."""
    ours, sqs = settings(), boto3.client("sqs", config=QUICK)
    queue = partial(SqsQueue, sqs)
    step = Render(
        photos=S3Photos(boto3.client("s3", config=QUICK)),
        ledger=DynamoLedger(boto3.client("dynamodb", config=QUICK), ours.ledger_table, SystemClock()),
        providers=_providers(ours),
        deliver=queue(ours.deliver_queue_url),
        intake=queue(ours.intake_queue_url),
        clock=SystemClock(),
        daily_budget=micro_of(ours.daily_budget_usd),
    )
    urls = {name_of(lane.queue_url): lane.queue_url for lane in ours.lanes.values()}
    return step, Inbox(sqs, urls, queue(ours.dead_letter_queue_url), logger)


def _providers(ours: Settings) -> dict[str, Provider]:
    lane = ours.lanes.get("ideogram")
    if lane is None:
        return {}
    return {"ideogram": Ideogram(lane.base_url, lane.timeout_seconds, partial(api_key, ours.stack_name, "ideogram"))}


def render(record: SQSRecord, context: LambdaContext) -> None:
    """One message: one job brought as far as it goes."""
    message = parse(JobMessage, record.body)
    logger.append_keys(job_id=message.job_id)
    step, _ = build()
    left = timedelta(milliseconds=context.get_remaining_time_in_millis())
    slot = Slot(deadline=step.clock.now() + left)
    try:
        outcome = step(message, slot)
        logger.info("job rendered", outcome=outcome.value)
    finally:
        _count(slot)


def _count(slot: Slot) -> None:
    if slot.calls:
        count(Metric.PROVIDER_LATENCY, slot.latency_ms, **slot.labels)
    if slot.throttles:
        count(Metric.THROTTLED, slot.throttles, **slot.labels)
        count(Metric.THROTTLED_SECONDS, slot.throttled_ms / 1000, **slot.labels)


@logger.inject_lambda_context(clear_state=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """SQS batch in, the messages that shall come again out."""
    return build()[1].work_through(event, context, partial(render, context=context))
