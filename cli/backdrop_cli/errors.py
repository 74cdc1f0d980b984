"""The errors that end a command: a message for people, an exit code for scripts."""

from typer import TyperException

EXIT_OK, EXIT_FAILURE, EXIT_USAGE, EXIT_NOTHING_FOUND, EXIT_INTERRUPTED = 0, 1, 2, 3, 130
EXIT_BROKEN_PIPE = 141
EXIT_CODES = {
    EXIT_OK: "The command succeeded, even if there was nothing to list or to change.",
    EXIT_FAILURE: "The command failed, a question was answered with no, or a problem was found: by `lint`, `check`, "
    "`verify`, or `doctor`; by `drop --wait` and `campaign run --wait`, if some photos were not delivered; by "
    "`drop`, if none of its photos can be delivered as they are; by `quote` and `campaign quote`, if nothing would be "
    "bought.",
    EXIT_USAGE: "Usage error: an option or an argument is wrong, or names no file on this machine.",
    EXIT_NOTHING_FOUND: "Nothing found: no photo, picture, or campaign matches the prefix or name, or there is no "
    "photo, or nothing to verify, among the files; or the folder of `drop --watch` is gone.",
    EXIT_INTERRUPTED: "You stopped the command with Ctrl-C.",
    EXIT_BROKEN_PIPE: "The program that read the output ended first, as `head` does.",
}
"""What each exit code of every command means."""


class CommandError(TyperException):
    """The command failed, or the user declined. The message states what happened and what to do."""

    exit_code = EXIT_FAILURE


class NothingFoundError(CommandError):
    """Nothing matches what the user named. The message states where the command looked."""

    exit_code = EXIT_NOTHING_FOUND


class LocalCloudCommandError(CommandError):
    """An error of the local cloud; its message may have several lines, such as the end of a log."""


class UsageError(TyperException):
    """The command line is not valid. The message states what is valid."""

    exit_code = EXIT_USAGE


class InterruptedCommandError(TyperException):
    """The user pressed Ctrl-C. The message states what continues and what to do."""

    exit_code = EXIT_INTERRUPTED
