"""Builds the files of the corpus, by hand where Pillow cannot write them."""

import struct
from io import BytesIO
from typing import Any

import cv2
import numpy as np
import tifffile
from PIL import Image

from tests.corpus.scene import Pixels, picture

FORMATS = {"jpeg": "JPEG", "png": "PNG", "webp": "WEBP", "tiff": "TIFF", "avif": "AVIF", "gif": "GIF", "bmp": "BMP"}
_HIGH = {
    "jpeg": {"quality": 98, "subsampling": 0},
    "webp": {"lossless": True, "exact": True},
    "avif": {"quality": 98, "subsampling": "4:4:4", "speed": 9},
}


def saved(pixels: Pixels | Image.Image, kind: str, **options: Any) -> bytes:
    """Encodes pixels at high quality. `heic` is written by libheif and x265."""
    shown = pixels if isinstance(pixels, Image.Image) else picture(pixels)
    if kind == "heic":
        return heic(shown, **options)
    file = BytesIO()
    shown.save(file, FORMATS[kind], **{**_HIGH.get(kind, {}), **options})
    return file.getvalue()


def heic(shown: Image.Image, **options: Any) -> bytes:
    """Encodes a HEIC of very high quality."""
    import pillow_heif

    pillow_heif.register_heif_opener()
    file = BytesIO()
    shown.save(file, "HEIF", quality=98, chroma=444, **options)
    return file.getvalue()


def ten_bit_heic(pixels: Pixels) -> bytes:
    """Encodes a HEIC with 10 bits per channel, as newer phones write."""
    import pillow_heif

    file = BytesIO()
    wide = (pixels.astype("<u2") * 257).tobytes()
    written = pillow_heif.from_bytes("RGB;16", (pixels.shape[1], pixels.shape[0]), wide)
    written.save(file, quality=98, chroma=444)
    return file.getvalue()


def exif(orientation: int) -> bytes:
    """Builds an EXIF block with an orientation and a location."""
    block = Image.Exif()
    block[0x0112] = orientation
    block[0x010F] = "A camera"
    block.get_ifd(0x8825)[1] = "N"
    return block.tobytes()


def tiff(pixels: Any, **options: Any) -> bytes:
    """Encodes a TIFF with tifffile."""
    file = BytesIO()
    tifffile.imwrite(file, pixels, metadata=None, **options)
    return file.getvalue()


def wide_png(pixels: Pixels) -> bytes:
    """Encodes a PNG with 16 bits per channel, which Pillow cannot write in color."""
    stored = pixels[..., [2, 1, 0, 3][: pixels.shape[2]]] if pixels.ndim == 3 else pixels
    done, data = cv2.imencode(".png", np.ascontiguousarray(stored.astype(np.uint16) * 257))
    assert done
    return data.tobytes()


def bmp(width: int, height: int, depth: int, rows: bytes, *, packing: int = 0, masks: bytes = b"") -> bytes:
    """Builds a BMP from encoded rows. With a negative height, the first row is stored first."""
    start = 54 + len(masks)
    head = struct.pack("<2sIIIIiiHHIIiiII", b"BM", start + len(rows), 0, start, 40, width, height, 1, depth, packing,
                       len(rows), 2835, 2835, 0, 0)  # fmt: skip
    return head + masks + rows


def gif_head(width: int, height: int, *, screen: tuple[int, int] | None = None, disposal: int = 0) -> bytes:
    """Builds a GIF with one frame that has almost no data. The screen is as large as the frame by default."""
    control = b"!\xf9\x04" + bytes([disposal << 2, 0, 0, 0, 0])
    frame = b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02\x02L\x01\0"
    shared = struct.pack("<HHBBB", *(screen or (width, height)), 0x80, 0, 0)
    return b"GIF89a" + shared + bytes(6) + control + frame + b";"


def tiff_head(*entries: tuple[int, int, int], tail: bytes = b"") -> bytes:
    """Builds a TIFF page with these tags (tag, type, single value). Its pixels are `tail`."""
    packed = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in sorted(entries))
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + packed + bytes(4) + tail


def claiming(data: bytes, width: int, height: int) -> bytes:
    """Changes the size that the boxes of a HEIC or AVIF claim for its picture."""
    at = data.index(b"ispe") + 8
    return data.replace(data[at : at + 8], struct.pack(">II", width, height))
