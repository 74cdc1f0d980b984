"""Handler of sign: deliver invokes it to sign a finished picture. No other function may use the key."""

import json
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from backdrop.aws.clients import lazy_client
from backdrop.aws.clock import SystemClock
from backdrop.aws.log import build_logger, log_errors
from backdrop.aws.metrics import count_cold_starts
from backdrop.aws.settings import read_settings
from backdrop.bootstrap import Bootstrap
from backdrop.deliver.signing_messages import SigningRequest
from backdrop.model.codec import to_json, validate
from backdrop_credentials.build import build_signing_service

logger = build_logger()
settings = read_settings()
bootstrap = Bootstrap(settings, lazy_client, SystemClock())
load_service = build_signing_service(settings, bootstrap)


@count_cold_starts
@logger.inject_lambda_context(clear_state=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Returns the signature's size, and where it is kept, or why there is none."""
    del context
    request = validate(SigningRequest, event)
    logger.append_keys(source_id=request.source_id, job_id=request.job_id)
    with log_errors(logger):
        response = load_service().answer(request)
    if failure := response.failure:
        logger.warning("picture not signed", code=failure.code.value, reason=failure.message)
    elif response.sha256:
        logger.info("picture signed", image=request.n, output=request.output, sha256=response.sha256)
    return json.loads(to_json(response))
