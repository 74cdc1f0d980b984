"""Three letters of a product's label are exchanged: on a flat label, around a cylinder, and seen at an angle.

The photos with an even number, on which the method is tuned, have other fonts and words than those that are held out.
The fonts are in the wheels of Pillow and Matplotlib.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from math import asin, cos, radians, sin
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from bench.fidelity.corpus import UNCHANGED_KINDS, Pair, build_changed_pair, build_unchanged_pair
from bench.fidelity.damage import STRENGTHS
from bench.fidelity.photos import Product, ProductPhoto, add_grain, compose, draw_background

type Color = tuple[int, int, int]
type Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

HEIGHTS = 0.025, 0.035, 0.05, 0.08
"""Sizes of the font, as shares of the product's longer side. A capital letter has about 0.7 of it."""
BENDS = "flat", "around a cylinder", "at an angle"
_EXCHANGED = 3
_LETTERS = "abcdefghiklmnoprstuvz"
_DETAIL = 2
"""How much larger a label is drawn than it appears."""
_GROWTH = 1.3
"""How much larger it is than the label that the product has."""
_CYLINDER, _STRIPS, _SAG = radians(65), 24, 0.18
"""Half the visible angle of the label, the strips that it is drawn in, and how far its middle hangs down."""
_COLORS = (
    ((245, 240, 230), (25, 25, 30)), ((28, 30, 36), (240, 235, 225)), ((200, 60, 50), (250, 245, 240)),
    ((225, 215, 190), (110, 70, 40)), ((40, 80, 70), (225, 200, 120)),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Print:
    """The fonts and words of labels."""

    fonts: Sequence[str | None]
    words: Sequence[str]


_TUNING = Print(
    (None, "cmr10", "DejaVuSans"),
    ("protein", "vanilla", "organic", "without", "natural", "lavender", "shampoo", "contains", "extract", "sensitive"),
)
_HELD_OUT = Print(
    ("DejaVuSerif", "STIXGeneral", "cmss10", "DejaVuSansMono-Bold"),
    ("ginger", "butter", "recycled", "tablets", "drink", "morning", "mineral", "leather", "cotton", "roasted"),
)


@dataclass(frozen=True, slots=True)
class WordPair:
    """A pair whose photo has a printed label. `height`: the size of the changed letters, None if there are none."""

    pair: Pair
    bend: str
    height: float | None


def build_word_pairs(photo: ProductPhoto, *, is_held_out: bool) -> Iterator[WordPair]:
    """Yields changed letters in each size on each kind of label, and unchanged labels in the strongest conditions."""
    unchanged = list[tuple[ProductPhoto, str]]()
    for bend in BENDS:
        for strength, height in enumerate(HEIGHTS):
            if label := draw_label(photo, bend, height, is_held_out=is_held_out):
                yield WordPair(build_changed_pair(*label, bend, strength), bend, height)
                unchanged.append((label[0], bend))
    for kind in UNCHANGED_KINDS:
        labeled, bend = Random(f"{photo.name} {kind}").choice(unchanged)
        yield WordPair(build_unchanged_pair(labeled, kind, STRENGTHS - 1), bend, None)


def draw_label(
    photo: ProductPhoto, bend: str, height: float, *, is_held_out: bool
) -> tuple[ProductPhoto, Product] | None:
    """Returns the photo with a printed label, and its product with other letters there. None if no text fits."""
    random = Random(f"{photo.name} {bend} {height}")
    box = _grow(photo.product.label)
    size = (box[2] - box[0]) * _DETAIL, (box[3] - box[1]) * _DETAIL
    printed = _HELD_OUT if is_held_out else _TUNING
    font = _load_font(random.choice(printed.fonts), round(height * _find_side(photo) * _DETAIL))
    lines = _choose_lines(printed.words, font, size, random)
    if not lines:
        return None
    other = _exchange_letters(lines, random)
    colors, angle = random.choice(_COLORS), random.choice((-1, 1)) * random.uniform(8, 20)
    own_label, other_label = (_bend(_print(text, lines, font, size, colors), bend, angle) for text in (lines, other))
    own, changed = (_stick(photo, label, box) for label in (own_label, other_label))
    scene = compose(own.picture, draw_background(Random(f"words on {photo.name}"), photo.photo.size))
    name = f"{photo.name}, {bend}, {height}"
    return replace(photo, name=name, photo=add_grain(scene, 1.5, 7), product=own), changed


def _load_font(name: str | None, height: int) -> Font:
    """`name`: None for Pillow's own font."""
    if name is None:
        return ImageFont.load_default(height)
    spec = find_spec("matplotlib")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("Matplotlib is not installed: run make setup")
    return ImageFont.truetype(Path(spec.origin).parent / f"mpl-data/fonts/ttf/{name}.ttf", height)


def _choose_lines(words: Sequence[str], font: Font, size: tuple[int, int], random: Random) -> list[list[str]]:
    """Returns the words of each line, as many as fit."""
    lines = list[list[str]]()
    for _ in range(int(size[1] * 0.9 / _measure_line(font))):
        line = list[str]()
        for word in random.sample(words, len(words)):
            if font.getlength(" ".join([*line, word])) <= size[0] * 0.9:
                line.append(word)
        if line:
            lines.append(line)
    return lines


def _measure_line(font: Font) -> float:
    return 1.25 * (font.getbbox("Äg")[3] - font.getbbox("Äg")[1])


def _exchange_letters(lines: list[list[str]], random: Random) -> list[list[str]]:
    """Replaces three neighboring letters of one word."""
    row = random.randrange(len(lines))
    column = random.randrange(len(lines[row]))
    word = lines[row][column]
    start = random.randrange(len(word) - _EXCHANGED + 1)
    letters = [random.choice(_LETTERS.replace(own, "")) for own in word[start : start + _EXCHANGED]]
    changed = [list(line) for line in lines]
    changed[row][column] = word[:start] + "".join(letters) + word[start + _EXCHANGED :]
    return changed


def _print(
    lines: list[list[str]], own: list[list[str]], font: Font, size: tuple[int, int], colors: tuple[Color, Color]
) -> Image.Image:
    """Prints each word where the label has its own, because the changed one must not move its neighbors."""
    paper, ink = colors
    label = Image.new("RGBA", size, (*paper, 255))
    drawing, step = ImageDraw.Draw(label), _measure_line(font)
    for number, (line, own_line) in enumerate(zip(lines, own, strict=True)):
        x, y = size[0] * 0.05, size[1] * 0.05 + (number + 0.5) * step
        for word, own_word in zip(line, own_line, strict=True):
            drawing.text((x, y), word, fill=(*ink, 255), font=font, anchor="lm")
            x += font.getlength(own_word + " ")
    return label


def _bend(label: Image.Image, bend: str, angle: float) -> Image.Image:
    """Draws a flat label as it appears on the product. `angle`: how far a tilted one is turned, in degrees."""
    if bend == BENDS[0]:
        return label
    return _wrap(label) if bend == BENDS[1] else _tilt(label, angle)


def _wrap(label: Image.Image) -> Image.Image:
    """Wraps a label around an upright cylinder that the camera sees from above."""
    width, height = label.size
    edges = [round(width * strip / _STRIPS) for strip in range(_STRIPS + 1)]
    places = [asin((2 * x / width - 1) * sin(_CYLINDER)) for x in edges]
    across = [width * (place / _CYLINDER + 1) / 2 for place in places]
    low, tall = cos(_CYLINDER), height / (1 - _SAG)
    tops = [-_SAG * tall * (cos(place) - low) / (1 - low) for place in places]
    sides = [(x, top, x, top + tall) for x, top in zip(across, tops, strict=True)]
    mesh = [
        ((edges[n], 0, edges[n + 1], height), (*sides[n], *sides[n + 1][2:], *sides[n + 1][:2])) for n in range(_STRIPS)
    ]
    return label.transform(label.size, Image.Transform.MESH, mesh, Image.Resampling.BICUBIC)


def _tilt(label: Image.Image, angle: float) -> Image.Image:
    """Turns a label, and shows one of its sides farther away."""
    width, height = label.size
    turn = radians(angle)
    flat = [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)]
    seen = list[tuple[float, float]]()
    for x, y in flat:
        depth = 1 + 0.18 * x
        near = x * 0.82 * width / 2 / depth, y * 0.82 * height / 2 / depth
        seen.append((near[0] * cos(turn) - near[1] * sin(turn), near[0] * sin(turn) + near[1] * cos(turn)))
    rows, values = list[list[float]](), list[float]()
    for (x, y), (own_x, own_y) in zip(seen, flat, strict=True):
        u, v = x + width / 2, y + height / 2
        own = (own_x + 1) * width / 2, (own_y + 1) * height / 2
        rows += [[u, v, 1, 0, 0, 0, -own[0] * u, -own[0] * v], [0, 0, 0, u, v, 1, -own[1] * u, -own[1] * v]]
        values += own
    matrix = np.linalg.solve(np.asarray(rows), np.asarray(values)).tolist()
    return label.transform(label.size, Image.Transform.PERSPECTIVE, matrix, Image.Resampling.BICUBIC)


def _stick(photo: ProductPhoto, label: Image.Image, box: tuple[int, int, int, int]) -> Product:
    picture = Image.new("RGBA", photo.photo.size)
    picture.paste(label.reduce(_DETAIL), box[:2])
    labeled = Image.alpha_composite(photo.product.picture, picture)
    labeled.putalpha(photo.matte)
    return replace(photo.product, picture=labeled)


def _grow(box: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    left, top, right, bottom = box
    x, y = round((right - left) * (_GROWTH - 1) / 2), round((bottom - top) * (_GROWTH - 1) / 2)
    return left - x, top - y, right + x, bottom + y


def _find_side(photo: ProductPhoto) -> int:
    left, top, right, bottom = photo.matte.getbbox() or (0, 0, *photo.photo.size)
    return max(right - left, bottom - top)
