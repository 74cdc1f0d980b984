"""Door four: every five minutes; what was left undone anywhere is set right."""

from datetime import timedelta
from functools import cache, partial
from typing import Any

import boto3
from aws_lambda_powertools.utilities.typing import LambdaContext

from backdrop.aws.arrivals import looks_of
from backdrop.aws.books import DynamoBooks
from backdrop.aws.buckets import S3Photos
from backdrop.aws.clients import QUICK, seldom
from backdrop.aws.clock import SystemClock
from backdrop.aws.log import door_log, telling
from backdrop.aws.meter import count, count_gauges
from backdrop.aws.metrics import Metric
from backdrop.aws.queues import SqsLetters, SqsQueue
from backdrop.aws.settings import settings
from backdrop.aws.stack import paying, table
from backdrop.aws.step_functions import A_RUN, SfnExecutions
from backdrop.core.slot import Slot
from backdrop.steps.assemble.watching import Watching, reconcile
from backdrop.steps.reconcile import Reconcile

logger = door_log()


@cache
def build() -> Reconcile:
    """The step, made at the first invocation."""
    ours = settings()
    sqs, s3 = boto3.client("sqs", config=QUICK), boto3.client("s3", config=QUICK)
    queue = partial(SqsQueue, sqs)
    watching = Watching(
        books=DynamoBooks(table(ours)),
        photos=S3Photos(s3),
        executions=SfnExecutions(seldom("stepfunctions"), SystemClock(), A_RUN),
        lanes={name: queue(lane.queue_url) for name, lane in ours.lanes.items()},
        letters=SqsLetters(sqs, ours.dead_letter_queue_url),
        dead_letters=queue(ours.dead_letter_queue_url),
        waiting=queue(ours.deliver_queue_url).waiting,
        looks=partial(looks_of, bucket=ours.input_bucket, readable=ours.readable, again=True),
        bucket=ours.input_bucket,
        since=table(ours).created(),
    )
    return reconcile(paying(ours, sqs, s3), watching)


def set_right(context: LambdaContext) -> dict[str, int]:
    """One run, told in log and metrics."""
    step = build()
    left = timedelta(milliseconds=context.get_remaining_time_in_millis())
    tally = step(Slot(deadline=step.clock.now() + left))
    if tally.skipped:
        logger.info("another run is at work")
        return {}
    for part, times in tally.did.items():
        count({Metric.SET_RIGHT: times}, part=part)
    count_gauges(tally.gauges)
    for one in dict.fromkeys(tally.failed):
        words, code = "a part could not be done", one.code.value
        logger.warning(words, code=code, reason=one.words, source_id=one.source_id, job_id=one.job_id)
    logger.info("set right", extra={"did": tally.did})
    return tally.did


@logger.inject_lambda_context(clear_state=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """The schedule's event in, what was done out."""
    with telling(logger):
        return set_right(context)
