"""What the stack's settings make of the ports: the parts that render and reconcile share."""

from functools import partial
from typing import TYPE_CHECKING

import boto3

from backdrop.aws.answers import S3Answers
from backdrop.aws.buckets import S3Output
from backdrop.aws.clients import QUICK, seldom
from backdrop.aws.clock import SystemClock
from backdrop.aws.inputs import S3Inputs
from backdrop.aws.keys import api_key
from backdrop.aws.lanes import MappedLanes
from backdrop.aws.ledger import DynamoLedger
from backdrop.aws.meter import count_money
from backdrop.aws.queues import SqsQueue
from backdrop.aws.settings import Settings
from backdrop.aws.table import Table
from backdrop.aws.work import S3Work
from backdrop.core.money import micro_of
from backdrop.providers.roster import roster
from backdrop.steps.assemble.paying import Paying

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient


def table(ours: Settings) -> Table:
    """The ledger's table."""
    client = boto3.client("dynamodb", config=QUICK)
    return Table(client, ours.ledger_table, SystemClock(), kept_days=ours.ledger_retention_days)


def paying(ours: Settings, sqs: "SQSClient", s3: "S3Client") -> Paying:
    """All that moves money, on AWS."""
    lane_urls = {name: lane.queue_url for name, lane in ours.lanes.items()}
    output, work = S3Output(s3, ours.output_bucket), S3Work(s3, ours.output_bucket)
    return Paying(
        ledger=DynamoLedger(table(ours), count_money),
        answers=S3Answers(output),
        inputs=S3Inputs(output),
        switches=MappedLanes(seldom("lambda"), ours.render_function_name, lane_urls),
        providers=roster(ours.lanes, partial(api_key, ours.stack_name), work, ours.prices, ours.options),
        deliver=SqsQueue(sqs, ours.deliver_queue_url),
        intake=SqsQueue(sqs, ours.intake_queue_url),
        clock=SystemClock(),
        daily_budget=micro_of(ours.daily_budget_usd),
        policy=ours.on_lost_answer,
        prices=ours.prices,
    )
