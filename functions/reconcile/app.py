"""Handler of reconcile: every five minutes; what was left undone anywhere is set right."""

from datetime import timedelta
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from backdrop.aws.clients import lazy_client
from backdrop.aws.clock import SystemClock
from backdrop.aws.log import door_log, telling
from backdrop.aws.metric_names import Metric
from backdrop.aws.metrics import count, count_gauges, count_money
from backdrop.aws.settings import settings
from backdrop.bootstrap import Bootstrap
from backdrop.pipeline.call_context import Slot

logger, clock = door_log(), SystemClock()
reconcile = Bootstrap(settings(), lazy_client, clock, count_money).reconcile()


def set_right(context: LambdaContext) -> dict[str, int]:
    """One run, told in log and metrics."""
    left = timedelta(milliseconds=context.get_remaining_time_in_millis())
    tally = reconcile.run(Slot(deadline=clock.now() + left))
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
