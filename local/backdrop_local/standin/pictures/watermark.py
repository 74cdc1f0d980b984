"""The watermark: an ID in a picture's lowest bits and in its PNG text."""

import io
import zlib

import numpy as np
from PIL import Image, PngImagePlugin

from backdrop_local.standin.pictures.arrays import Mask

SOFTWARE = "Backdrop stand-in"
MAX_IDENT_BYTES = 80
"""The bytes of UTF-8 that the pixels can contain."""

_MAGIC = b"Bd"
_BLOCK = 16
_HEAD = len(_MAGIC) + 1
_DESCRIPTION, _SOFTWARE_TAG = 0x010E, 0x0131


def encode_png(image: Image.Image, ident: str) -> bytes:
    """Returns the picture as PNG with `ident` in its pixels and its text chunks.

    The ID is in the lowest bits of red, green, and blue of a 16-pixel block in the lower right corner (not in alpha),
    so it survives any lossless rewrite of the file. A picture that is too small contains the text alone. Raises
    ValueError if the ID has more than 80 bytes.
    """
    text = PngImagePlugin.PngInfo()
    text.add_text("Software", SOFTWARE)
    text.add_text("Comment", "Drawn by the Backdrop stand-in, not by the provider it imitates")
    text.add_itxt("Backdrop-Id", ident)
    out = io.BytesIO()
    write_watermark(image, ident).save(out, "PNG", pnginfo=text, compress_level=4)
    return out.getvalue()


def reencode(png: bytes, kind: str, quality: int) -> bytes:
    """Returns a picture from `encode_png` as JPEG or WEBP. The ID is then only in its EXIF description."""
    out = io.BytesIO()
    with Image.open(io.BytesIO(png)) as image:
        exif = Image.Exif()
        exif[_DESCRIPTION] = str(image.info["Backdrop-Id"])
        exif[_SOFTWARE_TAG] = SOFTWARE
        image.convert("RGB").save(out, kind, quality=quality, exif=exif)
    return out.getvalue()


def write_watermark(image: Image.Image, ident: str) -> Image.Image:
    """Returns the picture (RGB or RGBA) with the ID in its lowest bits."""
    bits = np.unpackbits(np.frombuffer(_build_payload(ident), np.uint8))
    pixels = np.array(image)
    block = _corner_block(pixels)
    if bits.size > block.size:
        return image
    flat = block.reshape(-1)
    flat[: bits.size] = (flat[: bits.size] & 0xFE) | bits
    pixels[-block.shape[0] :, -block.shape[1] :, :3] = flat.reshape(block.shape)
    return Image.fromarray(pixels)


def read_id(png: bytes) -> str | None:
    """Returns a picture's ID from its pixels, or else from its text. None if it has none.

    Takes any format that Pillow reads. A lossy format has the ID only in its EXIF description.
    """
    with Image.open(io.BytesIO(png)) as image:
        text = image.info.get("Backdrop-Id") or image.getexif().get(_DESCRIPTION)
        kept = image if image.mode in {"RGB", "RGBA"} else image.convert("RGB")
        found = _read_watermark(np.array(kept))
    return found or (str(text) if text else None)


def _corner_block(pixels: Mask) -> Mask:
    return pixels[-_BLOCK:, -_BLOCK:, :3].copy()


def _read_watermark(pixels: Mask) -> str | None:
    raw = np.packbits(_corner_block(pixels).reshape(-1) & 1).tobytes()
    if not raw.startswith(_MAGIC) or len(raw) < _HEAD:
        return None
    end = _HEAD + raw[len(_MAGIC)]
    body, check = raw[_HEAD:end], raw[end : end + 4]
    return body.decode() if zlib.crc32(body).to_bytes(4, "big") == check else None


def _build_payload(ident: str) -> bytes:
    body = ident.encode()
    if len(body) > MAX_IDENT_BYTES:
        raise ValueError(f"an ID has at most {MAX_IDENT_BYTES} bytes, not {len(body)}")
    return _MAGIC + bytes([len(body)]) + body + zlib.crc32(body).to_bytes(4, "big")
