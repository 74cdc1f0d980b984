"""The format that all handlers' log lines share."""

import json
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial

from aws_lambda_powertools import Logger

from backdrop.model.codes import Code
from backdrop.model.errors import BackdropError, RetryLaterError

MESSAGE_LOG_KEYS = ("message_id", "bucket", "key", "source_id", "job_id")
"""The keys that identify the message that a line was logged for."""


def build_logger() -> Logger:
    """Returns a handler's logger. Its lines are ASCII, so no character in a name can pass for a line break.

    Always use this function: Powertools has one logger per process, configured by whichever caller creates it first.
    """
    return Logger(json_serializer=partial(json.dumps, default=str, separators=(",", ":")))


def to_error_code(error: BaseException) -> Code:
    """Returns the error's own code, or `crashed` for a bug."""
    return error.code if isinstance(error, BackdropError) else Code.CRASHED


@contextmanager
def log_errors(logger: Logger) -> Generator[None]:
    """Logs the error of an invocation that BatchConsumer does not handle, and raises it again unchanged.

    RetryLaterError is logged as a warning, because the caller retries.
    """
    try:
        yield
    except RetryLaterError as error:
        logger.warning("transient error; the caller retries", code=error.code.value, reason=str(error.message))
        raise
    except Exception as error:
        logger.exception("unexpected error", code=to_error_code(error).value)
        raise
