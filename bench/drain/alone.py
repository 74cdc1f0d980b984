"""How long one photo takes that comes alone, through a warm pipeline and a stand-in that answers at once."""

import time
from dataclasses import dataclass
from statistics import median

from bench.drain.ground import TAGS, Ground
from bench.drain.told import told
from bench.photos import photo

PHOTOS = 20


@dataclass(frozen=True)
class Alone:
    """Seconds from the upload to the receipt that says stored, and the median of each stage."""

    median: float
    slowest: float
    stages: dict[str, float]


def alone(place: Ground) -> Alone:
    """One photo after another; the pipeline is warm already."""
    place.standin.begin(0.0, PHOTOS)
    began, times = time.time(), list[float]()
    for n, key in enumerate(place.keys(PHOTOS)):
        dropped = time.time()
        place.deployed.upload([(key, photo(key))], TAGS)
        place.wait(n + 1, 60)
        times.append(max(told(place.lines(began)).stored) - dropped)
    found = told(place.lines(began))
    return Alone(median(times), max(times), {name: median(values) for name, values in found.stages.items()})
