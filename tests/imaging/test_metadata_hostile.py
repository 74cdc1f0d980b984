"""Files that are built to crash, slow down, or mislead the code that strips metadata."""

import contextlib
import sys
import warnings
from collections.abc import Callable
from types import FrameType
from typing import Any, SupportsIndex, override

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backdrop.imaging.formats.header import (
    DamagedError,
    ImageFormatError,
    PhotoFormat,
    TruncatedError,
    UnsupportedVariantError,
)
from backdrop.imaging.metadata import embed_xmp, strip_metadata
from tests.imaging.metadata_photos import FORMATS, PHOTOS, Format, decode_pixels, plant, riff, segment
from tests.imaging.photos import chunk

FULL = {
    name: (
        FORMATS[kind],
        plant(kind, data, [part for part in FORMATS[kind].parts if part != "other-after-adobe"]),
    )
    for name, (kind, data) in PHOTOS.items()
}
PLAIN = {kind: found.photos["plain"] for kind, found in FORMATS.items()}


def embed(data: bytes, name: PhotoFormat) -> bytes:
    return embed_xmp(data, name, b"<x/>")


@pytest.mark.parametrize(("form", "data"), FULL.values(), ids=FULL)
@given(share=st.floats(min_value=0, max_value=1, exclude_max=True))
def test_file_truncated_anywhere_is_refused(form: Format, data: bytes, share: float) -> None:
    truncated = data[: int(len(data) * share)]
    if form.name == "jpeg" and b"\xff\xda" in truncated:
        # Whether its pixels are complete is not known here. What is sent ends as it must.
        with contextlib.suppress(ImageFormatError):
            assert strip_metadata(truncated, form.name).endswith(b"\xff\xd9")
        return
    with pytest.raises(ImageFormatError):
        strip_metadata(truncated, form.name)


@given(name=st.sampled_from(list(FULL)), at=st.integers(0, 100_000), value=st.integers(0, 255))
@settings(max_examples=400)
def test_stripping_a_damaged_file_changes_no_visible_pixel(name: str, at: int, value: int) -> None:
    form, data = FULL[name]
    changed = bytearray(data)
    changed[at % len(data)] = value
    with warnings.catch_warnings():
        # Pillow reads EXIF when it opens a file, and warns about what it finds.
        warnings.simplefilter("ignore")
        try:
            before = decode_pixels(bytes(changed))
        except (ImageFormatError, AssertionError):
            before = None
    try:
        after = strip_metadata(bytes(changed), form.name)
    except ImageFormatError:
        return

    assert before is None or decode_pixels(after) == before


@pytest.mark.parametrize("kind", FORMATS)
@given(junk=st.binary(max_size=120), kept=st.integers(0, 60))
def test_arbitrary_bytes_raise_only_image_format_errors(kind: str, junk: bytes, kept: int) -> None:
    data = PLAIN[kind][:kept] + junk
    for work in (strip_metadata, embed):
        try:
            work(data, FORMATS[kind].name)
        except ImageFormatError:
            continue


def build_many_segments(count: int) -> bytes:
    parts = [segment(0xE1, b"Exif\0\0" + bytes(400)), segment(0xE2, b"ICC_PROFILE\0\1\1" + bytes(400))]
    return PLAIN["jpeg"][:2] + b"".join(parts) * (count // 2) + PLAIN["jpeg"][2:]


def build_many_scans(count: int) -> bytes:
    return PLAIN["jpeg"][:-2] + (segment(0xFE, b"between") + segment(0xDA, b"")) * count + b"\xff\xd9"


def build_many_chunks(count: int) -> bytes:
    parts = [chunk(b"tEXt", bytes(400)), chunk(b"eXIf", bytes(400)), chunk(b"iCCP", bytes(400)), chunk(b"IDAT", b"")]
    return PLAIN["png"][:33] + b"".join(parts) * (count // 4) + PLAIN["png"][33:]


def build_many_riff_chunks(count: int) -> bytes:
    body = PLAIN["webp"][8:] + riff((b"EXIF", bytes(400)), (b"XMP ", bytes(401))) * (count // 2)
    return b"RIFF" + len(body).to_bytes(4, "little") + body


MANY = [
    pytest.param("jpeg", build_many_segments, id="jpeg-segments"),
    pytest.param("jpeg", build_many_scans, id="jpeg-scans"),
    pytest.param("png", build_many_chunks, id="png-chunks"),
    pytest.param("webp", build_many_riff_chunks, id="webp-chunks"),
]


class CountingBytes(bytes):
    """Bytes that count how many of them are copied."""

    copied = 0

    @override
    def __getitem__(self, key: SupportsIndex | slice, /) -> Any:
        got = super().__getitem__(key)
        CountingBytes.copied += len(got) if isinstance(got, bytes) else 1
        return got


def count_lines_run(work: Callable[[], object]) -> int:
    """Counts the lines of Python that `work` executes."""
    lines = 0

    def trace(_frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal lines
        lines += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return lines


@pytest.mark.parametrize(("kind", "many"), MANY)
@pytest.mark.parametrize("work", [strip_metadata, embed], ids=["strip", "embed"])
def test_work_grows_linearly_with_the_number_of_segments(
    kind: str, many: Callable[[int], bytes], work: Callable[..., object]
) -> None:
    name = FORMATS[kind].name
    few, lots = (count_lines_run(lambda count=count: work(many(count), name)) for count in (200, 2_000))

    assert lots < 11 * few


@pytest.mark.parametrize(("kind", "many"), MANY)
def test_each_of_many_segments_is_copied_a_few_times(kind: str, many: Callable[[int], bytes]) -> None:
    data = CountingBytes(many(10_000))
    CountingBytes.copied = 0

    assert len(strip_metadata(data, FORMATS[kind].name)) < len(data)
    assert 0 < CountingBytes.copied < 4 * len(data)


@pytest.mark.parametrize(
    ("kind", "part"),
    [
        pytest.param("jpeg", segment(0xFE, b""), id="jpeg"),
        pytest.param("png", chunk(b"tEXt", b""), id="png"),
        pytest.param("webp", riff((b"ALPH", b"")), id="webp"),
    ],
)
def test_file_with_too_many_tiny_segments_is_refused(kind: str, part: bytes) -> None:
    at = {"jpeg": 2, "png": 33, "webp": len(PLAIN["webp"])}[kind]
    data = PLAIN[kind][:at] + part * 400_000 + PLAIN[kind][at:]
    if kind == "webp":
        data = data[:4] + (len(data) - 8).to_bytes(4, "little") + data[8:]

    with pytest.raises(DamagedError, match="more than 100,000"):
        strip_metadata(data, FORMATS[kind].name)


def test_segment_longer_than_the_file_is_refused() -> None:
    data = PLAIN["jpeg"][:2] + b"\xff\xe1\xff\xffExif\0\0" + PLAIN["jpeg"][2:]

    with pytest.raises(TruncatedError):
        strip_metadata(data, "jpeg")


def test_too_short_extended_header_is_refused() -> None:
    # The next chunk's name takes the place of the missing bytes of the size, so that the header looks complete.
    body = b"WEBP" + riff((b"VP8X", bytes(4) + b"\x3f\0"), (b"\0\x2f\0\0", b"")) + PLAIN["webp"][12:]
    data = b"RIFF" + len(body).to_bytes(4, "little") + body

    for work in (strip_metadata, embed):
        with pytest.raises(DamagedError, match="header that is too short"):
            work(data, "webp")


def test_webp_without_a_picture_is_refused() -> None:
    for work in (strip_metadata, embed):
        with pytest.raises(DamagedError, match="0 pictures"):
            work(b"RIFF\4\0\0\0" + PLAIN["webp"][8:], "webp")


def test_animated_webp_is_refused() -> None:
    data = bytearray(plant("webp", PLAIN["webp"], []))
    data[20] |= 0x02

    with pytest.raises(UnsupportedVariantError):
        strip_metadata(bytes(data), "webp")
