"""Time that moves only when somebody waits for it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

START = datetime(2026, 11, 20, 9, 0, 0, tzinfo=UTC)


@dataclass
class WorldClock:
    """The Clock port; `jitter` draws from the world's one random source."""

    random: Random
    time: datetime = START

    def now(self) -> datetime:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)

    def jitter(self, seconds: float) -> float:
        return self.random.uniform(0, seconds)

    def wait_until(self, moment: datetime) -> None:
        """Move on to a moment; a moment that is over changes nothing."""
        self.time = max(self.time, moment)

    def unix(self) -> float:
        """Now in Unix seconds."""
        return self.time.timestamp()
