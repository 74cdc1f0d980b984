"""Handler of deliver: something ended; it leaves as pictures, receipt, error report and event."""

from typing import Any

from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from backdrop.aws.batch import receipt, receives
from backdrop.aws.clients import lazy_client
from backdrop.aws.clock import SystemClock
from backdrop.aws.log import door_log
from backdrop.aws.metrics import count_end, counts_cold_starts
from backdrop.aws.settings import settings
from backdrop.bootstrap import Bootstrap
from backdrop.model.pricing import usd_of
from backdrop.model.queue_messages import DeliverMessage, LaneMessage, parse

logger = door_log()
ours = settings()
bootstrap = Bootstrap(ours, lazy_client, SystemClock())
service, lane_news = bootstrap.deliver(), bootstrap.lane_news()
inbox = bootstrap.inbox(logger, [ours.deliver_queue_url])


def deliver(record: SQSRecord) -> None:
    """One message: a photo's views and its job's end handed over, or a provider's state told."""
    message = parse(record.body, DeliverMessage, LaneMessage)
    if isinstance(message, LaneMessage):
        lane = lane_news.publish(message.provider)
        logger.info("lane told", provider=lane.provider, paused=lane.paused)
        return
    logger.append_keys(source_id=message.source_id, job_id=message.job_id)
    delivery = service.deliver(message, receives=receives(record), receipt=receipt(record))
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
    return inbox.work_through(event, context, deliver)
