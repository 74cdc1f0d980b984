"""What the lines of all doors' logs have in common."""

import json
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial

from aws_lambda_powertools import Logger

from backdrop.model.codes import Code
from backdrop.model.errors import BackdropError, RetryLaterError

MESSAGE_LOG_KEYS = ("message_id", "bucket", "key", "source_id", "job_id")
"""What a line says of the message that it was written for."""


def build_logger() -> Logger:
    """A door's logger, whose lines are ASCII: whatever a reader takes for the end of a line, names hold none.

    Nobody makes another one: Powertools has one logger for a function, made as the first who asks for it would have it.
    """
    return Logger(json_serializer=partial(json.dumps, default=str, separators=(",", ":")))


def to_error_code(error: BaseException) -> Code:
    """The code of an error that nobody expected: a bug is a crash, which its job's marks count."""
    return error.code if isinstance(error, BackdropError) else Code.CRASHED


@contextmanager
def log_errors(logger: Logger) -> Generator[None]:
    """An invocation that no inbox guards: its error stands in the log with its code, and is raised untouched.

    What has to wait is no bug: whoever called tries again.
    """
    try:
        yield
    except RetryLaterError as error:
        logger.warning("cannot be done now", code=error.code.value, reason=str(error.message))
        raise
    except Exception as error:
        logger.exception("unexpected error", code=to_error_code(error).value)
        raise
