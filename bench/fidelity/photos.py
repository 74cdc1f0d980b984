"""Product photos whose true cut-out is known: drawn products with materials from free pictures, and a few real ones.

The pictures are in the wheel of scikit-image, so nothing is downloaded. All are CC0, in the public domain, or without
known restrictions (skimage/data/_fetchers.py).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from importlib.util import find_spec
from math import cos, pi, sin
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

type Point = tuple[float, float]
type UnitBox = tuple[float, float, float, float]
"""Left, top, right, bottom, as shares of the product's box."""

DRAWN_PHOTOS = 60
SIZES = ((620, 620), (720, 560), (560, 700))
_SUPERSAMPLING = 2
_WORDS = (
    "Aurora", "Verde", "Nordlys", "Kopi", "Marula", "Fjord", "Basalt", "Olivo", "Linden", "Sable", "Quartz", "Hazel",
    "Ember", "Tundra", "Iris", "Cobalt", "Maple", "Zephyr", "Juniper", "Opal",
)  # fmt: skip
_MATERIAL_PICTURES = ("brick", "grass", "gravel", "coffee", "chelsea", "astronaut", "hubble_deep_field")
_SHAPES = ("bottle", "jar", "mug", "box", "shoe", "shirt", "bag", "watch", "cushion", "tube")
_MIN_COIN_LIGHT, _MAX_COIN_RADIUS = 105, 320
_COINS = (12, 20), (72, 18), (126, 16), (184, 14), (240, 12)
_PATTERNS = ("plain", "knit", "picture", "stripes", "picture", "plain", "weave", "picture")


@dataclass(frozen=True, slots=True)
class Product:
    """A product without a background. `label` and `logo`: the boxes of its text and its logo, in pixels."""

    picture: Image.Image
    label: tuple[int, int, int, int]
    logo: tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Design:
    """What a drawn product looks like. Two designs that differ in one field are two instances of a product."""

    shape: str
    pattern: str
    color: tuple[int, int, int]
    word: str
    seed: int


@dataclass(frozen=True, slots=True)
class ProductPhoto:
    """A photo, its product, and the design from which that was drawn (None: a real photo)."""

    name: str
    photo: Image.Image
    product: Product
    design: Design | None

    @property
    def matte(self) -> Image.Image:
        return self.product.picture.getchannel("A")


@cache
def load_picture(name: str) -> Image.Image:
    """Returns one of scikit-image's pictures in RGB."""
    spec = find_spec("skimage")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("scikit-image is not installed: run make setup")
    folder = Path(spec.origin).parent / "data"
    path = next(folder / f"{name}.{suffix}" for suffix in ("png", "jpg") if (folder / f"{name}.{suffix}").exists())
    with Image.open(path) as picture:
        return picture.convert("RGB")


def build_photos() -> list[Callable[[], ProductPhoto]]:
    """Returns a function per photo, because all photos do not need to be in memory at the same time."""
    drawn = [partial(draw_photo, number) for number in range(DRAWN_PHOTOS)]
    real = [partial(_photograph_coin, coin) for coin in range(len(_COINS))]
    return [one for pair in zip(drawn[: len(real)], real, strict=True) for one in pair] + drawn[len(real) :]


def draw_photo(number: int) -> ProductPhoto:
    """Draws one product in front of a background, with a shadow and grain, as a JPEG would hold it."""
    random = Random(f"photo {number}")
    design = Design(
        _SHAPES[number % len(_SHAPES)],
        _PATTERNS[(number // len(_SHAPES) + number) % len(_PATTERNS)],
        _choose_color(random),
        _WORDS[number % len(_WORDS)],
        number,
    )
    size = SIZES[number % len(SIZES)]
    product = draw_product(design, size)
    background = draw_background(Random(f"background of photo {number}"), size)
    name = f"{number:02} {design.shape}, {design.pattern}"
    return ProductPhoto(name, add_grain(compose(product.picture, background), 1.5, number), product, design)


def compose(product: Image.Image, background: Image.Image, shadow: float = 0.35) -> Image.Image:
    """Places a product (RGBA) on a background with a soft shadow. `shadow`: its opacity."""
    soft = product.getchannel("A").filter(ImageFilter.GaussianBlur(14))
    moved = Image.new("L", product.size)
    moved.paste(soft, (10, 16))
    scene = Image.composite(Image.new("RGB", product.size), background, moved.point(lambda value: value * shadow))
    scene.paste(product, mask=product.getchannel("A"))
    return scene


def add_grain(picture: Image.Image, amount: float, seed: int) -> Image.Image:
    """Adds the noise of a camera. `amount`: its standard deviation, of 255."""
    pixels = np.asarray(picture).astype(np.float32)
    grain = amount * np.random.default_rng(seed).standard_normal(pixels.shape, np.float32)
    return Image.fromarray(np.clip(pixels + grain + 0.5, 0, 255).astype(np.uint8))


def draw_background(random: Random, size: tuple[int, int]) -> Image.Image:
    """Draws a studio, a blurred room, or a textured surface."""
    kind = random.choice(("studio", "room", "surface"))
    if kind == "studio":
        top, bottom = _choose_color(random, 90, 255), _choose_color(random, 90, 255)
        column = np.linspace(0, 1, size[1])[:, None, None]
        pixels = np.asarray(top) * (1 - column) + np.asarray(bottom) * column
        return Image.fromarray(np.broadcast_to(pixels, (size[1], size[0], 3)).astype(np.uint8))
    picture = load_picture(random.choice(_MATERIAL_PICTURES))
    share = random.uniform(0.5, 0.95)
    width, height = picture.width * share, picture.height * share
    left, top = random.uniform(0, picture.width - width), random.uniform(0, picture.height - height)
    part = picture.resize(size, Image.Resampling.BICUBIC, (left, top, left + width, top + height))
    return part.filter(ImageFilter.GaussianBlur(12)) if kind == "room" else part


def draw_product(design: Design, size: tuple[int, int]) -> Product:
    """Draws a product: its shape, material, seams, label, logo, and the light on it."""
    random = Random(f"product {design.seed}")
    share = random.uniform(0.55, 0.78)
    side = round(min(size) * share)
    box_size = (side, side)
    large = (side * _SUPERSAMPLING, side * _SUPERSAMPLING)
    alpha = _draw_shape(design.shape, large)
    surface = draw_material(design, large)
    drawing = ImageDraw.Draw(surface)
    _draw_seams(drawing, large, random)
    label, logo = _place_details(design.shape)
    _draw_label(drawing, design, _scale_box(label, large))
    _draw_logo(drawing, design, _scale_box(logo, large))
    lit = _shade(surface.reduce(_SUPERSAMPLING), random)
    lit.putalpha(alpha.reduce(_SUPERSAMPLING))
    picture = Image.new("RGBA", size)
    offset = (size[0] - side) // 2 + round(random.uniform(-0.05, 0.05) * size[0]), (size[1] - side) // 2
    picture.paste(lit, offset)
    boxes = [_move_box(_scale_box(box, box_size), offset) for box in (label, logo)]
    return Product(picture, boxes[0], boxes[1])


def draw_material(design: Design, size: tuple[int, int]) -> Image.Image:
    """Draws the surface of a product, with its color as the mean."""
    random = Random(f"material {design.seed} {design.pattern}")
    y, x = np.mgrid[: size[1], : size[0]].astype(np.float32)
    color = np.asarray(design.color, np.float32)
    match design.pattern:
        case "knit":
            step = random.uniform(16, 26)
            pattern = np.sin(2 * pi * x / step) * np.sin(2 * pi * (y / step + np.abs((x / step) % 1 - 0.5)))
            surface = color * (1 + 0.22 * pattern[..., None])
        case "weave":
            step = random.uniform(18, 30)
            surface = color * (1 + 0.14 * np.sign(np.sin(pi * x / step) * np.sin(pi * y / step))[..., None])
        case "stripes":
            other = np.asarray(_choose_color(random), np.float32)
            share = (np.sin(2 * pi * (x * random.uniform(-0.3, 0.3) + y) / random.uniform(50, 110)) > 0)[..., None]
            surface = np.where(share, color, other)
        case "picture":
            picture = _crop_picture(load_picture(random.choice(_MATERIAL_PICTURES)), size, random)
            surface = np.asarray(picture, np.float32) * 0.75 + color * 0.25
        case _:
            soft = np.random.default_rng(design.seed).normal(0, 1, (size[1] // 60 + 2, size[0] // 60 + 2))
            clouds = Image.fromarray(soft.astype(np.float32)).resize(size, Image.Resampling.BICUBIC)
            surface = color + 5 * np.asarray(clouds)[..., None]
    return Image.fromarray(np.clip(surface, 0, 255).astype(np.uint8))


def redesign(design: Design) -> Design:
    """Returns another instance of the same product: another print and another word."""
    random = Random(f"instance {design.seed}")
    color = tuple(max(0, min(255, value + random.choice((-25, 25)))) for value in design.color)
    pattern = design.pattern if design.pattern in ("picture", "stripes") else "stripes"
    word = random.choice([word for word in _WORDS if word != design.word])
    return replace(design, color=(color[0], color[1], color[2]), pattern=pattern, word=word, seed=design.seed + 1000)


def draw_words(size: tuple[int, int], words: str, color: tuple[int, int, int]) -> Image.Image:
    """Draws two lines of text that fill a box (RGBA)."""
    picture = Image.new("RGBA", size)
    drawing = ImageDraw.Draw(picture)
    for line, (text, share) in enumerate(((words, 0.42), ("No. 7  fine goods 250 g", 0.16))):
        height = max(6, round(size[1] * share))
        font = ImageFont.load_default(height)
        width = drawing.textlength(text, font=font)
        if width > size[0] * 0.9:
            font = ImageFont.load_default(max(6, round(height * size[0] * 0.9 / width)))
        drawing.text((size[0] / 2, size[1] * (0.36 + 0.36 * line)), text, fill=color, font=font, anchor="mm")
    return picture


def _choose_color(random: Random, low: int = 50, high: int = 225) -> tuple[int, int, int]:
    return random.randint(low, high), random.randint(low, high), random.randint(low, high)


def _crop_picture(picture: Image.Image, size: tuple[int, int], random: Random) -> Image.Image:
    side = random.uniform(0.4, 0.8) * min(picture.size)
    left, top = random.uniform(0, picture.width - side), random.uniform(0, picture.height - side)
    return picture.resize(size, Image.Resampling.BICUBIC, (left, top, left + side, top + side))


def _draw_shape(shape: str, size: tuple[int, int]) -> Image.Image:
    mask = Image.new("L", size)
    drawing = ImageDraw.Draw(mask)
    width, height = size

    def oval(box: UnitBox, fill: int = 255) -> None:
        drawing.ellipse(_scale_box(box, size), fill=fill)

    def block(box: UnitBox, radius: float = 0.05) -> None:
        drawing.rounded_rectangle(_scale_box(box, size), radius * width, fill=255)

    def polygon(points: list[Point]) -> None:
        drawing.polygon([(x * width, y * height) for x, y in points], fill=255)

    match shape:
        case "bottle":
            block((0.3, 0.3, 0.7, 0.98), 0.09)
            polygon([(0.3, 0.4), (0.43, 0.2), (0.57, 0.2), (0.7, 0.4)])
            block((0.43, 0.02, 0.57, 0.25), 0.02)
        case "jar":
            block((0.16, 0.2, 0.84, 0.97), 0.12)
            block((0.2, 0.05, 0.8, 0.24), 0.03)
        case "mug":
            oval((0.62, 0.25, 0.98, 0.75))
            oval((0.7, 0.34, 0.9, 0.66), 0)
            block((0.08, 0.1, 0.76, 0.95), 0.08)
        case "box":
            polygon([(0.1, 0.2), (0.7, 0.1), (0.92, 0.22), (0.92, 0.86), (0.7, 0.97), (0.1, 0.88)])
        case "shoe":
            polygon([(0.05, 0.3), (0.3, 0.25), (0.42, 0.42), (0.62, 0.55), (0.9, 0.62), (0.97, 0.75), (0.95, 0.86),
                     (0.04, 0.86)])  # fmt: skip
        case "shirt":
            polygon([(0.33, 0.05), (0.42, 0.11), (0.58, 0.11), (0.67, 0.05), (0.97, 0.25), (0.86, 0.43), (0.76, 0.36),
                     (0.77, 0.97), (0.23, 0.97), (0.24, 0.36), (0.14, 0.43), (0.03, 0.25)])  # fmt: skip
        case "bag":
            oval((0.28, 0.02, 0.72, 0.6))
            oval((0.34, 0.08, 0.66, 0.54), 0)
            polygon([(0.14, 0.32), (0.86, 0.32), (0.95, 0.96), (0.05, 0.96)])
        case "watch":
            block((0.36, 0.01, 0.64, 0.99), 0.04)
            oval((0.2, 0.2, 0.8, 0.8))
        case "cushion":
            polygon([(0.05, 0.08), (0.5, 0.13), (0.95, 0.08), (0.9, 0.5), (0.95, 0.93), (0.5, 0.88), (0.05, 0.93),
                     (0.1, 0.5)])  # fmt: skip
        case _:
            polygon([(0.3, 0.02), (0.7, 0.02), (0.64, 0.84), (0.36, 0.84)])
            block((0.38, 0.82, 0.62, 0.99), 0.02)
    return mask


def _place_details(shape: str) -> tuple[UnitBox, UnitBox]:
    """Returns the boxes of label and logo, which are inside every shape."""
    match shape:
        case "bottle" | "tube":
            return (0.38, 0.5, 0.62, 0.68), (0.45, 0.28, 0.55, 0.38)
        case "shoe":
            return (0.1, 0.6, 0.44, 0.76), (0.13, 0.4, 0.27, 0.54)
        case "shirt":
            return (0.32, 0.45, 0.68, 0.68), (0.56, 0.22, 0.66, 0.32)
        case "bag":
            return (0.24, 0.56, 0.76, 0.82), (0.44, 0.37, 0.56, 0.49)
        case "watch":
            return (0.33, 0.42, 0.67, 0.58), (0.44, 0.26, 0.56, 0.38)
        case _:
            return (0.22, 0.46, 0.66, 0.74), (0.36, 0.26, 0.5, 0.4)


def _draw_seams(drawing: ImageDraw.ImageDraw, size: tuple[int, int], random: Random) -> None:
    for _ in range(random.randint(2, 5)):
        tone = random.choice(((30, 30, 30), (235, 235, 235)))
        height = random.uniform(0.1, 0.95) * size[1]
        slope = random.uniform(-0.1, 0.1) * size[1]
        drawing.line([(0, height), (size[0], height + slope)], fill=tone, width=random.randint(2, 6))


def _draw_label(drawing: ImageDraw.ImageDraw, design: Design, box: tuple[int, int, int, int]) -> None:
    random = Random(f"label {design.seed}")
    paper = random.choice(((245, 240, 230), (30, 32, 38), None))
    ink = (25, 25, 30) if paper is None or sum(paper) > 380 else (240, 235, 225)
    if paper:
        drawing.rectangle(box, fill=paper)
    words = draw_words((box[2] - box[0], box[3] - box[1]), design.word, ink)
    drawing.bitmap(box[:2], words.getchannel("A"), fill=ink)


def _draw_logo(drawing: ImageDraw.ImageDraw, design: Design, box: tuple[int, int, int, int]) -> None:
    random = Random(f"logo {design.seed}")
    left, top, right, bottom = box
    center, radius = ((left + right) / 2, (top + bottom) / 2), (right - left) / 2
    ring, star = random.choice((((250, 250, 250), (180, 30, 40)), ((20, 20, 20), (240, 200, 60))))
    drawing.ellipse(box, fill=ring)
    points = random.choice((5, 6, 7))
    drawing.polygon(
        [
            (center[0] + reach * sin(pi * n / points), center[1] - reach * cos(pi * n / points))
            for n in range(2 * points)
            for reach in [radius * (0.9 if n % 2 == 0 else 0.4)]
        ],
        fill=star,
    )


def _shade(surface: Image.Image, random: Random) -> Image.Image:
    """Adds the light of a studio: brighter on one side, and a highlight."""
    pixels = np.asarray(surface).astype(np.float32)
    x = np.linspace(-1, 1, surface.width, dtype=np.float32)[None, :, None]
    light = 1 - 0.35 * (x - random.uniform(-0.4, 0.4)) ** 2
    shine = 35 * np.exp(-(((x - random.uniform(-0.3, 0.3)) / 0.08) ** 2))
    return Image.fromarray(np.clip(pixels * light + shine, 0, 255).astype(np.uint8))


def _scale_box(box: UnitBox, size: tuple[int, int]) -> tuple[int, int, int, int]:
    return round(box[0] * size[0]), round(box[1] * size[1]), round(box[2] * size[0]), round(box[3] * size[1])


def _move_box(box: tuple[int, int, int, int], offset: Point) -> tuple[int, int, int, int]:
    x, y = round(offset[0]), round(offset[1])
    return box[0] + x, box[1] + y, box[2] + x, box[3] + y


def _photograph_coin(number: int) -> ProductPhoto:
    """One coin of the tray in scikit-image's `coins`, enlarged."""
    left, top = _COINS[number]
    coin = load_picture("coins").crop((left, top, left + 70, top + 70)).resize((700, 700), Image.Resampling.BICUBIC)
    tinted = np.asarray(coin).astype(np.float32) * np.asarray((1.0, 0.86, 0.62), np.float32)
    picture = Image.fromarray(np.clip(tinted, 0, 255).astype(np.uint8))
    y, x = np.mgrid[:700, :700]
    bright = np.asarray(coin.convert("L").filter(ImageFilter.GaussianBlur(6))) > _MIN_COIN_LIGHT
    bright &= np.hypot(x - 350, y - 350) < _MAX_COIN_RADIUS
    center, radius = (x[bright].mean(), y[bright].mean()), 0.97 * (bright.sum() / pi) ** 0.5
    disk = (np.hypot(x - center[0], y - center[1]) < radius) * 255
    matte = Image.fromarray(disk.astype(np.uint8)).filter(ImageFilter.GaussianBlur(1))
    return _crop_real_photo(f"coin {number}", picture, matte)


def _crop_real_photo(name: str, picture: Image.Image, mask: Image.Image) -> ProductPhoto:
    product = picture.copy()
    product.putalpha(mask)
    left, top, right, bottom = mask.point(lambda value: 255 * (value > 127)).getbbox() or (0, 0, *picture.size)
    width, height = right - left, bottom - top
    label = left + width * 3 // 10, top + height * 45 // 100, left + width * 7 // 10, top + height * 7 // 10
    logo = left + width * 4 // 10, top + height * 25 // 100, left + width * 55 // 100, top + height * 4 // 10
    return ProductPhoto(name, add_grain(picture, 1.5, len(name)), Product(product, label, logo), None)
