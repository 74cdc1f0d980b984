"""What is drained: so many photos through so many slots, each call so long."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Scenario:
    """N photos, C slots, S seconds a call; `cold`: no function has a worker when the first photo comes.

    `account`: how many calls the provider's account really lets through at a time, where that is not C.
    """

    photos: int
    limit: int
    seconds: float
    cold: bool = False
    account_limit: int | None = None

    @property
    def slots(self) -> int:
        """How many calls can be answered at a time."""
        return min(self.limit, self.account_limit or self.limit)

    @property
    def ideal_seconds(self) -> float:
        """N·S/C: how long the calls alone take with every slot in use."""
        return self.photos * self.seconds / self.slots

    @property
    def timeout_seconds(self) -> float:
        """After so long a pipeline that has not come to rest never will."""
        return 3 * self.ideal_seconds + 120

    @property
    def name(self) -> str:
        really = "" if self.account_limit is None else f" of an account of {self.account_limit}"
        return f"N={self.photos} C={self.limit}{really} S={self.seconds:g} {'cold' if self.cold else 'warm'}"
