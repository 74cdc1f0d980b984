"""A picture as the best file within a provider's limits: encoded anew first, then scaled down.

What an encoding will weigh is asked of a sample, tiles from all over the picture, so that most pictures are encoded
whole only once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

from backdrop.imaging.encode import LOSSLESS, Encoding, encode_picture
from backdrop.imaging.strip_resize import downscale
from backdrop.model.capabilities import PhotoLimits
from backdrop.model.codes import Code
from backdrop.model.errors import PhotoError

if TYPE_CHECKING:
    from PIL.Image import Image

_TILE_SIDE = 256
_TILES_PER_SIDE = 5
_MAX_PREDICTED_SHARE = 0.97
"""The part of the limit that a prediction may fill."""
_MIN_FILLED_SHARE = 0.9
"""A scaled picture that fills less of the limit is tried once more, larger."""
_MAX_TRIES = 4
_SCALE_ITERATIONS = 3


@dataclass(frozen=True, slots=True)
class CompressedPhoto:
    """A file within the limits; `width` and `height` in pixels."""

    data: bytes
    encoding: Encoding
    width: int
    height: int


def compress_to_limit(picture: "Image", candidates: Sequence[Encoding], limits: PhotoLimits) -> CompressedPhoto:
    """The picture, RGB or RGBA, by the first encoding that fits, at the largest size that does.

    Raises `PhotoError` when no size does.
    """
    scale = min(1.0, (limits.max_side_pixels or max(picture.size)) / max(picture.size))
    resized = downscale(picture, scale)
    if not candidates:
        message = "No format that the provider takes can hold transparency."
        raise PhotoError(Code.TOO_LARGE_BYTES, message)
    possible = [one for one in candidates if one.can_encode(*resized.size)]
    sample, predicted_bytes = _SizeEstimator(resized), list[float]()
    for encoding in possible:
        predicted_bytes.append(sample.predict_bytes(encoding))
        if predicted_bytes[-1] <= limits.max_bytes * _MAX_PREDICTED_SHARE:
            data = encode_picture(resized, encoding)
            if len(data) <= limits.max_bytes:
                return CompressedPhoto(data, encoding, *resized.size)
    if (writable_scale := _find_writable_scale(candidates, resized)) < 1:
        return compress_to_limit(downscale(resized, writable_scale), candidates, limits)
    return _scale_to_limit(resized, possible[predicted_bytes.index(min(predicted_bytes))], sample, limits)


def _find_writable_scale(candidates: Sequence[Encoding], picture: "Image") -> float:
    """The scale at which the encodings that lose something can be written: they save more than pixels do."""
    lossy = [one for one in candidates if one.quality != LOSSLESS] or candidates
    return min(one.find_max_scale(*picture.size) for one in lossy)


def _scale_to_limit(
    picture: "Image", encoding: Encoding, sample: "_SizeEstimator", limits: PhotoLimits
) -> CompressedPhoto:
    scale, best = sample.find_scale(encoding, limits.max_bytes * _MAX_PREDICTED_SHARE), None
    for _ in range(_MAX_TRIES):
        attempt = _encode_at_scale(picture, encoding, scale)
        size_bytes = len(attempt.data)
        if size_bytes <= limits.max_bytes and (best is None or attempt.width > best.width):
            best = attempt
        if best and len(best.data) >= limits.max_bytes * _MIN_FILLED_SHARE:
            break
        scale = min(1.0, scale * sqrt(limits.max_bytes * _MAX_PREDICTED_SHARE / size_bytes))
    if best is None:
        message = f"At no size that was tried does the photo fit into {limits.max_bytes:,} bytes."
        raise PhotoError(Code.TOO_LARGE_BYTES, message)
    return best


def _encode_at_scale(picture: "Image", encoding: Encoding, scale: float) -> CompressedPhoto:
    """One try, of which nothing stays in memory but the file."""
    resized = downscale(picture, scale)
    return CompressedPhoto(encode_picture(resized, encoding), encoding, *resized.size)


class _SizeEstimator:
    """Tiles that stand for the picture."""

    def __init__(self, picture: "Image") -> None:
        side = min(_TILE_SIDE, *picture.size)
        across, down = (_list_tile_offsets(length, side) for length in picture.size)
        self._tiles = [picture.crop((x, y, x + side, y + side)) for y in down for x in across]
        self._pixels = picture.width * picture.height
        if self._pixels <= side * side * len(self._tiles):
            self._tiles = [picture]

    def predict_bytes(self, encoding: Encoding, scale: float = 1.0) -> float:
        """Bytes of the whole picture at that scale."""
        sheet, pixels = self._stack_tiles(scale), self._pixels * scale * scale
        return len(encode_picture(sheet, encoding)) * pixels / (sheet.width * sheet.height)

    def find_scale(self, encoding: Encoding, max_bytes: float) -> float:
        """The scale at which the picture is about to weigh that."""
        scale = 1.0
        for _ in range(_SCALE_ITERATIONS):
            scale = min(1.0, scale * sqrt(max_bytes / self.predict_bytes(encoding, scale)))
        return scale

    def _stack_tiles(self, scale: float) -> "Image":
        """The tiles below one another."""
        from PIL import Image

        tiles = [downscale(tile, scale) for tile in self._tiles]
        if len(tiles) == 1:
            return tiles[0]
        width, height = tiles[0].size
        sheet = Image.new(tiles[0].mode, (width, height * len(tiles)))
        for n, tile in enumerate(tiles):
            sheet.paste(tile, (0, n * height))
        return sheet


def _list_tile_offsets(length: int, side: int) -> list[int]:
    """Where tiles begin along one side, evenly from edge to edge."""
    count = min(_TILES_PER_SIDE, -(-length // side))
    return sorted({(length - side) * n // max(count - 1, 1) for n in range(count)})
