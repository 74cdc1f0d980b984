"""A user's action in a run."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PlannedAction:
    """An action, this many seconds after the start.

    `name` is the name of a method of `UserActions`, without underscore.
    """

    at_seconds: float
    name: str
    arguments: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.at_seconds:6.1f} {self.name} {' '.join(self.arguments)}"
