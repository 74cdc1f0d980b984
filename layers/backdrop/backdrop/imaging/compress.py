"""A picture as the best file within a provider's limits: encoded anew first, then scaled down.

What an encoding will weigh is asked of a sample, tiles from all over the picture, so that most pictures are encoded
whole only once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

from backdrop.imaging.encode import LOSSLESS, Encoding, encoded
from backdrop.imaging.strip_resize import scaled
from backdrop.model.capabilities import PhotoLimits
from backdrop.model.codes import Code
from backdrop.model.errors import PhotoError

if TYPE_CHECKING:
    from PIL.Image import Image

_TILE = 256
_TILES_A_SIDE = 5
_TRUST = 0.97
"""The part of the limit that a prediction may fill."""
_ENOUGH = 0.9
"""A scaled picture that fills less of the limit is tried once more, larger."""
_MOST_TRIES = 4
_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Fitted:
    """A file within the limits; `width` and `height` in pixels."""

    data: bytes
    encoding: Encoding
    width: int
    height: int


def fitted(picture: "Image", tried: Sequence[Encoding], limits: PhotoLimits) -> Fitted:
    """The picture, RGB or RGBA, by the first encoding that fits, at the largest size that does.

    Raises `PhotoError` when no size does.
    """
    scale = min(1.0, (limits.longest_side or max(picture.size)) / max(picture.size))
    shown = scaled(picture, scale)
    if not tried:
        words = "No format that the provider takes can hold transparency."
        raise PhotoError(Code.TOO_LARGE_BYTES, words)
    possible = [one for one in tried if one.takes(*shown.size)]
    sample, weights = _Sample(shown), list[float]()
    for encoding in possible:
        weights.append(sample.predicted(encoding))
        if weights[-1] <= limits.bytes * _TRUST:
            data = encoded(shown, encoding)
            if len(data) <= limits.bytes:
                return Fitted(data, encoding, *shown.size)
    if (writable := _writable(tried, shown)) < 1:
        return fitted(scaled(shown, writable), tried, limits)
    return _scaled_down(shown, possible[weights.index(min(weights))], sample, limits)


def _writable(tried: Sequence[Encoding], picture: "Image") -> float:
    """The scale at which the encodings that lose something can be written: they save more than pixels do."""
    lossy = [one for one in tried if one.quality != LOSSLESS] or tried
    return min(one.largest_scale(*picture.size) for one in lossy)


def _scaled_down(picture: "Image", encoding: Encoding, sample: "_Sample", limits: PhotoLimits) -> Fitted:
    scale, best = sample.scale_for(encoding, limits.bytes * _TRUST), None
    for _ in range(_MOST_TRIES):
        made = _tried(picture, encoding, scale)
        weight = len(made.data)
        if weight <= limits.bytes and (best is None or made.width > best.width):
            best = made
        if best and len(best.data) >= limits.bytes * _ENOUGH:
            break
        scale = min(1.0, scale * sqrt(limits.bytes * _TRUST / weight))
    if best is None:
        words = f"At no size that was tried does the photo fit into {limits.bytes:,} bytes."
        raise PhotoError(Code.TOO_LARGE_BYTES, words)
    return best


def _tried(picture: "Image", encoding: Encoding, scale: float) -> Fitted:
    """One try, of which nothing stays in memory but the file."""
    shown = scaled(picture, scale)
    return Fitted(encoded(shown, encoding), encoding, *shown.size)


class _Sample:
    """Tiles that stand for the picture."""

    def __init__(self, picture: "Image") -> None:
        side = min(_TILE, *picture.size)
        across, down = (_starts(length, side) for length in picture.size)
        self._tiles = [picture.crop((x, y, x + side, y + side)) for y in down for x in across]
        self._pixels = picture.width * picture.height
        if self._pixels <= side * side * len(self._tiles):
            self._tiles = [picture]

    def predicted(self, encoding: Encoding, scale: float = 1.0) -> float:
        """Bytes of the whole picture at that scale."""
        sheet, pixels = self._sheet(scale), self._pixels * scale * scale
        return len(encoded(sheet, encoding)) * pixels / (sheet.width * sheet.height)

    def scale_for(self, encoding: Encoding, most_bytes: float) -> float:
        """The scale at which the picture is about to weigh that."""
        scale = 1.0
        for _ in range(_ROUNDS):
            scale = min(1.0, scale * sqrt(most_bytes / self.predicted(encoding, scale)))
        return scale

    def _sheet(self, scale: float) -> "Image":
        """The tiles below one another."""
        from PIL import Image

        tiles = [scaled(tile, scale) for tile in self._tiles]
        if len(tiles) == 1:
            return tiles[0]
        width, height = tiles[0].size
        sheet = Image.new(tiles[0].mode, (width, height * len(tiles)))
        for n, tile in enumerate(tiles):
            sheet.paste(tile, (0, n * height))
        return sheet


def _starts(length: int, side: int) -> list[int]:
    """Where tiles begin along one side, evenly from edge to edge."""
    count = min(_TILES_A_SIDE, -(-length // side))
    return sorted({(length - side) * n // max(count - 1, 1) for n in range(count)})
