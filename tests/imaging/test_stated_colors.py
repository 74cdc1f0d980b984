"""What a file states about its colors is found where its format has it, and everything that shows the photo agrees."""

import struct
from collections.abc import Callable
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from backdrop.imaging.brand_images import open_brand_image
from backdrop.imaging.color import choose_colors
from backdrop.imaging.color_spaces import ADOBE_RGB, SRGB, ColorStatement, read_code_points
from backdrop.imaging.color_statements import read_color_statements
from backdrop.imaging.formats import heif
from backdrop.imaging.measure import measure_file
from backdrop.imaging.prepare import load_upright_photo, prepare_photo
from backdrop.imaging.sniff import sniff_file
from backdrop.model.capabilities import PHOTO_LIMITS
from backdrop.model.composition import BrandImageUse
from backdrop_client.thumbnails import encode_thumbnail
from tests.corpus.files import saved
from tests.corpus.icc import ADOBE, HLG, P3, PQ, Space, rgb_profile, seen_rgb
from tests.corpus.icc import SRGB as SRGB_REFERENCE
from tests.corpus.stated_colors import camera_exif, color_bmp, profile, with_chunks, with_code_points
from tests.imaging.output_pictures import build_output, read_pixels

STORED = np.full((32, 32, 3), (200, 60, 50), np.uint8)
CODES_OF_P3 = b"cICP", b"\x0c\x0d\0\1"
STATED: dict[str, tuple[bytes, Space]] = {
    "png": (with_chunks(saved(STORED, "png"), CODES_OF_P3), P3),
    "jpeg": (saved(STORED, "jpeg", exif=camera_exif(65_535, b"R03\0")), ADOBE),
    "webp": (saved(STORED, "webp", exif=camera_exif(2, b"")), ADOBE),
    "avif": (with_code_points(saved(STORED, "avif"), 12, 13), P3),
    "heic": (with_code_points(saved(STORED, "heic"), 12, 13), P3),
    "bmp": (color_bmp(STORED, kind=b"MBED", profile=rgb_profile(P3)), P3),
}


def see_sent(data: bytes) -> Image.Image:
    sent = prepare_photo(data, PHOTO_LIMITS, 1).data
    assert sent
    return Image.open(BytesIO(sent))


def see_thumbnail(data: bytes) -> Image.Image:
    thumbnail = encode_thumbnail(data, 32)
    assert thumbnail
    return Image.open(BytesIO(thumbnail))


def see_measured(data: bytes) -> Image.Image:
    return Image.new("RGB", (32, 32), str(measure_file(data)["background"]))


def see_output(data: bytes) -> Image.Image:
    return Image.open(BytesIO(build_output(data, format="jpg").data))


SEEN_IN: dict[str, Callable[[bytes], Image.Image]] = {
    "what the provider receives": see_sent,
    "the photo's own pixels": lambda data: load_upright_photo(data, 1),
    "a thumbnail": see_thumbnail,
    "a measurement": see_measured,
}
SEEN_IN_PICTURES: dict[str, Callable[[bytes], Image.Image]] = {
    "a brand image": lambda data: open_brand_image(data, BrandImageUse.LOGO),
    "an output": see_output,
}


@pytest.mark.parametrize(
    ("kind", "place"),
    [
        *((kind, place) for kind in STATED for place in SEEN_IN),
        *((kind, place) for kind in ("png", "jpeg", "webp") for place in SEEN_IN_PICTURES),
    ],
)
def test_stated_colors_are_the_same_wherever_the_photo_is_shown(kind: str, place: str) -> None:
    data, space = STATED[kind]
    shown = (SEEN_IN | SEEN_IN_PICTURES)[place](data)

    assert abs(read_pixels(shown, "RGB")[8:-8, 8:-8] - seen_rgb(space)(STORED)[8:-8, 8:-8].astype(int)).max() <= 8


@pytest.mark.parametrize(("transfer", "space"), [(16, PQ), (18, HLG)])
def test_hdr_is_mapped_to_sdr_by_its_specifications(transfer: int, space: Space) -> None:
    ramp = np.tile(np.arange(256, dtype=np.uint8)[None, :, None], (16, 1, 3))
    sent = see_sent(with_chunks(saved(ramp, "png"), (b"cICP", bytes((9, transfer, 0, 1)))))

    assert abs(read_pixels(sent, "RGB") - seen_rgb(space)(ramp)).max() <= 1


@pytest.mark.parametrize(
    ("primaries", "transfer"),
    [
        *((primaries, 13) for primaries in (2, *range(4, 13), 22)),
        *((1, transfer) for transfer in (1, 2, *range(4, 19))),
    ],
)
def test_every_code_point_keeps_black_and_white(primaries: int, transfer: int) -> None:
    ends = np.array([[[0] * 3, [255] * 3]], np.uint8).repeat(16, axis=0).repeat(16, axis=1)
    data = with_chunks(saved(ends, "png"), (b"cICP", bytes((primaries, transfer, 0, 1))))

    assert abs(read_pixels(load_upright_photo(data, 1), "RGB") - ends).max() <= 1
    assert "profile:ignored" not in map(str, prepare_photo(data, PHOTO_LIMITS, 1).changes)


def test_colors_of_a_converted_png_are_stated_once() -> None:
    chunks = CODES_OF_P3, profile(rgb_profile(ADOBE)), (b"gAMA", struct.pack(">I", 55_556))
    sent = prepare_photo(with_chunks(saved(STORED, "png"), *chunks), PHOTO_LIMITS, 1).data or b""

    assert sent
    assert not [name for name in (b"cICP", b"iCCP", b"gAMA", b"cHRM") if name in sent]


@pytest.mark.parametrize("kind", STATED)
def test_colors_of_a_file_that_ends_early_are_unknown_or_complete(kind: str) -> None:
    data, _ = STATED[kind]
    found_kind = sniff_file(data)
    file_format = found_kind.format or found_kind.convertible_format
    assert file_format
    whole = read_color_statements(data, file_format)

    for length in range(0, len(data), max(len(data) // 300, 1)):
        found = read_color_statements(data[:length], file_format)
        assert not [one for one in found if one is not None and one not in (*whole, SRGB)]


# -- the boxes of HEIC and AVIF ---------------------------------------------------------------------------------------

(WIDE,) = read_code_points(9, 13)


def box(name: bytes, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return struct.pack(">I4s", len(content) + 8, name) + content


def code_points(primaries: int, transfer: int) -> bytes:
    return box(b"colr", b"nclx", struct.pack(">HHHB", primaries, transfer, 6, 0x80))


def build_file(
    *properties: bytes, items: dict[int, list[int]], primary: int, is_long: bool = False, tiles: tuple[int, ...] = ()
) -> bytes:
    """Builds the boxes of a file. `items`: the numbers (from 1) of each item's properties. `tiles`: of the primary."""
    id_format = "I" if is_long else "H"
    entries = b"".join(
        struct.pack(f">{id_format}B", item, len(indexes))
        + b"".join(struct.pack(">H" if is_long else ">B", index | (0x8000 if is_long else 0x80)) for index in indexes)
        for item, indexes in items.items()
    )
    associations = box(b"ipma", bytes((is_long, 0, 0, is_long)), struct.pack(">I", len(items)), entries)
    derived = box(
        b"dimg", struct.pack(f">{id_format}H", primary, len(tiles)), struct.pack(f">{len(tiles)}{id_format}", *tiles)
    )
    return box(b"ftyp", b"heic\0\0\0\0") + box(
        b"meta",
        bytes(4),
        box(b"pitm", bytes((is_long, 0, 0, 0)), struct.pack(f">{id_format}", primary)),
        box(b"iref", bytes((is_long, 0, 0, 0)), derived) if tiles else b"",
        box(b"iprp", box(b"ipco", *properties), associations),
    )


@pytest.mark.parametrize("is_long", [False, True])
@pytest.mark.parametrize(
    ("items", "primary", "tiles", "expected"),
    [
        pytest.param({1: [1], 2: [2]}, 2, (), [WIDE], id="second-item"),
        pytest.param({1: [1], 2: [2]}, 1, (), [SRGB], id="first-item"),
        pytest.param({1: [2], 2: [3, 2, 1]}, 2, (), [b"profile", WIDE, SRGB], id="profile-first"),
        pytest.param({1: [4], 2: [4, 2], 3: [1]}, 1, (2, 3), [WIDE], id="first-tile"),
        pytest.param({1: [4, 1], 2: [2]}, 1, (2,), [SRGB], id="grid-before-tiles"),
        pytest.param({1: [4, 9, 0]}, 1, (), [], id="no-such-property"),
        pytest.param({7: [1]}, 1, (), [], id="no-such-item"),
    ],
)
def test_colors_are_those_of_the_primary_picture(
    items: dict[int, list[int]], primary: int, tiles: tuple[int, ...], expected: list[ColorStatement], *, is_long: bool
) -> None:
    properties = code_points(1, 13), code_points(9, 13), box(b"colr", b"prof", b"profile"), box(b"ispe", bytes(12))
    data = build_file(*properties, items=items, primary=primary, is_long=is_long, tiles=tiles)

    assert heif.read_color_statements(data) == expected


def test_associations_without_end_are_read_at_once() -> None:
    data = build_file(code_points(9, 13), items={1: [1]}, primary=2)
    at = data.index(b"ipma") + 8

    assert heif.read_color_statements(data[:at] + b"\xff" * 4 + data[at + 4 :]) == []


# -- which statement is used ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statements", "mode", "used", "is_ignored"),
    [
        ([None, rgb_profile(P3)], "RGB", rgb_profile(P3), True),
        ([rgb_profile(SRGB_REFERENCE), ADOBE_RGB], "RGB", rgb_profile(SRGB_REFERENCE), False),
        ([SRGB, ADOBE_RGB], "RGB", None, False),
        ([ADOBE_RGB], "CMYK", None, True),
        ([None], "LAB", None, False),
        ([], "RGB", None, False),
    ],
)
def test_first_usable_statement_wins(
    statements: list[ColorStatement], mode: str, used: bytes | None, *, is_ignored: bool
) -> None:
    found = choose_colors(statements, mode)

    assert (found.profile, found.is_ignored) == (used, is_ignored)
