"""Errors of the local cloud, with messages for the person at the terminal."""


class LocalCloudError(Exception):
    """The local cloud cannot carry out a command. The message says why and what to do."""


def last_lines(text: str, lines: int = 20) -> str:
    """Returns the end of a log, which usually contains the reason."""
    return "\n".join(text.strip().splitlines()[-lines:])
