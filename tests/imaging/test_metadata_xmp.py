"""The XMP packet of a delivered picture, added without changing anything else."""

from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from backdrop.imaging.color import srgb_profile_bytes
from backdrop.imaging.formats import read_header, validate_structure
from backdrop.imaging.formats.header import ImageHeader, PhotoFormat, TruncatedError
from backdrop.imaging.metadata import embed_xmp, strip_metadata
from tests.imaging.metadata_photos import (
    FORMATS,
    PHOTOS,
    PLANTED,
    decode_pixels,
    exif,
    plant,
    read_packed_pixels,
    segment,
)
from tests.imaging.photos import encode_image, scene

OLD = {"jpeg": ["xmp", "xmp-extended"], "png": ["xmp", "xmp-legacy"], "webp": ["xmp"]}
PACKET = b"<x:xmpmeta>\xef\xbb\xbf</x:xmpmeta>"


def read_facts(data: bytes) -> dict[str, Any]:
    with Image.open(BytesIO(data)) as picture:
        info = {str(name): value for name, value in picture.info.items() if name != "XML:com.adobe.xmp"}
        return info | {"orientation": picture.getexif().get(0x0112)}


def build_header(data: bytes, photo_format: PhotoFormat) -> ImageHeader:
    return validate_structure(data, read_header(data, photo_format))


@given(photo=st.sampled_from(list(PHOTOS)), packet=st.binary(max_size=400), draw=st.data(), late=st.booleans())
def test_packet_is_the_only_one_and_pixels_stay(photo: str, packet: bytes, draw: st.DataObject, *, late: bool) -> None:
    kind, data = PHOTOS[photo]
    before = plant(kind, data, draw.draw(st.lists(st.sampled_from(OLD[kind]))), late=late)

    after = embed_xmp(before, FORMATS[kind].name, packet)

    assert read_facts(after).get("xmp", b"") == packet
    assert PLANTED not in after
    assert read_packed_pixels(kind, after) == read_packed_pixels(kind, data)
    assert decode_pixels(after) == decode_pixels(data)
    assert build_header(after, FORMATS[kind].name) == build_header(data, FORMATS[kind].name)


@given(photo=st.sampled_from(list(PHOTOS)), first=st.binary(max_size=80), second=st.binary(max_size=80))
def test_second_packet_replaces_the_first(photo: str, first: bytes, second: bytes) -> None:
    kind, data = PHOTOS[photo]
    name = FORMATS[kind].name

    assert embed_xmp(embed_xmp(data, name, first), name, second) == embed_xmp(data, name, second)


@pytest.mark.parametrize(("kind", "data"), PHOTOS.values(), ids=PHOTOS)
def test_embedded_packet_can_be_stripped_again(kind: str, data: bytes) -> None:
    stripped = strip_metadata(embed_xmp(data, FORMATS[kind].name, PACKET), FORMATS[kind].name)

    assert kind == "webp" or stripped == data
    assert decode_pixels(stripped) == decode_pixels(data)


@pytest.mark.parametrize("kind", FORMATS)
def test_all_other_metadata_of_the_picture_stays(kind: str) -> None:
    before = (
        encode_image(scene(), kind.upper(), exif=b"Exif\0\0" + exif(6), icc_profile=srgb_profile_bytes()) + b"trailer"
    )

    after = embed_xmp(before, FORMATS[kind].name, PACKET)

    assert read_facts(after) == read_facts(before) | {"xmp": PACKET}
    assert after.endswith(b"trailer")


def test_jpeg_packet_follows_the_segments_that_come_first() -> None:
    photo = FORMATS["jpeg"].photos["plain"]
    first, packet = segment(0xE1, b"Exif\0\0" + exif()), segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + PACKET)
    jfif, rest = photo[2:20], photo[20:]

    after = embed_xmp(photo[:2] + jfif + first + rest, "jpeg", PACKET)

    assert after == photo[:2] + jfif + first + packet + rest


@pytest.mark.parametrize("name", ["plain", "lossless", "transparent", "lossless-transparent"])
def test_simple_webp_becomes_extended_with_same_size_and_alpha(name: str) -> None:
    photo = FORMATS["webp"].photos[name]

    after = embed_xmp(photo, "webp", PACKET)

    assert after[12:16] == b"VP8X"
    assert after[20] == (0x14 if "transparent" in name else 0x04)
    assert read_facts(after)["xmp"] == PACKET


def test_packet_too_long_for_a_jpeg_is_refused() -> None:
    photo = FORMATS["jpeg"].photos["plain"]

    assert read_facts(embed_xmp(photo, "jpeg", b"x" * 65_502))["xmp"] == b"x" * 65_502
    with pytest.raises(ValueError, match="65,503"):
        embed_xmp(photo, "jpeg", b"x" * 65_503)


@pytest.mark.parametrize("kind", ["png", "webp"])
def test_truncated_picture_is_refused(kind: str) -> None:
    with pytest.raises(TruncatedError):
        embed_xmp(FORMATS[kind].photos["plain"][:-1], FORMATS[kind].name, PACKET)


def test_jpeg_without_its_end_marker_gets_one() -> None:
    whole = FORMATS["jpeg"].photos["plain"]

    assert embed_xmp(whole[:-2], "jpeg", PACKET) == embed_xmp(whole, "jpeg", PACKET)
