"""Time that moves only when somebody waits for it; a worker's own clock may be wrong."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulation.world.event_loop import EventLoop

WORLD_START = datetime(2026, 11, 20, 9, 0, 0, tzinfo=UTC)


@dataclass
class WorldClock:
    """The Clock port. `time` is the truth, which services go by; `jitter` draws from the world's one random source."""

    random: Random
    time: datetime = WORLD_START
    event_loop: "EventLoop | None" = None

    def now(self) -> datetime:
        """The time as whoever asks sees it."""
        worker = self.event_loop.current_worker if self.event_loop else None
        return self.time + worker.skew if worker else self.time

    def sleep(self, seconds: float) -> None:
        """A worker gives way to others for so long; elsewhere time just passes."""
        if not (self.event_loop and self.event_loop.suspend_worker(seconds)):
            self.time += timedelta(seconds=seconds)

    def jitter(self, seconds: float) -> float:
        return self.random.uniform(0, seconds)

    def advance_to(self, moment: datetime) -> None:
        """Move on to a moment; a moment that is over changes nothing."""
        self.time = max(self.time, moment)

    def to_unix_seconds(self) -> float:
        """The true time in Unix seconds."""
        return self.time.timestamp()
