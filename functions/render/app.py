"""Door two: a job in a lane; it leaves paid, and the answer is in the ledger."""

from datetime import timedelta
from functools import cache, partial
from typing import Any

import boto3
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from backdrop.aws.batch import Inbox, receipt, receives
from backdrop.aws.buckets import S3Photos
from backdrop.aws.clients import QUICK, seldom
from backdrop.aws.clock import SystemClock
from backdrop.aws.log import door_log
from backdrop.aws.meter import count_slot, counts_cold_starts
from backdrop.aws.queues import SqsQueue, name_of
from backdrop.aws.settings import settings
from backdrop.aws.stack import paying
from backdrop.aws.step_functions import SfnExecutions
from backdrop.core.queue_messages import JobMessage, parse
from backdrop.core.slot import Slot
from backdrop.steps.assemble.paying import render as assembled
from backdrop.steps.render import Render

logger = door_log()


@cache
def build() -> tuple[Render, Inbox]:
    """The step and its inbox, made at the first invocation."""
    ours = settings()
    sqs, s3 = boto3.client("sqs", config=QUICK), boto3.client("s3", config=QUICK)
    executions = SfnExecutions(seldom("stepfunctions"), SystemClock())
    step = assembled(paying(ours, sqs, s3), S3Photos(s3), executions)
    urls = {name_of(lane.queue_url): lane.queue_url for lane in ours.lanes.values()}
    return step, Inbox(sqs, urls, SqsQueue(sqs, ours.dead_letter_queue_url), logger)


def render(record: SQSRecord, context: LambdaContext) -> None:
    """One message: one job brought as far as it goes."""
    message = parse(record.body, JobMessage)
    logger.append_keys(source_id=message.source_id, job_id=message.job_id)
    step, _ = build()
    began, left = step.clock.now(), timedelta(milliseconds=context.get_remaining_time_in_millis())
    slot = Slot(deadline=began + left, receives=receives(record), provider=_lane_of(record), receipt=receipt(record))
    try:
        outcome = step(message, slot)
    finally:
        count_slot(slot, (step.clock.now() - began).total_seconds())
        waited = slot.throttled_ms / 1000
        logger.append_keys(
            **slot.labels, call_seconds=slot.call_seconds, throttles=slot.throttles, throttled_seconds=waited
        )
    logger.info("job rendered", outcome=outcome.value)


def _lane_of(record: SQSRecord) -> str:
    """Whose lane a message came out of; "" where it is none of ours."""
    queue = record.event_source_arn.rpartition(":")[2]
    lanes = {name_of(lane.queue_url): name for name, lane in settings().lanes.items()}
    return lanes.get(queue, "")


@counts_cold_starts
@logger.inject_lambda_context(clear_state=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """SQS batch in, the messages that shall come again out."""
    return build()[1].work_through(event, context, partial(render, context=context))
