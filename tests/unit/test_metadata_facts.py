"""The two facts beside the pixels that change a picture: which way up it is, and what its colors mean."""

import struct
import tracemalloc
import zlib
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from backdrop.core.capability import PHOTO_LIMITS
from backdrop.core.photo import ChangeCode
from backdrop.imaging.colors import srgb_profile
from backdrop.imaging.metadata import strip
from backdrop.imaging.prepare import prepare
from tests.unit.imaging_photos import chunk, saved, scene, with_chunk
from tests.unit.metadata_photos import FORMATS, exif, pixels, planted, segment

PLAIN = FORMATS["jpeg"].photos["plain"]
PROFILE = srgb_profile()
LONG_PROFILE = PROFILE + bytes(range(256)) * 600
"""Too long for one JPEG segment."""


def orientation_of(photo: bytes) -> int:
    """As intake reads it."""
    changes = prepare(photo, PHOTO_LIMITS["ideogram"], 1).changes
    return next((int(one.values[0]) for one in changes if one.code is ChangeCode.ORIENTATION), 1)


def with_exif(block: bytes) -> bytes:
    return PLAIN[:2] + segment(0xE1, b"Exif\0\0" + block) + PLAIN[2:]


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("order", ["<", ">"], ids=["little-endian", "big-endian"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_is_read_as_other_libraries_read_it(kind: str, order: str, orientation: int) -> None:
    photo = saved(scene(), kind.upper(), exif=b"Exif\0\0" + exif(orientation, order))
    with Image.open(BytesIO(photo)) as picture:
        assert picture.getexif()[0x0112] == orientation

    assert orientation_of(photo) == orientation
    assert strip(photo, FORMATS[kind].name).removed == ("exif",)


def test_the_first_of_several_orientations_counts() -> None:
    first, second = (segment(0xE1, b"Exif\0\0" + exif(orientation)) for orientation in (3, 8))

    assert orientation_of(PLAIN[:2] + first + second + PLAIN[2:]) == 3


def test_an_exif_block_in_the_form_of_jpeg_is_read_in_a_webp_too() -> None:
    photo = planted("webp", FORMATS["webp"].photos["plain"], ["exif-as-in-jpeg"])

    assert orientation_of(photo) == 6


def test_a_long_number_is_an_orientation_too() -> None:
    assert [orientation_of(with_exif(exif(5, order, kind=4, width="I"))) for order in "<>"] == [5, 5]


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(exif(0), id="zero"),
        pytest.param(exif(9), id="nine"),
        pytest.param(exif(6, kind=2), id="text"),
        pytest.param(exif(6)[:31], id="cut-in-its-entry"),
        pytest.param(exif(6)[:9], id="cut-in-its-count"),
        pytest.param(exif(6)[:5], id="cut-in-its-offset"),
        pytest.param(b"II*\0\xff\xff\xff\xff" + exif(6)[8:], id="directory-far-beyond-the-end"),
        pytest.param(b"II+\0" + exif(6)[4:], id="no-tiff"),
        pytest.param(b"MM*\0" + exif(6)[4:], id="two-byte-orders"),
        pytest.param(b"II*\0\x08\0\0\0\0\0" + exif(6)[10:], id="no-entries"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_an_exif_block_that_lies_leaves_the_picture_upright(block: bytes) -> None:
    assert orientation_of(with_exif(block)) == 1


def test_a_directory_that_claims_more_entries_than_there_are_is_read_as_far_as_it_goes() -> None:
    assert orientation_of(with_exif(b"II*\0\x08\0\0\0\xff\xff" + exif(6)[10:])) == 6


@given(order=st.sampled_from([b"II*\0", b"MM\0*"]), start=st.integers(0, 40), rest=st.binary(max_size=80))
def test_no_exif_block_does_anything_but_name_an_orientation(order: bytes, start: int, rest: bytes) -> None:
    offset = struct.pack("<I" if order[:1] == b"I" else ">I", start)

    assert orientation_of(with_exif(order + offset + rest)) in range(1, 9)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("profile", [PROFILE, LONG_PROFILE], ids=["short", "long"])
def test_the_profile_is_found_whole_and_stays_only_where_it_is_asked_for(kind: str, profile: bytes) -> None:
    photo = saved(scene(), kind.upper(), icc_profile=profile)

    cut, kept = (strip(photo, FORMATS[kind].name, keep_profile=keep) for keep in (False, True))

    assert cut.profile == kept.profile == profile
    assert (cut.removed, kept.removed) == (("icc",), ())
    assert kept.data == photo
    assert b"sRGB" not in cut.data
    assert pixels(cut.data) == pixels(photo)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_profile_that_stays_stays_alone(kind: str) -> None:
    photo = saved(scene(), kind.upper(), icc_profile=PROFILE)

    stripped = strip(planted(kind, photo, ["exif", "xmp", "c2pa"]), FORMATS[kind].name, keep_profile=True)

    with Image.open(BytesIO(stripped.data)) as left:
        assert left.info["icc_profile"] == PROFILE
        assert not left.getexif()
    assert set(stripped.removed) == {"exif", "xmp", "c2pa"}


def profile_segments(*numbers: tuple[int, int]) -> list[bytes]:
    size = len(LONG_PROFILE) // 3 + 1
    parts = [LONG_PROFILE[at * size : (at + 1) * size] for at in range(len(numbers))]
    return [segment(0xE2, b"ICC_PROFILE\0" + bytes(number) + part) for number, part in zip(numbers, parts, strict=True)]


def test_the_parts_of_a_profile_may_come_in_any_order() -> None:
    one, two, three = profile_segments((1, 3), (2, 3), (3, 3))
    photo = PLAIN[:2] + three + one + segment(0xFE, b"between") + two + PLAIN[2:]

    assert strip(photo, "jpeg").profile == LONG_PROFILE


@pytest.mark.parametrize(
    "numbers",
    [
        pytest.param([(1, 3), (3, 3)], id="one-is-missing"),
        pytest.param([(1, 3), (2, 3), (2, 3)], id="one-comes-twice"),
        pytest.param([(1, 2), (2, 3)], id="they-disagree"),
        pytest.param([(0, 3), (1, 3), (2, 3)], id="they-count-from-zero"),
        pytest.param([(1, 0)], id="there-should-be-none"),
    ],
)
def test_a_profile_in_parts_that_do_not_fit_is_cut_out_and_counts_for_nothing(numbers: list[tuple[int, int]]) -> None:
    photo = PLAIN[:2] + b"".join(profile_segments(*numbers)) + PLAIN[2:]

    stripped = strip(photo, "jpeg", keep_profile=True)

    assert stripped.profile is None
    assert stripped.removed == ("icc",)
    assert stripped.data == PLAIN


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b"sRGB\0\0not packed at all", id="not-packed"),
        pytest.param(b"sRGB\0\0" + zlib.compress(PROFILE)[:-8], id="cut-short"),
        pytest.param(b"sRGB", id="nothing-but-a-name"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_a_damaged_profile_of_a_png_is_cut_out_and_counts_for_nothing(payload: bytes) -> None:
    photo = FORMATS["png"].photos["plain"]

    stripped = strip(with_chunk(photo, b"iCCP", payload), "png", keep_profile=True)

    assert (stripped.profile, stripped.removed, stripped.data) == (None, ("icc",), photo)


def test_a_profile_that_is_a_bomb_is_not_unpacked() -> None:
    bomb = chunk(b"iCCP", b"sRGB\0\0" + zlib.compress(bytes(60_000_000), 9))
    photo = FORMATS["png"].photos["plain"]
    tracemalloc.start()
    stripped = strip(photo[:33] + bomb + photo[33:], "png")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert stripped.profile is None
    assert peak < 30_000_000
