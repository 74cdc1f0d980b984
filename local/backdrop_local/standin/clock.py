"""The stand-in's one clock: real time plus a settable offset, so that links can expire at once."""

import time
from dataclasses import dataclass


@dataclass
class StandinClock:
    """Unix seconds, moved by `offset_seconds`."""

    offset_seconds: float = 0.0

    def now(self) -> float:
        """The stand-in's present time in Unix seconds."""
        return time.time() + self.offset_seconds
