"""The system clock."""

import time
from datetime import UTC, datetime
from random import SystemRandom

_random = SystemRandom()


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def jitter(self, seconds: float) -> float:
        """Returns a random duration of at most `seconds`, so that retries do not coincide."""
        return _random.uniform(0, seconds)
