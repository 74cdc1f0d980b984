"""Broken and hostile photos: truncated, damaged, or small files that unpack to something huge."""

import contextlib
import struct
import sys
import tracemalloc
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backdrop.imaging.decode import decode, open_picture
from backdrop.imaging.formats import read_header
from backdrop.imaging.formats.header import DamagedError, ImageHeader, PhotoFormat
from backdrop.imaging.prepare import PreparedPhoto, prepare_photo
from backdrop.model.capabilities import PHOTO_LIMITS
from backdrop.model.codes import Code
from backdrop.model.errors import PhotoError
from tests.imaging import photos
from tests.imaging.photos import WHOLE


def inspect(data: bytes) -> PreparedPhoto:
    return prepare_photo(data, PHOTO_LIMITS, 100)


def read_refusal(data: bytes) -> PhotoError:
    with pytest.raises(PhotoError) as caught:
        inspect(data)
    assert str(caught.value.hint)
    return caught.value


UNNEEDED_BYTES: dict[PhotoFormat, int] = {"jpeg": 2, "png": 0, "webp": 0}
"""At the end of a file: those of a JPEG's end marker."""


@pytest.mark.parametrize(("photo_format", "data"), WHOLE.values(), ids=WHOLE)
@given(share=st.floats(min_value=0, max_value=1, exclude_max=True))
@settings(max_examples=60)
def test_photo_truncated_anywhere_is_refused(photo_format: PhotoFormat, data: bytes, share: float) -> None:
    with pytest.raises(PhotoError):
        inspect(data[: int((len(data) - UNNEEDED_BYTES[photo_format]) * share)])


@pytest.mark.parametrize(("photo_format", "data"), WHOLE.values(), ids=WHOLE)
def test_photo_without_its_last_byte_is_truncated(photo_format: PhotoFormat, data: bytes) -> None:
    whole = data[: len(data) - UNNEEDED_BYTES[photo_format]]
    assert read_refusal(whole[:-1]).code is Code.TRUNCATED_PHOTO
    assert read_refusal(whole[: len(whole) * 2 // 3]).code is Code.TRUNCATED_PHOTO


@pytest.mark.parametrize("name", ["jpeg", "png"])
def test_bytes_after_the_end_marker_are_accepted(name: str) -> None:
    data = WHOLE[name][1] + b"motion photo \xff\xd8\xff" * 9

    assert inspect(data).width == 64


def build_huge_jpeg() -> bytes:
    data = bytearray(photos.jpeg())
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", 65_000, 65_000)
    return bytes(data)


def build_huge_webp() -> bytes:
    size = (16_382).to_bytes(3, "little")
    body = b"VP8X" + struct.pack("<I", 10) + bytes(4) + size * 2 + photos.webp()[12:]
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(photos.raw_png(100_000, 100_000, bytes(10_000)), id="png"),
        pytest.param(photos.raw_png(100_000, 100_000, b"")[:40], id="png-truncated"),
        pytest.param(build_huge_jpeg(), id="jpeg"),
        pytest.param(build_huge_webp(), id="webp"),
    ],
)
def test_decompression_bomb_is_refused_by_its_header(data: bytes) -> None:
    tracemalloc.start()
    error = read_refusal(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert error.code is Code.TOO_MANY_PIXELS
    assert "100 megapixels" in str(error)
    assert peak < 1_000_000


def test_webp_with_picture_larger_than_canvas_is_refused() -> None:
    data = build_huge_webp().replace((16_382).to_bytes(3, "little"), (40).to_bytes(3, "little"))

    assert "different size" in str(read_refusal(data))


BOMB = zlib.compress(bytes(30_000_000), 9)


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        pytest.param(b"zTXt", b"Comment\0\0" + BOMB, id="packed-text"),
        pytest.param(b"iTXt", b"Comment\0\1\0en\0Kommentar\0" + BOMB, id="international-text"),
        pytest.param(b"iCCP", b"sRGB\0\0" + BOMB, id="color-profile"),
    ],
)
def test_metadata_bomb_is_refused_in_little_memory(name: bytes, payload: bytes) -> None:
    data = photos.with_chunk(photos.png(), name, payload)
    tracemalloc.start()
    error = read_refusal(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert error.code is Code.TOO_LARGE_BYTES
    assert peak < 2_000_000


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        pytest.param(b"zTXt", b"Comment\0\0" + zlib.compress(b"a sofa"), id="packed-text"),
        pytest.param(b"iTXt", b"Comment\0\0\0en\0\0a sofa", id="plain-text"),
        pytest.param(b"iCCP", b"sRGB\0\0not packed at all", id="damaged-profile"),
        pytest.param(b"zTXt", b"", id="empty-text"),
    ],
)
def test_small_or_broken_metadata_is_accepted(name: bytes, payload: bytes) -> None:
    assert inspect(photos.with_chunk(photos.png(), name, payload))


FRAME_SEGMENT = photos.jpeg()[photos.jpeg().index(b"\xff\xc0") :][:19]


def swap_bytes(data: bytes, old: bytes, new: bytes) -> bytes:
    assert old in data
    return data.replace(old, new, 1)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        pytest.param(photos.raw_png(64, 48, bytes(5_000)), Code.TRUNCATED_PHOTO, id="png-lacks-rows"),
        pytest.param(
            photos.raw_png(16, 16, bytes(797), interlace=1),
            Code.TRUNCATED_PHOTO,
            id="interlaced-png-lacks-a-byte",
        ),
        pytest.param(swap_bytes(photos.png(), b"IDATx", b"IDATy"), Code.DAMAGED_PHOTO, id="png-bit-flip"),
        pytest.param(
            photos.png()[:33] + photos.chunk(b"IDAT", b"rubbish that inflates to nothing") + photos.chunk(b"IEND", b""),
            Code.DAMAGED_PHOTO,
            id="png-rubbish-pixels",
        ),
        pytest.param(
            photos.with_chunk(photos.png(), b"IHDR", photos.png()[16:29]),
            Code.DAMAGED_PHOTO,
            id="png-two-headers",
        ),
        pytest.param(photos.raw_png(64, 48, bytes(65 * 48), color=3), Code.DAMAGED_PHOTO, id="png-no-palette"),
        pytest.param(
            photos.png()[:33] + photos.chunk(b"t\0xt", b"") + photos.png()[33:],
            Code.DAMAGED_PHOTO,
            id="png-no-chunk-name",
        ),
        pytest.param(
            photos.raw_png(64, 48, bytes(193 * 48), filtering=1),
            Code.DAMAGED_PHOTO,
            id="png-odd-filtering",
        ),
        pytest.param(photos.raw_png(64, 48, bytes(999), bits=7), Code.DAMAGED_PHOTO, id="png-7-bit"),
        pytest.param(photos.png()[:33] + photos.chunk(b"IEND", b""), Code.DAMAGED_PHOTO, id="png-no-pixels"),
        pytest.param(b"\xff\xd8\xff\xd9" + bytes(99), Code.DAMAGED_PHOTO, id="jpeg-without-segments"),
        pytest.param(b"\xff\xd8\xff\xe0\0\1\xff\xd9", Code.DAMAGED_PHOTO, id="jpeg-bad-length"),
        pytest.param(swap_bytes(photos.jpeg(), b"\xff\xdb", b"\xff\xee"), Code.DAMAGED_PHOTO, id="jpeg-no-table"),
        pytest.param(
            swap_bytes(photos.jpeg(), b"\xff\xc0\0\x11\x08", b"\xff\xc0\0\x11\x0c"),
            Code.UNSUPPORTED_FORMAT,
            id="jpeg-12-bit",
        ),
        pytest.param(
            swap_bytes(photos.jpeg(), b"\xff\xc0", b"\xff\xc3"),
            Code.UNSUPPORTED_FORMAT,
            id="jpeg-lossless",
        ),
        pytest.param(
            photos.jpeg()[:-2] + b"\xff\xda\0\2" * 400 + b"\xff\xd9",
            Code.DAMAGED_PHOTO,
            id="jpeg-hundreds-of-scans",
        ),
        pytest.param(
            swap_bytes(photos.webp(), b"\x9d\x01\x2a", b"\x9d\x01\x2b"),
            Code.DAMAGED_PHOTO,
            id="webp-no-frame",
        ),
        pytest.param(
            photos.webp(lossless=True)[:25] + b"\xff" * (len(photos.webp(lossless=True)) - 25),
            Code.DAMAGED_PHOTO,
            id="webp-rubbish-pixels",
        ),
    ],
)
def test_damaged_photo_is_refused_before_it_is_paid_for(data: bytes, code: Code) -> None:
    assert read_refusal(data).code is code


def build_extended_webp(*frames: bytes) -> bytes:
    """Builds a WebP of 64 × 48 pixels in the extended form, with these chunks after its header."""
    start = b"WEBPVP8X" + struct.pack("<II", 10, 0) + b"\x3f\0\0\x2f\0\0"
    body = start + b"".join(frames)
    return b"RIFF" + struct.pack("<I", len(body)) + body


FRAME = photos.webp()[12:]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(photos.jpeg()[:-2] + b"\xff\xda\0\2" * 400 + b"\xff\xd9", "401 scans", id="jpeg-scans"),
        pytest.param(b"\xff\xd8\xff\xe0\0\1\xff\xd9", "impossible length", id="jpeg-length"),
        pytest.param(swap_bytes(photos.jpeg(), FRAME_SEGMENT, FRAME_SEGMENT * 2), "2 frames", id="jpeg-frames"),
        pytest.param(b"\xff\xd8" + FRAME_SEGMENT + b"\xff\xd9", "0 scans", id="jpeg-without-pixels"),
        pytest.param(swap_bytes(photos.png(), b"IDATx", b"IDATy"), "wrong checksum", id="png-bit-flip"),
        pytest.param(
            swap_bytes(photos.webp(), b"\x9d\x01\x2a", b"\x9d\x01\x2b"),
            "does not begin with a picture",
            id="webp-no-frame",
        ),
        pytest.param(build_extended_webp(FRAME, FRAME), "2 pictures", id="webp-two-pictures"),
        pytest.param(build_extended_webp(), "0 pictures", id="webp-no-picture"),
        pytest.param(build_extended_webp(FRAME[:-4]), "beyond the end", id="webp-chunk-too-long"),
    ],
)
def test_message_names_the_defect_of_the_file(data: bytes, expected: str) -> None:
    assert expected in str(read_refusal(data))


@pytest.mark.parametrize(("photo_format", "data"), WHOLE.values(), ids=WHOLE)
def test_decoded_picture_does_not_hold_its_file(photo_format: PhotoFormat, data: bytes) -> None:
    header, references = read_header(data, photo_format), sys.getrefcount(data)
    picture = decode(data, header)
    assert picture.size == (header.width, header.height)
    assert sys.getrefcount(data) == references
    assert not hasattr(picture, "_decoder")


def test_picture_of_unchecked_size_is_never_decoded() -> None:
    claimed = ImageHeader("png", 1, 1, "RGB", has_alpha=False)

    with pytest.raises(DamagedError, match="different size"):
        open_picture(photos.png(), claimed)


@given(data=st.binary(max_size=200), name=st.sampled_from(["", *WHOLE]))
@settings(max_examples=150)
def test_arbitrary_bytes_raise_only_photo_errors(data: bytes, name: str) -> None:
    prefix = WHOLE[name][1][:40] if name else b""
    with contextlib.suppress(PhotoError):
        inspect(prefix + data)


@given(name=st.sampled_from(list(WHOLE)), at=st.integers(0, 10_000), value=st.integers(0, 255))
@settings(max_examples=200)
def test_changed_byte_raises_only_a_photo_error(name: str, at: int, value: int) -> None:
    data = bytearray(WHOLE[name][1])
    data[at % len(data)] = value
    try:
        photo = inspect(bytes(data))
    except PhotoError:
        return
    assert photo.format == WHOLE[name][0]
