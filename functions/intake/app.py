"""Handler of intake: something came into the input bucket; it leaves as jobs in their lanes."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from backdrop.aws.batch import receives, sent_at
from backdrop.aws.clients import lazy_client
from backdrop.aws.clock import SystemClock
from backdrop.aws.events import looks_of
from backdrop.aws.log import door_log
from backdrop.aws.metrics import count_accepted, count_refused, counts_cold_starts
from backdrop.aws.settings import settings
from backdrop.bootstrap import Bootstrap
from backdrop.model.errors import DamagedMessageError
from backdrop.model.intake_event import Look

logger = door_log()
ours = settings()
bootstrap = Bootstrap(ours, lazy_client, SystemClock())
intake = bootstrap.intake()
inbox = bootstrap.inbox(logger, [ours.intake_queue_url])


def looks(record: SQSRecord) -> list[Look]:
    """Where a message says to look."""
    times = receives(record)
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
    for look in looks(record):
        logger.append_keys(bucket=look.bucket, key=look.key)
        decision = intake.handle(look)
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
    intake.begin_batch(coming(event))
    return inbox.work_through(event, context, take_in)
