"""A look: the ordered steps that make one style, and the type of each step."""

from collections.abc import Callable
from dataclasses import dataclass

from backdrop_local.standin.pictures.arrays import Plane, Random

type Ink = tuple[float, float, float]
type Step = Callable[[Plane, Random], Plane]


@dataclass(frozen=True)
class Look:
    """What a style does to a background, first step first."""

    steps: tuple[Step, ...]

    def apply(self, picture: Plane, random: Random) -> Plane:
        """Return the background in this style."""
        for step in self.steps:
            picture = step(picture, random)
        return picture
