"""What a provider gets to see of a photo: its pixels as they were, and nothing that was written beside them."""

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from backdrop.imaging.metadata import strip_metadata
from tests.unit.imaging_photos import chunk, saved, scene, with_chunk
from tests.unit.metadata_photos import (
    FORMATS,
    GPS,
    JPEG_PARTS,
    PHOTOS,
    PLANTED,
    SECRETS,
    packed_pixels,
    pixels,
    planted,
    segment,
)

PARTS = [pytest.param(kind, part, id=f"{kind}-{part}") for kind, found in FORMATS.items() for part in found.parts]
COLORS = {"gamma", "chromaticity", "srgb", "transparency", "adobe", "adobe_transform", "dpi", "background"}
# Color fields, which stay, and padding, which may be part of the pixels' data.
LEAVES_SOMETHING = {"thumbnail-of-jfif", "other-behind-adobe", "nothing-but-padding"}
BUILD = {"jfif", "jfif_version", "jfif_unit", "jfif_density", "loop", "duration", "timestamp"}


@pytest.mark.parametrize(("kind", "part"), PARTS)
@pytest.mark.parametrize("late", [False, True], ids=["before-the-pixels", "after-them"])
def test_every_kind_of_metadata_is_cut_out(kind: str, part: str, *, late: bool) -> None:
    photo = FORMATS[kind].photos["plain"]

    stripped = strip_metadata(planted(kind, photo, [part], late=late), FORMATS[kind].name)

    assert not [secret for secret in SECRETS if secret in stripped]
    assert part in LEAVES_SOMETHING or stripped == strip_metadata(planted(kind, photo, []), FORMATS[kind].name)
    assert pixels(stripped) == pixels(photo)


@given(photo=st.sampled_from(list(PHOTOS)), draw=st.data(), late=st.booleans(), trailer=st.binary(max_size=40))
def test_pixels_stay_as_they_are_and_secrets_go_wherever_they_stand(
    photo: str, draw: st.DataObject, trailer: bytes, *, late: bool
) -> None:
    kind, data = PHOTOS[photo]
    parts = draw.draw(
        st.lists(st.sampled_from([part for part in FORMATS[kind].parts if part != "nothing-but-padding"]))
    )
    full = planted(kind, planted(kind, data, parts), parts, late=late, trailer=trailer and trailer + PLANTED)

    stripped = strip_metadata(full, FORMATS[kind].name)

    assert not [secret for secret in SECRETS if secret in stripped]
    assert packed_pixels(kind, stripped) == packed_pixels(kind, data)
    assert pixels(stripped) == pixels(full)
    assert strip_metadata(stripped, FORMATS[kind].name) is stripped


@pytest.mark.parametrize(("kind", "data"), PHOTOS.values(), ids=PHOTOS)
def test_a_photo_without_metadata_comes_back_as_the_same_bytes(kind: str, data: bytes) -> None:
    stripped = strip_metadata(data, FORMATS[kind].name)

    assert stripped is data


@pytest.mark.parametrize("kind", FORMATS)
def test_another_library_finds_nothing_but_colors_in_what_is_left(kind: str) -> None:
    parts = [part for part in FORMATS[kind].parts if part not in ("icc", "mpf")]
    full = planted(kind, FORMATS[kind].photos["plain"], parts)
    with Image.open(BytesIO(full)) as before:
        assert before.getexif()[0x0112] == 6
        assert GPS.decode() in str(before.info)

    with Image.open(BytesIO(strip_metadata(full, FORMATS[kind].name))) as after:
        assert not after.getexif()
        assert not set(after.info) - COLORS - BUILD


@pytest.mark.parametrize("kind", FORMATS)
def test_what_follows_the_end_marker_is_cut(kind: str) -> None:
    video = b"ftypmp42" + PLANTED + FORMATS[kind].photos["plain"]

    stripped = strip_metadata(FORMATS[kind].photos["plain"] + video, FORMATS[kind].name)

    assert stripped == FORMATS[kind].photos["plain"]


def test_what_hides_between_two_segments_goes_too() -> None:
    photo = FORMATS["jpeg"].photos["plain"]
    jfif, rest = photo[:20], photo[20:]
    full = photo[:2] + segment(0xFE, b"a") + GPS + b"\xff\0" + GPS + photo[2:]

    assert strip_metadata(full, "jpeg") == photo
    assert strip_metadata(jfif + GPS + rest, "jpeg") == photo
    assert strip_metadata(photo.replace(b"\xff\xda", GPS + b"\xff\xda", 1), "jpeg") == photo


def test_what_hides_behind_a_lone_marker_in_the_pixels_goes_too() -> None:
    photo = FORMATS["jpeg"].photos["plain"]
    full = photo[:-2] + b"\xff\x01" + GPS + b"\xff\xd9"

    assert strip_metadata(full, "jpeg") == photo


def test_what_hides_inside_the_end_marker_goes_too() -> None:
    photo = FORMATS["png"].photos["plain"]

    stripped = strip_metadata(photo[:-12] + chunk(b"IEND", PLANTED) + GPS, "png")

    assert stripped == photo


def test_metadata_between_the_scans_of_a_progressive_photo_goes_too() -> None:
    photo = FORMATS["jpeg"].photos["progressive"]
    at = photo.rindex(b"\xff\xda")
    full = photo[:at] + JPEG_PARTS["comment"] + photo[at:]

    assert strip_metadata(full, "jpeg") == photo


@pytest.mark.parametrize(
    ("part", "left"),
    [
        pytest.param("thumbnail-of-jfif", segment(0xE0, b"JFIF\0\1\2\0\0\1\0\1\0\0"), id="jfif"),
        pytest.param("other-behind-adobe", segment(0xEE, b"Adobe\0\x64\0\0\0\0\1"), id="adobe"),
    ],
)
def test_what_tells_how_colors_are_stored_stays_without_what_is_behind_it(part: str, left: bytes) -> None:
    photo = FORMATS["jpeg"].photos["plain"]

    assert strip_metadata(planted("jpeg", photo, [part]), "jpeg") == photo[:2] + left + photo[2:]


def test_a_cmyk_photo_keeps_the_segment_that_tells_how_its_colors_are_stored() -> None:
    photo = FORMATS["jpeg"].photos["cmyk"]
    full = planted("jpeg", photo, ["exif", "comment"])

    assert b"Adobe" in photo
    assert strip_metadata(full, "jpeg") == photo


def test_of_an_animated_png_the_first_picture_stays() -> None:
    first, second = scene(), scene().rotate(90)
    moving = saved(first, "PNG", save_all=True, append_images=[second])

    stripped = strip_metadata(moving, "png")

    assert stripped == saved(first, "PNG")


def test_a_webp_no_longer_claims_to_hold_what_was_cut_out() -> None:
    for name, flags in (("plain", 0), ("clear", 0x10)):
        photo = planted("webp", FORMATS["webp"].photos[name], ["icc", "exif", "xmp"])

        assert photo[20] == flags | 0x2C
        assert strip_metadata(photo, "webp")[20] == flags


def test_color_chunks_of_a_png_stay() -> None:
    colors = saved_colors()

    assert strip_metadata(planted("png", colors, ["text"]), "png") == colors


def saved_colors() -> bytes:
    data = FORMATS["png"].photos["palette"]
    for name, size in ((b"gAMA", 4), (b"cHRM", 32), (b"sRGB", 1), (b"cICP", 4), (b"sBIT", 3), (b"pHYs", 9)):
        data = with_chunk(data, name, bytes(size))
    return data
