"""GIF: the color profile before its first picture, per GIF89a and ICC.1:2022, annex B. Pillow ignores it."""

from backdrop.imaging.color_spaces import ColorStatement
from backdrop.imaging.formats.header import MAX_PARTS

_HEADER_BYTES, _FLAGS_OFFSET = 13, 10
_EXTENSION, _PROFILE_EXTENSION = b"!", b"!\xff\x0bICCRGBG1012"


def read_color_statements(data: bytes) -> list[ColorStatement]:
    """See `color_statements`."""
    flags = int.from_bytes(data[_FLAGS_OFFSET : _FLAGS_OFFSET + 1])
    start = _HEADER_BYTES + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    for _ in range(MAX_PARTS):
        if not data.startswith(_EXTENSION, start):
            break
        blocks: list[bytes] = []
        at = start + 2
        while len(blocks) < MAX_PARTS and (size := int.from_bytes(data[at : at + 1])):
            blocks.append(data[at + 1 : at + 1 + size])
            at += 1 + size
        if data.startswith(_PROFILE_EXTENSION, start):
            # The first block is the name of the extension.
            return [b"".join(blocks[1:])]
        start = at + 1
    return []
