"""How a verb ends when it cannot do what was asked: one sentence for the person, one exit code for the script."""

from typer import TyperException

EXIT_OK, EXIT_FAILURE, EXIT_USAGE, EXIT_INTERRUPTED = 0, 1, 2, 130
"""All exit codes: done; failed, or somebody said no; the command line cannot be meant; stopped with Ctrl-C."""


class CommandError(TyperException):
    """It failed, or somebody said no; the message says what happened and what to do."""

    exit_code = EXIT_FAILURE


class LocalCloudCommandError(CommandError):
    """The local cloud refused; the message may have several lines, such as the end of a log."""


class UsageError(TyperException):
    """The command line cannot be meant; the message says what can."""

    exit_code = EXIT_USAGE


class InterruptedCommandError(TyperException):
    """Somebody pressed Ctrl-C; the message says how things stand and what to do."""

    exit_code = EXIT_INTERRUPTED
