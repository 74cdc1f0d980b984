"""Handler of campaigns: a campaign is planned before anything is asked, and reported when it is over."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from backdrop.aws.clients import lazy_client
from backdrop.aws.clock import SystemClock
from backdrop.aws.log import door_log, telling
from backdrop.aws.metrics import counts_cold_starts
from backdrop.aws.settings import settings
from backdrop.bootstrap import Bootstrap
from backdrop.campaigns.report import Ended, Fate, fate_of
from backdrop.model.errors import RefusedError

logger, clock = door_log(), SystemClock()
bootstrap = Bootstrap(settings(), lazy_client, clock)
planner, reporter = bootstrap.planner(), bootstrap.reporter()


def plan(asked: Mapping[str, Any], deadline: datetime) -> dict[str, Any]:
    """The list of who is asked, or why the campaign cannot begin."""
    try:
        planned = planner.plan(asked["input"], asked["execution"], deadline)
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
    written = reporter.report(ended, deadline)
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
    written = reporter.report(ended, deadline)
    logger.info("campaign over", status=detail["status"], reported=written is not None)


@counts_cold_starts
@logger.inject_lambda_context(clear_state=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any] | None:
    """A step of the campaign's state machine, or the event of its end."""
    deadline = clock.now() + timedelta(milliseconds=context.get_remaining_time_in_millis())
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
