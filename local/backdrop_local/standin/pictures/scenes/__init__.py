"""Scenes: paints a background from a prompt, a seed and where the horizon should lie."""

import hashlib
import re
from collections.abc import Callable
from itertools import pairwise

import numpy as np

from backdrop_local.standin.pictures.scenes import indoor, outdoor, shaded
from backdrop_local.standin.pictures.scenes.moods import MOODS, Mood, golden, night
from backdrop_local.standin.pictures.scenes.painted import Painted
from backdrop_local.standin.pictures.scenes.stage import Colour, Stage

type Painter = Callable[[Stage], Painted]

_PAINTERS: tuple[tuple[str, Painter], ...] = (
    ("beach sea ocean sand coast shore tropical island", outdoor.beach),
    ("snow winter ice christmas arctic frost", outdoor.snow),
    ("forest woodland woods jungle trees moss", shaded.forest),
    ("city night street neon urban skyline bokeh downtown", shaded.city),
    ("space star stars galaxy moon planet nebula orbit", shaded.space),
    ("desert dune dunes sahara canyon", outdoor.desert),
    ("mountain mountains alps hills valley landscape lake sky", outdoor.mountain),
    ("garden meadow grass flower flowers park field spring", outdoor.meadow),
    ("kitchen counter worktop tiles", indoor.kitchen),
    ("marble stone granite plaster bathroom spa", indoor.marble),
    ("wood wooden oak table plank planks rustic cafe bar desk", indoor.wood),
    ("white", indoor.white),
    ("studio paper sweep backdrop seamless pastel plain clean solid", indoor.studio),
)

_COLOURS: dict[str, Colour] = {
    "red": (0.78, 0.2, 0.18),
    "orange": (0.93, 0.55, 0.24),
    "yellow": (0.95, 0.8, 0.35),
    "green": (0.42, 0.62, 0.42),
    "mint": (0.68, 0.87, 0.77),
    "teal": (0.16, 0.5, 0.52),
    "blue": (0.33, 0.54, 0.8),
    "navy": (0.12, 0.2, 0.38),
    "purple": (0.5, 0.38, 0.68),
    "lavender": (0.77, 0.72, 0.89),
    "pink": (0.95, 0.72, 0.76),
    "peach": (0.97, 0.78, 0.66),
    "beige": (0.89, 0.83, 0.74),
    "brown": (0.5, 0.36, 0.26),
    "grey": (0.68, 0.69, 0.7),
    "gray": (0.68, 0.69, 0.7),
    "black": (0.1, 0.1, 0.11),
    "white": (0.95, 0.95, 0.94),
    "cream": (0.96, 0.92, 0.83),
    "gold": (0.84, 0.66, 0.3),
    "terracotta": (0.8, 0.47, 0.35),
}
_QUIET: tuple[Colour, ...] = (
    (0.89, 0.83, 0.74),
    (0.66, 0.76, 0.72),
    (0.93, 0.76, 0.7),
    (0.62, 0.7, 0.8),
    (0.82, 0.79, 0.86),
    (0.92, 0.84, 0.6),
    (0.74, 0.74, 0.7),
    (0.36, 0.46, 0.5),
)


def paint(size: tuple[int, int], prompt: str, seed: int, horizon: float) -> Painted:
    """Paint the scene a prompt asks for; the same arguments give the same picture."""
    digest = hashlib.sha256(f"{seed}\n{prompt}".encode()).digest()
    random = np.random.default_rng(int.from_bytes(digest[:8], "big"))
    words = _words(prompt)
    accent = next((colour for name, colour in _COLOURS.items() if name in words), None)
    tone = accent or _QUIET[hashlib.sha256(prompt.encode()).digest()[0] % len(_QUIET)]
    painter, moods = _plan(words, accent is not None)
    painted = painter(Stage(size[0], size[1], random, horizon, tone))
    for mood in moods:
        mood(painted)
    return painted


def _plan(words: set[str], coloured: bool) -> tuple[Painter, list[Mood]]:
    """Choose the scene by the first list with a word of the prompt, and the moods to lay over."""
    place = next((painter for keys, painter in _PAINTERS if words & set(keys.split())), None)
    moods = [mood for keys, mood in MOODS if words & set(keys.split())]
    if place in (shaded.city, shaded.space):
        moods = [mood for mood in moods if mood is not night]
    if golden in moods and place in (None, outdoor.beach):
        return outdoor.sunset, [mood for mood in moods if mood is not golden]
    return place or (indoor.studio if coloured else indoor.gradient), moods


def _words(prompt: str) -> set[str]:
    words = re.findall(r"[a-z]+", prompt.lower())
    pairs = {f"{one}-{other}" for one, other in pairwise(words)}
    return set(words) | pairs
