"""Full-size cut-outs: a provider's smaller matte, scaled along the photo's own edges and laid on the photo's pixels."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from backdrop.imaging.matte_edges import MAX_CLEAR_ALPHA, MIN_OPAQUE_ALPHA, RelativeBox, build_matte_refiner
from backdrop.imaging.sizes import format_size, has_same_aspect_ratio

if TYPE_CHECKING:
    from PIL.Image import Image

_TILE_SIDE = 256
"""Pixels of a tile's side; tiles without an edge cost nothing, and a tile's arithmetic takes some 10 MB."""
_OPAQUE_MASK_TABLE = [0] * 250 + [255] * 6
_COMPARISON_SIDE = 64
"""Two pictures are compared in so many pixels a side."""
_MAX_MEAN_DIFFERENCE = 24
"""Mean difference of a channel, of 255, from which on a result shows something else than its photo: a crop, a turn."""


class MatteMismatchError(ValueError):
    """A result whose matte does not lie on its photo; the message completes `The provider's picture …`."""


def cut_out_full_size(original: "Image", provider: "Image") -> "Image":
    """The photo (RGB or RGBA, upright, sRGB) cut out in its own pixels by what the provider (RGBA) cut out in fewer.

    What is wholly subject keeps its pixels to the bit, what is wholly ground becomes (0, 0, 0, 0). Raises
    `MatteMismatchError`, with the photo as it was, where the two are not the same picture. Else `original` itself is
    changed and returned: a copy of a large photo would not fit beside it.
    """
    from PIL import Image

    if not has_same_aspect_ratio(original.size, provider.size):
        raise MatteMismatchError(
            f"is {format_size(provider.size)}, a shape other than the photo's {format_size(original.size)}"
        )
    guide = original.resize(provider.size, Image.Resampling.BOX)
    if _shows_other_content(guide, provider):
        raise MatteMismatchError("shows another part of the photo, or the photo turned")
    refiner = build_matte_refiner(guide.convert("RGB"), provider.getchannel("A"))
    has_alpha = original.mode == "RGBA"
    if not has_alpha:
        original.putalpha(255)
    for box, area in _iter_tiles(original.size):
        low, high = refiner.alpha_range(area)
        if high <= MAX_CLEAR_ALPHA:
            original.paste((0, 0, 0, 0), box)
        elif low < MIN_OPAQUE_ALPHA:
            tile = original.crop(box)
            original.paste(
                _limit_alpha(refiner.cut_out(tile, area), tile) if has_alpha else refiner.cut_out(tile, area), box
            )
    return original


def _iter_tiles(size: tuple[int, int]) -> Iterator[tuple[tuple[int, int, int, int], RelativeBox]]:
    """Every part of a picture, in its pixels and in shares."""
    width, height = size
    for top in range(0, height, _TILE_SIDE):
        for left in range(0, width, _TILE_SIDE):
            right, bottom = min(left + _TILE_SIDE, width), min(top + _TILE_SIDE, height)
            yield (left, top, right, bottom), (left / width, top / height, right / width, bottom / height)


def _limit_alpha(cut: "Image", tile: "Image") -> "Image":
    """A tile that is nowhere less transparent than the photo was."""
    from PIL import ImageChops

    cut.putalpha(ImageChops.darker(cut.getchannel("A"), tile.getchannel("A")))
    return cut


def _shows_other_content(guide: "Image", provider: "Image") -> bool:
    """Whether what is whole in both looks otherwise in the photo; never where nothing is."""
    from PIL import Image, ImageChops, ImageStat

    size = min(_COMPARISON_SIDE, guide.width), min(_COMPARISON_SIDE, guide.height)
    had, left = (picture.resize(size, Image.Resampling.BOX).convert("RGBA") for picture in (guide, provider))
    opaque_mask = ImageChops.darker(had.getchannel("A"), left.getchannel("A")).point(_OPAQUE_MASK_TABLE)
    if opaque_mask.getbbox() is None:
        return False
    difference = ImageChops.difference(had.convert("RGB"), left.convert("RGB"))
    return max(ImageStat.Stat(difference, opaque_mask).mean) > _MAX_MEAN_DIFFERENCE
