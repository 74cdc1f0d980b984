"""Changes of a product that a customer would complain about, each at two strengths."""

import colorsys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from random import Random

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from bench.fidelity.photos import Product, ProductPhoto, draw_material, draw_product, draw_words, load_picture, redesign

type Damage = Callable[[ProductPhoto, int], Image.Image]
"""Returns the product (RGBA) damaged, at strength 0 or 1."""

STRENGTHS = 2


def blur_text(photo: ProductPhoto, strength: int) -> Image.Image:
    return _change_box(photo, photo.product.label, lambda part: _blur(part, (3, 6)[strength]))


def replace_text(photo: ProductPhoto, strength: int) -> Image.Image:
    """Writes other words, or mirrors the text. A real photo has no text, so it gets some."""
    box = photo.product.label

    def write(part: Image.Image) -> Image.Image:
        if strength == 0 and photo.design is not None:
            return part.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        paper = _median_color(part)
        ink = (20, 20, 20) if sum(paper) > 380 else (240, 240, 240)
        blank = Image.new("RGB", part.size, paper)
        words = draw_words(part.size, "Wcemblo", ink)
        blank.paste(words, mask=words.getchannel("A"))
        return blank

    return _change_box(photo, box, write)


def remove_logo(photo: ProductPhoto, strength: int) -> Image.Image:
    """Paints over the logo with the color around it, or also over the label."""
    picture = photo.product.picture
    for box in (photo.product.logo, photo.product.label)[: 1 + strength]:
        grown = box[0] - 6, box[1] - 6, box[2] + 6, box[3] + 6
        around = _median_color(picture.crop(grown).convert("RGB"))
        patch = Image.new("L", picture.size)
        ImageDraw.Draw(patch).rectangle(grown, fill=255)
        picture = _paste_colors(picture, Image.new("RGB", picture.size, around), _soften(patch, 2))
    return picture


def shift_color(photo: ProductPhoto, strength: int) -> Image.Image:
    """Gives the product another hue, and a color if it is gray."""
    mean = np.asarray(photo.product.picture)[np.asarray(photo.matte) > 200][:, :3].mean(0) / 255
    hue, _, _ = colorsys.rgb_to_hsv(*mean)
    tint = colorsys.hsv_to_rgb((hue + (0.14, 0.4)[strength]) % 1, 0.75, 0.9)
    gray = np.asarray(photo.product.picture.convert("L")).astype(np.float32)[..., None]
    tinted = np.clip(gray * np.asarray(tint) / (np.asarray(tint) @ np.asarray((0.299, 0.587, 0.114))), 0, 255)
    share = (0.6, 0.85)[strength]
    colors = np.asarray(photo.product.picture)[..., :3] * (1 - share) + tinted * share
    return _paste_colors(photo.product.picture, Image.fromarray(colors.astype(np.uint8)), None)


def dye(photo: ProductPhoto, strength: int) -> Image.Image:
    """Multiplies each channel by a factor that no warmer or cooler light has, as for the same product in another color.

    The weaker one turns light pink to light blue, the stronger one navy to black.
    """
    factors = np.exp(np.asarray(Random(f"dye {photo.name}").choice(_DYES)) * (0.2, 0.4)[strength])
    colors = np.asarray(photo.product.picture)[..., :3] * factors
    return _paste_colors(photo.product.picture, Image.fromarray(np.clip(colors, 0, 255).astype(np.uint8)), None)


def erase_part(photo: ProductPhoto, strength: int) -> Image.Image:
    """Makes a bite of the product transparent."""
    patch = _draw_blob(photo, (0.22, 0.36)[strength], Random(f"erased {photo.name}"), is_at_edge=True)
    picture = photo.product.picture.copy()
    picture.putalpha(ImageChops.subtract(photo.matte, patch))
    return picture


def add_part(photo: ProductPhoto, strength: int) -> Image.Image:
    """Sticks something on the product."""
    patch = _draw_blob(photo, (0.16, 0.28)[strength], Random(f"added {photo.name}"), is_at_edge=False)
    thing = load_picture("coffee").resize(photo.photo.size)
    return _paste_colors(photo.product.picture, ImageChops.invert(thing), patch)


def stretch(photo: ProductPhoto, strength: int) -> Image.Image:
    return _warp(photo, 1 / (1.12, 1.25)[strength], 1.0)


def smooth_detail(photo: ProductPhoto, strength: int) -> Image.Image:
    return _paste_colors(photo.product.picture, _blur(photo.product.picture.convert("RGB"), (3, 6)[strength]), None)


def replace_texture(photo: ProductPhoto, strength: int) -> Image.Image:
    """Draws another material on everything but the label, or only on a half of the product."""
    size = photo.photo.size
    color = _median_color(photo.product.picture.crop(_find_box(photo)).convert("RGB"))
    pattern = "weave" if photo.design is None or photo.design.pattern != "weave" else "knit"
    if photo.design is None:
        other = ImageChops.blend(Image.new("RGB", size, color), load_picture("gravel").resize(size), 0.6)
    else:
        other = draw_material(replace(photo.design, pattern=pattern, color=color), size)
    left, top, right, bottom = _find_box(photo)
    patch = Image.new("L", size)
    ImageDraw.Draw(patch).rectangle((left, (top + bottom) // 2 if strength == 0 else top, right, bottom), fill=255)
    ImageDraw.Draw(patch).rectangle(photo.product.label, fill=0)
    return _paste_colors(photo.product.picture, other, _soften(patch, 2))


def erode_edge(photo: ProductPhoto, strength: int) -> Image.Image:
    picture = photo.product.picture.copy()
    picture.putalpha(_soften(_erode(photo.matte, (12, 20)[strength]), 1))
    return picture


def mirror(photo: ProductPhoto, strength: int) -> Image.Image:
    """Mirrors the product in its place; at the lower strength, only what is on it."""
    box = _find_box(photo)
    part = photo.product.picture.crop(box).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    mirrored = Image.new("RGBA", photo.photo.size)
    mirrored.paste(part, box[:2])
    return (
        mirrored
        if strength
        else _paste_colors(photo.product.picture, mirrored.convert("RGB"), mirrored.getchannel("A"))
    )


def rotate(photo: ProductPhoto, strength: int) -> Image.Image:
    left, top, right, bottom = _find_box(photo)
    return photo.product.picture.rotate(
        (6, 14)[strength], Image.Resampling.BICUBIC, center=((left + right) / 2, (top + bottom) / 2)
    )


def swap_instance(photo: ProductPhoto, strength: int) -> Image.Image:
    """Shows another instance of the product: with another print, or with everything of another one."""
    if photo.design is None:
        return rotate(photo, 1).rotate(150, center=_find_center(photo))
    design = redesign(photo.design)
    if strength == 0:
        design = replace(design, color=photo.design.color)
    other = draw_product(design, photo.photo.size)
    if strength:
        return other.picture
    box, own_box = other.picture.getbbox() or (0, 0, 1, 1), _find_box(photo)
    fitted = other.picture.crop(box).resize((own_box[2] - own_box[0], own_box[3] - own_box[1]))
    placed = Image.new("RGBA", photo.photo.size)
    placed.paste(fitted, own_box[:2])
    return placed


KINDS: Mapping[str, Damage] = {
    "text blurred": blur_text,
    "text replaced": replace_text,
    "logo removed": remove_logo,
    "color shifted": shift_color,
    "another color": dye,
    "part erased": erase_part,
    "part added": add_part,
    "shape stretched": stretch,
    "detail smoothed": smooth_detail,
    "texture replaced": replace_texture,
    "edge eroded": erode_edge,
    "mirrored": mirror,
    "rotated": rotate,
    "another instance": swap_instance,
}


@dataclass(frozen=True, slots=True)
class DamagedProduct:
    """A damaged product, and which share of its area looks different, 0 to 1."""

    product: Product
    changed_share: float


def damage(photo: ProductPhoto, kind: str, strength: int) -> DamagedProduct:
    picture = KINDS[kind](photo, strength)
    difference = ImageChops.difference(picture.convert("RGB"), photo.product.picture.convert("RGB"))
    changed = np.asarray(difference).max(-1) > _VISIBLE_DIFFERENCE
    alpha = np.asarray(picture.getchannel("A")).astype(int), np.asarray(photo.matte).astype(int)
    inside = alpha[1] > 127
    changed = (changed | (np.abs(alpha[0] - alpha[1]) > 127)) & inside
    product = replace(photo.product, picture=picture)
    return DamagedProduct(product, float(changed.sum() / inside.sum()))


_VISIBLE_DIFFERENCE = 16
_DYES = (-1, 0, 0.4), (-1, 0.3, -1), (0.3, -1, 0.3)
"""Changes of the channels' logarithms that make a color bluer, greener, or more magenta."""


def _find_box(photo: ProductPhoto) -> tuple[int, int, int, int]:
    return photo.matte.point(lambda value: 255 * (value > 127)).getbbox() or (0, 0, *photo.photo.size)


def _find_center(photo: ProductPhoto) -> tuple[float, float]:
    left, top, right, bottom = _find_box(photo)
    return (left + right) / 2, (top + bottom) / 2


def _blur(picture: Image.Image, radius: float) -> Image.Image:
    return picture.filter(ImageFilter.GaussianBlur(radius))


def _soften(mask: Image.Image, radius: float) -> Image.Image:
    return mask.filter(ImageFilter.GaussianBlur(radius))


def _erode(mask: Image.Image, pixels: float) -> Image.Image:
    """Shrinks a mask by a multiple of four pixels, which takes a fraction of the time."""
    small = mask.reduce(4).filter(ImageFilter.MinFilter(2 * max(1, round(pixels / 4)) + 1))
    return small.resize(mask.size, Image.Resampling.BILINEAR)


def _median_color(picture: Image.Image) -> tuple[int, int, int]:
    red, green, blue = np.median(np.asarray(picture).reshape(-1, 3), axis=0)
    return round(red), round(green), round(blue)


def _change_box(
    photo: ProductPhoto, box: tuple[int, int, int, int], change: Callable[[Image.Image], Image.Image]
) -> Image.Image:
    changed = photo.product.picture.convert("RGB")
    changed.paste(change(changed.crop(box)), box[:2])
    return _paste_colors(photo.product.picture, changed, None)


def _paste_colors(product: Image.Image, colors: Image.Image, mask: Image.Image | None) -> Image.Image:
    """Returns the product with other colors where the mask is, and with its own alpha."""
    own = product.convert("RGB")
    mixed = colors if mask is None else Image.composite(colors, own, mask)
    pasted = mixed.copy()
    pasted.putalpha(product.getchannel("A"))
    return pasted


def _warp(photo: ProductPhoto, across: float, down: float) -> Image.Image:
    x, y = _find_center(photo)
    matrix = across, 0.0, x * (1 - across), 0.0, down, y * (1 - down)
    return photo.product.picture.transform(photo.photo.size, Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC)


def _draw_blob(photo: ProductPhoto, share: float, random: Random, *, is_at_edge: bool) -> Image.Image:
    """Draws an ellipse on the product. `share`: its diameter, of the square root of the product's area."""
    matte = np.asarray(photo.matte)
    radius = share / 2 * (matte > 127).sum() ** 0.5
    inner = np.asarray(_erode(photo.matte, radius * 0.7)) > 127
    ring = np.asarray(_erode(photo.matte, radius * 0.25)) > 127
    where = np.argwhere(ring & ~inner if is_at_edge else inner if inner.any() else ring)
    y, x = where[random.randrange(len(where))]
    blob = Image.new("L", photo.photo.size)
    ImageDraw.Draw(blob).ellipse((x - radius, y - radius * 0.8, x + radius, y + radius * 0.8), fill=255)
    return _soften(blob, 1)
