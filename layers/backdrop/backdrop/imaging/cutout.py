"""Full-size cut-outs: a provider's smaller matte, scaled along the photo's edges and applied to the photo's pixels."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from backdrop.imaging.matte_edges import MAX_CLEAR_ALPHA, MIN_OPAQUE_ALPHA, RelativeBox, build_matte_refiner
from backdrop.imaging.sizes import format_size, has_same_aspect_ratio
from backdrop.imaging.strip_resize import resize

if TYPE_CHECKING:
    from PIL.Image import Image

_TILE_SIDE = 256
"""Side of a tile, in pixels. Tiles without an edge take no time, and computing a tile takes about 10 MB."""
_OPAQUE_MASK_TABLE = [0] * 250 + [255] * 6
_COMPARISON_SIDE = 64
"""Two pictures are compared at this many pixels per side."""
_MAX_MEAN_DIFFERENCE = 24
"""Mean channel difference (0–255) above which a result does not match its photo, because it is cropped or rotated."""


class MatteMismatchError(ValueError):
    """A result whose matte does not match its photo. The message completes `The provider's picture …`."""


def cut_out_full_size(original: "Image", provider: "Image") -> "Image":
    """Cuts out the subject of a photo (RGB or RGBA, upright, sRGB) at full size, guided by a smaller cut-out (RGBA).

    Pure subject pixels stay bit-identical, and pure background pixels become (0, 0, 0, 0). `original` itself is changed
    and returned, because a copy of a large photo does not fit into memory. Raises `MatteMismatchError`, with `original`
    unchanged, if the two do not show the same picture.
    """
    from PIL import Image

    if not has_same_aspect_ratio(original.size, provider.size):
        raise MatteMismatchError(
            f"is {format_size(provider.size)}, a different shape from the photo's {format_size(original.size)}"
        )
    guide = resize(original, provider.size, Image.Resampling.BOX)
    if _shows_other_content(guide, provider):
        raise MatteMismatchError("shows another part of the photo, or shows it rotated")
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
    """Yields the box of every tile, in pixels and as shares of the picture."""
    width, height = size
    for top in range(0, height, _TILE_SIDE):
        for left in range(0, width, _TILE_SIDE):
            right, bottom = min(left + _TILE_SIDE, width), min(top + _TILE_SIDE, height)
            yield (left, top, right, bottom), (left / width, top / height, right / width, bottom / height)


def _limit_alpha(cut: "Image", tile: "Image") -> "Image":
    """Makes a tile at least as transparent as the photo was."""
    from PIL import ImageChops

    cut.putalpha(ImageChops.darker(cut.getchannel("A"), tile.getchannel("A")))
    return cut


def _shows_other_content(guide: "Image", provider: "Image") -> bool:
    """True if the parts that are opaque in both pictures differ. False if there are none."""
    from PIL import Image, ImageChops, ImageStat

    size = min(_COMPARISON_SIDE, guide.width), min(_COMPARISON_SIDE, guide.height)
    photo, cutout = (picture.resize(size, Image.Resampling.BOX).convert("RGBA") for picture in (guide, provider))
    opaque_mask = ImageChops.darker(photo.getchannel("A"), cutout.getchannel("A")).point(_OPAQUE_MASK_TABLE)
    if opaque_mask.getbbox() is None:
        return False
    difference = ImageChops.difference(photo.convert("RGB"), cutout.convert("RGB"))
    return max(ImageStat.Stat(difference, opaque_mask).mean) > _MAX_MEAN_DIFFERENCE
