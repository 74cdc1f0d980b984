"""Handler of deliver: receives paid and ended jobs, and writes pictures, receipts, error reports, and events."""

from datetime import timedelta
from functools import partial
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from backdrop.aws.batch import BatchResponse, ReceivedMessage, parse_batch
from backdrop.aws.clients import lazy_client
from backdrop.aws.clock import SystemClock
from backdrop.aws.log import build_logger
from backdrop.aws.metrics import count_awaiting_approval, count_cold_starts, count_ended_job
from backdrop.aws.settings import read_settings
from backdrop.bootstrap import Bootstrap
from backdrop.model.pricing import to_usd
from backdrop.model.queue_messages import DeliverMessage, LaneMessage, parse_message

logger = build_logger()
settings, clock = read_settings(), SystemClock()
bootstrap = Bootstrap(settings, lazy_client, clock)
service, provider_notifications = bootstrap.deliver(), bootstrap.provider_notifications()
consumer = bootstrap.batch_consumer(logger, [settings.deliver_queue_url])


def handle_message(message: ReceivedMessage, context: LambdaContext) -> None:
    """Delivers what is due for one photo, or announces the state of a provider."""
    parsed = parse_message(message.body, DeliverMessage, LaneMessage)
    if isinstance(parsed, LaneMessage):
        health = provider_notifications.publish(parsed.provider)
        logger.info("provider notification published", provider=health.provider, paused=health.is_paused)
        return
    logger.append_keys(source_id=parsed.source_id, job_id=parsed.job_id)
    deadline = clock.now() + timedelta(milliseconds=context.get_remaining_time_in_millis())
    delivery = service.deliver(parsed, deadline, receive_count=message.receive_count, receipt_etag=message.receipt_etag)
    job = delivery.job
    if job and delivery.awaits_approval_here:
        count_awaiting_approval(job)
    if job and delivery.ended_here:
        count_ended_job(job)
        logger.info(
            "job ended",
            status=job.status.value,
            key=job.key,
            provider=job.provider,
            operation=job.operation,
            spent_usd=to_usd(job.charged),
            unknown_usd=to_usd(job.unknown),
        )


@count_cold_starts
@logger.inject_lambda_context(clear_state=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> BatchResponse:
    """Receives an SQS batch, and returns the messages that must be received again."""
    return consumer.process_batch(parse_batch(event), context, partial(handle_message, context=context))
