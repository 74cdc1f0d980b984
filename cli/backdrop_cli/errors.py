"""How a verb ends when it cannot do what was asked: one sentence for the person, one exit code for the script."""

from typer import TyperException

DONE, REFUSED, MISUSED = 0, 1, 2


class RefusedError(TyperException):
    """It failed, or somebody said no; the message says what happened and what to do."""

    exit_code = REFUSED


class MisusedError(TyperException):
    """The command line cannot be meant; the message says what can."""

    exit_code = MISUSED
