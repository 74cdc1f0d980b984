"""The stand-in's two results: a photo with a new background, and one without a background."""

import hashlib
from dataclasses import dataclass
from threading import Lock

import numpy as np
from PIL import Image

from backdrop_local.standin.pictures.arrays import to_image
from backdrop_local.standin.pictures.backgrounds import Background, draw
from backdrop_local.standin.pictures.cutout import CutOut, cut_out
from backdrop_local.standin.pictures.picture_sizes import compute_result_size, open_photo, read_photo_size
from backdrop_local.standin.pictures.placeholder import draw_placeholder, draw_placeholder_cut_out
from backdrop_local.standin.pictures.placement import PlacedSubject, add_vignette_and_grain, place_subject
from backdrop_local.standin.pictures.styles import apply_style
from backdrop_local.standin.pictures.watermark import encode_png

_MAX_CACHED_CUT_OUTS = 8
_MAX_CUT_OUT_PIXELS = 2_000_000  # a larger photo would not make the edges sharper
_LOCK = Lock()
_CUT_OUTS: dict[tuple[bytes, tuple[int, int]], CutOut] = {}


@dataclass(frozen=True)
class DrawnPicture:
    """A finished result: PNG bytes, and their size in pixels."""

    png: bytes
    width: int
    height: int


def replace_background(
    photo: bytes, prompt: str, style: str | None, seed: int, ident: str, placeholder: bool = False
) -> DrawnPicture:
    """Returns the photo's subject on the background that prompt, style, and seed describe.

    The result is an RGB PNG of about one megapixel that contains `ident` (at most 80 bytes of UTF-8). `style` is a
    preset's name or a style code. The same arguments give the same pixels. `placeholder` returns a tiny picture
    immediately, without reading the photo's content. Raises NotAPictureError.
    """
    if placeholder:
        recipe = f"{prompt}\n{style}\n{seed}"
        return _encode_picture(draw_placeholder(read_photo_size(photo), recipe), ident)
    image = open_photo(photo)
    size = compute_result_size(*image.size)
    figure = PlacedSubject(_cut_out_cached(photo, _shrink_to(image, size)), size)
    backdrop = _draw_background(size, prompt, style, seed, figure.choose_horizon())
    return _encode_picture(
        to_image(add_vignette_and_grain(place_subject(figure, backdrop), np.random.default_rng(seed))), ident
    )


def remove_background(photo: bytes, ident: str, placeholder: bool = False, max_pixels: int = 0) -> DrawnPicture:
    """Returns the photo's subject on a transparent background: an RGBA PNG of the photo's size that contains `ident`.

    `placeholder` returns a tiny picture of the same shape immediately. `max_pixels` limits the size, unless it is 0.
    Raises NotAPictureError.
    """
    if placeholder:
        return _encode_picture(draw_placeholder_cut_out(read_photo_size(photo), "remove"), ident)
    image = open_photo(photo)
    cut = _cut_out_cached(photo, _shrink_to(image, _choose_cut_out_size(image, max_pixels or _MAX_CUT_OUT_PIXELS)))
    return _encode_picture(cut.to_image() if max_pixels else _enlarge(cut.to_image(), image), ident)


def draw_background(size: tuple[int, int], prompt: str, style: str | None, seed: int) -> Image.Image:
    """Returns the background alone, without a subject."""
    backdrop = _draw_background(size, prompt, style, seed, 0.42)
    return to_image(add_vignette_and_grain(backdrop.color, np.random.default_rng(seed)))


def _draw_background(size: tuple[int, int], prompt: str, style: str | None, seed: int, horizon: float) -> Background:
    backdrop = draw(size, prompt, seed, horizon)
    if style:
        backdrop.color = apply_style(backdrop.color, style)
    return backdrop


def _encode_picture(image: Image.Image, ident: str) -> DrawnPicture:
    return DrawnPicture(encode_png(image, ident), image.width, image.height)


def _shrink_to(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    if image.width * image.height <= size[0] * size[1]:
        return image
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3)


def _choose_cut_out_size(image: Image.Image, max_pixels: int) -> tuple[int, int]:
    """Returns the photo's size, reduced to `max_pixels`."""
    scale = min(1.0, (max_pixels / (image.width * image.height)) ** 0.5)
    return max(1, round(image.width * scale)), max(1, round(image.height * scale))


def _enlarge(cut: Image.Image, photo: Image.Image) -> Image.Image:
    """Enlarges a cut-out to the photo's size, with the photo's own pixels inside the subject."""
    if cut.size == photo.size:
        return cut
    large = cut.resize(photo.size, Image.Resampling.BICUBIC)
    alpha = large.getchannel("A")
    solid = alpha.point([0] * 252 + [255] * 4)
    joined = Image.composite(photo, large.convert("RGB"), solid)
    joined.putalpha(alpha)
    return joined


def _cut_out_cached(photo: bytes, image: Image.Image) -> CutOut:
    """Returns the subject of a photo at the image's size. Caches the last few, because variants share a photo.

    One at a time, so that a photo whose pictures are drawn in several threads is cut out once.
    """
    key = (hashlib.sha256(photo).digest(), image.size)
    with _LOCK:
        cut = _CUT_OUTS.pop(key, None) or cut_out(image)
        _CUT_OUTS[key] = cut
        if len(_CUT_OUTS) > _MAX_CACHED_CUT_OUTS:
            _CUT_OUTS.pop(next(iter(_CUT_OUTS)))
    return cut
