"""Handler of campaigns: plans a campaign before anything is requested, and reports it when it has ended."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from backdrop.aws.clients import lazy_client
from backdrop.aws.clock import SystemClock
from backdrop.aws.log import build_logger, log_errors
from backdrop.aws.metrics import count_cold_starts
from backdrop.aws.settings import read_settings
from backdrop.bootstrap import Bootstrap
from backdrop.campaigns.report import CampaignStatus, FinishedExecution, parse_campaign_status
from backdrop.model.errors import RefusedError

logger, clock = build_logger(), SystemClock()
bootstrap = Bootstrap(read_settings(), lazy_client, clock)
campaign_planner, campaign_reporter = bootstrap.campaign_planner(), bootstrap.campaign_reporter()


def plan(payload: Mapping[str, Any], deadline: datetime) -> dict[str, Any]:
    """Returns the location of the item list, or the reason that the campaign cannot start."""
    try:
        item_list = campaign_planner.plan(payload["input"], payload["execution"], deadline)
    except RefusedError as error:
        logger.info("campaign refused", code=error.code.value, reason=str(error.message))
        return {"refused": {"error": error.code.value, "cause": f"{error.message.clause}. {error.hint}"}}
    logger.info("campaign planned", items=item_list["items"])
    return item_list


def report(payload: Mapping[str, Any], deadline: datetime) -> dict[str, Any]:
    """Reports an execution whose items have all ended. Returns `failed` if the execution must fail."""
    execution: Mapping[str, Any] = payload["execution"]
    failure: Mapping[str, str] = payload["failure"]
    error, cause = failure.get("Error", ""), failure.get("Cause", "")
    status = CampaignStatus.FAILED if error else CampaignStatus.SUCCEEDED
    redrive_count = execution.get("RedriveCount", 0)
    finished = FinishedExecution(
        execution["Id"], execution["Input"], status, execution["StartTime"], error, cause, redrive_count
    )
    campaign_report = campaign_reporter.report(finished, deadline)
    if campaign_report is None or campaign_report["error"] is None:
        return {"status": status.value}
    return {"failed": {"error": campaign_report["error"]["code"], "cause": campaign_report["error"]["message"]}}


def report_interrupted(detail: Mapping[str, Any], deadline: datetime) -> None:
    """Reports an execution that failed, was stopped, or timed out. `detail` is from the Step Functions event."""
    execution_input: Any = json.loads(detail.get("input") or "{}")
    execution_input = execution_input if isinstance(execution_input, dict) else {}
    error = detail.get("error") or ""
    started_at = datetime.fromtimestamp(detail["startDate"] / 1000, UTC).isoformat().replace("+00:00", "Z")
    status = parse_campaign_status(detail["status"], error)
    redrive_count = detail.get("redriveCount") or 0
    finished = FinishedExecution(
        detail["executionArn"], execution_input, status, started_at, error, detail.get("cause") or "", redrive_count
    )
    campaign_report = campaign_reporter.report(finished, deadline)
    logger.info("campaign ended", status=detail["status"], reported=campaign_report is not None)


@count_cold_starts
@logger.inject_lambda_context(clear_state=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any] | None:
    """Handles a step of the campaign's state machine, or the event that reports the end of an execution."""
    deadline = clock.now() + timedelta(milliseconds=context.get_remaining_time_in_millis())
    with log_errors(logger):
        match event:
            case {"plan": payload}:
                logger.append_keys(execution=payload["execution"])
                return plan(payload, deadline)
            case {"report": payload}:
                logger.append_keys(execution=payload["execution"]["Id"])
                return report(payload, deadline)
            case _:
                logger.append_keys(execution=event["detail"]["executionArn"])
                return report_interrupted(event["detail"], deadline)
