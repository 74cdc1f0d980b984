"""Handler of render: a job in a lane; it leaves paid, and the answer is in the ledger."""

from datetime import timedelta
from functools import partial
from typing import Any

from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from backdrop.aws.batch import queue_name, receipt, receives
from backdrop.aws.clients import lazy_client
from backdrop.aws.clock import SystemClock
from backdrop.aws.log import door_log
from backdrop.aws.metrics import count_money, count_slot, counts_cold_starts
from backdrop.aws.settings import settings
from backdrop.aws.sqs import name_of
from backdrop.bootstrap import Bootstrap
from backdrop.model.queue_messages import JobMessage, parse
from backdrop.pipeline.call_context import Slot

logger = door_log()
ours, clock = settings(), SystemClock()
bootstrap = Bootstrap(ours, lazy_client, clock, count_money)
service = bootstrap.render()
inbox = bootstrap.inbox(logger, [lane.queue_url for lane in ours.lanes.values()])
providers = {name_of(lane.queue_url): name for name, lane in ours.lanes.items()}


def render(record: SQSRecord, context: LambdaContext) -> None:
    """One message: one job brought as far as it goes."""
    message = parse(record.body, JobMessage)
    logger.append_keys(source_id=message.source_id, job_id=message.job_id)
    began, left = clock.now(), timedelta(milliseconds=context.get_remaining_time_in_millis())
    # A message out of a queue that is no lane of ours names no provider.
    provider = providers.get(queue_name(record), "")
    slot = Slot(deadline=began + left, receives=receives(record), provider=provider, receipt=receipt(record))
    try:
        outcome = service.render(message, slot)
    finally:
        calls = slot.metrics
        count_slot(calls, (clock.now() - began).total_seconds())
        logger.append_keys(
            **calls.labels,
            call_seconds=calls.call_seconds,
            throttles=calls.throttles,
            throttled_seconds=calls.throttled_ms / 1000,
        )
    logger.info("job rendered", outcome=outcome.value)


@counts_cold_starts
@logger.inject_lambda_context(clear_state=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """SQS batch in, the messages that shall come again out."""
    return inbox.work_through(event, context, partial(render, context=context))
