"""A deed of somebody's in a run."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Act:
    """What somebody does so many seconds after the start: the name of a deed in people.py, and its words."""

    at: float
    deed: str
    words: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.at:6.1f} {self.deed} {' '.join(self.words)}"
