"""Handler of intake: receives changes in the input bucket and image requests, and sends jobs to their lanes."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from backdrop.aws.batch import BatchResponse, ReceivedMessage, parse_batch
from backdrop.aws.clients import lazy_client
from backdrop.aws.clock import SystemClock
from backdrop.aws.events import parse_decision, parse_intake_message, parse_records
from backdrop.aws.log import build_logger
from backdrop.aws.metrics import count_accepted, count_cold_starts, count_refused
from backdrop.aws.settings import read_settings
from backdrop.bootstrap import Bootstrap
from backdrop.model.errors import MalformedMessageError
from backdrop.model.intake_event import IntakeEvent
from backdrop.pipeline.isolation import Isolation

# Starts first: it imports the image libraries meanwhile.
isolation = Isolation(["backdrop.intake.framed_photos", "backdrop.intake.photo_reader"])
logger = build_logger()
settings = read_settings()
bootstrap = Bootstrap(settings, lazy_client, SystemClock())
service = bootstrap.intake(isolation.run)
consumer = bootstrap.batch_consumer(logger, [settings.intake_queue_url])


def parse_events(message: ReceivedMessage) -> Iterator[IntakeEvent]:
    parse = partial(
        parse_intake_message,
        input_bucket=settings.input_bucket,
        readable_buckets=settings.other_input_buckets,
        is_repeated=message.receive_count > 1,
        message_id=message.message_id,
        receive_count=message.receive_count,
        sent_at=message.sent_at,
    )
    return parse_records(message.body, parse)


def list_batch_events(messages: Iterable[ReceivedMessage]) -> Iterator[IntakeEvent]:
    """Yields all events of a batch. Malformed messages are handled later, one by one."""
    for message in messages:
        with suppress(MalformedMessageError):
            yield from parse_events(message)


def log_names(intake_event: IntakeEvent) -> IntakeEvent:
    logger.append_keys(bucket=intake_event.bucket, key=intake_event.key)
    return intake_event


def handle_message(message: ReceivedMessage) -> None:
    """Handles each event of one message, or the decision that it contains."""
    if decision := parse_decision(message.body):
        service.decide(decision)
        logger.info("picture decided", job_id=decision.job_id, decision=decision.decision.value, by=decision.by)
        return
    for decision in service.handle_each(map(log_names, parse_events(message))):
        for job in decision.accepted:
            count_accepted(job, message.sent_at)
            logger.info("job accepted", job_id=job.job_id, key=job.key)
        for key, code in decision.refused:
            count_refused(code)
            logger.info("photo refused", code=code.value, key=key)


@count_cold_starts
@logger.inject_lambda_context(clear_state=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> BatchResponse:
    """Receives an SQS batch, and returns the messages that must be received again."""
    messages = parse_batch(event)
    service.start_batch(list_batch_events(messages))
    return consumer.process_batch(messages, context, handle_message)
