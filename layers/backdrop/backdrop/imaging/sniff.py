"""What a file is, told from its bytes and never from its name, in words for the error report."""

from codecs import getincrementaldecoder
from dataclasses import dataclass
from typing import Literal

from backdrop.imaging.containers import jpeg, png, webp
from backdrop.imaging.containers.header import PhotoFormat
from backdrop.imaging.formats.names import ForeignFormat
from backdrop.imaging.formats.tiff_tags import name_tiff

type Family = Literal["photo", "convertible", "raw", "design", "video", "other"]

_TEXT_PROBE_BYTES = 512
_EXCERPT_CHARACTERS = 24
_VISIBLE_CONTROLS = frozenset("\t\n\r\f")


@dataclass(frozen=True, slots=True)
class Kind:
    """`name` completes `The file is …`; `format` is set for the family `photo` alone.

    `foreign` is set for those of the family `convertible` that `prepare` converts.
    """

    name: str
    family: Family
    format: PhotoFormat | None = None
    foreign: ForeignFormat | None = None


_SIGNATURES: tuple[tuple[int, bytes, Kind], ...] = (
    (0, jpeg.MAGIC, Kind("a JPEG picture", "photo", "jpeg")),
    (0, png.MAGIC, Kind("a PNG picture", "photo", "png")),
    (0, b"GIF87a", Kind("a GIF picture", "convertible", foreign="gif")),
    (0, b"GIF89a", Kind("a GIF picture", "convertible", foreign="gif")),
    (0, b"BM", Kind("a BMP picture", "convertible", foreign="bmp")),
    (0, b"II+\0", Kind("a TIFF picture of the kind for over 4 GB (BigTIFF)", "convertible")),
    (0, b"MM\0+", Kind("a TIFF picture of the kind for over 4 GB (BigTIFF)", "convertible")),
    (0, b"\xff\x0a", Kind("a JPEG XL picture", "convertible")),
    (0, b"\0\0\0\x0cJXL ", Kind("a JPEG XL picture", "convertible")),
    (0, b"\0\0\0\x0cjP  ", Kind("a JPEG 2000 picture", "convertible")),
    (0, b"\0\0\x01\0", Kind("a Windows icon (ICO)", "convertible")),
    (0, b"FUJIFILMCCD-RAW", Kind("a Fujifilm raw photo (RAF)", "raw")),
    (0, b"IIRO", Kind("an Olympus raw photo (ORF)", "raw")),
    (0, b"IIRS", Kind("an Olympus raw photo (ORF)", "raw")),
    (0, b"MMOR", Kind("an Olympus raw photo (ORF)", "raw")),
    (0, b"IIU\0", Kind("a Panasonic raw photo (RW2)", "raw")),
    (0, b"FOVb", Kind("a Sigma raw photo (X3F)", "raw")),
    (6, b"HEAPCCDR", Kind("a Canon raw photo (CRW)", "raw")),
    (0, b"8BPS", Kind("a Photoshop document (PSD)", "design")),
    (0, b"%PDF-", Kind("a PDF or Illustrator document", "design")),
    (0, b"%!PS", Kind("a PostScript document (EPS or AI)", "design")),
    (0, b"\xc5\xd0\xd3\xc6", Kind("a PostScript document (EPS)", "design")),
    (0, b"gimp xcf", Kind("a GIMP document (XCF)", "design")),
    (0, b"\x06\x06\xed\xf5\xd8\x1d\x46\xe5", Kind("an InDesign document", "design")),
    (0, b"\0\xffKA", Kind("an Affinity document", "design")),
    (0, b"\x1aE\xdf\xa3", Kind("a video", "video")),
    (0, b"PK\x03\x04", Kind("a ZIP archive or an office document", "other")),
    (0, b"\x1f\x8b", Kind("a gzip archive", "other")),
    (0, b"7z\xbc\xaf\x27\x1c", Kind("a 7-Zip archive", "other")),
    (0, b"Rar!", Kind("a RAR archive", "other")),
    (0, b"MZ", Kind("a Windows program", "other")),
    (0, b"\x7fELF", Kind("a program", "other")),
)

# Brands of the file type box, ISO/IEC 14496-12 and 23008-12.
_BRANDS = {
    b"avif": Kind("an AVIF picture", "convertible", foreign="avif"),
    b"avis": Kind("an AVIF picture", "convertible", foreign="avif"),
    b"crx ": Kind("a Canon raw photo (CR3)", "raw"),
} | dict.fromkeys(
    (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"),
    Kind("a HEIC picture", "convertible", foreign="heic"),
)

_MARKUP: tuple[tuple[str, Kind], ...] = (
    ("<svg", Kind("an SVG drawing", "design")),
    ("<!doctype html", Kind("an HTML page", "other")),
    ("<html", Kind("an HTML page", "other")),
    ("<?xml", Kind("an XML file", "other")),
)


def sniff(data: bytes) -> Kind:
    """Names what the bytes are; unknown ones are described by how they begin. Never raises."""
    if webp.is_webp(data):
        return Kind("a WebP picture", "photo", "webp")
    for offset, magic, kind in _SIGNATURES:
        # Two letters alone may begin a sentence as well.
        if data.startswith(magic, offset) and (len(magic) > 2 or _text(data) is None):
            return kind
    return _sniff_box(data) or _sniff_tiff(data) or _sniff_text(data) or _describe_bytes(data)


def _sniff_box(data: bytes) -> Kind | None:
    if data[4:8] != b"ftyp":
        return None
    box_end = min(int.from_bytes(data[:4]), 64)
    brands = [data[8:12], *(data[at : at + 4] for at in range(16, box_end, 4))]
    # A HEIF container names its codec only among the compatible brands.
    for brand in sorted(brands, key=lambda brand: brand in (b"mif1", b"msf1")):
        if kind := _BRANDS.get(brand):
            return kind
    return Kind("a video", "video")


def _sniff_tiff(data: bytes) -> Kind | None:
    named = name_tiff(data)
    if named is None:
        return None
    name, is_raw = named
    return Kind(name, "raw") if is_raw else Kind(name, "convertible", foreign="tiff")


def _sniff_text(data: bytes) -> Kind | None:
    text = _text(data)
    if text is None:
        return None
    lowered = text.lower().lstrip("\ufeff \t\r\n")
    for mark, kind in _MARKUP:
        if lowered.startswith(mark) or (mark in ("<svg", "<html") and mark in lowered):
            return kind
    words = " ".join(text.split())
    excerpt = "".join(letter for letter in words if letter.isprintable())[:_EXCERPT_CHARACTERS]
    return Kind(f"text that begins '{excerpt}'" if excerpt else "blank text", "other")


def _text(data: bytes) -> str | None:
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
    try:
        # Not final: the probe may end inside a character.
        text = getincrementaldecoder(encoding)().decode(data[:_TEXT_PROBE_BYTES])
    except UnicodeDecodeError:
        return None
    controls = any(ord(letter) < 32 and letter not in _VISIBLE_CONTROLS for letter in text)
    return text if text and not controls else None


def _describe_bytes(data: bytes) -> Kind:
    if not any(data[:_TEXT_PROBE_BYTES]):
        return Kind("a run of zero bytes", "other")
    return Kind(f"of no known kind (it begins with the bytes {data[:8].hex(' ')})", "other")
