"""How a verb ends when it cannot do what was asked: one sentence for the person, one exit code for the script."""

from typer import TyperException

DONE, REFUSED, MISUSED, STOPPED = 0, 1, 2, 130
"""All exit codes: done; failed, or somebody said no; the command line cannot be meant; stopped with Ctrl-C."""


class RefusedError(TyperException):
    """It failed, or somebody said no; the message says what happened and what to do."""

    exit_code = REFUSED


class LocalRefusedError(RefusedError):
    """The local cloud refused; the message may have several lines, such as the end of a log."""


class MisusedError(TyperException):
    """The command line cannot be meant; the message says what can."""

    exit_code = MISUSED


class StoppedError(TyperException):
    """Somebody pressed Ctrl-C; the message says how things stand and what to do."""

    exit_code = STOPPED
