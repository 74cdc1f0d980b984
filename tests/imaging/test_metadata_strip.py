"""A photo is sent with unchanged pixels and without metadata."""

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from backdrop.imaging.metadata import strip_metadata
from tests.imaging.metadata_photos import (
    FORMATS,
    GPS,
    JPEG_PARTS,
    PHOTOS,
    PLANTED,
    SECRETS,
    decode_pixels,
    plant,
    read_packed_pixels,
    segment,
)
from tests.imaging.photos import chunk, encode_image, scene, with_chunk

PARTS = [pytest.param(kind, part, id=f"{kind}-{part}") for kind, found in FORMATS.items() for part in found.parts]
COLORS = {"gamma", "chromaticity", "srgb", "transparency", "adobe", "adobe_transform", "dpi", "background"}
# Color fields, which are kept, and padding, which may be part of the pixel data.
LEAVES_SOMETHING = {"thumbnail-of-jfif", "other-after-adobe", "nothing-but-padding"}
BUILD = {"jfif", "jfif_version", "jfif_unit", "jfif_density", "loop", "duration", "timestamp"}


@pytest.mark.parametrize(("kind", "part"), PARTS)
@pytest.mark.parametrize("late", [False, True], ids=["before-the-pixels", "after-them"])
def test_every_kind_of_metadata_is_stripped(kind: str, part: str, *, late: bool) -> None:
    photo = FORMATS[kind].photos["plain"]

    stripped = strip_metadata(plant(kind, photo, [part], late=late), FORMATS[kind].name)

    assert not [secret for secret in SECRETS if secret in stripped]
    assert part in LEAVES_SOMETHING or stripped == strip_metadata(plant(kind, photo, []), FORMATS[kind].name)
    assert decode_pixels(stripped) == decode_pixels(photo)


@given(photo=st.sampled_from(list(PHOTOS)), draw=st.data(), late=st.booleans(), trailer=st.binary(max_size=40))
def test_pixels_stay_unchanged_and_all_secrets_are_removed(
    photo: str, draw: st.DataObject, trailer: bytes, *, late: bool
) -> None:
    kind, data = PHOTOS[photo]
    parts = draw.draw(
        st.lists(st.sampled_from([part for part in FORMATS[kind].parts if part != "nothing-but-padding"]))
    )
    full = plant(kind, plant(kind, data, parts), parts, late=late, trailer=trailer and trailer + PLANTED)

    stripped = strip_metadata(full, FORMATS[kind].name)

    assert not [secret for secret in SECRETS if secret in stripped]
    assert read_packed_pixels(kind, stripped) == read_packed_pixels(kind, data)
    assert decode_pixels(stripped) == decode_pixels(full)
    assert strip_metadata(stripped, FORMATS[kind].name) is stripped


@pytest.mark.parametrize(("kind", "data"), PHOTOS.values(), ids=PHOTOS)
def test_photo_without_metadata_keeps_the_same_bytes(kind: str, data: bytes) -> None:
    stripped = strip_metadata(data, FORMATS[kind].name)

    assert stripped is data


@pytest.mark.parametrize("kind", FORMATS)
def test_pillow_finds_only_color_metadata_after_stripping(kind: str) -> None:
    parts = [part for part in FORMATS[kind].parts if part not in ("icc", "mpf")]
    full = plant(kind, FORMATS[kind].photos["plain"], parts)
    with Image.open(BytesIO(full)) as before:
        assert before.getexif()[0x0112] == 6
        assert GPS.decode() in str(before.info)

    with Image.open(BytesIO(strip_metadata(full, FORMATS[kind].name))) as after:
        assert not after.getexif()
        assert not set(after.info) - COLORS - BUILD


@pytest.mark.parametrize("kind", FORMATS)
def test_data_after_the_end_marker_is_removed(kind: str) -> None:
    video = b"ftypmp42" + PLANTED + FORMATS[kind].photos["plain"]

    stripped = strip_metadata(FORMATS[kind].photos["plain"] + video, FORMATS[kind].name)

    assert stripped == FORMATS[kind].photos["plain"]


def test_data_between_two_segments_is_removed() -> None:
    photo = FORMATS["jpeg"].photos["plain"]
    jfif, rest = photo[:20], photo[20:]
    full = photo[:2] + segment(0xFE, b"a") + GPS + b"\xff\0" + GPS + photo[2:]

    assert strip_metadata(full, "jpeg") == photo
    assert strip_metadata(jfif + GPS + rest, "jpeg") == photo
    assert strip_metadata(photo.replace(b"\xff\xda", GPS + b"\xff\xda", 1), "jpeg") == photo


def test_data_after_a_lone_marker_in_pixels_is_removed() -> None:
    photo = FORMATS["jpeg"].photos["plain"]
    full = photo[:-2] + b"\xff\x01" + GPS + b"\xff\xd9"

    assert strip_metadata(full, "jpeg") == photo


def test_data_inside_the_end_marker_is_removed() -> None:
    photo = FORMATS["png"].photos["plain"]

    stripped = strip_metadata(photo[:-12] + chunk(b"IEND", PLANTED) + GPS, "png")

    assert stripped == photo


def test_metadata_between_progressive_scans_is_removed() -> None:
    photo = FORMATS["jpeg"].photos["progressive"]
    at = photo.rindex(b"\xff\xda")
    full = photo[:at] + JPEG_PARTS["comment"] + photo[at:]

    assert strip_metadata(full, "jpeg") == photo


@pytest.mark.parametrize(
    ("part", "left"),
    [
        pytest.param("thumbnail-of-jfif", segment(0xE0, b"JFIF\0\1\2\0\0\1\0\1\0\0"), id="jfif"),
        pytest.param("other-after-adobe", segment(0xEE, b"Adobe\0\x64\0\0\0\0\1"), id="adobe"),
    ],
)
def test_color_fields_are_kept_without_trailing_data(part: str, left: bytes) -> None:
    photo = FORMATS["jpeg"].photos["plain"]

    assert strip_metadata(plant("jpeg", photo, [part]), "jpeg") == photo[:2] + left + photo[2:]


def test_cmyk_photo_keeps_its_color_storage_segment() -> None:
    photo = FORMATS["jpeg"].photos["cmyk"]
    full = plant("jpeg", photo, ["exif", "comment"])

    assert b"Adobe" in photo
    assert strip_metadata(full, "jpeg") == photo


def test_animated_png_keeps_only_its_first_picture() -> None:
    first, second = scene(), scene().rotate(90)
    animation = encode_image(first, "PNG", save_all=True, append_images=[second])

    stripped = strip_metadata(animation, "png")

    assert stripped == encode_image(first, "PNG")


def test_webp_flags_no_longer_claim_removed_metadata() -> None:
    for name, flags in (("plain", 0), ("transparent", 0x10)):
        photo = plant("webp", FORMATS["webp"].photos[name], ["icc", "exif", "xmp"])

        assert photo[20] == flags | 0x2C
        assert strip_metadata(photo, "webp")[20] == flags


def test_png_keeps_what_its_pixels_mean_and_no_other_color_space() -> None:
    kept = [(b"sRGB", 1), (b"sBIT", 3), (b"bKGD", 1), (b"pHYs", 9)]
    other = [(b"gAMA", 4), (b"cHRM", 32), (b"cICP", 4), (b"mDCV", 24), (b"cLLI", 8)]

    assert strip_metadata(add_chunks(*kept, *other), "png") == add_chunks(*kept)


def add_chunks(*sizes: tuple[bytes, int]) -> bytes:
    data = FORMATS["png"].photos["palette"]
    for name, size in sizes:
        data = with_chunk(data, name, bytes(size))
    return data
