"""Time that moves only when somebody waits for it; a worker's own clock may be wrong."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from proof.world.hub import Hub

START = datetime(2026, 11, 20, 9, 0, 0, tzinfo=UTC)


@dataclass
class WorldClock:
    """The Clock port. `time` is the truth, which services go by; `jitter` draws from the world's one random source."""

    random: Random
    time: datetime = START
    hub: "Hub | None" = None

    def now(self) -> datetime:
        """The time as whoever asks sees it."""
        worker = self.hub.worker if self.hub else None
        return self.time + worker.skew if worker else self.time

    def sleep(self, seconds: float) -> None:
        """A worker gives way to others for so long; elsewhere time just passes."""
        if not (self.hub and self.hub.pause(seconds)):
            self.time += timedelta(seconds=seconds)

    def jitter(self, seconds: float) -> float:
        return self.random.uniform(0, seconds)

    def wait_until(self, moment: datetime) -> None:
        """Move on to a moment; a moment that is over changes nothing."""
        self.time = max(self.time, moment)

    def unix(self) -> float:
        """The true time in Unix seconds."""
        return self.time.timestamp()
