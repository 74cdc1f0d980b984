"""The two answers of the stand-in: a photo with a new background, and one with none."""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

import numpy as np
from PIL import Image

from backdrop_local.standin.pictures.arrays import Plane, to_image
from backdrop_local.standin.pictures.cutout import CutOut, cut_out
from backdrop_local.standin.pictures.mark import encode
from backdrop_local.standin.pictures.place import Figure, finish, place
from backdrop_local.standin.pictures.prepared import tiny_cut_out, tiny_scene
from backdrop_local.standin.pictures.scenes import paint
from backdrop_local.standin.pictures.scenes.painted import Painted
from backdrop_local.standin.pictures.sizes import open_photo, photo_size, result_size
from backdrop_local.standin.pictures.styles import styled

_KEPT = 8
_LARGEST_CUT = 2_000_000


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
    return _picture(to_image(finish(place(figure, backdrop), _random(seed))), ident)


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
    return to_image(finish(backdrop.colour, _random(seed)))


def _backdrop(size: tuple[int, int], prompt: str, style: str | None, seed: int, horizon: float) -> Painted:
    backdrop = paint(size, prompt, seed, horizon)
    backdrop.colour = _clipped(backdrop.colour)
    if style:
        backdrop.colour = _clipped(styled(backdrop.colour, style, _random(seed)))
    return backdrop


def _clipped(plane: Plane) -> Plane:
    return np.clip(plane, 0, 1)


def _random(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


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


class _Shelf:
    """The last few cut-outs, by photo and size, for all threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: OrderedDict[tuple[bytes, tuple[int, int]], CutOut] = OrderedDict()

    def take(self, key: tuple[bytes, tuple[int, int]]) -> CutOut | None:
        with self._lock:
            found = self._kept.get(key)
            if found:
                self._kept.move_to_end(key)
            return found

    def put(self, key: tuple[bytes, tuple[int, int]], cut: CutOut) -> None:
        with self._lock:
            self._kept[key] = cut
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)


_SHELF = _Shelf()


def _cut(photo: bytes, image: Image.Image) -> CutOut:
    key = (hashlib.sha256(photo).digest(), image.size)
    found = _SHELF.take(key)
    if found:
        return found
    cut = cut_out(image)
    _SHELF.put(key, cut)
    return cut
