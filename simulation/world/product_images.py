"""Photos, scenes, and cut-outs of a product that can be compared: small, but with enough detail for a verdict."""

import hashlib
from functools import cache
from io import BytesIO

from PIL import Image, ImageDraw

from simulation.world.sample_images import build_picture, register_photo

SIZE, PRODUCT_BOX, GROUND = (128, 104), (28, 18, 100, 86), (60, 120, 70)
CORNER = (0, 0)
"""The pixel that makes each scene and each cut-out different, as those of a provider are."""
CHANGES = (0.0, 0.0, 0.6, 0.7, 1.0)
"""How much of another product a scene shows, each as often as the others. From 0.6, the verdict is `changed`."""
PHOTO_GROUNDS = {"product": (3, 5, 7, 0), "opaque-product": (9, 11, 13), "solid-product": (15, 17, 19, 255)}
"""The colors behind the product by photo: transparent, without an alpha channel, and opaque in spite of one."""
TRANSPARENT_PHOTO_NAMES = frozenset({"product"})
CUT_OUTS_PER_FOREIGN_ONE = 5
"""One cut-out in this many shows something else."""


@cache
def build_product_photo(name: str = "product") -> bytes:
    """Returns a photo of a product with stripes, in front of the background that belongs to the photo's name."""
    ground = PHOTO_GROUNDS[name]
    photo, product = Image.new("RGBA" if len(ground) == 4 else "RGB", SIZE, ground), _draw_product(is_other=False)
    photo.paste(product, mask=product)
    red, green, blue, *_ = ground
    return register_photo((red, green, blue), _encode(photo))


@cache
def identify_product_photo(sha256: str) -> str:
    """Returns the name of the photo of the product with this hash; empty for any other photo."""
    digests = {name: hashlib.sha256(build_product_photo(name)).hexdigest() for name in PHOTO_GROUNDS}
    return next((name for name, digest in digests.items() if digest == sha256), "")


@cache
def build_cut_out(name: str) -> bytes:
    """Returns the product on a transparent background, or something else. Its bytes depend only on the name."""
    choice, *color = hashlib.sha256(name.encode()).digest()[:5]
    if choice % CUT_OUTS_PER_FOREIGN_ONE == 0:
        return build_picture(name)
    cut_out = _draw_product(is_other=False)
    cut_out.putpixel(CORNER, (*color,))
    return _encode(cut_out)


@cache
def build_scene(name: str) -> bytes:
    """Returns the product, perhaps changed, in front of a background. Its bytes depend only on the name."""
    choice, *color = hashlib.sha256(name.encode()).digest()[:4]
    share = CHANGES[choice % len(CHANGES)]
    scene = Image.blend(_draw_scene(is_other=False), _draw_scene(is_other=True), share)
    scene.putpixel(CORNER, (*color,))
    return _encode(scene)


def _draw_scene(*, is_other: bool) -> Image.Image:
    scene, product = Image.new("RGB", SIZE, GROUND), _draw_product(is_other=is_other)
    scene.paste(product, mask=product)
    return scene


def _draw_product(*, is_other: bool) -> Image.Image:
    left, top, right, bottom = PRODUCT_BOX
    picture = Image.new("RGBA", SIZE, (3, 5, 7, 0))
    draw = ImageDraw.Draw(picture)
    draw.rounded_rectangle(PRODUCT_BOX, 10, fill=(190, 60, 50, 255))
    for n, x in enumerate(range(left + 8, right - 8, 8)):
        draw.line((x, top + 6, x + (6 if is_other else 0), bottom - 6), fill=(240, 220, 190, 255), width=1 + n % 3)
    for y in range(top + 20, top + 44, 7):
        for x in range(left + 12, right - 12, 6):
            blue = 170 if is_other else 60
            draw.rectangle((x, y, x + (x * y) % 5, y + 3), fill=(20, 30, blue, 255))
    return picture


def _encode(image: Image.Image) -> bytes:
    file = BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
