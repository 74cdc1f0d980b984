"""Color profiles built byte by byte, and the meaning of color spaces in plain arithmetic, as a reference that is
independent of littlecms and of the product.
"""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tests.corpus.scene import Pixels

type Numbers = np.ndarray[Any, np.dtype[np.float64]]

D50 = np.array([0.9642, 1.0, 0.8249])
_D65 = (0.3127, 0.3290)
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


@dataclass(frozen=True)
class Space:
    """An RGB color space: its primaries and white point (x, y), and the exponent of its curve (0 for sRGB's curve).

    `curve` replaces the exponent.
    """

    name: str
    primaries: tuple[tuple[float, float], ...]
    gamma: float
    white: tuple[float, float] = _D65
    curve: Callable[[Numbers], Numbers] | None = None

    @property
    def to_xyz(self) -> Numbers:
        """The matrix from linear RGB to XYZ under D50 (Bradford), with a column for each primary."""
        columns = np.array([_xyz(*primary) for primary in self.primaries]).T
        white = np.array(_xyz(*self.white))
        return _adapted(white) @ (columns * np.linalg.solve(columns, white))

    def linear(self, values: Numbers) -> Numbers:
        """Converts stored values (0 to 1) to linear light (0 to 1)."""
        if self.curve:
            return self.curve(values)
        return values**self.gamma if self.gamma else _srgb_light(values)


def pq_light(values: Numbers) -> Numbers:
    """Converts PQ (SMPTE ST 2084) to the light of an SDR display whose white is 203 cd/m² (BT.2390, 5.4.1)."""
    peak, white = _pq_signal(1000), _pq_signal(203)
    knee = 1.5 * white / peak - 0.5
    signal = np.minimum(values / peak, 1)
    t = (signal - knee) / (1 - knee)
    rest = (t**3 - 2 * t**2 + t) * (1 - knee) + (3 * t**2 - 2 * t**3) * white / peak
    mapped = np.where(signal > knee, (2 * t**3 - 3 * t**2 + 1) * knee + rest, signal) * peak
    power = mapped ** (4096 / (2523 * 128))
    nits = 10_000 * (np.maximum(power - 3424 / 4096, 0) / (2413 / 128 - 2392 / 128 * power)) ** (16_384 / 2610)
    return nits / 203


def hlg_light(values: Numbers) -> Numbers:
    """Converts HLG (ARIB STD-B67) on a display of 1,000 cd/m² to the light of an SDR display. See `pq_light`."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    light = np.where(values <= 0.5, values**2 / 3, (np.exp((values - c) / a) + b) / 12)
    return pq_light(_pq_signal(1000 * np.minimum(light, 1) ** 1.2))


def _pq_signal(nits: Any) -> Any:
    power = (nits / 10_000) ** (2610 / 16_384)
    return ((3424 / 4096 + 2413 / 128 * power) / (1 + 2392 / 128 * power)) ** (2523 / 32)


_709 = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
SRGB = Space("sRGB as another vendor writes it", _709, 0)
P3 = Space("Display P3", ((0.68, 0.32), (0.265, 0.69), (0.15, 0.06)), 0)
BT_2020 = Space("BT.2020", ((0.708, 0.292), (0.17, 0.797), (0.131, 0.046)), 0)
PQ, HLG = (replace(BT_2020, name=name, curve=curve) for name, curve in (("PQ", pq_light), ("HLG", hlg_light)))
ADOBE = Space("Adobe RGB (1998)", ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06)), 2.19921875)
PROPHOTO = Space("ROMM RGB", ((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001)), 1.8, (0.3457, 0.3585))
LINEAR = Space("Linear light", _709, 1.0)
TURNED = Space("sRGB with red and green exchanged", (_709[1], _709[0], _709[2]), 0)


def rgb_profile(space: Space) -> bytes:
    """Builds a display profile: three primaries and one curve (ICC.1:2001-04)."""
    curve = _gamma(space.gamma) if space.gamma else _table()
    primaries = [_xyz_tag(column) for column in space.to_xyz.T]
    tags: dict[bytes, bytes] = dict(zip((b"rXYZ", b"gXYZ", b"bXYZ"), primaries, strict=True))
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    return _profile(b"mntrRGB XYZ ", space.name, tags)


def gray_profile(gamma: float) -> bytes:
    """Builds a profile for one channel."""
    return _profile(b"mntrGRAYXYZ ", f"Gray {gamma}", {b"kTRC": _gamma(gamma)})


def cmyk_profile() -> bytes:
    """Builds a press profile with inks that darken linearly, so that any interpolation of its corners is exact."""
    corners = [[n >> shift & 1 for shift in (3, 2, 1, 0)] for n in range(16)]
    lab = _ink_lab(np.array(corners, dtype=np.float64))
    table = np.round(lab * [2.55, 1, 1] + [0, 128, 128]).astype(np.uint8).tobytes()
    straight = bytes(range(256))
    head = struct.pack(">4s4xBBBx9i", b"mft1", 4, 3, 2, *(65536 * (n % 4 == 0) for n in range(9)))
    return _profile(b"prtrCMYKLab ", "Plain inks", {b"A2B0": head + straight * 4 + table + straight * 3})


def seen_rgb(space: Space) -> Callable[[Pixels], Pixels]:
    """Returns a function that converts pixels stored in this color space to sRGB."""

    def seen(pixels: Pixels) -> Pixels:
        light = space.linear(pixels[..., :3] / 255) @ space.to_xyz.T @ np.linalg.inv(SRGB.to_xyz).T
        return np.dstack([_srgb_bytes(light), pixels[..., 3:]])

    return seen


def seen_gray(gamma: float) -> Callable[[Pixels], Pixels]:
    """Returns a function that converts grays stored with this curve to sRGB."""
    return lambda pixels: _srgb_bytes((pixels / 255) ** gamma)


def seen_ink(inks: Pixels) -> Pixels:
    """Converts inks of `cmyk_profile` (0 to 255) to sRGB."""
    lab = _ink_lab(inks / 255)
    middle = (lab[..., 0] + 16) / 116
    steps = np.stack([middle + lab[..., 1] / 500, middle, middle - lab[..., 2] / 200], axis=-1)
    xyz = np.where(steps > 6 / 29, steps**3, (steps - 4 / 29) * 3 * (6 / 29) ** 2) * D50
    return _srgb_bytes(xyz @ np.linalg.inv(SRGB.to_xyz).T)


def _ink_lab(inks: Numbers) -> Numbers:
    """Converts inks (0 to 1) to Lab."""
    return [94, 0, 4] + inks @ np.array([[-18, -20, -24], [-20, 30, -2], [-4, -3, 34], [-44, 0, -3]])


def _srgb_light(values: Numbers) -> Numbers:
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def _srgb_bytes(light: Numbers) -> Pixels:
    light = np.clip(light, 0, 1)
    values = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.round(values * 255).astype(np.uint8)


def _xyz(x: float, y: float) -> tuple[float, float, float]:
    return x / y, 1.0, (1 - x - y) / y


def _adapted(white: Numbers) -> Numbers:
    return np.linalg.inv(_BRADFORD) @ np.diag((_BRADFORD @ D50) / (_BRADFORD @ white)) @ _BRADFORD


def _fixed(values: Sequence[float] | Numbers) -> bytes:
    return b"".join(struct.pack(">i", round(float(value) * 65536)) for value in values)


def _xyz_tag(values: Sequence[float] | Numbers) -> bytes:
    return b"XYZ \0\0\0\0" + _fixed(values)


def _gamma(power: float) -> bytes:
    return struct.pack(">4s4xIH", b"curv", 1, round(power * 256))


def _table() -> bytes:
    points = np.round(_srgb_light(np.linspace(0, 1, 1024)) * 65535).astype(">u2")
    return struct.pack(">4s4xI", b"curv", len(points)) + points.tobytes()


def _profile(kind: bytes, name: str, tags: dict[bytes, bytes]) -> bytes:
    description = struct.pack(">4s4xI", b"desc", len(name) + 1) + name.encode() + bytes(1 + 4 + 4 + 2 + 1 + 67)
    whole = {b"desc": description, b"cprt": b"text\0\0\0\0none\0", b"wtpt": _xyz_tag(D50), **tags}
    start, body, index = 128 + 4 + 12 * len(whole), b"", b""
    for tag, value in whole.items():
        index += struct.pack(">4sII", tag, start + len(body), len(value))
        body += value + bytes(-len(value) % 4)
    head = struct.pack(">I4xI12s12s4s28x", start + len(body), 0x02400000, kind, bytes(12), b"acsp")
    return head + _fixed(D50) + bytes(48) + struct.pack(">I", len(whole)) + index + body
