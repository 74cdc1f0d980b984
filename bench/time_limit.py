"""How long a part of the bench may take: what takes longer is ended and not reported."""

import signal
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType


class TimeLimitError(Exception):
    """A part took longer than it may; nothing within it takes this for a refusal of its own."""


@contextmanager
def time_limit(name: str, minutes: float) -> Generator[None]:
    """The block ends in time, or is ended.

    Raises:
        LateError: it took longer.
    """

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise TimeLimitError(f"{name}: took more than its {minutes:g} minutes")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, 60 * minutes)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
