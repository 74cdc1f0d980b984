"""BMP, per Microsoft's BITMAPINFOHEADER to BITMAPV5HEADER: what Pillow does not check, and colors that it ignores."""

import struct
from typing import TYPE_CHECKING

from backdrop.imaging.color_spaces import SRGB, ColorStatement, build_calibrated_space
from backdrop.imaging.formats.header import UnsupportedVariantError

if TYPE_CHECKING:
    from PIL.Image import Image

_HEADER_OFFSET = 14
_V4_BYTES, _V5_BYTES = 108, 124
_TYPE_OFFSET, _CALIBRATION_OFFSET, _PROFILE_OFFSET = 70, 74, 126
_TYPE_BYTES = 4
_ENDPOINT_UNIT, _GAMMA_UNIT = 1 << 30, 1 << 16
_MAX_ROUNDING = 0.01
_RUNS_OF_8_BITS, _RUNS_OF_4_BITS = 1, 2
_LARGE_HEADER_BYTES = 40
"""Smaller headers have no compression."""
_END_OF_PICTURE, _MOVE = 1, 2
_MAX_RUNS = 4_000_000
"""Pillow unpacks them one by one, in two seconds."""


def check_runs(data: bytes) -> None:
    """Raises `UnsupportedVariantError` if the picture consists of too many runs of equal pixels."""
    start, header_bytes, compression = (int.from_bytes(data[at : at + 4], "little") for at in (10, 14, 30))
    if header_bytes < _LARGE_HEADER_BYTES or compression not in (_RUNS_OF_8_BITS, _RUNS_OF_4_BITS):
        return
    pixels_per_byte, position, end = compression, start, len(data) - 1
    for _ in range(_MAX_RUNS):
        if position >= end:
            return
        length, value = data[position], data[position + 1]
        position += 2
        if length or not value:
            continue
        if value == _END_OF_PICTURE:
            return
        # Two bytes to move by, or pixels that are stored one by one, padded to an even number of bytes.
        stored_bytes = 2 if value == _MOVE else -(-value // pixels_per_byte)
        position += stored_bytes + stored_bytes % 2
    raise UnsupportedVariantError(f"consists of more than {_MAX_RUNS:,} runs of equal pixels")


def drop_unused_alpha(picture: "Image") -> "Image":
    """Returns the picture without an alpha channel that is 0 everywhere, as Photoshop writes it for opaque pictures."""
    is_unused = picture.mode == "RGBA" and picture.getchannel("A").getextrema() == (0, 0)
    return picture.convert("RGB") if is_unused else picture


def read_color_statements(data: bytes) -> list[ColorStatement]:
    """See `color_statements`."""
    header_bytes = int.from_bytes(data[_HEADER_OFFSET : _HEADER_OFFSET + 4], "little")
    if header_bytes < _V4_BYTES or len(data) < _HEADER_OFFSET + header_bytes:
        return []
    # The type is a number whose letters are stored in reverse.
    match bytes(reversed(data[_TYPE_OFFSET : _TYPE_OFFSET + _TYPE_BYTES])):
        case b"\0\0\0\0":
            return _read_calibration(data)
        case b"sRGB" | b"Win ":
            return [SRGB]
        case b"MBED" if header_bytes >= _V5_BYTES:
            start, size = struct.unpack_from("<II", data, _PROFILE_OFFSET)
            profile = data[_HEADER_OFFSET + start :][:size]
            return [profile if len(profile) == size > 0 else None]
        case b"MBED" | b"LINK":
            # A linked profile is a file on the computer that made the picture.
            return [None]
        case _:
            return []


def _read_calibration(data: bytes) -> list[ColorStatement]:
    numbers = struct.unpack_from("<9i3I", data, _CALIBRATION_OFFSET)
    if not any(numbers):
        # Zero is also what programs write that state nothing.
        return []
    red, green, blue = (tuple(one / _ENDPOINT_UNIT for one in numbers[at : at + 3]) for at in (0, 3, 6))
    gammas = [one / _GAMMA_UNIT for one in numbers[9:]] if any(numbers[9:]) else []
    if not any(numbers[:9]):
        return [build_calibrated_space(gammas, None, None)]
    if min(sum(red), sum(green), sum(blue)) <= 0:
        return [None]
    # The endpoints are declared as XYZ, whose sum is white. Programs also write chromaticities: those of sRGB, with
    # its white, in the examples that others copy.
    are_chromaticities = all(abs(sum(one) - 1) <= _MAX_ROUNDING for one in (red, green, blue))
    white = [sum(values) for values in zip(red, green, blue, strict=True)]
    primaries = [(x / (x + y + z), y / (x + y + z)) for x, y, z in (red, green, blue)]
    return [
        build_calibrated_space(
            gammas,
            (primaries[0], primaries[1], primaries[2]),
            None if are_chromaticities else (white[0] / sum(white), white[1] / sum(white)),
        )
    ]
