"""Handler of reconcile: runs every five minutes, and completes what the other functions left unfinished."""

from datetime import timedelta
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from backdrop.aws.clients import lazy_client
from backdrop.aws.clock import SystemClock
from backdrop.aws.log import build_logger, log_errors
from backdrop.aws.metric_names import Metric
from backdrop.aws.metrics import count_budget_change, emit_metrics, emit_stack_health
from backdrop.aws.settings import read_settings
from backdrop.bootstrap import Bootstrap
from backdrop.pipeline.call_context import CallContext

logger, clock = build_logger(), SystemClock()
service = Bootstrap(read_settings(), lazy_client, clock, count_budget_change).reconcile()


def run_reconcile(context: LambdaContext) -> dict[str, int]:
    """Runs reconcile once, with logs and metrics; returns how many repairs each part made."""
    remaining = timedelta(milliseconds=context.get_remaining_time_in_millis())
    result = service.run(CallContext(deadline=clock.now() + remaining))
    if result.skipped:
        logger.info("another run is in progress")
        return {}
    for part, times in result.counts.items():
        emit_metrics({Metric.RECONCILED: times}, part=part)
    emit_stack_health(result.gauges)
    for failure in dict.fromkeys(result.failures):
        logger.warning(
            "reconcile failed in part",
            code=failure.code.value,
            reason=failure.message,
            source_id=failure.source_id,
            job_id=failure.job_id,
        )
    logger.info("reconciled", extra={"did": result.counts})
    return result.counts


@logger.inject_lambda_context(clear_state=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """Handles the scheduled event."""
    with log_errors(logger):
        return run_reconcile(context)
