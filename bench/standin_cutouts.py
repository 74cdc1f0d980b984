"""Measures the stand-in's cut-outs on ten photos that packages ship: `python -m bench.standin_cutouts`.

`--out docs/results/cut_outs.md` writes a page, and their pictures next to it. Each alpha is compared with a kept matte
(bench/mattes/README.md). Exits with code 1 if a figure misses its aim.
"""

import argparse
import io
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
from PIL import Image

from backdrop.model.fidelity import FidelityVerdict
from backdrop_local.home import TOOLS
from backdrop_local.photos import PHOTOS, load_photo
from backdrop_local.standin.pictures import CutOut, cut_out
from bench.fidelity.corpus import UNCHANGED_KINDS, build_damaged_pair, build_unchanged_pair
from bench.fidelity.photos import Product, ProductPhoto
from bench.fidelity.scores import judge_pair
from simulation.run_environment import describe_environment

MIN_OVERLAP, MIN_PHOTOS, MAX_CPU_SECONDS = 0.95, 7, 1.2
MATTES = Path(__file__).parent / "mattes"
_SAMPLES = TOOLS / "model" / "bgeraser" / "samples"
_OTHERS = {
    "cat": Path(str(distribution("scikit-image").locate_file("skimage/data/chelsea.png"))),
    "motorcycle": Path(str(distribution("scikit-image").locate_file("skimage/data/motorcycle_left.png"))),
    "kitten": _SAMPLES / "animal.jpg",
    "handbag": _SAMPLES / "product.jpg",
    "car": _SAMPLES / "car.jpg",
}
_DAMAGE = ("color shifted", "part erased", "part added", "detail smoothed", "texture replaced", "mirrored", "rotated")
_JUDGED_SIDE = 760
NAMES = (*(photo.name for photo in PHOTOS), *_OTHERS)
_TILE, _COLUMNS = 240, 5


@dataclass(frozen=True, slots=True)
class CutOutFigure:
    """A cut-out: its intersection over union with the kept matte, and the CPU time that it took."""

    name: str
    overlap: float
    seconds: float


def open_photo(name: str) -> Image.Image:
    """Opens one of the ten photos."""
    file = _OTHERS.get(name)
    return Image.open(file or io.BytesIO(load_photo(name))).convert("RGB")


def measure_overlap(name: str, cut: CutOut) -> float:
    """Returns the intersection over union of a photo's cut-out (alpha above a half) and its kept matte."""
    with Image.open(MATTES / f"{name}.png") as matte:
        alpha = Image.fromarray((cut.alpha * 255).astype(np.uint8)).resize(matte.size, Image.Resampling.BOX)
        found, kept = np.asarray(alpha) > 127, np.asarray(matte) > 0
    return float((found & kept).sum() / (found | kept).sum())


def main() -> int:
    """Measures all photos, and writes the page and its pictures if one is named."""
    parser = argparse.ArgumentParser(prog="python -m bench.standin_cutouts", description=__doc__)
    parser.add_argument(
        "--out", type=Path, help="write a page with the results to this file, and the pictures next to it"
    )
    arguments = parser.parse_args()
    cut_out(open_photo(NAMES[0]))  # loads the model
    figures, tiles = list[CutOutFigure](), list[Image.Image]()
    for name in NAMES:
        photo, began = open_photo(name), time.process_time()
        cut = cut_out(photo)
        seconds = time.process_time() - began
        figures.append(CutOutFigure(name, measure_overlap(name, cut), seconds))
        tiles.append(_draw_tile(photo, cut.to_image()))
    lines = [*format_table(figures), "", *format_free_masks(list(measure_free_masks()))]
    print("\n".join(lines))
    if arguments.out:
        picture = arguments.out.with_suffix(".jpg")
        _arrange(tiles).save(picture, quality=85, optimize=True)
        arguments.out.write_text(format_page(lines, picture.name))
    count = sum(one.overlap >= MIN_OVERLAP for one in figures)
    return int(count < MIN_PHOTOS or max(one.seconds for one in figures) > MAX_CPU_SECONDS)


def measure_free_masks() -> Iterator[tuple[bool, bool, bool]]:
    """Judges results of the photos, once with the kept matte as the mask and once with the stand-in's cut-out.

    Yields whether the product is damaged, and whether it counts as changed with each of the masks. The changes of light
    and place are the milder ones.
    """
    for name in NAMES:
        photo = open_photo(name)
        photo.thumbnail((_JUDGED_SIDE, _JUDGED_SIDE))
        with Image.open(MATTES / f"{name}.png") as kept:
            matte = kept.convert("L").resize(photo.size)
        product = photo.copy()
        product.putalpha(matte)
        box = matte.getbbox() or (0, 0, *photo.size)
        photographed = ProductPhoto(name, photo, Product(product, box, box), None)
        free = cut_out(photo).to_image()
        unchanged = (
            build_unchanged_pair(photographed, kind, 0) for kind in UNCHANGED_KINDS if kind != "oversized mask"
        )
        damaged = (build_damaged_pair(photographed, kind, 1) for kind in _DAMAGE)
        for pair in filter(None, (*unchanged, *damaged)):
            kept_verdict, free_verdict = (
                judge_pair(pair.photo, mask, pair.result).verdict is FidelityVerdict.CHANGED
                for mask in (pair.cut_out, free)
            )
            yield pair.is_damaged, kept_verdict, free_verdict


def format_free_masks(judged: list[tuple[bool, bool, bool]]) -> list[str]:
    lines = ["| mask | unchanged products that count as changed | damaged products that do |", "|---|--:|--:|"]
    for column, mask in ((1, "kept matte"), (2, "U²-Net-p's cut-out")):
        shares = [np.mean([one[column] for one in judged if one[0] is damaged]) for damaged in (False, True)]
        lines.append(f"| {mask} | {shares[0]:.1%} | {shares[1]:.1%} |")
    counts = [sum(one[0] is damaged for one in judged) for damaged in (False, True)]
    return [
        "As the mask of a [fidelity verdict](../fidelity.md), instead of a provider's cut-out:",
        "",
        *lines,
        "",
        f"{counts[0]} unchanged and {counts[1]} damaged results of the ten photos, made as for `bench.fidelity`.",
    ]


def format_table(figures: list[CutOutFigure]) -> list[str]:
    count, slowest = sum(one.overlap >= MIN_OVERLAP for one in figures), max(one.seconds for one in figures)
    return [
        "| photo | intersection over union | CPU seconds |",
        "|---|--:|--:|",
        *(f"| {one.name} | {one.overlap:.3f} | {one.seconds:.1f} |" for one in figures),
        "",
        f"{count} of {len(figures)} photos reach {MIN_OVERLAP} (aim: {MIN_PHOTOS}). The slowest one takes"
        f" {slowest:.1f} s of CPU (aim: at most {MAX_CPU_SECONDS} s).",
    ]


def format_page(lines: list[str], picture: str) -> str:
    return "\n".join(
        [
            "# The stand-in's cut-outs",
            "",
            f"Written by `python -m bench.standin_cutouts` on {describe_environment()}.",
            "",
            "U²-Net-p, a free model on your machine, made these cut-outs. They are softer than a provider's."
            " `make demo`, the tests, and the pictures of these pages use it; [the stack does"
            " not](../decisions/0069-the-stand-ins-model.md). The [kept mattes](../../bench/mattes/README.md) were"
            " drawn by hand, or made by a larger model.",
            "",
            *lines,
            "",
            f"![Ten photos, each above its cut-out on a checkerboard]({picture})",
            "",
            "Photos: "
            + "; ".join(f"{one.name}: {one.credit} ({one.license_name.partition(',')[0]})" for one in PHOTOS)
            + "; cat: Stéfan van der Walt (CC0); motorcycle: D. Scharstein et al., Middlebury Stereo Datasets (2014);"
            " kitten, handbag, and car: the package bgeraser 0.4.0 (MIT).",
            "",
        ]
    )


def _draw_tile(photo: Image.Image, cut: Image.Image) -> Image.Image:
    """Returns the photo above its cut-out, on a checkerboard."""
    squares = np.kron(np.indices((_TILE // 12, _TILE // 12)).sum(axis=0) % 2, np.ones((12, 12)))
    tile = Image.new("RGB", (_TILE, 2 * _TILE), "white")
    board = Image.fromarray((255 - 40 * squares).astype(np.uint8)).convert("RGB")
    for row, picture in enumerate((photo.convert("RGBA"), cut)):
        picture.thumbnail((_TILE - 8, _TILE - 8))
        left, top = (_TILE - picture.width) // 2, (_TILE - picture.height) // 2
        ground = board.crop((left, top, left + picture.width, top + picture.height))
        ground.paste(picture, (0, 0), picture)
        tile.paste(ground, (left, row * _TILE + top))
    return tile


def _arrange(tiles: list[Image.Image]) -> Image.Image:
    sheet = Image.new("RGB", (_COLUMNS * _TILE, -(-len(tiles) // _COLUMNS) * 2 * _TILE), "white")
    for n, tile in enumerate(tiles):
        sheet.paste(tile, (n % _COLUMNS * _TILE, n // _COLUMNS * 2 * _TILE))
    return sheet


if __name__ == "__main__":
    sys.exit(main())
