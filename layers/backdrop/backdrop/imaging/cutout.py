"""Full-size cut-outs: a provider's smaller matte, scaled along the photo's own edges and laid on the photo's pixels."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from backdrop.imaging.matte_edges import GONE, WHOLE, Area, edges_of
from backdrop.imaging.sizes import said, same_shape

if TYPE_CHECKING:
    from PIL.Image import Image

_TILE = 256
"""Pixels of a tile's side; tiles without an edge cost nothing, and a tile's arithmetic takes some 10 MB."""
_FIRM = [0] * 250 + [255] * 6
_LOOK = 64
"""Two pictures are compared in so many pixels a side."""
_MOST_APART = 24
"""Mean difference of a channel, of 255, from which on a result shows something else than its photo: a crop, a turn."""


class OtherPictureError(ValueError):
    """A result whose matte does not lie on its photo; the message completes `The provider's picture …`."""


def full_size(original: "Image", provider: "Image") -> "Image":
    """The photo (RGB or RGBA, upright, sRGB) cut out in its own pixels by what the provider (RGBA) cut out in fewer.

    What is wholly subject keeps its pixels to the bit, what is wholly ground becomes (0, 0, 0, 0). Raises
    `OtherPictureError`, with the photo as it was, where the two are not the same picture. Else `original` itself is
    changed and returned: a copy of a large photo would not fit beside it.
    """
    from PIL import Image

    if not same_shape(original.size, provider.size):
        raise OtherPictureError(f"is {said(provider.size)}, a shape other than the photo's {said(original.size)}")
    guide = original.resize(provider.size, Image.Resampling.BOX)
    if _shows_another(guide, provider):
        raise OtherPictureError("shows another part of the photo, or the photo turned")
    edges = edges_of(guide.convert("RGB"), provider.getchannel("A"))
    own_alpha = original.mode == "RGBA"
    if not own_alpha:
        original.putalpha(255)
    for box, area in _tiles(original.size):
        low, high = edges.alpha_around(area)
        if high <= GONE:
            original.paste((0, 0, 0, 0), box)
        elif low < WHOLE:
            tile = original.crop(box)
            original.paste(_under(edges.cut(tile, area), tile) if own_alpha else edges.cut(tile, area), box)
    return original


def _tiles(size: tuple[int, int]) -> Iterator[tuple[tuple[int, int, int, int], Area]]:
    """Every part of a picture, in its pixels and in shares."""
    width, height = size
    for top in range(0, height, _TILE):
        for left in range(0, width, _TILE):
            right, bottom = min(left + _TILE, width), min(top + _TILE, height)
            yield (left, top, right, bottom), (left / width, top / height, right / width, bottom / height)


def _under(cut: "Image", tile: "Image") -> "Image":
    """A tile that is nowhere less transparent than the photo was."""
    from PIL import ImageChops

    cut.putalpha(ImageChops.darker(cut.getchannel("A"), tile.getchannel("A")))
    return cut


def _shows_another(guide: "Image", provider: "Image") -> bool:
    """Whether what is whole in both looks otherwise in the photo; never where nothing is."""
    from PIL import Image, ImageChops, ImageStat

    size = min(_LOOK, guide.width), min(_LOOK, guide.height)
    had, left = (picture.resize(size, Image.Resampling.BOX).convert("RGBA") for picture in (guide, provider))
    whole = ImageChops.darker(had.getchannel("A"), left.getchannel("A")).point(_FIRM)
    if whole.getbbox() is None:
        return False
    apart = ImageChops.difference(had.convert("RGB"), left.convert("RGB"))
    return max(ImageStat.Stat(apart, whole).mean) > _MOST_APART
