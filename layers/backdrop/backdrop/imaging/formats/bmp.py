"""BMP: the colors that its header states, per Microsoft's BITMAPV4HEADER and BITMAPV5HEADER. Pillow ignores them."""

import struct

from backdrop.imaging.color_spaces import SRGB, ColorStatement, build_calibrated_space

_HEADER_OFFSET = 14
_V4_BYTES, _V5_BYTES = 108, 124
_TYPE_OFFSET, _CALIBRATION_OFFSET, _PROFILE_OFFSET = 70, 74, 126
_TYPE_BYTES = 4
_ENDPOINT_UNIT, _GAMMA_UNIT = 1 << 30, 1 << 16
_MAX_ROUNDING = 0.01


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
