"""GIF, per GIF89a and ICC.1:2022, annex B: how many pictures a file has, and the profile, which Pillow ignores."""

from backdrop.imaging.color_spaces import ColorStatement
from backdrop.imaging.formats.header import MAX_PARTS, UnsupportedVariantError

_SCREEN_END = 13
_IMAGE = 0x2C
_EXTENSION, _PROFILE_EXTENSION = b"!", b"!\xff\x0bICCRGBG1012"
_DESCRIPTOR_BYTES, _EXTENSION_HEADER_BYTES = 10, 2
_HAS_COLOR_TABLE, _COLOR_TABLE_SIZE = 0x80, 0x07
_MAX_SUB_BLOCKS = 2_000_000
"""Blocks of up to 255 bytes. The largest photo that a stack accepts has fewer, unless they are nearly empty."""


def count_pictures(data: bytes) -> int:
    """Counts the pictures up to the end of the file, or to where it is damaged.

    Raises `UnsupportedVariantError` for more pictures or blocks than any animation has: each takes time to read.
    """
    position, pictures, sub_blocks = _SCREEN_END + _count_color_bytes(data[10:11]), 0, 0
    while data[position : position + 1] in (b",", b"!"):
        if data[position] == _IMAGE:
            pictures += 1
            # The descriptor, the color table, and the first byte of the pixels.
            position += _DESCRIPTOR_BYTES + _count_color_bytes(data[position + 9 : position + 10]) + 1
        else:
            position += _EXTENSION_HEADER_BYTES
        while size := int.from_bytes(data[position : position + 1]):
            position += 1 + size
            sub_blocks += 1
            if sub_blocks > _MAX_SUB_BLOCKS:
                raise UnsupportedVariantError(f"has more than {_MAX_SUB_BLOCKS:,} blocks")
        position += 1
        if pictures > MAX_PARTS:
            raise UnsupportedVariantError(f"has more than {MAX_PARTS:,} pictures")
    return max(pictures, 1)


def read_color_statements(data: bytes) -> list[ColorStatement]:
    """See `color_statements`."""
    start = _SCREEN_END + _count_color_bytes(data[10:11])
    for _ in range(MAX_PARTS):
        if not data.startswith(_EXTENSION, start):
            break
        blocks: list[bytes] = []
        at = start + _EXTENSION_HEADER_BYTES
        while len(blocks) < MAX_PARTS and (size := int.from_bytes(data[at : at + 1])):
            blocks.append(data[at + 1 : at + 1 + size])
            at += 1 + size
        if data.startswith(_PROFILE_EXTENSION, start):
            # The first block is the name of the extension.
            return [b"".join(blocks[1:])]
        start = at + 1
    return []


def _count_color_bytes(flags: bytes) -> int:
    """Returns the length of the color table that follows these flags."""
    value = int.from_bytes(flags)
    return 3 << ((value & _COLOR_TABLE_SIZE) + 1) if value & _HAS_COLOR_TABLE else 0
