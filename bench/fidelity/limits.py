"""Changes of a product that the verdict does not see, or sees only from a certain size on. The page states them."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from random import Random

from PIL import Image, ImageChops, ImageDraw, ImageFont

from bench.fidelity.photos import Product, ProductPhoto, add_grain, compose, draw_background

type Limit = Callable[[ProductPhoto, float], tuple[ProductPhoto, Product]]
"""Returns a photo, and its product changed by an amount, which is a share of the product's longer side."""

_LETTERS = "abcdefghikmnoprstuvz"


def extend_outline(photo: ProductPhoto, amount: float) -> tuple[ProductPhoto, Product]:
    """Adds to the product outside its outline: what is at its top continues upward, behind it."""
    picture = photo.product.picture
    moved = ImageChops.offset(picture, 0, -round(amount * _find_side(photo)))
    # What leaves the picture at its top must not come back at its bottom.
    bottom = round((1 - amount) * picture.height)
    moved.paste((0, 0, 0, 0), (0, bottom, *picture.size))
    return photo, replace(photo.product, picture=Image.alpha_composite(moved, picture))


def rewrite_small_text(photo: ProductPhoto, amount: float) -> tuple[ProductPhoto, Product]:
    """Fills the label with lines of text. The changed product has other letters in all of them."""
    own, other = (_write_lines(photo, amount, Random(f"{photo.name} {text}")) for text in ("own", "other"))
    scene = compose(own.picture, draw_background(Random(f"text on {photo.name}"), photo.photo.size))
    return replace(photo, photo=add_grain(scene, 1.5, 7), product=own), other


LIMITS: Mapping[str, tuple[Limit, tuple[float, ...]]] = {
    "part added outside the outline": (extend_outline, (0.05, 0.2)),
    "small text rewritten": (rewrite_small_text, (0.015, 0.02, 0.03, 0.05)),
}


def _write_lines(photo: ProductPhoto, amount: float, random: Random) -> Product:
    picture, (left, top, right, bottom) = photo.product.picture.copy(), photo.product.label
    drawing, height = ImageDraw.Draw(picture), round(amount * _find_side(photo))
    font = ImageFont.load_default(height)
    drawing.rectangle(photo.product.label, fill=(245, 240, 230, 255))
    for y in range(top + height // 2, bottom - height, round(height * 1.4)):
        line = ""
        while drawing.textlength(line, font=font) < (right - left) * 0.85:
            line += random.choice(_LETTERS + " ")
        drawing.text((left + (right - left) * 0.05, y), line, fill=(25, 25, 30, 255), font=font)
    picture.putalpha(photo.matte)
    return replace(photo.product, picture=picture)


def _find_side(photo: ProductPhoto) -> int:
    left, top, right, bottom = photo.matte.getbbox() or (0, 0, *photo.photo.size)
    return max(right - left, bottom - top)
