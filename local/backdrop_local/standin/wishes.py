"""What a valid call asks for, whichever provider it went to, and the pictures that come of it."""

import hashlib
from dataclasses import dataclass, replace

from pydantic import JsonValue

from backdrop_local.standin.gallery import Picture, Recipe

MAX_SEED = 2_147_483_647


@dataclass(frozen=True, kw_only=True)
class Wish:
    """A valid call. `options` holds everything that was sent but the image; `prompt` is empty for a removal.

    `format` and `quality` are those of the results; `credits_each` is 0 where the provider bills dollars.
    """

    photo: bytes
    photo_sha: str
    prompt: str
    speed: str
    n: int
    seed: int | None
    style: str | None
    options: dict[str, JsonValue]
    unit_micro_usd: int
    credits_each: int = 0
    format: str = "PNG"
    quality: int = 95

    def seed_of(self, job_id: str, place: int) -> int:
        """The seed of one result: the given one and those after it, else one that follows from the job."""
        drawn = int(hashlib.sha256(job_id.encode()).hexdigest(), 16) if self.seed is None else self.seed
        return (drawn + place) % (MAX_SEED + 1)

    def without_photo(self) -> "Wish":
        """The same without the bytes, to be kept."""
        return replace(self, photo=b"")

    def recipe(self, ident: str, seed: int, *, prepared: bool, cut_out_pixels: int = 0) -> Recipe:
        """How one result is to be painted."""
        return Recipe(
            ident=ident,
            photo_sha=self.photo_sha,
            prompt=self.prompt or None,
            style=self.style,
            seed=seed,
            prepared=prepared,
            format=self.format,
            quality=self.quality,
            cut_out_pixels=cut_out_pixels,
        )


@dataclass(frozen=True)
class Made:
    """One result: its id, its seed and its picture's size in pixels."""

    ident: str
    seed: int
    width: int
    height: int


def made(ident: str, seed: int, picture: Picture) -> Made:
    """A painted result."""
    return Made(ident, seed, picture.width, picture.height)


def sha256_of(content: bytes) -> str:
    """By which the stand-in knows a photo again."""
    return hashlib.sha256(content).hexdigest()
