"""The folders under examples/photos: their expected results, and how their files are read."""

from collections.abc import Iterator
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples" / "photos"
SEASONS = ("autumn", "cut-out", "spring", "summer", "winter")
EXPECTED_PICTURES: dict[str, dict[str, list[str]]] = {
    "marketplace": {"cup.jpg": ["cup.jpg"]},
    "lifestyle": {"cup.jpg": ["cup.webp", "cup@banner.webp", "cup_2.webp", "cup_2@banner.webp"]},
    "portraits": {"admiral.jpg": ["admiral.jpg"], "astronaut.jpg": ["astronaut.jpg"]},
    "campaign": {"cup.jpg": [f"cup-{season}{form}.webp" for season in SEASONS for form in ("", "@thumb")]},
    "cut-outs": {"flower.jpg": ["flower.png", "flower@small.webp"]},
}
"""The names of each photo's pictures."""
COSTS = {"marketplace": 0.01, "lifestyle": 0.18, "portraits": 0.12, "campaign": 0.13, "cut-outs": 0.01}
"""In dollars, from the price list."""


def read_files(example: str) -> Iterator[tuple[str, bytes]]:
    """Returns an example's files by name, starting with the instructions."""
    for path in sorted((EXAMPLES / example).iterdir(), key=lambda path: (path.suffix != ".json", path.name)):
        yield path.name, path.read_bytes()
