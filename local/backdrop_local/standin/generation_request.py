"""The generation that a valid call requests, for any provider, and the images that it produces."""

import hashlib
from dataclasses import dataclass, replace

from pydantic import JsonValue

from backdrop_local.standin.picture_store import EncodedPicture, PictureSpec

MAX_SEED = 2_147_483_647


@dataclass(frozen=True, kw_only=True)
class GenerationRequest:
    """A valid call. `options` contains everything that was sent except the image. `prompt` is empty for a removal.

    `format` and `quality` are those of the results. `credits_per_image` is 0 if the provider bills dollars.
    """

    photo: bytes
    photo_sha: str
    prompt: str
    speed: str
    image_count: int
    seed: int | None
    style: str | None
    options: dict[str, JsonValue]
    unit_micro_usd: int
    credits_per_image: int = 0
    format: str = "PNG"
    quality: int = 95

    def derive_seed(self, job_id: str, position: int) -> int:
        """Returns the seed of one result: the given seed plus the position, or else one derived from the job."""
        first = int(hashlib.sha256(job_id.encode()).hexdigest(), 16) if self.seed is None else self.seed
        return (first + position) % (MAX_SEED + 1)

    def without_photo(self) -> "GenerationRequest":
        """Returns a copy without the photo's bytes, to be kept in memory."""
        return replace(self, photo=b"")

    def build_spec(self, ident: str, seed: int, *, prepared: bool, max_cut_out_pixels: int = 0) -> PictureSpec:
        """Returns the spec from which one result is drawn."""
        return PictureSpec(
            ident=ident,
            photo_sha=self.photo_sha,
            prompt=self.prompt or None,
            style=self.style,
            seed=seed,
            prepared=prepared,
            format=self.format,
            quality=self.quality,
            max_cut_out_pixels=max_cut_out_pixels,
        )


@dataclass(frozen=True)
class GeneratedImage:
    """One result: its ID, its seed, and its picture's size in pixels."""

    ident: str
    seed: int
    width: int
    height: int


def describe_image(ident: str, seed: int, picture: EncodedPicture) -> GeneratedImage:
    return GeneratedImage(ident, seed, picture.width, picture.height)


def sha256_hex(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
