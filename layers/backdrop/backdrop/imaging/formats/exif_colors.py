"""The color space that a camera states in EXIF (EXIF 2.32, and DCF 2.0), which is stored like the tags of a TIFF."""

from typing import Literal

from backdrop.imaging.color_spaces import ADOBE_RGB, ColorStatement

type _ByteOrder = Literal["little", "big"]

_EXIF_DIRECTORY, _COLOR_SPACE, _INTEROPERABILITY_DIRECTORY, _INTEROPERABILITY_INDEX = 0x8769, 0xA001, 0xA005, 0x0001
_SRGB, _ADOBE_RGB = 1, 2
"""Values of the color space. The second is a convention of cameras and is not in EXIF."""
_SHORT = 3
_ENTRY_BYTES = 12


def read_color_statements(data: bytes, exif_offset: int | None = None) -> list[ColorStatement]:
    """Returns Adobe RGB if a camera used it. See `color_statements`.

    `data`: an EXIF block or a TIFF. `exif_offset`: the position of its EXIF directory; by default, that of its first
    page.
    """
    orders: dict[bytes, _ByteOrder] = {b"II": "little", b"MM": "big"}
    order = orders.get(data[:2])
    if order is None:
        return []
    if exif_offset is None:
        exif_offset = _read_number(data, order, int.from_bytes(data[4:8], order), _EXIF_DIRECTORY)
    color_space = _read_number(data, order, exif_offset, _COLOR_SPACE)
    interoperability_offset = _read_number(data, order, exif_offset, _INTEROPERABILITY_DIRECTORY)
    # R98 is sRGB, and R03 is Adobe RGB (DCF 2.0); for both, EXIF may say only that the space is not sRGB.
    index = _read_entry(data, order, interoperability_offset, _INTEROPERABILITY_INDEX)[8:11]
    if index == b"R98" or color_space == _SRGB:
        return []
    return [ADOBE_RGB] if index == b"R03" or color_space == _ADOBE_RGB else []


def _read_number(data: bytes, order: _ByteOrder, directory: int, tag: int) -> int:
    """Returns a tag's number; 0 if the directory does not have it."""
    entry = _read_entry(data, order, directory, tag)
    return int.from_bytes(entry[8:10] if int.from_bytes(entry[2:4], order) == _SHORT else entry[8:12], order)


def _read_entry(data: bytes, order: _ByteOrder, directory: int, tag: int) -> bytes:
    """Returns a tag's entry; nothing if there is none. The directory at 0 stands for one that is not named."""
    count = int.from_bytes(data[directory : directory + 2], order) if directory else 0
    start = directory + 2
    for at in range(start, min(start + count * _ENTRY_BYTES, len(data)), _ENTRY_BYTES):
        if int.from_bytes(data[at : at + 2], order) == tag:
            return data[at : at + _ENTRY_BYTES]
    return b""
