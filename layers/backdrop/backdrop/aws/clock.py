"""The real clock."""

import time
from datetime import UTC, datetime
from random import SystemRandom

_random = SystemRandom()


class SystemClock:
    """The real time (Clock)."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def jitter(self, seconds: float) -> float:
        """A random number of seconds up to the given one, so that those who wait do not come back together."""
        return _random.uniform(0, seconds)
