"""Files that state their colors otherwise than in an ICC profile, or in several ways that contradict each other."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from tests.corpus.case import Case
from tests.corpus.files import saved, wide_png
from tests.corpus.icc import (
    ADOBE,
    BT_2020,
    HLG,
    LINEAR,
    P3,
    PQ,
    PROPHOTO,
    SRGB,
    Space,
    gray_profile,
    rgb_profile,
    seen_gray,
    seen_rgb,
)
from tests.corpus.scene import Pixels, picture, scene, with_alpha
from tests.imaging.photos import chunk

CONVERTED, IGNORED = ("profile:converted",), ("profile:ignored",)
HDR = (*CONVERTED, "colors:hdr")
_GAMMA_1_8, _GAMMA_2_2 = replace(LINEAR, gamma=1.8), replace(LINEAR, gamma=2.2)
_CODES_OF_P3, _CODES_OF_SRGB = b"\x0c\x0d\0\1", b"\x01\x0d\0\1"


def cases() -> Iterator[Case]:
    yield from _png_numbers()
    yield from _png_order()
    yield from _png_modes()
    yield from _heif()
    yield from _cameras()
    yield from _bmp()
    yield from _gif()


def with_chunks(png: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """Inserts chunks after the header of a PNG."""
    return png[:33] + b"".join(chunk(*one) for one in chunks) + png[33:]


def gamma(space: Space) -> tuple[bytes, bytes]:
    """Builds the chunk that states the exponent of a space's curve."""
    return b"gAMA", struct.pack(">I", round(100_000 / space.gamma))


def chromaticities(space: Space) -> tuple[bytes, bytes]:
    """Builds the chunk that states a space's white and primaries."""
    numbers = [round(number * 100_000) for point in (space.white, *space.primaries) for number in point]
    return b"cHRM", struct.pack(">8I", *numbers)


def profile(data: bytes) -> tuple[bytes, bytes]:
    """Builds the chunk that contains a color profile."""
    return b"iCCP", b"name\0\0" + zlib.compress(data)


def with_code_points(data: bytes, primaries: int, transfer: int) -> bytes:
    """Changes the code points that a HEIC or AVIF states for its only picture."""
    assert data.count(b"colrnclx") == 1
    at = data.index(b"colrnclx") + 8
    return data[:at] + struct.pack(">HH", primaries, transfer) + data[at + 4 :]


def camera_exif(color_space: int, index: bytes, order: str = ">") -> bytes:
    """Builds an EXIF block with the tags ColorSpace and, if `index` is given, InteroperabilityIndex."""
    mark = b"MM\0*" if order == ">" else b"II*\0"
    pages = _directory(order, (0x8769, 4, struct.pack(f"{order}I", 26)))
    return b"Exif\0\0" + mark + struct.pack(f"{order}I", 8) + pages + _camera_tags(color_space, index, order, 26)


def _camera_tags(color_space: int, index: bytes, order: str, start: int) -> bytes:
    """Builds the directories whose first byte is at `start`."""
    space = 0xA001, 3, struct.pack(f"{order}H", color_space)
    if not index:
        return _directory(order, space)
    pointer = 0xA005, 4, struct.pack(f"{order}I", start + 30)
    return _directory(order, space, pointer) + _directory(order, (1, 2, index))


def _directory(order: str, *entries: tuple[int, int, bytes]) -> bytes:
    counts = {2: 4}
    packed = [
        struct.pack(f"{order}HHI4s", tag, kind, counts.get(kind, 1), value.ljust(4, b"\0"))
        for tag, kind, value in entries
    ]
    return struct.pack(f"{order}H", len(entries)) + b"".join(packed) + bytes(4)


def color_bmp(shown: Pixels, *, kind: bytes, size: int = 124, calibration: bytes = b"", profile: bytes = b"") -> bytes:
    """Builds a BMP whose header states colors. `kind`: the four letters of the color space, as Windows names it."""
    height, width, _ = shown.shape
    rows = shown[::-1, :, ::-1].tobytes()
    header = struct.pack("<IiiHHIIiiII", size, width, height, 1, 24, 0, len(rows), 2835, 2835, 0, 0)
    header += bytes(16) + kind[::-1] + calibration.ljust(48, b"\0")
    header += struct.pack("<4I", 4, size + len(rows), len(profile), 0) if size == 124 else b""
    file_header = struct.pack("<2sIHHI", b"BM", 14 + size + len(rows) + len(profile), 0, 0, 14 + size)
    return file_header + header + rows + profile


def _png_numbers() -> Iterator[Case]:
    shown = scene()
    plain = saved(shown, "png")
    for name, chunks, space, changes in (
        ("linear-light", [gamma(LINEAR)], LINEAR, CONVERTED),
        ("gamma-1.8", [gamma(_GAMMA_1_8)], _GAMMA_1_8, CONVERTED),
        ("the-numbers-of-Adobe-RGB", [gamma(ADOBE), chromaticities(ADOBE)], ADOBE, CONVERTED),
        ("the-numbers-of-ROMM-RGB", [chromaticities(PROPHOTO), gamma(PROPHOTO)], PROPHOTO, CONVERTED),
        ("chromaticities-alone", [chromaticities(P3)], P3, CONVERTED),
        ("the-codes-of-P3", [(b"cICP", _CODES_OF_P3)], P3, CONVERTED),
        ("the-codes-of-BT.2020", [(b"cICP", b"\x09\x0e\0\1")], BT_2020, CONVERTED),
        ("the-codes-of-PQ", [(b"cICP", b"\x09\x10\0\1")], PQ, HDR),
        ("the-codes-of-HLG", [(b"cICP", b"\x09\x12\0\1")], HLG, HDR),
        ("the-codes-of-linear-light", [(b"cICP", b"\x01\x08\0\1")], LINEAR, CONVERTED),
    ):
        data = with_chunks(plain, *chunks)
        yield Case(f"png-with-{name}", data, changes, pixels=seen_rgb(space)(shown), encoded="png:lossless")
    narrow = np.round(16 + shown * (219 / 255)).astype(np.uint8)
    data = with_chunks(saved(narrow, "png"), (b"cICP", b"\x01\x01\0\0"))
    yield Case("png-with-the-codes-of-narrow-range", data, CONVERTED, pixels=shown)
    for name, chunks in (
        ("gamma-2.2", [gamma(_GAMMA_2_2)]),
        ("the-numbers-of-sRGB", [gamma(_GAMMA_2_2), chromaticities(SRGB)]),
        ("the-codes-of-sRGB", [(b"cICP", _CODES_OF_SRGB)]),
        ("the-codes-of-BT.709", [(b"cICP", b"\x01\x01\0\1")]),
        ("gamma-1.0-and-sRGB", [(b"sRGB", b"\0"), gamma(LINEAR)]),
    ):
        yield Case(f"png-with-{name}", with_chunks(plain, *chunks), passes=True)


def _png_order() -> Iterator[Case]:
    """Each statement wins over those below it; one that cannot be used is skipped."""
    shown = scene()
    plain = saved(shown, "png")
    codes, icc, srgb, numbers = (b"cICP", _CODES_OF_P3), profile(rgb_profile(ADOBE)), (b"sRGB", b"\0"), gamma(LINEAR)
    for name, chunks, space in (
        ("code-points-first", [numbers, srgb, icc, codes], P3),
        ("a-profile-second", [numbers, srgb, icc], ADOBE),
        ("reserved-codes-skipped", [(b"cICP", b"\x0d\x0d\0\1"), icc], ADOBE),
        ("unspecified-codes-skipped", [(b"cICP", b"\x02\x02\0\1"), gamma(LINEAR)], LINEAR),
        ("unspecified-range-skipped", [(b"cICP", b"\x0c\x0d\0\2"), icc], ADOBE),
        ("codes-for-video-skipped", [(b"cICP", b"\x0c\x0d\x01\1"), icc], ADOBE),
        ("long-codes-skipped", [(b"cICP", _CODES_OF_P3 + b"\0"), icc], ADOBE),
        ("a-gray-profile-skipped", [profile(gray_profile(1.0)), numbers], LINEAR),
        ("a-packed-profile-skipped", [(b"iCCP", b"name\0\0not packed"), numbers], LINEAR),
        ("an-unknown-packing-skipped", [(b"iCCP", b"name\0\1" + icc[1][6:]), numbers], LINEAR),
        ("an-empty-profile-skipped", [(b"iCCP", b""), numbers], LINEAR),
        ("short-chromaticities-skipped", [(b"cHRM", bytes(8)), numbers], LINEAR),
        ("chromaticities-of-zero-skipped", [(b"cHRM", bytes(32)), numbers], LINEAR),
        ("a-gamma-of-zero-skipped", [(b"gAMA", bytes(4)), chromaticities(P3)], P3),
    ):
        yield Case(f"png-with-{name}", with_chunks(plain, *chunks), CONVERTED, pixels=seen_rgb(space)(shown))
    for name, chunk_ in (
        ("reserved-codes", (b"cICP", b"\x0c\x13\0\1")),
        ("short-codes", (b"cICP", b"\x0c\x0d")),
        ("a-gamma-of-zero", (b"gAMA", bytes(4))),
        ("short-gamma", (b"gAMA", b"\0\1")),
        ("short-chromaticities", (b"cHRM", bytes(31))),
        ("short-srgb", (b"sRGB", b"")),
        ("an-impossible-gamma", (b"gAMA", struct.pack(">I", 3))),
        ("chromaticities-on-a-line", chromaticities(replace(SRGB, primaries=((0.2, 0.2), (0.3, 0.3), (0.4, 0.4))))),
        ("white-outside-its-primaries", chromaticities(replace(SRGB, white=(0.05, 0.05)))),
    ):
        yield Case(f"png-with-{name}", with_chunks(plain, chunk_), IGNORED, passes=True)

    damaged = bytearray(with_chunks(plain, numbers))
    damaged[damaged.index(b"gAMA") + 8] ^= 1
    yield Case("png-with-a-gamma-whose-checksum-is-wrong", bytes(damaged), IGNORED, passes=True)


def _png_modes() -> Iterator[Case]:
    shown = scene()
    linear, codes = gamma(LINEAR), (b"cICP", _CODES_OF_P3)
    clear, few = with_alpha(shown), picture(shown).quantize(64)
    gray = picture(shown).convert("L")
    seen = np.asarray(gray)
    data = with_chunks(saved(clear, "png"), codes)
    yield Case("png-with-alpha-and-code-points", data, CONVERTED, pixels=seen_rgb(P3)(clear), encoded="png:lossless")
    data = with_chunks(saved(few, "png"), codes)
    yield Case("png-palette-with-code-points", data, (*CONVERTED, "colors:palette"), seen=seen_rgb(P3))
    data = with_chunks(wide_png(shown), codes)
    yield Case("png-16-bit-with-code-points", data, (*CONVERTED, "bits:16"), pixels=seen_rgb(P3)(shown))
    data = with_chunks(saved(gray, "png"), linear)
    yield Case("png-gray-in-linear-light", data, (*CONVERTED, "colors:grey"), pixels=_rgb(seen_gray(1.0)(seen)))
    data = with_chunks(wide_png(seen), linear)
    changes = (*CONVERTED, "colors:grey", "bits:16")
    yield Case("png-16-bit-gray-in-linear-light", data, changes, pixels=_rgb(seen_gray(1.0)(seen)))
    data = with_chunks(saved(gray, "png"), (b"cICP", b"\x09\x10\0\1"))
    hdr = (*HDR, "colors:grey")
    yield Case("png-gray-with-the-codes-of-PQ", data, hdr, pixels=seen_rgb(replace(SRGB, curve=PQ.curve))(_rgb(seen)))
    data = with_chunks(saved(gray, "png"), gamma(_GAMMA_2_2))
    yield Case("png-gray-with-gamma-2.2", data, ("colors:grey",), pixels=_rgb(seen))


def _heif() -> Iterator[Case]:
    shown = scene()
    for kind in ("heic", "avif"):
        plain = saved(shown, kind)
        for name, primaries, transfer, space, changes in (
            ("P3", 12, 13, P3, CONVERTED),
            ("BT.2020", 9, 1, BT_2020, CONVERTED),
            ("PQ", 9, 16, PQ, HDR),
            ("HLG", 9, 18, HLG, HDR),
            ("BT.709", 1, 1, SRGB, ()),
            ("unspecified-codes", 2, 2, SRGB, ()),
        ):
            data = with_code_points(plain, primaries, transfer)
            yield _case(f"{kind}-with-the-codes-of-{name}", data, changes, pixels=seen_rgb(space)(shown))
    data = with_code_points(saved(shown, "avif"), 13, 13)
    yield _case("avif-with-reserved-codes", data, IGNORED, pixels=shown)
    clear = with_alpha(shown)
    data = with_code_points(saved(clear, "avif"), 12, 13)
    yield _case("avif-with-alpha-and-code-points", data, CONVERTED, pixels=seen_rgb(P3)(clear))
    both = with_code_points(saved(shown, "avif", icc_profile=rgb_profile(ADOBE)), 9, 16)
    yield _case("avif-with-a-profile-and-code-points", both, CONVERTED, pixels=seen_rgb(ADOBE)(shown))


def _cameras() -> Iterator[Case]:
    shown = scene()
    for name, block in (
        ("R03", camera_exif(65_535, b"R03\0")),
        ("R03-in-little-endian", camera_exif(65_535, b"R03\0", "<")),
        ("color-space-2", camera_exif(2, b"")),
    ):
        data = saved(shown, "jpeg", exif=block)
        yield Case(f"jpeg-with-{name}", data, CONVERTED, seen=seen_rgb(ADOBE), encoded="jpeg:kept_quality")
    for name, block in (
        ("R98", camera_exif(65_535, b"R98\0")),
        ("R03-and-sRGB", camera_exif(1, b"R03\0")),
        ("an-uncalibrated-space", camera_exif(65_535, b"")),
        ("an-exif-directory-outside", camera_exif(2, b"")[:18]),
    ):
        yield Case(f"jpeg-with-{name}", saved(shown, "jpeg", exif=block), passes=True)
    adobe = camera_exif(65_535, b"R03\0")
    data = saved(shown, "jpeg", exif=adobe, icc_profile=rgb_profile(P3))
    yield Case("jpeg-with-R03-and-a-profile", data, CONVERTED, seen=seen_rgb(P3))
    data = saved(shown, "jpeg", exif=adobe, icc_profile=rgb_profile(SRGB))
    yield Case("jpeg-with-R03-and-the-profile-of-sRGB", data, passes=True)
    data = saved(shown, "jpeg", exif=adobe, icc_profile=b"noise" * 99)
    yield Case("jpeg-with-R03-and-noise-as-a-profile", data, CONVERTED, seen=seen_rgb(ADOBE))
    gray = picture(shown).convert("L")
    data = saved(gray, "jpeg", exif=adobe)
    yield Case("jpeg-gray-with-R03", data, (*CONVERTED, "colors:grey"), seen=seen_gray(ADOBE.gamma))
    yield Case("webp-with-R03", saved(shown, "webp", exif=adobe), CONVERTED, seen=seen_rgb(ADOBE))
    end = len(saved(shown, "tiff", tiffinfo={0x8769: 1}))
    data = saved(shown, "tiff", tiffinfo={0x8769: end}) + _camera_tags(65_535, b"R03\0", "<", end)
    yield _case("tiff-with-R03", data, CONVERTED, pixels=seen_rgb(ADOBE)(shown))


def _bmp() -> Iterator[Case]:
    shown = scene()
    exponent = struct.pack("<3I", *(round(LINEAR.gamma * 65_536),) * 3)

    def endpoints(numbers: Any) -> bytes:
        return struct.pack("<9i", *(round(float(number) * (1 << 30)) for number in np.ravel(numbers)))

    lights = replace(P3, gamma=1.0)
    points = [(x, y, 1 - x - y) for x, y in lights.primaries]
    for name, data, space in (
        ("an-embedded-profile", color_bmp(shown, kind=b"MBED", profile=rgb_profile(P3)), P3),
        (
            "endpoints-as-XYZ",
            color_bmp(shown, kind=bytes(4), calibration=endpoints(lights.to_xyz.T) + exponent),
            lights,
        ),
        ("endpoints-as-xyz", color_bmp(shown, kind=bytes(4), calibration=endpoints(points) + exponent), lights),
        ("a-short-header", color_bmp(shown, kind=bytes(4), size=108, calibration=bytes(36) + exponent), LINEAR),
    ):
        yield _case(f"bmp-with-{name}", data, CONVERTED, pixels=seen_rgb(space)(shown))
    noise = b"\1" * 48
    for name, data, changes in (
        ("the-space-of-Windows", color_bmp(shown, kind=b"Win ", calibration=noise), ()),
        ("the-space-sRGB", color_bmp(shown, kind=b"sRGB", calibration=noise), ()),
        ("calibration-of-zeros", color_bmp(shown, kind=bytes(4)), ()),
        ("endpoints-of-no-space", color_bmp(shown, kind=bytes(4), calibration=b"\1" * 36), IGNORED),
        ("a-linked-profile", color_bmp(shown, kind=b"LINK", profile=b"C:\\profile.icc\0"), IGNORED),
        ("a-profile-outside", color_bmp(shown, kind=b"MBED", profile=rgb_profile(P3))[:-1], IGNORED),
        ("an-embedded-profile-in-a-short-header", color_bmp(shown, kind=b"MBED", size=108), IGNORED),
    ):
        yield _case(f"bmp-with-{name}", data, changes, pixels=shown)


def _gif() -> Iterator[Case]:
    few = picture(scene()).quantize(60)
    plain = saved(few, "gif", comment="made by hand")
    blocks = (rgb_profile(P3)[at : at + 255] for at in range(0, len(rgb_profile(P3)), 255))
    extension = b"!\xff\x0bICCRGBG1012" + b"".join(bytes([len(block)]) + block for block in blocks) + b"\0"
    at = plain.index(b"made by hand\0") + 13
    seen = seen_rgb(P3)(np.asarray(few.convert("RGB")))
    changes = (*CONVERTED, "colors:palette")
    yield _case("gif-with-a-profile", plain[:at] + extension + plain[at:], changes, pixels=seen)


def _rgb(gray: Pixels) -> Pixels:
    return np.dstack([gray] * 3)


def _case(name: str, data: bytes, changes: tuple[str, ...] = (), **more: Any) -> Case:
    return Case(name, data, (f"converted:{name.partition('-')[0]}", *changes), **more)
