"""The errors that end a command: a message for people, an exit code for scripts."""

from typer import TyperException

EXIT_OK, EXIT_FAILURE, EXIT_USAGE, EXIT_INTERRUPTED = 0, 1, 2, 130
"""All exit codes: done; failed or declined; usage error; stopped with Ctrl-C."""


class CommandError(TyperException):
    """The command failed, or the user declined. The message states what happened and what to do."""

    exit_code = EXIT_FAILURE


class LocalCloudCommandError(CommandError):
    """An error of the local cloud; its message may have several lines, such as the end of a log."""


class UsageError(TyperException):
    """The command line is not valid. The message states what is valid."""

    exit_code = EXIT_USAGE


class InterruptedCommandError(TyperException):
    """The user pressed Ctrl-C. The message states what continues and what to do."""

    exit_code = EXIT_INTERRUPTED
