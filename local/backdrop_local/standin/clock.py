"""The stand-in's clock: real time plus an adjustable offset, so that links can expire immediately."""

import time
from dataclasses import dataclass


@dataclass
class StandinClock:
    """Unix seconds, shifted by `offset_seconds`."""

    offset_seconds: float = 0.0

    def now(self) -> float:
        """Returns the stand-in's current time in Unix seconds."""
        return time.time() + self.offset_seconds
