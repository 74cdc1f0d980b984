"""Cut-outs with the photo's own pixels: a provider's smaller matte, scaled along the photo's edges and applied to them.

A photo's own transparency is exact, so no cut-out is more opaque than its photo.
"""

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
_FULLY_OPAQUE_MASK_TABLE = [0] * 255 + [255]
_VISIBLE_MASK_TABLE = [0] + [255] * 255
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
    guide = _scale_to_match(original, provider).convert("RGB")
    refiner = build_matte_refiner(guide, provider.getchannel("A"))
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
                limit_tile(refiner.cut_out(tile, area), tile) if has_alpha else refiner.cut_out(tile, area), box
            )
    return original


def limit_to_photo(photo: "Image", provider: "Image") -> "Image":
    """Returns a cut-out (RGB or RGBA) that is at least as transparent as its photo (RGBA, upright, sRGB).

    Where the photo is partly transparent, its own colors replace the provider's, which contain the background that the
    provider added. `photo` itself may be changed and returned, to save memory. Raises `MatteMismatchError`, with
    `photo` unchanged, if the two do not show the same picture.
    """
    limited = _scale_to_match(photo, provider)
    for box, _ in _iter_tiles(provider.size):
        limited.paste(limit_tile(provider.crop(box).convert("RGBA"), limited.crop(box)), box)
    return limited


def _iter_tiles(size: tuple[int, int]) -> Iterator[tuple[tuple[int, int, int, int], RelativeBox]]:
    """Yields the box of every tile, in pixels and as shares of the picture."""
    width, height = size
    for top in range(0, height, _TILE_SIDE):
        for left in range(0, width, _TILE_SIDE):
            right, bottom = min(left + _TILE_SIDE, width), min(top + _TILE_SIDE, height)
            yield (left, top, right, bottom), (left / width, top / height, right / width, bottom / height)


def limit_tile(cut: "Image", tile: "Image") -> "Image":
    """Returns a tile at least as transparent as the photo was, with the photo's colors where that was not opaque."""
    from PIL import Image, ImageChops

    photo_alpha = tile.getchannel("A")
    limited = Image.composite(cut, tile, photo_alpha.point(_FULLY_OPAQUE_MASK_TABLE))
    limited.putalpha(ImageChops.darker(cut.getchannel("A"), photo_alpha))
    cleared = Image.new("RGBA", cut.size)
    cleared.paste(limited, mask=limited.getchannel("A").point(_VISIBLE_MASK_TABLE))
    return cleared


def _scale_to_match(photo: "Image", provider: "Image") -> "Image":
    """Returns the photo at the size of the provider's picture; the same object if it has that size.

    Raises `MatteMismatchError` if the pictures have different shapes, or different colors where both are opaque.
    """
    from PIL.Image import Resampling

    if not has_same_aspect_ratio(photo.size, provider.size):
        raise MatteMismatchError(
            f"is {format_size(provider.size)}, a different shape from the photo's {format_size(photo.size)}"
        )
    resampling = Resampling.BOX if provider.width < photo.width else Resampling.BICUBIC
    scaled = photo if photo.size == provider.size else resize(photo, provider.size, resampling)
    if _shows_other_content(scaled, provider):
        raise MatteMismatchError("shows another part of the photo, or shows it rotated")
    return scaled


def _shows_other_content(guide: "Image", provider: "Image") -> bool:
    """True if the parts that are opaque in both pictures differ. False if there are none."""
    from PIL import Image, ImageChops, ImageStat

    size = min(_COMPARISON_SIDE, guide.width), min(_COMPARISON_SIDE, guide.height)
    photo, cutout = (resize(picture, size, Image.Resampling.BOX).convert("RGBA") for picture in (guide, provider))
    opaque_mask = ImageChops.darker(photo.getchannel("A"), cutout.getchannel("A")).point(_OPAQUE_MASK_TABLE)
    if opaque_mask.getbbox() is None:
        return False
    difference = ImageChops.difference(photo.convert("RGB"), cutout.convert("RGB"))
    return max(ImageStat.Stat(difference, opaque_mask).mean) > _MAX_MEAN_DIFFERENCE
