"""A JPEG's metadata: its application and comment segments, per ITU-T T.81 annex B and the standards that fill them."""

from collections.abc import Iterable

from backdrop.imaging.containers.jpeg import FRAMES, START_OF_SCAN, Segment, segments
from backdrop.imaging.metadata.rest import (
    C2PA,
    COMMENT,
    EXIF,
    IPTC,
    MORE_PICTURES,
    OTHER,
    PROFILE,
    THUMBNAIL,
    XMP,
    Rest,
    Stripped,
)

MOST_XMP_BYTES = 65_502
"""What one segment holds beside its length and its name (XMP part 3, 1.1.3)."""

_APP0, _APP1, _APP2, _APP11, _APP13, _APP14, _COMMENT = 0xE0, 0xE1, 0xE2, 0xEB, 0xED, 0xEE, 0xFE
# Frames, Huffman and arithmetic tables, scans, quantization tables, restart interval.
_NEEDED = FRAMES | {0xC4, 0xCC, START_OF_SCAN, 0xDB, 0xDD}
_EXIF = b"Exif\0"
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_PROFILE = b"ICC_PROFILE\0"
_WORDS: tuple[tuple[int, bytes, str], ...] = (
    (_APP1, _EXIF, EXIF),
    (_APP1, _XMP, XMP),
    (_APP1, b"http://ns.adobe.com/xmp/extension/\0", XMP),
    (_APP2, _PROFILE, PROFILE),
    (_APP2, b"MPF\0", MORE_PICTURES),
    (_APP13, b"Photoshop 3.0\0", IPTC),
    (_APP0, b"JFIF\0", THUMBNAIL),
    (_APP0, b"JFXX\0", THUMBNAIL),
    (_APP11, b"JP", C2PA),
    (_COMMENT, b"", COMMENT),
)


def strip(data: bytes, *, keep_profile: bool) -> Stripped:
    """`metadata.strip` for JPEG; bytes between the segments go, too."""
    found = list(segments(data))
    words = [_word(data, segment) for segment in found]
    profile = _profile(data, [segment for segment, word in zip(found, words, strict=True) if word == PROFILE])
    rest, end = Rest(data), found[-1]
    rest.keep(0, 2)
    for segment, word, following in zip(found, words, found[1:], strict=False):
        if segment.marker in _NEEDED:
            rest.keep(segment.at, following.at if segment.marker == START_OF_SCAN else segment.end)
        elif word == PROFILE and profile and keep_profile:
            rest.keep(segment.at, segment.end)
        else:
            _drop(data, segment, word, rest)
    rest.keep(end.at, end.end)
    rest.end(end.end)
    return Stripped(rest.joined(), rest.removed, profile)


def _word(data: bytes, segment: Segment) -> str:
    for marker, start, word in _WORDS:
        if segment.marker == marker and data.startswith(start, segment.start, segment.end):
            return word
    return OTHER


def _profile(data: bytes, parts: Iterable[Segment]) -> bytes | None:
    """The profile whose numbered parts these are (ICC.1:2022, B.4); None where one is missing or there twice."""
    payloads = sorted((data[part.start + len(_PROFILE) : part.end] for part in parts), key=lambda payload: payload[:2])
    count = min(len(payloads), 0xFF)
    wanted = [bytes((n, count)) for n in range(1, count + 1)]
    if [payload[:2] for payload in payloads] != wanted:
        return None
    return b"".join(payload[2:] for payload in payloads) or None


def _drop(data: bytes, segment: Segment, word: str, rest: Rest) -> None:
    """The whole segment, or what JFIF's and Adobe's carry behind the fields that tell how colors are stored."""
    payload = data[segment.start : segment.end]
    fields = _fields(segment.marker, payload)
    if fields == payload:
        rest.keep(segment.at, segment.end)
        return
    if fields:
        rest.put(_segment(segment.marker, fields))
    rest.drop(word)


def _fields(marker: int, payload: bytes) -> bytes | None:
    if marker == _APP0 and payload.startswith(b"JFIF\0") and len(payload) >= 14:
        # The last two are the thumbnail's width and height.
        return payload[:12] + b"\0\0"
    if marker == _APP14 and payload.startswith(b"Adobe") and len(payload) >= 12:
        return payload[:12]
    return None


def _segment(marker: int, payload: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(payload) + 2).to_bytes(2) + payload


def with_xmp(data: bytes, packet: bytes) -> bytes:
    """`metadata.with_xmp` for JPEG; the packet follows JFIF's and EXIF's segments, which must come first."""
    if len(packet) > MOST_XMP_BYTES:
        raise ValueError(f"an XMP packet of {len(packet):,} bytes is longer than a JPEG's {MOST_XMP_BYTES:,}")
    rest, kept, placed = Rest(data), 0, False
    for segment in segments(data):
        word = _word(data, segment)
        if not placed and segment.marker != _APP0 and word != EXIF:
            rest.keep(kept, segment.at)
            rest.put(_segment(_APP1, _XMP + packet))
            kept, placed = segment.at, True
        if word == XMP:
            rest.keep(kept, segment.at)
            kept = segment.end
    rest.keep(kept, len(data))
    return rest.joined()
