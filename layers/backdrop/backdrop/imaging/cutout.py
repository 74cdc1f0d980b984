"""Cut-outs with the photo's own pixels: a provider's smaller matte, scaled along the photo's edges and applied to them.

A photo's own transparency is exact, so no cut-out is more opaque than its photo.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from backdrop.imaging.matte_edges import MatteRefiner, RelativeBox, build_matte_refiner
from backdrop.imaging.matte_parts import MAX_CLEAR_ALPHA, MIN_OPAQUE_ALPHA
from backdrop.imaging.sizes import describe_smaller_result, format_size, has_same_aspect_ratio
from backdrop.imaging.strip_resize import downscale, resize, resize_in_strips

if TYPE_CHECKING:
    from PIL.Image import Image

_TILE_SIDE = 256
"""Side of a tile, in pixels. Tiles without an edge take no time, and computing a tile takes about 10 MB."""
_OPAQUE_MASK_TABLE = [0] * 250 + [255] * 6
_FULLY_OPAQUE_MASK_TABLE = [0] * 255 + [255]
_VISIBLE_MASK_TABLE = [0] * (MAX_CLEAR_ALPHA + 1) + [255] * (255 - MAX_CLEAR_ALPHA)
_MAX_MATTE_PIXELS = 4_000_000
"""The largest size at which the colors at edges are estimated, which takes about 40 bytes per pixel."""
_COMPARISON_SIDE = 64
"""Two pictures are compared at this many pixels per side."""
_MAX_MEAN_DIFFERENCE = 24
"""Mean channel difference (0–255) above which a result does not match its photo, because it is cropped or rotated."""


class MatteMismatchError(ValueError):
    """A result whose matte does not match its photo. The message completes `The provider's picture …`."""


@dataclass(frozen=True, slots=True)
class Matte:
    """A provider's cut-out, as far as it is needed to cut out its photo: its alpha channel, and its colors, reduced.

    `alpha` (L) has the size of the cut-out, `preview` (RGBA) at most `_COMPARISON_SIDE` pixels per side.
    """

    alpha: "Image"
    preview: "Image"

    @classmethod
    def of(cls, cut_out: "Image") -> "Matte":
        return cls(cut_out.getchannel("A"), _reduce_for_comparison(cut_out))


def cut_out_full_size(original: "Image", matte: Matte) -> "Image":
    """Cuts out the subject of a photo (RGB or RGBA, upright, sRGB) at full size.

    A smaller matte is refined along the photo's edges. One of about the photo's size is only scaled, and the refiner
    removes the old background's color.

    Pure subject pixels stay bit-identical, and pure background pixels become (0, 0, 0, 0). `original` itself is changed
    and returned, because a copy of a large photo does not fit into memory. Raises `MatteMismatchError`, with `original`
    unchanged, if the two do not show the same picture.
    """
    _require_same_picture(original, matte)
    is_smaller = describe_smaller_result(original.size, matte.alpha.size) is not None
    refiner = build_refiner(original, matte.alpha, keeps_alpha=not is_smaller)
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


def build_refiner(photo: "Image", matte: "Image", *, keeps_alpha: bool) -> MatteRefiner:
    """Builds the refiner of a photo (RGB or RGBA) and the alpha channel of its cut-out (L).

    `keeps_alpha`: the matte has the photo's sharpness, so it needs no correction, and the refiner only removes the old
    background's color.
    """
    from PIL import Image

    small = limit_matte(matte) if keeps_alpha else matte
    resampling = Image.Resampling.BOX if small.width < photo.width else Image.Resampling.BICUBIC
    refiner = build_matte_refiner(resize(photo, small.size, resampling).convert("RGB"), small)
    return replace(refiner, matte=matte, gate=Image.new("L", (1, 1))) if keeps_alpha else refiner


def limit_matte(picture: "Image") -> "Image":
    """Returns a matte, or a photo with one, with at most `_MAX_MATTE_PIXELS`."""
    return downscale(picture, (_MAX_MATTE_PIXELS / (picture.width * picture.height)) ** 0.5)


def clean_enlarged(photo: "Image", provider: "Image") -> "Image":
    """Cleans a cut-out (RGBA) that is larger than its photo (RGB or RGBA, upright, sRGB).

    Removes the old background's color from its edges, for which the photo is enlarged. Then it is at least as
    transparent as the photo, and where the photo is partly transparent, the photo's own colors replace the provider's,
    which contain the background that the provider added. `provider` itself is changed and returned. Raises
    `MatteMismatchError`, with `provider` unchanged, if the two do not show the same picture.
    """
    matte = Matte.of(provider)
    _require_same_picture(photo, matte)
    refiner = build_refiner(photo, matte.alpha, keeps_alpha=True)
    for top, shown in resize_in_strips(photo, provider.size, (0, 0, *photo.size)):
        bottom = top + shown.height
        strip = provider.crop((0, top, provider.width, bottom))
        alpha = strip.getchannel("A")
        if alpha.getextrema() != (255, 255):
            cut_out = refiner.cut_out(shown, (0, top / provider.height, 1, bottom / provider.height))
            cut_out.paste(strip, mask=alpha.point(_FULLY_OPAQUE_MASK_TABLE))
            strip = cut_out
        provider.paste(limit_tile(strip, shown) if photo.mode == "RGBA" else strip, (0, top))
    return provider


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


def _require_same_picture(photo: "Image", matte: Matte) -> None:
    """Raises `MatteMismatchError` if photo and cut-out have different shapes, or colors where both are opaque."""
    if not has_same_aspect_ratio(photo.size, matte.alpha.size):
        raise MatteMismatchError(
            f"is {format_size(matte.alpha.size)}, a different shape from the photo's {format_size(photo.size)}"
        )
    if _shows_other_content(photo, matte.preview):
        raise MatteMismatchError("shows another part of the photo, or shows it rotated")


def _shows_other_content(photo: "Image", cut_out: "Image") -> bool:
    """True if the parts that are opaque in both pictures differ. False if there are none."""
    from PIL import Image, ImageChops, ImageStat

    shown = _reduce_for_comparison(photo).resize(cut_out.size, Image.Resampling.BOX)
    opaque_mask = ImageChops.darker(shown.getchannel("A"), cut_out.getchannel("A")).point(_OPAQUE_MASK_TABLE)
    if opaque_mask.getbbox() is None:
        return False
    difference = ImageChops.difference(shown.convert("RGB"), cut_out.convert("RGB"))
    return max(ImageStat.Stat(difference, opaque_mask).mean) > _MAX_MEAN_DIFFERENCE


def _reduce_for_comparison(picture: "Image") -> "Image":
    from PIL import Image

    size = min(_COMPARISON_SIDE, picture.width), min(_COMPARISON_SIDE, picture.height)
    return resize(picture, size, Image.Resampling.BOX).convert("RGBA")
