"""The parts of a matte: what is visible, which parts are strays that a provider left, and a matte without them.

Providers leave specks of the old background far from the subject, and hazes that are hardly visible. Such strays must
not decide where the subject is, and must not be in a picture. Parts are found at a working size: cells of a few pixels.
A cell counts as visible if one of its pixels does, so that no thin part is lost.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import ceil
from typing import TYPE_CHECKING, cast

from backdrop.model.frame import Box, Size

if TYPE_CHECKING:
    from PIL.Image import Image

type _Run = tuple[int, int, int]
"""Neighboring cells of a row: the row, the first cell, and the cell after the last one."""

MIN_VISIBLE_ALPHA = 16
"""Alpha (0 to 255) below which a pixel counts as removed."""
MAX_CLEAR_ALPHA, MIN_OPAQUE_ALPHA = 3, 252
"""Neural networks write nearly 0 for 0 and nearly 255 for 255: alpha up to the first value counts as 0, and alpha from
the second value as 255."""
SNAP_ALPHA_TABLE = [
    0 if alpha <= MAX_CLEAR_ALPHA else 255 if alpha >= MIN_OPAQUE_ALPHA else alpha for alpha in range(256)
]

_VISIBLE_TABLE = [0] * MIN_VISIBLE_ALPHA + [255] * (256 - MIN_VISIBLE_ALPHA)
_VISIBLE_ALPHA_TABLE = [0] * MIN_VISIBLE_ALPHA + [*range(MIN_VISIBLE_ALPHA, 256)]
_ANY_TABLE = [0] + [255] * 255
_WORKING_SIDE = 512
_MAX_EXACT_REDUCTION = 16
"""The largest reduction in which the mean of a cell with one visible pixel is not rounded to 0."""
_STRIP_ROWS = 256
_MERGED_CELLS = 2
"""How far parts extend beyond what is visible, in cells. Those that then touch are one part: the links of a chain."""
_FAINT_SHARE = 0.25
"""The share of the highest alpha below which a cell is faint."""
_MIN_SOLID_CELLS = 0.1
"""The share of its cells that may not be faint in a faint part."""
_MAX_FAINT_MASS, _MAX_FAR_CELLS = 0.1, 0.005
"""A faint part of less than this share of the largest part's mass is a stray, and so is a part that is far from all
others and has less than this share of the largest part's cells."""
_FAR_SHARE, _FAR_FACTOR = 0.05, 2
"""A part is far if it is away from all others by this share of the largest part's longer side, and by this many times
its own: a short gap separates small parts from each other, a longer one a strap from its bag."""
_MIN_SIGNIFICANT_MASS = 0.01


def mark_visible(alpha: "Image") -> "Image":
    """Returns an alpha channel with 255 for what is visible, and 0 for what counts as removed."""
    return alpha.point(_VISIBLE_TABLE)


def read_highest_alpha(picture: "Image") -> int:
    """Returns the highest alpha of a picture (RGBA), or the highest value of an alpha channel (L), without a copy."""
    extrema = picture.getextrema()
    return cast("tuple[tuple[int, int], ...]", extrema)[-1][1] if picture.mode == "RGBA" else cast("int", extrema[1])


def find_visible_box(picture: "Image") -> Box | None:
    """Returns the box of what is visible in an RGBA picture, without strays; None if nothing is visible."""
    parts = _find_parts(picture)
    strays = set(parts.find_strays())
    return parts.measure_box(picture, (one for one in parts.found if one not in strays))


def find_significant_box(alpha: "Image") -> Box | None:
    """Returns the box of the parts that have at least 1% of the mass of the largest one, wherever they are.

    This does not depend on what counts as a stray, so that a certificate can contradict the layout.
    """
    parts = _find_parts(alpha)
    largest = max((one.mass for one in parts.found), default=0)
    return parts.measure_box(alpha, [one for one in parts.found if one.mass >= largest * _MIN_SIGNIFICANT_MASS])


@dataclass(frozen=True, slots=True)
class MatteCleaning:
    """What cleaning did to a picture. `stray_count`: the parts that were removed."""

    has_changed: bool = False
    stray_count: int = 0


def clean_matte(picture: "Image") -> MatteCleaning:
    """Cleans the matte of a cut-out (RGBA), which is changed.

    Removes strays, makes nearly transparent pixels (alpha up to 3) transparent and nearly opaque ones (from 252)
    opaque, and clears the color of what is transparent. Strip by strip, because a copy of a large picture does not fit
    into memory.
    """
    from PIL import Image, ImageChops

    parts = _find_parts(picture)
    strays = parts.find_strays()
    stray_cells = parts.draw(strays)
    has_changed = False
    for top, strip in _iterate_strips(picture, parts.cell_side):
        alpha = strip.getchannel("A")
        if alpha.getextrema() == (255, 255):
            continue
        cleaned = alpha.point(SNAP_ALPHA_TABLE)
        if strays:
            cleaned = ImageChops.subtract(cleaned, parts.enlarge(stray_cells, top, strip.size))
        clean = Image.new("RGBA", strip.size)
        visible = strip.convert("RGB")
        visible.putalpha(cleaned)
        clean.paste(visible, mask=cleaned.point(_ANY_TABLE))
        if clean.tobytes() != strip.tobytes():
            picture.paste(clean, (0, top))
            has_changed = True
    return MatteCleaning(has_changed, len(strays))


@dataclass(eq=False, slots=True)
class _Part:
    """A connected part. `cells`: those that are visible, `solid_cells`: those of them that are not faint, `mass`: the
    sum of their mean alpha."""

    runs: list[_Run] = field(default_factory=list["_Run"])
    cells: int = 0
    solid_cells: int = 0
    mass: int = 0

    @property
    def is_faint(self) -> bool:
        return self.solid_cells < self.cells * _MIN_SOLID_CELLS

    @property
    def box(self) -> Box:
        """The box of the part's cells, including those by which it was extended."""
        rows, firsts, ends = zip(*self.runs, strict=True)
        return min(firsts), min(rows), max(ends), max(rows) + 1

    @property
    def longer_side(self) -> int:
        left, top, right, bottom = self.box
        return max(right - left, bottom - top) - 2 * _MERGED_CELLS


@dataclass(frozen=True, slots=True)
class _Parts:
    """The parts of a picture. `cell_side` is in pixels, `grid` the number of cells in each direction."""

    found: list[_Part]
    cell_side: int
    grid: Size

    def find_strays(self) -> list[_Part]:
        largest = max(self.found, key=lambda one: one.mass, default=None)
        if largest is None:
            return []
        strays, small, large = list[_Part](), list[_Part](), list[_Part]()
        for one in self.found:
            if one.is_faint and one.mass < largest.mass * _MAX_FAINT_MASS:
                strays.append(one)
            else:
                (small if one.cells < largest.cells * _MAX_FAR_CELLS else large).append(one)
        large_cells = self.draw(large)
        for one in small:
            reach = ceil(max(largest.longer_side * _FAR_SHARE, one.longer_side * _FAR_FACTOR))
            left, top, right, bottom = one.box
            if large_cells.crop((left - reach, top - reach, right + reach, bottom + reach)).getbbox() is None:
                strays.append(one)
        return strays

    def draw(self, parts: Iterable[_Part]) -> "Image":
        """Returns the grid (L) with 255 in the cells of these parts."""
        from PIL import Image

        width, height = self.grid
        rows = [bytearray(width) for _ in range(height)]
        for row, first, end in (run for one in parts for run in one.runs):
            rows[row][first:end] = b"\xff" * (end - first)
        return Image.frombytes("L", self.grid, b"".join(rows))

    def enlarge(self, cells: "Image", top: int, size: Size) -> "Image":
        """Returns the part of a drawn grid that a strip of the picture covers, in the strip's pixels."""
        from PIL.Image import Resampling

        first, count = top // self.cell_side, ceil(size[1] / self.cell_side)
        rows = cells.crop((0, first, cells.width, first + count))
        whole = rows.resize((rows.width * self.cell_side, rows.height * self.cell_side), Resampling.NEAREST)
        return whole.crop((0, 0, *size))

    def measure_box(self, picture: "Image", parts: Iterable[_Part]) -> Box | None:
        """Returns the box of the visible pixels of these parts."""
        from PIL import ImageChops

        cells = self.draw(parts)
        boxes: list[Box] = []
        for top, strip in _iterate_strips(picture, self.cell_side):
            mask = self.enlarge(cells, top, strip.size)
            if mask.getbbox() and (box := ImageChops.darker(mark_visible(_read_alpha(strip)), mask).getbbox()):
                boxes.append((box[0], box[1] + top, box[2], box[3] + top))
        if not boxes:
            return None
        lefts, tops, rights, bottoms = zip(*boxes, strict=True)
        return min(lefts), min(tops), max(rights), max(bottoms)


def _find_parts(picture: "Image") -> _Parts:
    """Finds the parts of an alpha channel (L), or of that of a picture (RGBA)."""
    from PIL import Image, ImageFilter

    side = ceil(max(picture.size) / _WORKING_SIDE)
    # A larger reduction takes two steps.
    side = side if side <= _MAX_EXACT_REDUCTION else _MAX_EXACT_REDUCTION * ceil(side / _MAX_EXACT_REDUCTION)
    grid = ceil(picture.width / side), ceil(picture.height / side)
    visible, solid, mean = (Image.new("L", grid) for _ in range(3))
    highest = read_highest_alpha(picture)
    solid_table = [255 * (alpha >= highest * _FAINT_SHARE) for alpha in range(256)]
    for top, strip in _iterate_strips(picture, side):
        alpha = _read_alpha(strip).point(_VISIBLE_ALPHA_TABLE)
        place = (0, top // side)
        visible.paste(_mark_cells(alpha.point(_ANY_TABLE), side), place)
        solid.paste(_mark_cells(alpha.point(solid_table), side), place)
        mean.paste(alpha.reduce(side), place)
    extended = visible.filter(ImageFilter.MaxFilter(2 * _MERGED_CELLS + 1))
    planes = [_list_rows(plane) for plane in (visible, solid, mean)]
    return _Parts([_measure_part(runs, *planes) for runs in _connect(_list_rows(extended))], side, grid)


def _iterate_strips(picture: "Image", cell_side: int) -> Iterator[tuple[int, "Image"]]:
    """Yields strips of whole cells, each with its first row."""
    rows = cell_side * max(1, _STRIP_ROWS // cell_side)
    for top in range(0, picture.height, rows):
        yield top, picture.crop((0, top, picture.width, min(top + rows, picture.height)))


def _read_alpha(picture: "Image") -> "Image":
    return picture.getchannel("A") if picture.mode == "RGBA" else picture


def _mark_cells(mask: "Image", cell_side: int) -> "Image":
    """Returns 255 for each cell in which the mask is not 0 everywhere."""
    while cell_side > 1:
        step = min(cell_side, _MAX_EXACT_REDUCTION)
        mask, cell_side = mask.reduce(step).point(_ANY_TABLE), cell_side // step
    return mask


def _list_rows(plane: "Image") -> list[bytes]:
    data = plane.tobytes()
    return [data[start : start + plane.width] for start in range(0, len(data), plane.width)]


def _connect(rows: list[bytes]) -> list[list[_Run]]:
    """Returns the runs of each group of cells that touch, also at their corners."""
    runs, parents, above = list[_Run](), list[int](), list[int]()

    def find_root(index: int) -> int:
        while parents[index] != index:
            parents[index] = parents[parents[index]]
            index = parents[index]
        return index

    for row, cells in enumerate(rows):
        current = list[int]()
        for match in re.finditer(rb"\xff+", cells):
            index = len(runs)
            runs.append((row, match.start(), match.end()))
            parents.append(index)
            for other in above:
                if runs[other][1] > match.end():
                    break
                if match.start() <= runs[other][2]:
                    parents[find_root(other)] = find_root(index)
            current.append(index)
        above = current
    groups: dict[int, list[_Run]] = {}
    for index, run in enumerate(runs):
        groups.setdefault(find_root(index), []).append(run)
    return list(groups.values())


def _measure_part(runs: list[_Run], visible: list[bytes], solid: list[bytes], mean: list[bytes]) -> _Part:
    part = _Part(runs)
    for row, first, end in runs:
        part.cells += visible[row].count(255, first, end)
        part.solid_cells += solid[row].count(255, first, end)
        part.mass += sum(mean[row][first:end])
    return part
