"""RGB color spaces that a file states in numbers, and the ICC profiles from which littlecms converts them.

HDR becomes SDR in its curve alone: see docs/decisions/0056-colors-that-a-file-states.md.
"""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import exp, sumprod

type Chromaticity = tuple[float, float]
"""CIE 1931 x and y."""
type _Primaries = tuple[Chromaticity, Chromaticity, Chromaticity]
type _Curve = Callable[[float], float]
"""Converts a stored value (0 to 1) to linear light. 1 is white; what is brighter becomes white."""
type _Row = Sequence[float]

_D65, _ILLUMINANT_C, _DCI_WHITE = (0.3127, 0.3290), (0.310, 0.316), (0.314, 0.351)
_BT_709 = (0.64, 0.33), (0.30, 0.60), (0.15, 0.06)
_BT_601 = (0.630, 0.340), (0.310, 0.595), (0.155, 0.070)
_P3 = (0.680, 0.320), (0.265, 0.690), (0.150, 0.060)

_D50 = (0.9642, 1.0, 0.8249)
"""The white of every ICC profile (ICC.1:2022, 7.2.16), as XYZ."""
_BRADFORD = (0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296)
_INVERSE_BRADFORD = (
    (0.9869929, -0.1470543, 0.1599627),
    (0.4323053, 0.5183603, 0.0492912),
    (-0.0085287, 0.0400428, 0.9684867),
)
_MAX_XYZ = 10
"""No real primary is brighter relative to white."""
_SAME_CHROMATICITY, _SAME_GAMMA = 0.005, 0.03
_MIN_GAMMA, _MAX_GAMMA = 0.1, 10
_TABLE_ENTRIES = 256
"""One for each value that is converted: pictures are reduced to 8 bits before."""


def _sdr_light(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def _power(gamma: float, peak: float = 1) -> _Curve:
    return lambda value: value**gamma * peak


def _logarithm(decades: float) -> _Curve:
    return lambda value: 10 ** (decades * (value - 1)) if value else 0


# -- HDR (ITU-R BT.2100-3) --------------------------------------------------------------------------------------------

_PQ_M1, _PQ_M2, _PQ_C1, _PQ_C2, _PQ_C3 = 1305 / 8192, 2523 / 32, 107 / 128, 2413 / 128, 2392 / 128
_PQ_PEAK = 10_000
_HLG_A, _HLG_B, _HLG_C, _HLG_GAMMA = 0.17883277, 0.28466892, 0.55991073, 1.2
_HDR_PEAK, _SDR_WHITE = 1_000, 203
"""Luminance in cd/m²: the nominal peak of HLG and of most HDR displays, and HDR's reference white (BT.2408-7, 2.1)."""


def _pq_luminance(value: float) -> float:
    power = value ** (1 / _PQ_M2)
    return _PQ_PEAK * (max(power - _PQ_C1, 0) / (_PQ_C2 - _PQ_C3 * power)) ** (1 / _PQ_M1)


def _pq_value(luminance: float) -> float:
    power = (luminance / _PQ_PEAK) ** _PQ_M1
    return ((_PQ_C1 + _PQ_C2 * power) / (1 + _PQ_C3 * power)) ** _PQ_M2


_PQ_VALUE_OF_PEAK = _pq_value(_HDR_PEAK)
_TARGET = _pq_value(_SDR_WHITE) / _PQ_VALUE_OF_PEAK
_KNEE = 1.5 * _TARGET - 0.5


def _pq_light(pq_value: float) -> float:
    """Compresses highlights up to `_HDR_PEAK` below `_SDR_WHITE` (the EETF of BT.2390-11, 5.4.1, for each channel)."""
    value = min(pq_value / _PQ_VALUE_OF_PEAK, 1)
    if value > _KNEE:
        t = (value - _KNEE) / (1 - _KNEE)
        value = (
            (2 * t**3 - 3 * t**2 + 1) * _KNEE + (t**3 - 2 * t**2 + t) * (1 - _KNEE) + (-2 * t**3 + 3 * t**2) * _TARGET
        )
    return _pq_luminance(value * _PQ_VALUE_OF_PEAK) / _SDR_WHITE


def _hlg_light(value: float) -> float:
    # A curve can apply the OOTF's gamma only to each channel, instead of to their luminance.
    light = value**2 / 3 if value <= 0.5 else (exp((value - _HLG_C) / _HLG_A) + _HLG_B) / 12
    return _pq_light(_pq_value(_HDR_PEAK * min(light, 1) ** _HLG_GAMMA))


_HDR_CURVES = frozenset({_pq_light, _hlg_light})


# -- color spaces -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ColorSpace:
    """`primaries` and `curves` of red, green, and blue. `is_narrow`: black is 16 and white 235 of 255, as in video."""

    primaries: _Primaries = _BT_709
    white: Chromaticity = _D65
    curves: tuple[_Curve, _Curve, _Curve] = (_sdr_light, _sdr_light, _sdr_light)
    is_narrow: bool = False

    @property
    def is_hdr(self) -> bool:
        return self.curves[0] in _HDR_CURVES


type ColorStatement = bytes | ColorSpace | None
"""What a file states about its colors: an ICC profile, or a color space; None if it cannot be read."""

SRGB = ColorSpace()
ADOBE_RGB = ColorSpace(primaries=((0.64, 0.33), (0.21, 0.71), (0.15, 0.06)), curves=(_power(563 / 256),) * 3)
"""Adobe RGB (1998) color image encoding, 4.3.1 and 4.3.4."""

_UNSPECIFIED = 2
_CODED_PRIMARIES: dict[int, tuple[_Primaries, Chromaticity]] = {
    1: (_BT_709, _D65),
    _UNSPECIFIED: (_BT_709, _D65),
    4: (((0.67, 0.33), (0.21, 0.71), (0.14, 0.08)), _ILLUMINANT_C),
    5: (((0.64, 0.33), (0.29, 0.60), (0.15, 0.06)), _D65),
    6: (_BT_601, _D65),
    7: (_BT_601, _D65),
    8: (((0.681, 0.319), (0.243, 0.692), (0.145, 0.049)), _ILLUMINANT_C),
    9: (((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)), _D65),
    10: (((1, 0), (0, 1), (0, 0)), (1 / 3, 1 / 3)),
    11: (_P3, _DCI_WHITE),
    12: (_P3, _D65),
    22: (((0.630, 0.340), (0.295, 0.605), (0.155, 0.077)), _D65),
}
"""ITU-T H.273 (07/2024), table 2."""
_CODED_CURVES: dict[int, _Curve] = {
    # Cameras' curves (BT.709 and its relatives) are not the inverse of how displays show them. Browsers and players use
    # the curve of sRGB for them, and so do editors that export with these codes.
    **dict.fromkeys((1, _UNSPECIFIED, 6, 7, 11, 12, 13, 14, 15), _sdr_light),
    4: _power(2.2),
    5: _power(2.8),
    8: _power(1.0),
    9: _logarithm(2),
    10: _logarithm(2.5),
    16: _pq_light,
    17: _power(2.6, 52.37 / 48),
    18: _hlg_light,
}
"""ITU-T H.273 (07/2024), table 3."""


def read_code_points(primaries: int, transfer: int, *, is_narrow: bool = False) -> "list[ColorStatement]":
    """Returns the color space that these code points of ITU-T H.273 name: None if one is reserved.

    The list is empty if they are unspecified, so that what else a file states applies.
    """
    if primaries == transfer == _UNSPECIFIED and not is_narrow:
        return []
    if primaries not in _CODED_PRIMARIES or transfer not in _CODED_CURVES:
        return [None]
    return [ColorSpace(*_CODED_PRIMARIES[primaries], (_CODED_CURVES[transfer],) * 3, is_narrow)]


def build_calibrated_space(
    gammas: Sequence[float], primaries: _Primaries | None, white: Chromaticity | None
) -> ColorSpace | None:
    """Returns the space with these curves: stored values to the power of `gammas` (red, green, blue) are linear light.

    The curve of sRGB and its primaries stand for what is not stated. `gammas` is empty or has three numbers; the result
    is None if one is impossible. Programs write sRGB, which has no exact gamma, as 2.2.
    """
    if not all(_MIN_GAMMA <= gamma <= _MAX_GAMMA for gamma in gammas):
        return None
    shape = primaries or _BT_709, white or _D65
    if _are_close(shape, (_BT_709, _D65)):
        shape = _BT_709, _D65
        if all(abs(gamma - 2.2) <= _SAME_GAMMA for gamma in gammas):
            return SRGB
    if not gammas:
        return ColorSpace(*shape)
    red, green, blue = map(_power, gammas)
    return ColorSpace(*shape, (red, green, blue))


def _are_close(one: tuple[_Primaries, Chromaticity], other: tuple[_Primaries, Chromaticity]) -> bool:
    points = zip((*one[0], one[1]), (*other[0], other[1]), strict=True)
    return all(abs(a - b) <= _SAME_CHROMATICITY for pair in points for a, b in zip(*pair, strict=True))


# -- ICC profiles (ICC.1:2001-04, which every reader knows) -----------------------------------------------------------


@lru_cache(maxsize=2)
def build_profile(space: ColorSpace, mode: str) -> bytes | None:
    """Returns an ICC profile for a picture in the mode `RGB` or `L`.

    None for any other mode, and if the primaries do not surround white.
    """
    tables = {curve: _build_curve(curve, is_narrow=space.is_narrow) for curve in space.curves}
    curves = [tables[curve] for curve in space.curves]
    if mode == "L":
        return _build_file(b"GRAY", {b"kTRC": curves[1]})
    colorants = _find_colorants(space)
    if mode != "RGB" or colorants is None:
        return None
    names = (b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC")
    return _build_file(b"RGB ", dict(zip(names, (*map(_build_xyz, colorants), *curves), strict=True)))


def _find_colorants(space: ColorSpace) -> list[_Row] | None:
    """Returns the primaries as XYZ, adapted from the space's white to that of ICC profiles."""
    red, green, blue, white = ((x, y, 1 - x - y) for x, y in (*space.primaries, space.white))
    volume = _determinant(red, green, blue)
    if white[1] <= 0 or not volume:
        return None
    parts = _determinant(white, green, blue), _determinant(red, white, blue), _determinant(red, green, white)
    scales = [part / volume / white[1] for part in parts]
    if min(scales) <= 0:
        return None
    cones = [sumprod(row, white) / white[1] for row in _BRADFORD]
    if min(cones) <= 0:
        return None
    gains = [sumprod(row, _D50) / cone for row, cone in zip(_BRADFORD, cones, strict=True)]
    colorants: list[_Row] = []
    for scale, primary in zip(scales, (red, green, blue), strict=True):
        adapted = [scale * sumprod(row, primary) * gain for row, gain in zip(_BRADFORD, gains, strict=True)]
        colorants.append([sumprod(row, adapted) for row in _INVERSE_BRADFORD])
    return colorants if max(abs(number) for one in colorants for number in one) <= _MAX_XYZ else None


def _determinant(one: _Row, two: _Row, three: _Row) -> float:
    return (
        one[0] * (two[1] * three[2] - two[2] * three[1])
        - one[1] * (two[0] * three[2] - two[2] * three[0])
        + one[2] * (two[0] * three[1] - two[1] * three[0])
    )


def _build_curve(curve: _Curve, *, is_narrow: bool) -> bytes:
    stored = (entry / (_TABLE_ENTRIES - 1) for entry in range(_TABLE_ENTRIES))
    values = (min(max((one * 255 - 16) / 219, 0), 1) for one in stored) if is_narrow else stored
    table = [round(min(curve(value), 1) * 65_535) for value in values]
    return struct.pack(f">4s4xI{_TABLE_ENTRIES}H", b"curv", _TABLE_ENTRIES, *table)


def _build_xyz(numbers: _Row) -> bytes:
    return struct.pack(">4s4x3i", b"XYZ ", *(round(number * 65_536) for number in numbers))


def _build_file(color_space: bytes, tags: dict[bytes, bytes]) -> bytes:
    name = b"Stated by the picture"
    description = struct.pack(">4s4xI", b"desc", len(name) + 1) + name + bytes(79)
    named = {b"desc": description, b"cprt": b"text\0\0\0\0none\0", b"wtpt": _build_xyz(_D50), **tags}
    start = 132 + 12 * len(named)
    index, body = b"", b""
    for tag, content in named.items():
        index += struct.pack(">4sII", tag, start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    head = struct.pack(">I4xI4s4s4s12x4s28x", start + len(body), 0x02400000, b"mntr", color_space, b"XYZ ", b"acsp")
    return head + _build_xyz(_D50)[8:] + bytes(48) + struct.pack(">I", len(named)) + index + body
