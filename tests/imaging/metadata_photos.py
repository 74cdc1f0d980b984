"""Photos with secrets for the metadata tests: complete files with every kind of metadata planted in them."""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from backdrop.imaging.decode import decode
from backdrop.imaging.formats import read_header, webp
from backdrop.imaging.formats.header import PhotoFormat
from backdrop.imaging.formats.jpeg import START_OF_SCAN, iter_segments
from backdrop.imaging.sniff import sniff_file
from tests.imaging.photos import chunk, encode_image, jpeg, png, raw_png, scene
from tests.imaging.photos import webp as webp_photo

GPS = b"52.516272N 13.377722E"
SERIAL = b"body serial 4711-0815"
THUMBNAIL = b"\xff\xd8\xff\xdb the garden behind the house \xff\xd9"
SECRETS = (GPS, SERIAL, THUMBNAIL)
PLANTED = b" ".join(SECRETS)


def exif(orientation: int = 6, order: str = "<", *, kind: int = 3, width: str = "H") -> bytes:
    """Builds a TIFF block: one directory with a maker and an orientation, followed by secrets."""
    magic = b"II*\0" if order == "<" else b"MM\0*"
    value = struct.pack(order + width, orientation).ljust(4, b"\0")
    maker = struct.pack(order + "HHII", 0x010F, 2, len(PLANTED), 38)
    return (
        magic + struct.pack(order + "IH", 8, 2) + maker + struct.pack(order + "HHI", 0x0112, kind, 1) + value
        + bytes(4) + PLANTED
    )  # fmt: skip


def segment(marker: int, payload: bytes) -> bytes:
    """Builds a JPEG segment."""
    return bytes((0xFF, marker)) + struct.pack(">H", len(payload) + 2) + payload


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    """Builds a sequence of WebP chunks, without the file header."""
    return b"".join(
        name + struct.pack("<I", len(payload)) + payload + bytes(len(payload) % 2) for name, payload in chunks
    )


JPEG_PARTS: dict[str, bytes] = {
    "exif": segment(0xE1, b"Exif\0\0" + exif()),
    "exif-odd-padding": segment(0xE1, b"Exif\0\xff" + exif()),
    "xmp": segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta/>" + PLANTED),
    "xmp-extended": segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + b"5" * 40 + PLANTED),
    "iptc": segment(0xED, b"Photoshop 3.0\08BIM" + PLANTED),
    "comment": segment(0xFE, PLANTED),
    "icc": segment(0xE2, b"ICC_PROFILE\0\1\1" + PLANTED),
    "mpf": segment(0xE2, b"MPF\0" + PLANTED),
    "thumbnail": segment(0xE0, b"JFXX\0\x10" + PLANTED),
    "thumbnail-of-jfif": segment(0xE0, b"JFIF\0\1\2\0\0\1\0\1\5\5" + PLANTED),
    "c2pa": segment(0xEB, b"JP\0\1" + PLANTED),
    "other-after-adobe": segment(0xEE, b"Adobe\0\x64\0\0\0\0\1" + PLANTED),
    "other-ducky": segment(0xEC, b"Ducky" + PLANTED),
    "other-gain-map": segment(0xE2, b"urn:iso:std:iso:ts:21496:-1\0" + PLANTED),
    "other-number-of-lines": segment(0xDC, b"\0\1" + PLANTED),
    "nothing-but-padding": b"\xff\xff\xff",
}
PNG_PARTS: dict[str, bytes] = {
    "exif": chunk(b"eXIf", exif()),
    "xmp": chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0<x:xmpmeta/>" + PLANTED),
    "xmp-legacy": chunk(b"zTXt", b"Raw profile type xmp\0\0" + zlib.compress(PLANTED)),
    "text": chunk(b"tEXt", b"Comment\0" + PLANTED),
    "text-packed": chunk(b"zTXt", b"Comment\0\0" + zlib.compress(PLANTED)),
    "text-international": chunk(b"iTXt", b"Comment\0\0\0en\0\0" + PLANTED),
    "icc": chunk(b"iCCP", b"sRGB\0\0" + PLANTED),
    "time": chunk(b"tIME", b"\x07\xea\x0b\x14\0\0\0"),
    "c2pa": chunk(b"caBX", PLANTED),
    "other": chunk(b"iDOT", PLANTED),
    "other-too-long": chunk(b"gAMA", b"\0\0\xb1\x8f" + PLANTED),
}
WEBP_PARTS: dict[str, bytes] = {
    "exif": riff((b"EXIF", exif())),
    "exif-as-in-jpeg": riff((b"EXIF", b"Exif\0\0" + exif())),
    "xmp": riff((b"XMP ", b"<x:xmpmeta/>" + PLANTED)),
    "c2pa": riff((b"C2PA", PLANTED)),
    "other": riff((b"junk", PLANTED)),
    "icc": riff((b"ICCP", PLANTED)),
}


@dataclass(frozen=True)
class Format:
    """A format for the tests: intact photos, and what can be planted in them."""

    name: PhotoFormat
    photos: dict[str, bytes]
    parts: dict[str, bytes]


def _palette() -> bytes:
    picture = scene().quantize(16)
    return encode_image(picture, "PNG", transparency=3)


def _gray_with_alpha() -> bytes:
    return encode_image(scene("LA"), "PNG")


FORMATS: dict[str, Format] = {
    "jpeg": Format(
        "jpeg",
        {
            "plain": jpeg(),
            "progressive": jpeg(progressive=True),
            "gray": encode_image(scene("L"), "JPEG"),
            "cmyk": encode_image(scene("CMYK"), "JPEG"),
            "restarts": encode_image(scene(), "JPEG", restart_marker_blocks=2),
            "colors-by-component-id": encode_image(scene(), "JPEG", keep_rgb=True),
        },
        JPEG_PARTS,
    ),
    "png": Format(
        "png",
        {
            "plain": png(),
            "transparent": png("RGBA"),
            "palette": _palette(),
            "gray": _gray_with_alpha(),
            "deep": encode_image(scene("I;16"), "PNG"),
            "interlaced": raw_png(16, 16, bytes(798), interlace=1),
        },
        PNG_PARTS,
    ),
    "webp": Format(
        "webp",
        {
            "plain": webp_photo(),
            "lossless": webp_photo(lossless=True),
            "transparent": webp_photo(mode="RGBA"),
            "lossless-transparent": webp_photo(lossless=True, mode="RGBA"),
        },
        WEBP_PARTS,
    ),
}
PHOTOS = {f"{kind}-{name}": (kind, data) for kind, found in FORMATS.items() for name, data in found.photos.items()}


def plant(kind: str, data: bytes, parts: Sequence[str], *, late: bool = False, trailer: bytes = b"") -> bytes:
    """Plants these parts in a photo, before or after its pixels, and a trailer after its end."""
    extra = b"".join(FORMATS[kind].parts[part] for part in parts)
    match kind:
        case "jpeg":
            at = len(data) - 2 if late else 2
        case "png":
            at = len(data) - 12 if late else 33
        case _:
            return _webp_with(data, extra, late=late) + trailer
    return data[:at] + extra + data[at:] + trailer


def _webp_with(data: bytes, extra: bytes, *, late: bool) -> bytes:
    header = webp.read_header(data)
    at = 30 if data[12:16] == b"VP8X" else 12
    flags = 0x2C | (0x10 if header.has_alpha else 0)
    sides = b"".join((side - 1).to_bytes(3, "little") for side in (header.width, header.height))
    start = riff((b"VP8X", struct.pack("<I", flags) + sides))
    body = start + (data[at:] + extra if late else extra + data[at:])
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def decode_pixels(data: bytes) -> tuple[str, tuple[int, int], bytes]:
    """Returns what a decoder sees of a picture."""
    photo_format = sniff_file(data).format
    assert photo_format
    picture = decode(data, read_header(data, photo_format))
    shown = picture.convert("RGBA") if picture.has_transparency_data else picture
    return shown.mode, shown.size, shown.tobytes()


def read_packed_pixels(kind: str, data: bytes) -> list[bytes]:
    """Returns the compressed pixels as they are in the file."""
    if kind == "jpeg":
        found = list(iter_segments(data))
        pairs = zip(found, found[1:], strict=False)
        return [data[scan.end : after.offset] for scan, after in pairs if scan.marker == START_OF_SCAN]
    if kind == "webp":
        return [bytes(one.payload) for one in webp.iter_chunks(data) if one.name in (b"VP8 ", b"VP8L", b"ALPH")]
    at, packed = 8, list[bytes]()
    while data[at + 4 : at + 8] != b"IEND":
        length = int.from_bytes(data[at : at + 4])
        packed += [data[at + 8 : at + 8 + length]] if data[at + 4 : at + 8] == b"IDAT" else []
        at += 12 + length
    return packed
