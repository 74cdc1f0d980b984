"""Door five: a campaign is planned before anything is asked, and reported when it is over."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import boto3
from aws_lambda_powertools.utilities.typing import LambdaContext

from backdrop.aws.books import DynamoBooks
from backdrop.aws.buckets import S3Photos
from backdrop.aws.bus import EventBus
from backdrop.aws.campaign_files import S3CampaignFiles, S3Manifests
from backdrop.aws.clients import QUICK
from backdrop.aws.clock import SystemClock
from backdrop.aws.ledger import DynamoLedger
from backdrop.aws.log import door_log, telling
from backdrop.aws.mail import TopicMail
from backdrop.aws.meter import counts_cold_starts
from backdrop.aws.settings import settings
from backdrop.aws.table import Table
from backdrop.core.campaign_report import Ended, Fate, fate_of
from backdrop.core.errors import RefusedError
from backdrop.steps.assemble.campaigning import Campaigning, planner, reporter
from backdrop.steps.campaign_end import Reporter
from backdrop.steps.campaign_plan import Planner

logger = door_log()


@cache
def build() -> tuple[Planner, Reporter]:
    """The steps, made at the first invocation."""
    ours, s3 = settings(), boto3.client("s3", config=QUICK)
    table = Table(boto3.client("dynamodb", config=QUICK), ours.ledger_table, SystemClock())
    campaigning = Campaigning(
        photos=S3Photos(s3),
        manifests=S3Manifests(s3),
        files=S3CampaignFiles(s3, ours.output_bucket),
        ledger=DynamoLedger(table),
        books=DynamoBooks(table),
        events=EventBus(boto3.client("events", config=QUICK), ours.event_bus_name),
        mail=TopicMail(boto3.client("sns", config=QUICK), ours.mail_topic_arn),
        clock=SystemClock(),
        input_bucket=ours.input_bucket,
        default_provider=ours.default_provider,
        limits=ours.limits,
        prices=ours.prices,
        max_megapixels=ours.max_image_megapixels,
    )
    return planner(campaigning), reporter(campaigning)


def plan(asked: Mapping[str, Any], deadline: datetime) -> dict[str, Any]:
    """The list of who is asked, or why the campaign cannot begin."""
    try:
        planned = build()[0](asked["input"], asked["execution"], deadline)
    except RefusedError as error:
        logger.info("campaign refused", code=error.code.value, reason=str(error.message))
        return {"refused": {"error": error.code.value, "cause": f"{error.message.clause}. {error.hint}"}}
    logger.info("campaign planned", items=planned["items"])
    return planned


def report(asked: Mapping[str, Any], deadline: datetime) -> dict[str, Any]:
    """The report of an execution whose items have all ended; `failed` where the execution has to fail for it."""
    execution: Mapping[str, Any] = asked["execution"]
    failure: Mapping[str, str] = asked["failure"]
    error, cause = failure.get("Error", ""), failure.get("Cause", "")
    fate = Fate.FAILED if error else Fate.SUCCEEDED
    redrives = execution.get("RedriveCount", 0)
    ended = Ended(execution["Id"], execution["Input"], fate, execution["StartTime"], error, cause, redrives)
    written = build()[1](ended, deadline)
    if written is None or written["error"] is None:
        return {"status": fate.value}
    return {"failed": {"error": written["error"]["code"], "cause": written["error"]["message"]}}


def over(detail: Mapping[str, Any], deadline: datetime) -> None:
    """Step Functions' word that an execution did not come to its end by itself."""
    given: Any = json.loads(detail.get("input") or "{}")
    given = given if isinstance(given, dict) else {}
    error = detail.get("error") or ""
    began = datetime.fromtimestamp(detail["startDate"] / 1000, UTC).isoformat().replace("+00:00", "Z")
    fate = fate_of(detail["status"], error)
    redrives = detail.get("redriveCount") or 0
    ended = Ended(detail["executionArn"], given, fate, began, error, detail.get("cause") or "", redrives)
    written = build()[1](ended, deadline)
    logger.info("campaign over", status=detail["status"], reported=written is not None)


@counts_cold_starts
@logger.inject_lambda_context(clear_state=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any] | None:
    """A step of the campaign's state machine, or the event of its end."""
    deadline = SystemClock().now() + timedelta(milliseconds=context.get_remaining_time_in_millis())
    with telling(logger):
        match event:
            case {"plan": asked}:
                logger.append_keys(execution=asked["execution"])
                return plan(asked, deadline)
            case {"report": asked}:
                logger.append_keys(execution=asked["execution"]["Id"])
                return report(asked, deadline)
            case _:
                logger.append_keys(execution=event["detail"]["executionArn"])
                return over(event["detail"], deadline)
