"""Pairs of a photo and a returned picture: with the product unchanged, or damaged in one way."""

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from random import Random

import numpy as np
from PIL import Image, ImageChops, ImageFilter

from bench.fidelity.damage import KINDS, STRENGTHS, damage
from bench.fidelity.limits import LIMITS
from bench.fidelity.photos import Product, ProductPhoto, add_grain, compose, draw_background

UNCHANGED_KINDS = (
    "new background",
    "brighter or darker",
    "gamma",
    "color temperature",
    "light from one side",
    "contact shadow",
    "JPEG",
    "smaller result",
    "shifted",
    "scaled",
    "stretched with its scene",
    "oversized mask",
    "grain",
)
MIN_CHANGED_SHARE = 0.006
"""A damage that changes less of the product than this is not visible, for example the mirrored text of a ring."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A photo, its cut-out, and a result. `kind`: what was done to the product or the picture."""

    photo: Image.Image
    cut_out: Image.Image
    result: Image.Image
    kind: str
    strength: int
    is_damaged: bool


def build_pairs(photo: ProductPhoto) -> Iterator[Pair]:
    """Yields every unchanged and every damaged result of a photo. Damaged ones have mild changes of the light too.

    The last ones are changed in ways that the verdict may not see.
    """
    for kind in UNCHANGED_KINDS:
        for strength in range(STRENGTHS):
            yield build_unchanged_pair(photo, kind, strength)
    for kind in KINDS:
        for strength in range(STRENGTHS):
            pair = build_damaged_pair(photo, kind, strength)
            if pair:
                yield pair
    for kind, (change, amounts) in LIMITS.items():
        for strength, amount in enumerate(amounts):
            yield build_changed_pair(*change(photo, amount), kind, strength)


def build_damaged_pair(photo: ProductPhoto, kind: str, strength: int) -> Pair | None:
    """Returns None if the damage is not visible on this product."""
    damaged = damage(photo, kind, strength)
    if damaged.changed_share < MIN_CHANGED_SHARE:
        return None
    return build_changed_pair(photo, damaged.product, kind, strength)


def build_changed_pair(photo: ProductPhoto, product: Product, kind: str, strength: int) -> Pair:
    """Shows a changed product in a new scene, in a light that differs slightly."""
    random = Random(f"{photo.name} {kind} {strength}")
    result = _render(product, random, gain=random.uniform(0.9, 1.1), jpeg_quality=random.randint(80, 95))
    return Pair(photo.photo, cut_out(photo, photo.matte), result, kind, strength, is_damaged=True)


def build_unchanged_pair(photo: ProductPhoto, kind: str, strength: int) -> Pair:
    """Changes only what a replaced background may change."""
    random = Random(f"{photo.name} {kind} {strength}")
    sign = random.choice((-1, 1))
    mask, result = photo.matte, None
    match kind:
        case "brighter or darker":
            result = _render(photo.product, random, gain=1 + sign * (0.12, 0.25)[strength])
        case "gamma":
            result = _render(photo.product, random, gamma=1 + sign * (0.1, 0.2)[strength])
        case "color temperature":
            result = _render(photo.product, random, warmth=sign * (0.06, 0.12)[strength])
        case "light from one side":
            result = _render(photo.product, random, slope=sign * (0.1, 0.2)[strength])
        case "contact shadow":
            result = _render(photo.product, random, contact=(0.25, 0.45)[strength])
        case "JPEG":
            result = _render(photo.product, random, jpeg_quality=(70, 45)[strength])
        case "smaller result":
            result = _render(photo.product, random, size_share=(0.8, 0.6)[strength])
        case "shifted":
            share = (0.01, 0.03)[strength]
            result = _render(photo.product, random, shift=(sign * share, random.choice((-share, share))))
        case "scaled":
            result = _render(photo.product, random, scale=1 + sign * (0.02, 0.05)[strength])
        case "stretched with its scene":
            # Providers round the sides of a picture.
            rendered = _render(photo.product, random)
            width = round(rendered.width * (1 + sign * (0.012, 0.024)[strength]))
            result = rendered.resize((width, rendered.height), Image.Resampling.BICUBIC)
        case "oversized mask":
            mask = mask.filter(ImageFilter.MaxFilter((5, 9)[strength]))
        case "grain":
            result = _render(photo.product, random, grain=(3, 5)[strength])
        case _:
            pass
    result = result or _render(photo.product, random)
    return Pair(photo.photo, cut_out(photo, mask), result, kind, strength, is_damaged=False)


def draw_cut_out(photo: ProductPhoto, random: Random) -> Image.Image:
    """Returns a provider's cut-out of a photo: smaller, with other compression and light, and a matte of its own."""
    file = BytesIO()
    photo.photo.save(file, "JPEG", quality=random.choice((75, 90, 98)))
    file.seek(0)
    gain = random.uniform(0.95, 1.05)
    with Image.open(file) as saved:
        picture = saved.convert("RGB").point(lambda value: min(255, value * gain))
    picture.putalpha(random.choice(list_right_masks(photo)))
    scale = random.choice((0.5, 0.7, 1.0))
    return picture.resize((round(picture.width * scale), round(picture.height * scale)), Image.Resampling.BILINEAR)


def move_product(photo: ProductPhoto, share: float) -> Image.Image:
    """Returns the cut-out of another photo of the same product, which is moved by a share of the picture there."""
    return ImageChops.offset(photo.product.picture, round(share * photo.photo.width), 0)


def list_right_masks(photo: ProductPhoto) -> list[Image.Image]:
    """Returns the mask of a photo, and versions of it that are too large, too small, and soft."""
    changes = (
        ImageFilter.MaxFilter(5),
        ImageFilter.MaxFilter(9),
        ImageFilter.MinFilter(5),
        ImageFilter.GaussianBlur(3),
    )
    return [photo.matte, *(photo.matte.filter(change) for change in changes)]


def cut_out(photo: ProductPhoto, matte: Image.Image) -> Image.Image:
    """Returns the photo with a matte. A provider's cut-out is smaller than the photo."""
    picture = photo.photo.copy()
    picture.putalpha(matte)
    return picture.resize((picture.width * 7 // 10, picture.height * 7 // 10), Image.Resampling.BILINEAR)


def _render(
    product: Product,
    random: Random,
    *,
    gain: float = 1.0,
    gamma: float = 1.0,
    warmth: float = 0.0,
    slope: float = 0.0,
    contact: float = 0.0,
    jpeg_quality: int = 92,
    size_share: float = 1.0,
    shift: tuple[float, float] = (0.0, 0.0),
    scale: float = 1.0,
    grain: float = 1.0,
) -> Image.Image:
    """Places a product in a new scene. `slope`: how much brighter one side is than the other."""
    picture = product.picture
    width, height = picture.size
    if scale != 1.0 or shift != (0.0, 0.0):
        left, top = width * (0.5 - shift[0]) - width / 2 / scale, height * (0.5 - shift[1]) - height / 2 / scale
        matrix = 1 / scale, 0.0, left, 0.0, 1 / scale, top
        picture = picture.transform(picture.size, Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC)
    lit = _relight(picture, gain, gamma, warmth, slope, contact)
    scene = compose(lit, draw_background(random, picture.size), random.uniform(0.2, 0.5))
    if size_share < 1:
        scene = scene.resize((round(width * size_share), round(height * size_share)), Image.Resampling.LANCZOS)
    file = BytesIO()
    add_grain(scene, grain, 99).save(file, "JPEG", quality=jpeg_quality)
    file.seek(0)
    with Image.open(file) as result:
        return result.convert("RGB")


def _relight(
    picture: Image.Image, gain: float, gamma: float, warmth: float, slope: float, contact: float
) -> Image.Image:
    pixels = np.asarray(picture.convert("RGB")).astype(np.float32) / 255
    y = np.linspace(-1, 1, picture.height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, picture.width, dtype=np.float32)[None, :]
    box = picture.getbbox() or (0, 0, *picture.size)
    bottom = 2 * box[3] / picture.height - 1
    shadow = 1 - contact * np.clip((y - bottom + 0.25) / 0.25, 0, 1)
    light = gain * (1 + slope * x) * shadow
    temperature = np.asarray((1 + warmth, 1.0, 1 - warmth), np.float32)
    curved = pixels if gamma == 1 else pixels**gamma
    lit = np.clip(curved * light[..., None] * temperature, 0, 1) * 255
    relit = Image.fromarray((lit + 0.5).astype(np.uint8))
    relit.putalpha(picture.getchannel("A"))
    return relit
