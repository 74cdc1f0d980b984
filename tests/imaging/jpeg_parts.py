"""JPEGs with missing or modified segments, for the tests."""

from PIL import Image

from backdrop.imaging.formats.jpeg import iter_segments
from tests.imaging.photos import encode_image

QUANTIZATION, HUFFMAN, FRAME, SCAN = 0xDB, 0xC4, 0xC0, 0xDA


def remove_segments(data: bytes, marker: int, which: int | None = None) -> bytes:
    """Removes all segments with this marker from a JPEG, or one of them."""
    found = [segment for segment in iter_segments(data) if segment.marker == marker]
    for segment in reversed(found if which is None else [found[which]]):
        data = data[: segment.offset] + data[segment.end :]
    return data


def edit_segment(data: bytes, marker: int, at: int, value: int) -> bytes:
    """Replaces a byte in the first segment with this marker."""
    first = next(segment for segment in iter_segments(data) if segment.marker == marker)
    return data[: first.start + at] + bytes([value]) + data[first.start + at + 1 :]


def encode_in_three_scans(picture: Image.Image) -> bytes:
    """Builds a baseline JPEG with one scan per channel, each after the quantization table that it names."""
    parts, frame = list[bytes](), b""
    for number, channel in enumerate(picture.convert("YCbCr").split()):
        data = encode_image(channel, "JPEG", quality=95)
        found = {segment.marker: segment for segment in iter_segments(data)}
        table = data[found[QUANTIZATION].start + 1 : found[QUANTIZATION].end]
        codes = data[data.index(b"\xff\xc4") : found[SCAN].offset]
        pixels = data[found[SCAN].end : -2]
        frame = frame or data[found[FRAME].start : found[FRAME].start + 5]
        parts.append(b"\xff\xdb\0\x43" + bytes([number]) + table + codes)
        parts.append(b"\xff\xda\0\x08\x01" + bytes([number + 1]) + b"\0\0\x3f\0" + pixels)
    channels = b"".join(bytes([number + 1, 0x11, number]) for number in range(3))
    return b"\xff\xd8\xff\xc0\0\x11" + frame + b"\x03" + channels + b"".join(parts) + b"\xff\xd9"
