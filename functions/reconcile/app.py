"""Handler of reconcile: every five minutes; what was left undone anywhere is set right."""

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
    """One run, told in log and metrics."""
    remaining = timedelta(milliseconds=context.get_remaining_time_in_millis())
    tally = service.run(CallContext(deadline=clock.now() + remaining))
    if tally.skipped:
        logger.info("another run is at work")
        return {}
    for part, times in tally.counts.items():
        emit_metrics({Metric.RECONCILED: times}, part=part)
    emit_stack_health(tally.gauges)
    for failure in dict.fromkeys(tally.failures):
        message, code = "a part could not be done", failure.code.value
        logger.warning(message, code=code, reason=failure.message, source_id=failure.source_id, job_id=failure.job_id)
    logger.info("set right", extra={"did": tally.counts})
    return tally.counts


@logger.inject_lambda_context(clear_state=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """The schedule's event in, what was done out."""
    with log_errors(logger):
        return run_reconcile(context)
