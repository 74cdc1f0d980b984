"""What a painter hands over: the picture and how its light falls."""

from dataclasses import dataclass

from backdrop_local.standin.pictures.arrays import Plane
from backdrop_local.standin.pictures.scenes.stage import Colour


@dataclass
class Painted:
    """A painted background with what a subject needs to stand in it."""

    colour: Plane
    """(height, width, 3) in 0..1."""
    side: float
    """Where the light comes from: -1 left, 1 right."""
    tint: Colour
    """The light's colour."""
    horizon: float
    """Where the ground ends, as a share of the height."""
    shadow: float
    """How dark a contact shadow gets, 0..1."""
