"""Files that are refused before anything is paid for, each with its code."""

import struct
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image

from backdrop.model.codes import Code
from tests.corpus.case import Case
from tests.corpus.files import bmp, claiming, gif_head, saved, tiff, tiff_head
from tests.corpus.scene import picture, scene
from tests.imaging.jpeg_parts import HUFFMAN, QUANTIZATION, remove_segments
from tests.imaging.photos import raw_png, with_chunk

_SHORT, _LONG = 3, 4
_MAX_SIDE = 65_535


def cases() -> Iterator[Case]:
    yield from _truncated()
    yield from _bombs()
    yield from _sizes()
    yield from _damaged()
    yield from _invisible()
    yield from _other_formats()


def _truncated() -> Iterator[Case]:
    shown = scene()
    for kind in ("jpeg", "png", "webp", "tiff", "bmp", "gif", "heic", "avif"):
        whole = saved(picture(shown).quantize(60) if kind == "gif" else shown, kind)
        yield _case(f"{kind}-cut-in-half", whole[: len(whole) // 2], Code.TRUNCATED_PHOTO)
    for kind in ("png", "webp", "tiff", "bmp", "heic", "avif"):
        yield _case(f"{kind}-without-its-last-byte", saved(shown, kind)[:-1], Code.TRUNCATED_PHOTO)


def _bombs() -> Iterator[Case]:
    """Small files that claim billions of pixels, or unpack to more data than their picture needs."""
    yield _case("png-of-3.6-billion-pixels", raw_png(60_000, 60_000, bytes(99)), Code.TOO_MANY_PIXELS)
    webp = saved(scene(), "webp", exif=b"Exif\0\0MM")
    assert webp[12:16] == b"VP8X"
    huge = webp[:24] + (16_000).to_bytes(3, "little") * 2 + webp[30:]
    yield _case("webp-of-256-million-pixels", huge, Code.TOO_MANY_PIXELS)
    jpeg = saved(scene(), "jpeg")
    at = jpeg.index(b"\xff\xc0") + 5
    grown = jpeg[:at] + struct.pack(">HH", 65_000, 65_000) + jpeg[at + 4 :]
    yield _case("jpeg-of-4.2-billion-pixels", grown, Code.TOO_MANY_PIXELS)
    yield _case("gif-of-4.2-billion-pixels", gif_head(_MAX_SIDE, _MAX_SIDE), Code.TOO_MANY_PIXELS)
    clearing = gif_head(_MAX_SIDE, _MAX_SIDE, screen=(16, 16), disposal=2)
    yield _case("gif-whose-frame-clears-4.2-billion-pixels", clearing, Code.DAMAGED_PHOTO)
    rows = bmp(30_000, 30_000, 8, b"\0\1", packing=1)
    yield _case("bmp-of-900-million-pixels", rows, Code.TOO_MANY_PIXELS)
    yield _case("tiff-of-16-billion-pixels", _tiff(120_000, 130_000, 5), Code.TOO_MANY_PIXELS)
    yield _case("tiff-with-a-tile-of-4-billion-pixels", _tiff(64, 64, 5, tile=65_520), Code.TOO_LARGE_BYTES)
    for kind in ("heic", "avif"):
        data = claiming(saved(scene(), kind), 60_000, 60_000)
        yield _case(f"{kind}-of-3.6-billion-pixels", data, Code.TOO_MANY_PIXELS)
    hidden = claiming(saved(scene(width=256, height=256), "heic"), 64, 64)
    yield _case("heic-that-hides-a-larger-picture", hidden, Code.DAMAGED_PHOTO)
    text = with_chunk(saved(scene(), "png"), b"zTXt", b"k\0\0" + _packed(9_000_000))
    yield _case("png-whose-text-unpacks-to-9-million-bytes", text, Code.TOO_LARGE_BYTES)


def _sizes() -> Iterator[Case]:
    for kind in ("jpeg", "png", "webp", "tiff", "bmp", "gif", "heic", "avif"):
        dot = saved(Image.new("P" if kind == "gif" else "RGB", (8, 8)), kind)
        yield _case(f"{kind}-of-8-pixels", dot, Code.TOO_SMALL)
    for kind in ("jpeg", "png", "tiff", "bmp"):
        yield _case(f"{kind}-strip", saved(Image.new("RGB", (820, 40)), kind), Code.EXTREME_RATIO)
    yield _case("png-without-a-side", raw_png(0, 64, b""), Code.TOO_SMALL)
    yield _case("gif-without-a-side", gif_head(0, 0), Code.TOO_SMALL)
    yield _case("bmp-without-a-side", bmp(0, 64, 24, b""), Code.DAMAGED_PHOTO)
    yield _case("tiff-without-a-side", _tiff(0, 64, 1), Code.UNSUPPORTED_FORMAT)


def _damaged() -> Iterator[Case]:
    png = saved(scene(), "png")
    yield _case("png-with-a-flipped-bit", png[:90] + bytes([png[90] ^ 4]) + png[91:], Code.DAMAGED_PHOTO)
    yield _case("png-that-lacks-pixels", raw_png(64, 64, bytes(900)), Code.TRUNCATED_PHOTO)
    yield _case("bmp-of-seven-bits", bmp(64, 64, 7, bytes(9_999)), Code.DAMAGED_PHOTO)
    yield _case("gif-with-a-script-in-it", b"GIF89a/*<script>alert(1)</script>*/" + bytes(90), Code.TOO_MANY_PIXELS)
    yield _case("tiff-without-pixels", tiff_head((256, _LONG, 64), (257, _LONG, 64)), Code.UNSUPPORTED_FORMAT)
    heic = saved(scene(), "heic")
    yield _case(
        "heic-whose-boxes-have-no-length",
        heic[: heic.index(b"meta") - 4] + b"\0\0\0\4meta" + bytes(90),
        Code.DAMAGED_PHOTO,
    )
    jpeg, progressive = saved(scene(), "jpeg"), saved(scene(), "jpeg", progressive=True)
    for name, whole in (("jpeg", jpeg), ("progressive-jpeg", progressive)):
        half = whole[: len(whole) // 2 + 300] + b"\xff\xd9"
        yield _case(f"{name}-whose-second-half-is-missing", half, Code.DAMAGED_PHOTO)
        at = whole.index(b"\xff\xc4") + 5
        broken = whole[:at] + b"\xff" + whole[at + 1 :]
        yield _case(f"{name}-with-an-impossible-huffman-table", broken, Code.DAMAGED_PHOTO)
    yield _case("jpeg-without-quantization-tables", remove_segments(jpeg, QUANTIZATION), Code.DAMAGED_PHOTO)
    yield _case("jpeg-that-lacks-a-huffman-table", remove_segments(progressive, HUFFMAN, 1), Code.DAMAGED_PHOTO)
    noisy = bytearray(saved(scene(), "avif"))
    noisy[-400:-100] = bytes(300)
    yield _case("avif-whose-pixels-are-gone", bytes(noisy), Code.DAMAGED_PHOTO)


def _invisible() -> Iterator[Case]:
    """Pictures that are nowhere visible, in every way in which a file can be transparent."""
    for alpha in (0, 15):
        shown = picture(scene())
        shown.putalpha(alpha)
        for kind in ("png", "webp", "tiff", "avif"):
            yield _case(f"{kind}-of-alpha-{alpha}", saved(shown, kind), Code.PHOTO_SHOWS_NOTHING)
        yield _case(f"gray-png-of-alpha-{alpha}", saved(shown.convert("LA"), "png"), Code.PHOTO_SHOWS_NOTHING)
        for name, speck in (("an-opaque-speck", 255), ("a-faint-speck", 17)):
            shown.putpixel((3, 5), (200, 0, 0, speck))
            yield _case(f"png-of-alpha-{alpha}-with-{name}", saved(shown, "png"), Code.PHOTO_SHOWS_NOTHING)
    noise = Image.effect_noise((400, 300), 90).point([level * 16 // 256 for level in range(256)])
    shown = Image.new("RGBA", noise.size, "red")
    shown.putalpha(noise)
    yield _case("avif-whose-alpha-is-noise", saved(shown, "avif", quality=75), Code.PHOTO_SHOWS_NOTHING)
    large = bytes.fromhex("524946461a000000574542505650384c0d0000002f7ffe5d11071011118888fe0700")
    yield _case("lossless-webp-of-22-clear-megapixels", large, Code.PHOTO_SHOWS_NOTHING)
    palette = picture(scene()).quantize(4)
    clear = saved(palette, "png", transparency=bytes(4))
    yield _case("palette-png-without-a-visible-color", clear, Code.PHOTO_SHOWS_NOTHING)
    blank = Image.new("P", palette.size)
    yield _case("gif-of-its-transparent-color", saved(blank, "gif", transparency=0), Code.PHOTO_SHOWS_NOTHING)


def _other_formats() -> Iterator[Case]:
    yield _case("nothing", b"", Code.EMPTY_FILE)
    yield _case("text", b"not a photo at all", Code.NOT_A_PHOTO)
    yield _case("page", b"<!doctype html><img src=x>", Code.NOT_A_PHOTO)
    yield _case("video", b"\0\0\0\x18ftypisom\0\0\2\0isommp42" + bytes(90), Code.NOT_A_PHOTO)
    yield _case("jxl", b"\xff\x0a" + bytes(90), Code.UNSUPPORTED_FORMAT)
    yield _case("jp2", b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(90), Code.UNSUPPORTED_FORMAT)
    yield _case("tiff-of-fractions", tiff(scene().astype(np.float32), photometric="rgb"), Code.UNSUPPORTED_FORMAT)
    yield _case("tiff-of-32-bits", tiff(np.ones((64, 64), np.uint32)), Code.UNSUPPORTED_FORMAT)
    for order in ("<", ">"):
        big = tiff(scene(), photometric="rgb", bigtiff=True, byteorder=order)
        yield _case(f"bigtiff-{order}", big, Code.UNSUPPORTED_FORMAT)
    yield _case("tiff-with-an-old-jpeg", _tiff(64, 64, 6), Code.UNSUPPORTED_FORMAT)
    animation = saved(scene(), "webp", save_all=True, append_images=[picture(scene()[::-1])])
    yield _case("webp-animated", animation, Code.UNSUPPORTED_FORMAT)


def _tiff(width: int, height: int, compression: int, *, tile: int = 0) -> bytes:
    """Builds a TIFF with almost no pixel data."""
    tags = [(256, _LONG, width), (257, _LONG, height), (258, _SHORT, 8), (259, _SHORT, compression), (262, _SHORT, 1)]
    part = [(322, _LONG, tile), (323, _LONG, tile), (324, _LONG, 8), (325, _LONG, 1)] if tile else []
    part = part or [(273, _LONG, 8), (277, _SHORT, 1), (278, _LONG, height), (279, _LONG, 1)]
    return tiff_head(*tags, *part, tail=b"\x80" * 99)


def _packed(size: int) -> bytes:
    return zlib.compress(bytes(size), 9)


def _case(name: str, data: bytes, code: Code) -> Case:
    return Case(name, data, code=code)
