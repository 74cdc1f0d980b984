"""Files in formats that no provider takes, which are converted."""

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image

from tests.corpus.case import Case
from tests.corpus.files import bmp, heic, saved, ten_bit_heic, tiff
from tests.corpus.icc import ADOBE, P3, rgb_profile, seen_rgb
from tests.corpus.scene import picture, scene, with_alpha


def cases() -> Iterator[Case]:
    yield from _tiff()
    yield from _rare_tiff()
    yield from _bmp()
    yield from _gif()
    yield from _heif()
    yield from _avif()


def _tiff() -> Iterator[Case]:
    shown = scene()
    for packing in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        yield _case(f"tiff-{packing}", saved(shown, "tiff", compression=packing), encoded="png:lossless")
    yield _case("tiff-with-alpha", saved(with_alpha(shown), "tiff"), pixels=with_alpha(shown))
    yield _case("tiff-palette", saved(picture(shown).quantize(50), "tiff"), ("colors:palette",))
    yield _case("tiff-gray", saved(picture(shown).convert("L"), "tiff"), ("colors:grey",))
    fax = picture(shown).convert("1")
    seen = np.asarray(fax.convert("RGB"))
    yield _case("tiff-fax", saved(fax, "tiff", compression="group4"), ("colors:grey",), pixels=seen)
    data = saved(shown, "tiff", icc_profile=rgb_profile(ADOBE))
    yield _case("tiff-in-Adobe-RGB", data, ("profile:converted",), pixels=seen_rgb(ADOBE)(shown))
    pages = saved(shown, "tiff", save_all=True, append_images=[picture(shown[::-1])] * 2)
    yield _case("tiff-of-three-pages", pages, first="first_of_pictures:3")


def _rare_tiff() -> Iterator[Case]:
    """TIFF variants that Pillow reads but cannot write."""
    shown = scene()
    gray = np.asarray(picture(shown).convert("L"))
    wide, wide_gray = shown.astype(np.uint16) * 257, gray.astype(np.uint16) * 257
    yield _case("tiff-tiled", tiff(shown, tile=(32, 32)))
    yield _case("tiff-big-endian", tiff(shown, byteorder=">"))
    yield _case("tiff-channel-by-channel", tiff(np.moveaxis(shown, -1, 0), planarconfig="separate", photometric="rgb"))
    yield _case("tiff-16-bit", tiff(wide, photometric="rgb"), ("bits:16",))
    yield _case("tiff-16-bit-big-endian", tiff(wide, photometric="rgb", byteorder=">"), ("bits:16",))
    yield _case("tiff-16-bit-gray", tiff(wide_gray), ("colors:grey", "bits:16"))
    inverted = tiff(65_535 - wide_gray, photometric="miniswhite")
    seen = np.dstack([gray] * 3)
    yield _case("tiff-16-bit-gray-where-0-is-white", inverted, ("colors:grey", "bits:16"), pixels=seen)
    yield _case("tiff-gray-where-0-is-white", tiff(255 - gray, photometric="miniswhite"), ("colors:grey",), pixels=seen)
    loop = tiff(shown)
    first = int.from_bytes(loop[4:8], "little")
    end = first + 2 + 12 * int.from_bytes(loop[first : first + 2], "little")
    yield _case("tiff-with-a-loop-of-pages", loop[:end] + struct.pack("<I", first) + loop[end + 4 :])


def _bmp() -> Iterator[Case]:
    shown = scene()
    yield _case("bmp", saved(shown, "bmp"), encoded="png:lossless")
    yield _case("bmp-palette", saved(picture(shown).quantize(50), "bmp"), ("colors:palette",))
    yield _case("bmp-gray", saved(picture(shown).convert("L"), "bmp"), ("colors:grey",))
    yield _case("bmp-of-one-bit", saved(picture(shown).convert("1"), "bmp"), ("colors:grey",))
    height, width, _ = shown.shape
    bgr = shown[..., ::-1].tobytes()
    yield _case("bmp-with-the-first-row-first", bmp(width, -height, 24, bgr), pixels=shown)
    red, green, blue = np.moveaxis(shown.astype("<u2"), -1, 0)
    packed = (red >> 3 << 11 | green >> 2 << 5 | blue >> 3)[::-1].astype("<u2").tobytes()
    masks = struct.pack("<III", 0xF800, 0x07E0, 0x001F)
    yield _case("bmp-of-16-bits", bmp(width, height, 16, packed, packing=3, masks=masks))


def _gif() -> Iterator[Case]:
    few = picture(scene()).quantize(60)
    palette = ("colors:palette",)
    yield _case("gif", saved(few, "gif"), palette, encoded="png:lossless")
    yield _case("gif-interlaced", saved(few, "gif", interlace=1), palette)
    clear = saved(few, "gif", transparency=2)
    yield _case("gif-with-a-transparent-color", clear, palette)
    others = [Image.effect_mandelbrot(few.size, (-2, -1, 1, 1), n).convert("P") for n in (20, 40)]
    animation = saved(few, "gif", save_all=True, append_images=others, duration=80)
    first = np.asarray(few.convert("RGB"))
    yield _case("gif-animated", animation, palette, first="first_of_pictures:3", pixels=first)
    yield _case("gif-without-its-end", saved(few, "gif")[:-1], palette, pixels=first)


def _heif() -> Iterator[Case]:
    shown = scene()
    yield _case("heic", saved(shown, "heic"), pixels=shown, encoded="jpeg:95")
    clear = with_alpha(shown)
    yield _case("heic-with-alpha", saved(clear, "heic"), pixels=clear, encoded="webp:95")
    yield _case("heic-of-10-bits", ten_bit_heic(shown), pixels=shown)
    for offset in range(3):
        odd_type = bytearray(saved(shown, "heic", exif=b"Exif\0\0MM"))
        odd_type[odd_type.index(b"Exif") + offset] = 0xE9
        yield _case(f"heic-with-an-item-of-invalid-type-{offset + 1}", bytes(odd_type), pixels=shown)
    apple = picture(shown)
    apple.info["icc_profile"] = rgb_profile(P3)
    yield _case("heic-in-P3", heic(apple), ("profile:converted",), pixels=seen_rgb(P3)(shown))


def _avif() -> Iterator[Case]:
    shown = scene()
    yield _case("avif", saved(shown, "avif"), encoded="jpeg:95")
    clear = with_alpha(shown)
    yield _case("avif-with-alpha", saved(clear, "avif"), pixels=clear, encoded="webp:95")
    data = saved(shown, "avif", icc_profile=rgb_profile(P3))
    yield _case("avif-in-P3", data, ("profile:converted",), pixels=seen_rgb(P3)(shown))
    animation = saved(shown, "avif", save_all=True, append_images=[picture(shown[::-1])])
    yield _case("avif-animated", animation, first="first_of_pictures:2", pixels=shown)


def _case(name: str, data: bytes, changes: tuple[str, ...] = (), *, first: str = "", **more: Any) -> Case:
    counted = (first,) if first else ()
    return Case(name, data, (f"converted:{name.partition('-')[0]}", *counted, *changes), **more)
