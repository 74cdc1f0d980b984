"""Time that moves only when something waits for it. A worker's own clock may be wrong."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulation.world.event_loop import EventLoop

WORLD_START = datetime(2026, 11, 20, 9, 0, 0, tzinfo=UTC)


@dataclass
class WorldClock:
    """The Clock port. `time` is the true time, which services use. `random` is the world's one random source."""

    random: Random
    time: datetime = WORLD_START
    event_loop: "EventLoop | None" = None

    def now(self) -> datetime:
        """Returns the time on the current worker's clock."""
        worker = self.event_loop.current_worker if self.event_loop else None
        return self.time + worker.skew if worker else self.time

    def sleep(self, seconds: float) -> None:
        """Suspends the current worker for this many seconds; outside a worker, time just passes."""
        if not (self.event_loop and self.event_loop.suspend_worker(seconds)):
            self.time += timedelta(seconds=seconds)

    def jitter(self, seconds: float) -> float:
        return self.random.uniform(0, seconds)

    def advance_to(self, moment: datetime) -> None:
        """Advances to a moment; a moment in the past changes nothing."""
        if moment > self.time:
            self.time = moment

    def to_unix_seconds(self) -> float:
        """Returns the true time in Unix seconds."""
        return self.time.timestamp()
