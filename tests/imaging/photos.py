"""Small pictures and broken files for the imaging tests, built in code."""

import struct
import zlib
from io import BytesIO

from PIL import Image, ImageDraw

from backdrop.imaging.formats.header import PhotoFormat


def scene(mode: str = "RGB", size: tuple[int, int] = (64, 48)) -> Image.Image:
    """A gradient with a disc on it. In a mode with alpha, only the disc is opaque."""
    width, height = size
    picture = Image.linear_gradient("L").resize(size).convert("RGB")
    disc = Image.new("L", size, 0)
    ImageDraw.Draw(disc).ellipse((width // 4, height // 4, width * 3 // 4, height * 3 // 4), 255)
    picture.paste((200, 40, 40), mask=disc)
    if mode in ("RGBA", "LA"):
        picture.putalpha(disc)
    return picture.convert(mode)


def encode_image(picture: Image.Image, file_format: str, **options: object) -> bytes:
    """Returns the picture as the bytes of a file."""
    file = BytesIO()
    picture.save(file, file_format, **options)
    return file.getvalue()


def jpeg(*, progressive: bool = False) -> bytes:
    """A complete JPEG of 64 × 48 pixels."""
    return encode_image(scene(), "JPEG", progressive=progressive)


def png(mode: str = "RGB") -> bytes:
    """A complete PNG of 64 × 48 pixels."""
    return encode_image(scene(mode), "PNG")


def webp(*, lossless: bool = False, mode: str = "RGB") -> bytes:
    """A complete WebP of 64 × 48 pixels."""
    return encode_image(scene(mode), "WEBP", lossless=lossless)


def chunk(name: bytes, payload: bytes) -> bytes:
    """Builds a PNG chunk with a correct checksum."""
    return struct.pack(">I", len(payload)) + name + payload + struct.pack(">I", crc(name, payload))


def crc(name: bytes, payload: bytes) -> int:
    """Returns the checksum of a PNG chunk."""
    return zlib.crc32(name + payload)


def raw_png(
    width: int,
    height: int,
    pixels: bytes,
    *,
    extra: bytes = b"",
    bits: int = 8,
    color: int = 2,
    interlace: int = 0,
    filtering: int = 0,
) -> bytes:
    """Builds a PNG with correct checksums, whatever its header claims. `pixels` are compressed unchanged."""
    header = struct.pack(">IIBBBBB", width, height, bits, color, 0, filtering, interlace)
    body = chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(pixels, 9))
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


def with_chunk(png_file: bytes, name: bytes, payload: bytes) -> bytes:
    """Inserts a chunk after the header of a PNG."""
    return png_file[:33] + chunk(name, payload) + png_file[33:]


def tiff_like(*tags: tuple[int, int], maker: bytes = b"") -> bytes:
    """Builds a little-endian TIFF with one directory and no pixels. A `maker` is added as tag 271 (Make)."""
    entries = sorted([*tags, *([(271, 8)] if maker else [])])
    start = 8 + len(maker)
    packed = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries)
    return b"II*\0" + struct.pack("<I", start) + maker + struct.pack("<H", len(entries)) + packed


WHOLE: dict[str, tuple[PhotoFormat, bytes]] = {
    "jpeg": ("jpeg", jpeg()),
    "progressive-jpeg": ("jpeg", jpeg(progressive=True)),
    "png": ("png", png()),
    "interlaced-png": ("png", raw_png(16, 16, bytes(798), interlace=1)),
    "webp": ("webp", webp()),
    "lossless-webp": ("webp", webp(lossless=True)),
    "extended-webp": ("webp", webp(mode="RGBA")),
}
