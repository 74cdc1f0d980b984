"""Reading the EXIF orientation of a photo."""

import struct
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from backdrop.imaging.prepare import prepare_photo
from backdrop.model.capabilities import PHOTO_LIMITS
from backdrop.model.photo_facts import ChangeCode
from tests.imaging.metadata_photos import FORMATS, exif, plant, segment
from tests.imaging.photos import encode_image, scene

PLAIN = FORMATS["jpeg"].photos["plain"]


def read_orientation(photo: bytes) -> int:
    """Returns the orientation that intake reads."""
    changes = prepare_photo(photo, PHOTO_LIMITS, 1).changes
    return next((int(one.values[0]) for one in changes if one.code is ChangeCode.ORIENTATION), 1)


def embed_exif(block: bytes) -> bytes:
    return PLAIN[:2] + segment(0xE1, b"Exif\0\0" + block) + PLAIN[2:]


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("order", ["<", ">"], ids=["little-endian", "big-endian"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_matches_what_pillow_reads(kind: str, order: str, orientation: int) -> None:
    photo = encode_image(scene(), kind.upper(), exif=b"Exif\0\0" + exif(orientation, order))
    with Image.open(BytesIO(photo)) as picture:
        assert picture.getexif()[0x0112] == orientation

    assert read_orientation(photo) == orientation


def test_first_of_several_orientation_tags_is_used() -> None:
    first, second = (segment(0xE1, b"Exif\0\0" + exif(orientation)) for orientation in (3, 8))

    assert read_orientation(PLAIN[:2] + first + second + PLAIN[2:]) == 3


def test_exif_with_jpeg_prefix_is_read_in_webp() -> None:
    photo = plant("webp", FORMATS["webp"].photos["plain"], ["exif-as-in-jpeg"])

    assert read_orientation(photo) == 6


def test_orientation_stored_as_long_is_read() -> None:
    assert [read_orientation(embed_exif(exif(5, order, kind=4, width="I"))) for order in "<>"] == [5, 5]


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
        pytest.param(b"II+\0" + exif(6)[4:], id="not-tiff"),
        pytest.param(b"MM*\0" + exif(6)[4:], id="two-byte-orders"),
        pytest.param(b"II*\0\x08\0\0\0\0\0" + exif(6)[10:], id="no-entries"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_invalid_exif_leaves_the_picture_upright(block: bytes) -> None:
    assert read_orientation(embed_exif(block)) == 1


def test_directory_with_missing_entries_is_read_to_its_end() -> None:
    assert read_orientation(embed_exif(b"II*\0\x08\0\0\0\xff\xff" + exif(6)[10:])) == 6


@given(order=st.sampled_from([b"II*\0", b"MM\0*"]), start=st.integers(0, 40), rest=st.binary(max_size=80))
def test_any_exif_block_yields_a_valid_orientation(order: bytes, start: int, rest: bytes) -> None:
    offset = struct.pack("<I" if order[:1] == b"I" else ">I", start)

    assert read_orientation(embed_exif(order + offset + rest)) in range(1, 9)
