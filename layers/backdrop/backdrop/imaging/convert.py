"""From the provider's file to the file that was asked for."""

from io import BytesIO
from typing import TYPE_CHECKING

from backdrop.imaging.containers import read_header
from backdrop.imaging.decode import decode
from backdrop.imaging.sniff import sniff_file

if TYPE_CHECKING:
    from PIL.Image import Image

_PNG_MODES = frozenset({"1", "L", "LA", "P", "RGB", "RGBA", "I;16"})


def to_png(data: bytes) -> bytes:
    """The picture as PNG; a file that is one already is returned byte for byte.

    `data` has passed `verify_result`; anything else may raise an `ImageFormatError` or `ValueError`.
    """
    photo_format = sniff_file(data).format
    if photo_format is None:
        raise ValueError("only a verified picture can be converted")
    if photo_format == "png":
        return data
    return _encode_png(decode(data, read_header(data, photo_format)))


def _encode_png(picture: "Image") -> bytes:
    fits = picture.mode in _PNG_MODES
    file = BytesIO()
    # A profile describes the colours that it came with; other colours must not carry it.
    profile = picture.info.get("icc_profile") if fits else None
    (picture if fits else picture.convert("RGB")).save(file, "PNG", icc_profile=profile)
    return file.getvalue()
