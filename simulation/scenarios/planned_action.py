"""A deed of somebody's in a run."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PlannedAction:
    """What somebody does so many seconds after the start: the name of a deed in people.py, and its words."""

    at_seconds: float
    name: str
    arguments: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.at_seconds:6.1f} {self.name} {' '.join(self.arguments)}"
