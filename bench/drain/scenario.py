"""What is drained: so many photos through so many slots, each call so long."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Scenario:
    """N photos, C slots, S seconds a call; `cold`: no function has a worker when the first photo comes."""

    photos: int
    limit: int
    seconds: float
    cold: bool = False

    @property
    def ideal_seconds(self) -> float:
        """N·S/C: how long the calls alone take with every slot in use."""
        return self.photos * self.seconds / self.limit

    @property
    def patience_seconds(self) -> float:
        """After so long a pipeline that has not come to rest never will."""
        return 3 * self.ideal_seconds + 120

    @property
    def name(self) -> str:
        return f"N={self.photos} C={self.limit} S={self.seconds:g} {'cold' if self.cold else 'warm'}"
