"""Handler of reconcile-bill: compares Ideogram's usage records with the ledger every hour, and when a person asks."""

from datetime import date
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from backdrop.aws.clients import lazy_client
from backdrop.aws.clock import SystemClock
from backdrop.aws.log import build_logger, log_errors
from backdrop.aws.metric_names import Metric
from backdrop.aws.metrics import count_budget_change, emit_metrics
from backdrop.aws.settings import read_settings
from backdrop.bootstrap import Bootstrap
from backdrop.reconcile.bill_report import build_bill_report

logger = build_logger()
service = Bootstrap(read_settings(), lazy_client, SystemClock(), count_budget_change).reconcile_bill(
    on_corrections=lambda count: emit_metrics({Metric.SETTLEMENTS_REOPENED: count})
)


@logger.inject_lambda_context(clear_state=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Handles the scheduled event, and `{"requested": true, "accept_missing": false, "day": null}` from the command."""
    with log_errors(logger):
        result = service.run(
            is_requested=event.get("requested") is True,
            accepts_missing=event.get("accept_missing") is True,
            day=date.fromisoformat(event["day"]) if event.get("day") else None,
        )
        emit_metrics({Metric.USAGE_RECORDS_READ: int(result.is_off or result.failure is None)})
        if result.failure is not None:
            logger.warning("the usage records were not used", reason=str(result.failure))
        for one in result.settled:
            logger.info("settled", job_id=one.call.job_id, n=one.call.n, result=one.result.value)
        for one in result.reopened:
            logger.warning("settlement reopened", job_id=one.call.job_id, n=one.call.n, result=one.result.value)
        return build_bill_report(result, service.key_uses, service.clock.now())
