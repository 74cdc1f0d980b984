"""Handler of render: receives a job from a lane, buys its pictures, and records the answer in the ledger."""

from datetime import timedelta
from functools import partial
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from backdrop.aws.batch import BatchResponse, ReceivedMessage, parse_batch
from backdrop.aws.clients import lazy_client
from backdrop.aws.clock import SystemClock
from backdrop.aws.log import build_logger
from backdrop.aws.metrics import count_budget_change, count_cold_starts, count_slot_use
from backdrop.aws.settings import read_settings
from backdrop.aws.sqs import queue_name_from_url
from backdrop.bootstrap import Bootstrap
from backdrop.model.queue_messages import JobMessage, parse_message
from backdrop.pipeline.call_context import CallContext

logger = build_logger()
settings, clock = read_settings(), SystemClock()
bootstrap = Bootstrap(settings, lazy_client, clock, count_budget_change)
service = bootstrap.render()
consumer = bootstrap.batch_consumer(logger, [lane.queue_url for lane in settings.enabled_providers.values()])
provider_by_queue = {queue_name_from_url(lane.queue_url): name for name, lane in settings.enabled_providers.items()}


def handle_message(message: ReceivedMessage, context: LambdaContext) -> None:
    """Advances one job as far as possible."""
    job_message = parse_message(message.body, JobMessage)
    logger.append_keys(source_id=job_message.source_id, job_id=job_message.job_id)
    started_at, remaining = clock.now(), timedelta(milliseconds=context.get_remaining_time_in_millis())
    # "" for a queue that is not the lane of an enabled provider.
    provider = provider_by_queue.get(message.queue_name, "")
    call_context = CallContext(
        deadline=started_at + remaining,
        receive_count=message.receive_count,
        lane_provider=provider,
        receipt_etag=message.receipt_etag,
    )
    try:
        outcome = service.render(job_message, call_context)
    finally:
        metrics = call_context.metrics
        count_slot_use(metrics, (clock.now() - started_at).total_seconds())
        logger.append_keys(
            **metrics.labels,
            call_seconds=metrics.call_seconds,
            throttles=metrics.throttle_count,
            throttled_seconds=metrics.throttled_ms / 1000,
        )
    logger.info("job rendered", outcome=outcome.value)


@count_cold_starts
@logger.inject_lambda_context(clear_state=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> BatchResponse:
    """Receives an SQS batch, and returns the messages that must be received again."""
    return consumer.process_batch(parse_batch(event), context, partial(handle_message, context=context))
