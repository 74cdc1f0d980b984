"""What can go wrong with a local cloud, in sentences for the person at the terminal."""


class LocalCloudError(Exception):
    """The local cloud cannot do what was asked; the message says why and what to do."""


def last_lines(text: str, lines: int = 20) -> str:
    """The end of a log, where the reason usually stands."""
    return "\n".join(text.strip().splitlines()[-lines:])
