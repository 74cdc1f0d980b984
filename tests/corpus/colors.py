"""Files with colors or channels that no provider takes unchanged."""

from collections.abc import Iterator

import numpy as np
from PIL import Image

from tests.corpus.case import Case
from tests.corpus.files import saved, tiff, wide_png
from tests.corpus.icc import (
    ADOBE,
    LINEAR,
    P3,
    PROPHOTO,
    TURNED,
    cmyk_profile,
    gray_profile,
    rgb_profile,
    seen_gray,
    seen_ink,
    seen_rgb,
)
from tests.corpus.scene import Pixels, picture, scene, with_alpha
from tests.imaging.photos import raw_png

_CONVERTED = ("profile:converted",)
GRAY = ("colors:grey",)


def cases() -> Iterator[Case]:
    yield from _profiles()
    yield from _inks()
    yield from _few_channels()
    yield from _wide()


def _profiles() -> Iterator[Case]:
    shown = scene()
    for space in (P3, ADOBE, PROPHOTO, LINEAR, TURNED):
        data = saved(shown, "jpeg", icc_profile=rgb_profile(space))
        yield Case(f"jpeg-in-{space.name}", data, _CONVERTED, seen=seen_rgb(space), encoded="jpeg:kept_quality")
    for kind in ("png", "webp"):
        data = saved(shown, kind, icc_profile=rgb_profile(ADOBE))
        yield Case(f"{kind}-in-{ADOBE.name}", data, _CONVERTED, seen=seen_rgb(ADOBE), encoded="png:lossless")
    clear = saved(with_alpha(shown), "png", icc_profile=rgb_profile(P3))
    yield Case("png-with-alpha-in-P3", clear, _CONVERTED, seen=seen_rgb(P3), encoded="png:lossless")
    few = saved(picture(shown).quantize(64), "png", icc_profile=rgb_profile(ADOBE))
    yield Case("png-palette-in-Adobe-RGB", few, (*_CONVERTED, "colors:palette"), seen=seen_rgb(ADOBE))
    dark = saved(picture(shown).convert("L"), "jpeg", icc_profile=gray_profile(1.0))
    yield Case("jpeg-gray-in-linear-light", dark, (*_CONVERTED, *GRAY), seen=seen_gray(1.0))


def _inks() -> Iterator[Case]:
    inks = _inks_of(scene())
    cmyk = Image.fromarray(inks, "CMYK")
    cmyk_change = ("colors:cmyk",)
    plain = saved(cmyk, "jpeg")
    yield Case("jpeg-cmyk", plain, cmyk_change)
    # As Photoshop writes CMYK: the same inks, declared as YCCK.
    yield Case("jpeg-ycck", _as_ycck(plain), cmyk_change)
    profiled = saved(cmyk, "jpeg", icc_profile=cmyk_profile())
    yield Case("jpeg-cmyk-with-a-profile", profiled, (*_CONVERTED, *cmyk_change), pixels=seen_ink(inks))
    wrong = saved(cmyk, "jpeg", icc_profile=rgb_profile(P3))
    yield Case("jpeg-cmyk-with-an-RGB-profile", wrong, ("profile:ignored", *cmyk_change))
    changes = ("converted:tiff", *cmyk_change)
    for packing in ("raw", "tiff_lzw"):
        yield Case(f"tiff-cmyk-{packing}", saved(cmyk, "tiff", compression=packing), changes, pixels=_naive(inks))
    data = saved(cmyk, "tiff", icc_profile=cmyk_profile())
    changes = ("converted:tiff", *_CONVERTED, *cmyk_change)
    yield Case("tiff-cmyk-with-a-profile", data, changes, pixels=seen_ink(inks))
    wide = tiff(inks.astype(np.uint16) * 257, photometric="separated")
    yield Case("tiff-cmyk-16-bit", wide, ("converted:tiff", *cmyk_change, "bits:16"), pixels=_naive(inks))


def _few_channels() -> Iterator[Case]:
    shown = picture(scene())
    yield Case("jpeg-gray", saved(shown.convert("L"), "jpeg"), GRAY, encoded="jpeg:kept_quality")
    yield Case("png-gray", saved(shown.convert("L"), "png"), GRAY, encoded="png:lossless")
    yield Case("png-of-one-bit", saved(shown.convert("1"), "png"), GRAY)
    yield Case("png-of-four-grays", raw_png(32, 32, (b"\0" + b"\x1b" * 8) * 32, bits=2, color=0), GRAY)
    few = shown.quantize(40)
    yield Case("png-palette", saved(few, "png"), ("colors:palette",))
    yield Case("png-palette-of-two", saved(shown.quantize(2), "png"), ("colors:palette",))
    yield Case("png-palette-with-a-transparent-color", saved(few, "png", transparency=3), ("colors:palette",))
    clear = with_alpha(np.asarray(shown.convert("L").convert("RGB")))
    yield Case("png-gray-with-alpha", saved(picture(clear).convert("LA"), "png"), GRAY, pixels=clear)


def _wide() -> Iterator[Case]:
    shown = scene()
    gray = np.asarray(picture(shown).convert("L"))
    yield Case("png-16-bit", wide_png(shown), ("bits:16",))
    yield Case("png-16-bit-with-alpha", wide_png(with_alpha(shown)), ("bits:16",))
    yield Case("png-16-bit-gray", wide_png(gray), (*GRAY, "bits:16"))


def _inks_of(shown: Pixels) -> Pixels:
    """Converts RGB to CMYK. Black replaces half of the amount that the other inks have in common."""
    ink = 255 - shown
    black = ink.min(axis=-1, keepdims=True) // 2
    return np.concatenate([ink - black, black], axis=-1).astype(np.uint8)


def _naive(inks: Pixels) -> Pixels:
    """Converts CMYK without a profile to RGB: each ink absorbs its share of the light."""
    light = (255 - inks.astype(float)) / 255
    return np.round(light[..., :3] * light[..., 3:] * 255).astype(np.uint8)


def _as_ycck(data: bytes) -> bytes:
    at = data.index(b"Adobe") + 11
    return data[:at] + b"\x02" + data[at + 1 :]
