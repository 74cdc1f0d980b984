"""Handler of price-check: compares Ideogram's prices with the price list every day, and when a person asks."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from backdrop.aws.clients import lazy_client
from backdrop.aws.clock import SystemClock
from backdrop.aws.log import build_logger, log_errors
from backdrop.aws.metrics import count_quote_change, emit_price_check
from backdrop.aws.settings import read_settings
from backdrop.bootstrap import Bootstrap
from backdrop.reconcile.price_check_report import build_price_check_report

logger = build_logger()
service = Bootstrap(read_settings(), lazy_client, SystemClock()).price_check(count_quote_change)


@logger.inject_lambda_context(clear_state=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Handles the scheduled event, and `{"resume": true}` from the command."""
    with log_errors(logger):
        result = service.run(resumes=event.get("resume") is True)
        for product, answer in result.answers:
            if answer.price is None:
                logger.warning("no quote", product=product.label, code=answer.code, reason=str(answer.message))
        for difference in result.differences:
            logger.warning("price differs", product=difference.product.label, quoted=difference.quoted)
        emit_price_check(result.finding_count)
        return {"is_busy": result.is_busy, **build_price_check_report(result.check)}
