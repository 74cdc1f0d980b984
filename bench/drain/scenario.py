"""A scenario: the number of photos and slots, and the duration of a call."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Scenario:
    """N photos, C slots, and S seconds per call. `cold`: no function has a worker when the first photo arrives.

    `account_limit`: how many calls the provider's account actually allows at the same time, if that is not C.
    """

    photos: int
    limit: int
    seconds: float
    cold: bool = False
    account_limit: int | None = None

    @property
    def slots(self) -> int:
        """How many calls can be in flight."""
        return min(self.limit, self.account_limit or self.limit)

    @property
    def ideal_seconds(self) -> float:
        """N·S/C: how long the calls take if every slot is always in use."""
        return self.photos * self.seconds / self.slots

    @property
    def timeout_seconds(self) -> float:
        """After this long, a pipeline that has not finished never will."""
        return 3 * self.ideal_seconds + 120

    @property
    def name(self) -> str:
        really = "" if self.account_limit is None else f" of an account of {self.account_limit}"
        return f"N={self.photos} C={self.limit}{really} S={self.seconds:g} {'cold' if self.cold else 'warm'}"
