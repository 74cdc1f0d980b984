"""Writes the examples' photos from those that the demo finds in Python packages: `python docs/make_photos.py`."""

import io
from pathlib import Path

from PIL import Image

from backdrop_local.photos import load_photo

EXAMPLES = Path(__file__).parents[1] / "examples" / "photos"
PHOTOS = {
    "marketplace/cup.jpg": "coffee",
    "lifestyle/cup.jpg": "coffee",
    "portraits/admiral.jpg": "grace-hopper",
    "portraits/astronaut.jpg": "astronaut",
    "campaign/cup.jpg": "coffee",
    "cut-outs/flower.jpg": "flower",
}
LONGEST_SIDE = 600


def shrink_photo(name: str) -> bytes:
    """Returns one of the demo's photos, small enough for the repository."""
    file = io.BytesIO()
    with Image.open(io.BytesIO(load_photo(name))) as photo:
        photo.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
        photo.convert("RGB").save(file, "JPEG", quality=85, optimize=True)
    return file.getvalue()


if __name__ == "__main__":
    for path, name in PHOTOS.items():
        (EXAMPLES / path).write_bytes(shrink_photo(name))
