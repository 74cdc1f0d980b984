"""The time limit of a part of the bench. A part that takes longer is stopped and not reported."""

import signal
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType


class TimeLimitError(Exception):
    """A part exceeded its time limit. Not an UnreliableMeasurementError, so that no code within the part catches it."""


@contextmanager
def time_limit(name: str, minutes: float) -> Generator[None]:
    """Stops the block when its time is over.

    Raises:
        TimeLimitError: the block took longer.
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
