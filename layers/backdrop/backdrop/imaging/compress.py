"""Encodes a picture as the best file within a provider's limits: first with other encodings, then at a smaller size.

File sizes are predicted from a sample, tiles from all over the picture, so that most pictures are encoded only once.
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
"""How much of the limit a predicted file size may fill."""
_MIN_FILLED_SHARE = 0.9
"""If a scaled picture fills less than this share of the limit, a larger one is tried."""
_MAX_TRIES = 4
_SCALE_ITERATIONS = 3


@dataclass(frozen=True, slots=True)
class CompressedPhoto:
    """A file within the limits. `width` and `height` are in pixels."""

    data: bytes
    encoding: Encoding
    width: int
    height: int


def compress_to_limit(picture: "Image", candidates: Sequence[Encoding], limits: PhotoLimits) -> CompressedPhoto:
    """Encodes an RGB or RGBA picture with the first encoding that fits, at the largest size that fits.

    Raises `PhotoError` if no size fits.
    """
    scale = min(1.0, (limits.max_side_pixels or max(picture.size)) / max(picture.size))
    resized = downscale(picture, scale)
    if not candidates:
        message = "The provider takes no format that supports transparency."
        raise PhotoError(Code.TOO_LARGE_BYTES, message)
    possible = [encoding for encoding in candidates if encoding.can_encode(*resized.size)]
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
    """Returns the scale at which all lossy encodings are possible: lossy compression saves more than scaling down."""
    lossy = [encoding for encoding in candidates if encoding.quality != LOSSLESS] or candidates
    return min(encoding.find_max_scale(*picture.size) for encoding in lossy)


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
        message = f"The photo does not fit into {limits.max_bytes:,} bytes at any size that was tried."
        raise PhotoError(Code.TOO_LARGE_BYTES, message)
    return best


def _encode_at_scale(picture: "Image", encoding: Encoding, scale: float) -> CompressedPhoto:
    # A separate function, so that only the file stays in memory.
    resized = downscale(picture, scale)
    return CompressedPhoto(encode_picture(resized, encoding), encoding, *resized.size)


class _SizeEstimator:
    """Predicts file sizes from tiles of the picture."""

    def __init__(self, picture: "Image") -> None:
        side = min(_TILE_SIDE, *picture.size)
        across, down = (_list_tile_offsets(length, side) for length in picture.size)
        self._tiles = [picture.crop((x, y, x + side, y + side)) for y in down for x in across]
        self._pixels = picture.width * picture.height
        if self._pixels <= side * side * len(self._tiles):
            self._tiles = [picture]

    def predict_bytes(self, encoding: Encoding, scale: float = 1.0) -> float:
        """Predicts the file size of the whole picture at this scale, in bytes."""
        sheet, pixels = self._stack_tiles(scale), self._pixels * scale * scale
        return len(encode_picture(sheet, encoding)) * pixels / (sheet.width * sheet.height)

    def find_scale(self, encoding: Encoding, max_bytes: float) -> float:
        """Estimates the scale at which the file has `max_bytes` bytes."""
        scale = 1.0
        for _ in range(_SCALE_ITERATIONS):
            scale = min(1.0, scale * sqrt(max_bytes / self.predict_bytes(encoding, scale)))
        return scale

    def _stack_tiles(self, scale: float) -> "Image":
        """Returns the tiles stacked vertically, as one picture."""
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
    """Returns the offsets of tiles along one side, evenly from edge to edge."""
    count = min(_TILES_PER_SIDE, -(-length // side))
    return sorted({(length - side) * n // max(count - 1, 1) for n in range(count)})
