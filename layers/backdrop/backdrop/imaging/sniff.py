"""Detects a file's type from its bytes, never from its name, and describes it for the error report."""

from codecs import getincrementaldecoder
from dataclasses import dataclass
from typing import Literal

from backdrop.imaging.formats import jpeg, png, webp
from backdrop.imaging.formats.header import ConvertibleFormat, PhotoFormat
from backdrop.imaging.formats.tiff import describe_tiff

type FileFamily = Literal["photo", "convertible", "raw", "design", "video", "other"]

_TEXT_PROBE_BYTES = 512
_VISIBLE_CONTROLS = frozenset("\t\n\r\f")


@dataclass(frozen=True, slots=True)
class FileKind:
    """A file's type. `description` completes the sentence `The file is …`.

    It quotes nothing of the file: a report may be read by clients that may not read the file.

    `format` is set only for the family `photo`. `convertible_format` is set for the formats of the family `convertible`
    that `prepare_photo` converts.
    """

    description: str
    family: FileFamily
    format: PhotoFormat | None = None
    convertible_format: ConvertibleFormat | None = None


_SIGNATURES: tuple[tuple[int, bytes, FileKind], ...] = (
    (0, jpeg.MAGIC, FileKind("a JPEG picture", "photo", "jpeg")),
    (0, png.MAGIC, FileKind("a PNG picture", "photo", "png")),
    (0, b"GIF87a", FileKind("a GIF picture", "convertible", convertible_format="gif")),
    (0, b"GIF89a", FileKind("a GIF picture", "convertible", convertible_format="gif")),
    (0, b"BM", FileKind("a BMP picture", "convertible", convertible_format="bmp")),
    (0, b"II+\0", FileKind("a BigTIFF picture (TIFF for files over 4 GB)", "convertible")),
    (0, b"MM\0+", FileKind("a BigTIFF picture (TIFF for files over 4 GB)", "convertible")),
    (0, b"\xff\x0a", FileKind("a JPEG XL picture", "convertible")),
    (0, b"\0\0\0\x0cJXL ", FileKind("a JPEG XL picture", "convertible")),
    (0, b"\0\0\0\x0cjP  ", FileKind("a JPEG 2000 picture", "convertible")),
    (0, b"\0\0\x01\0", FileKind("a Windows icon (ICO)", "convertible")),
    (0, b"FUJIFILMCCD-RAW", FileKind("a Fujifilm raw photo (RAF)", "raw")),
    (0, b"IIRO", FileKind("an Olympus raw photo (ORF)", "raw")),
    (0, b"IIRS", FileKind("an Olympus raw photo (ORF)", "raw")),
    (0, b"MMOR", FileKind("an Olympus raw photo (ORF)", "raw")),
    (0, b"IIU\0", FileKind("a Panasonic raw photo (RW2)", "raw")),
    (0, b"FOVb", FileKind("a Sigma raw photo (X3F)", "raw")),
    (6, b"HEAPCCDR", FileKind("a Canon raw photo (CRW)", "raw")),
    (0, b"8BPS", FileKind("a Photoshop document (PSD)", "design")),
    (0, b"%PDF-", FileKind("a PDF or Illustrator document", "design")),
    (0, b"%!PS", FileKind("a PostScript document (EPS or AI)", "design")),
    (0, b"\xc5\xd0\xd3\xc6", FileKind("a PostScript document (EPS)", "design")),
    (0, b"gimp xcf", FileKind("a GIMP document (XCF)", "design")),
    (0, b"\x06\x06\xed\xf5\xd8\x1d\x46\xe5", FileKind("an InDesign document", "design")),
    (0, b"\0\xffKA", FileKind("an Affinity document", "design")),
    (0, b"\x1aE\xdf\xa3", FileKind("a video", "video")),
    (0, b"PK\x03\x04", FileKind("a ZIP archive or an office document", "other")),
    (0, b"\x1f\x8b", FileKind("a gzip archive", "other")),
    (0, b"7z\xbc\xaf\x27\x1c", FileKind("a 7-Zip archive", "other")),
    (0, b"Rar!", FileKind("a RAR archive", "other")),
    (0, b"MZ", FileKind("a Windows program", "other")),
    (0, b"\x7fELF", FileKind("a program", "other")),
)

# Brands of the file type box, ISO/IEC 14496-12 and 23008-12.
_BRANDS = {
    b"avif": FileKind("an AVIF picture", "convertible", convertible_format="avif"),
    b"avis": FileKind("an AVIF picture", "convertible", convertible_format="avif"),
    b"crx ": FileKind("a Canon raw photo (CR3)", "raw"),
} | dict.fromkeys(
    (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"),
    FileKind("a HEIC picture", "convertible", convertible_format="heic"),
)

_TEXT_BEGINNINGS: tuple[tuple[str, FileKind], ...] = (
    ("<svg", FileKind("an SVG drawing", "design")),
    ("<!doctype html", FileKind("an HTML page", "other")),
    ("<html", FileKind("an HTML page", "other")),
    ("<?xml", FileKind("an XML file", "other")),
    ("{", FileKind("JSON text", "other")),
    ("version https://git-lfs", FileKind("a Git LFS pointer (text that stands for the real file)", "other")),
)


def sniff_file(data: bytes) -> FileKind:
    """Detects the type of a file. Never raises."""
    if webp.is_webp(data):
        return FileKind("a WebP picture", "photo", "webp")
    for offset, magic, kind in _SIGNATURES:
        # A signature of two letters may also be the beginning of a text.
        if data.startswith(magic, offset) and (len(magic) > 2 or _decode_text(data) is None):
            return kind
    return _sniff_box(data) or _sniff_tiff(data) or _sniff_text(data) or _describe_bytes(data)


def _sniff_box(data: bytes) -> FileKind | None:
    if data[4:8] != b"ftyp":
        return None
    box_end = min(int.from_bytes(data[:4]), 64)
    brands = [data[8:12], *(data[at : at + 4] for at in range(16, box_end, 4))]
    # A file whose brand is `mif1` or `msf1` names its codec only among the compatible brands, so these two come last.
    for brand in sorted(brands, key=lambda brand: brand in (b"mif1", b"msf1")):
        if kind := _BRANDS.get(brand):
            return kind
    return FileKind("a video", "video")


def _sniff_tiff(data: bytes) -> FileKind | None:
    tiff_kind = describe_tiff(data)
    if tiff_kind is None:
        return None
    name, is_raw = tiff_kind
    return FileKind(name, "raw") if is_raw else FileKind(name, "convertible", convertible_format="tiff")


def _sniff_text(data: bytes) -> FileKind | None:
    text = _decode_text(data)
    if text is None:
        return None
    lowered = text.lower().lstrip("\ufeff \t\r\n")
    for tag, kind in _TEXT_BEGINNINGS:
        if lowered.startswith(tag) or (tag in ("<svg", "<html") and tag in lowered):
            return kind
    return FileKind("text" if lowered else "blank text", "other")


def _decode_text(data: bytes) -> str | None:
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
    try:
        # An incremental decoder, because the probe may end inside a character.
        text = getincrementaldecoder(encoding)().decode(data[:_TEXT_PROBE_BYTES])
    except UnicodeDecodeError:
        return None
    controls = any(ord(letter) < 32 and letter not in _VISIBLE_CONTROLS for letter in text)
    return text if text and not controls else None


def _describe_bytes(data: bytes) -> FileKind:
    if not data:
        return FileKind("empty", "other")
    if not any(data[:_TEXT_PROBE_BYTES]):
        return FileKind("nothing but zero bytes", "other")
    return FileKind("of an unknown type", "other")
