"""Photos and scenes with a product that can be compared: small, but with enough detail for a verdict."""

import hashlib
from functools import cache
from io import BytesIO

from PIL import Image, ImageDraw

from simulation.world.sample_images import register_photo

SIZE, PRODUCT_BOX, GROUND = (128, 104), (28, 18, 100, 86), (60, 120, 70)
CHANGES = (0.0, 0.0, 0.6, 0.7, 1.0)
"""How much of another product a scene shows, each as often as the others. From 0.6, the verdict is `changed`."""


@cache
def build_product_photo() -> bytes:
    """Returns a photo of a product with stripes on a transparent background."""
    return register_photo((3, 5, 7), _encode(_draw_product(is_other=False)))


@cache
def build_scene(name: str) -> bytes:
    """Returns the product, perhaps changed, in front of a background. Its bytes depend only on the name."""
    choice = hashlib.sha256(name.encode()).digest()[0] % len(CHANGES)
    share = CHANGES[choice]
    return _encode(Image.blend(_draw_scene(is_other=False), _draw_scene(is_other=True), share))


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
