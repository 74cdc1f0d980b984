"""The two answers of the stand-in: a photo with a new background, and one with none."""

import hashlib
from dataclasses import dataclass
from threading import Lock

import numpy as np
from PIL import Image

from backdrop_local.standin.pictures.arrays import to_image
from backdrop_local.standin.pictures.cutout import CutOut, cut_out
from backdrop_local.standin.pictures.mark import encode
from backdrop_local.standin.pictures.place import Figure, finish, place
from backdrop_local.standin.pictures.prepared import tiny_cut_out, tiny_scene
from backdrop_local.standin.pictures.scenes import Scene, paint
from backdrop_local.standin.pictures.sizes import open_photo, photo_size, result_size
from backdrop_local.standin.pictures.styles import styled

_KEPT = 8
_LARGEST_CUT = 2_000_000
_LOCK = Lock()
_CUTS: dict[tuple[bytes, tuple[int, int]], CutOut] = {}


@dataclass(frozen=True)
class Picture:
    """A finished answer: PNG bytes and their size in pixels."""

    png: bytes
    width: int
    height: int


def compose(photo: bytes, prompt: str, style: str | None, seed: int, ident: str, prepared: bool = False) -> Picture:
    """Return the photo's subject before the background that prompt, style and seed ask for.

    An RGB PNG of about one megapixel that carries `ident` (at most 80 bytes of UTF-8); style is
    a preset's name or style codes. Same arguments, same pixels. `prepared` gives a tiny picture
    at once, without looking at the photo's content. Raises NotAPictureError.
    """
    if prepared:
        recipe = f"{prompt}\n{style}\n{seed}"
        return _picture(tiny_scene(photo_size(photo), recipe), ident)
    image = open_photo(photo)
    size = result_size(*image.size)
    figure = Figure(_cut(photo, _at_most(image, size)), size)
    backdrop = _backdrop(size, prompt, style, seed, figure.horizon())
    return _picture(to_image(finish(place(figure, backdrop), np.random.default_rng(seed))), ident)


def remove(photo: bytes, ident: str, prepared: bool = False, most_pixels: int = 0) -> Picture:
    """Return the photo's subject on nothing: an RGBA PNG of the photo's size with `ident` in it.

    `prepared` gives a tiny one at once, of the same shape; `most_pixels` one of no more, where it is not 0. Raises
    NotAPictureError.
    """
    if prepared:
        return _picture(tiny_cut_out(photo_size(photo), "remove"), ident)
    image = open_photo(photo)
    cut = _cut(photo, _at_most(image, _cut_size(image, most_pixels or _LARGEST_CUT)))
    return _picture(cut.image() if most_pixels else _enlarged(cut.image(), image), ident)


def scene(size: tuple[int, int], prompt: str, style: str | None, seed: int) -> Image.Image:
    """Return the background alone, without a subject."""
    backdrop = _backdrop(size, prompt, style, seed, 0.42)
    return to_image(finish(backdrop.color, np.random.default_rng(seed)))


def _backdrop(size: tuple[int, int], prompt: str, style: str | None, seed: int, horizon: float) -> Scene:
    backdrop = paint(size, prompt, seed, horizon)
    if style:
        backdrop.color = styled(backdrop.color, style)
    return backdrop


def _picture(image: Image.Image, ident: str) -> Picture:
    return Picture(encode(image, ident), image.width, image.height)


def _at_most(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    if image.width * image.height <= size[0] * size[1]:
        return image
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3)


def _cut_size(image: Image.Image, most_pixels: int) -> tuple[int, int]:
    """Large photos are cut at two megapixels, which is finer than their edges are sharp."""
    scale = min(1.0, (most_pixels / (image.width * image.height)) ** 0.5)
    return max(1, round(image.width * scale)), max(1, round(image.height * scale))


def _enlarged(cut: Image.Image, photo: Image.Image) -> Image.Image:
    """Carry a cut-out up to the photo's size, with the photo's own pixels inside the subject."""
    if cut.size == photo.size:
        return cut
    large = cut.resize(photo.size, Image.Resampling.BICUBIC)
    alpha = large.getchannel("A")
    solid = alpha.point([0] * 252 + [255] * 4)
    joined = Image.composite(photo, large.convert("RGB"), solid)
    joined.putalpha(alpha)
    return joined


def _cut(photo: bytes, image: Image.Image) -> CutOut:
    """The subject of a photo at the image's size; the last few are kept, since variants share a photo."""
    key = (hashlib.sha256(photo).digest(), image.size)
    with _LOCK:
        found = _CUTS.pop(key, None)
    cut = found or cut_out(image)
    with _LOCK:
        _CUTS[key] = cut
        while len(_CUTS) > _KEPT:
            _CUTS.pop(next(iter(_CUTS)))
    return cut
