"""A JPEG that lacks what its decoder needs is refused by its structure, because accepted JPEGs are not decoded."""

import contextlib
from dataclasses import replace
from io import BytesIO
from typing import cast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from backdrop.imaging.decode import translate_decoder_errors
from backdrop.imaging.formats.header import DamagedError
from backdrop.imaging.prepare import load_upright_photo, prepare_photo
from backdrop.model.capabilities import PHOTO_LIMITS, PhotoLimits
from backdrop.model.codes import Code
from backdrop.model.errors import PhotoError
from simulation.world.simulated_stack import World
from tests.corpus.make import corpus
from tests.imaging import photos
from tests.imaging.jpeg_parts import (
    FRAME,
    HUFFMAN,
    QUANTIZATION,
    SCAN,
    edit_segment,
    encode_in_three_scans,
    remove_segments,
)
from tests.simulated.simulated_days import list_report_codes
from tests.simulated.stage_worlds import KEY, assert_at_rest
from tests.simulated.uploads_and_requests import BEACH, count_paid_calls

LIMITS = PHOTO_LIMITS
NARROW = PhotoLimits(900, ("jpeg", "png", "webp"))
MAX_MEGAPIXELS = 20
PLAIN, PROGRESSIVE = photos.jpeg(), photos.jpeg(progressive=True)
LACKING = {
    "quantization tables": (remove_segments(PLAIN, QUANTIZATION), "lacks quantization table 0"),
    "one quantization table": (remove_segments(PLAIN, QUANTIZATION, 1), "lacks quantization table 1"),
    "a quantization table that exists": (edit_segment(PLAIN, FRAME, 8, 3), "lacks quantization table 3"),
    "Huffman tables": (remove_segments(PROGRESSIVE, HUFFMAN), "lacks a Huffman table"),
    "one Huffman table": (remove_segments(PROGRESSIVE, HUFFMAN, 2), "lacks a Huffman table"),
    "a Huffman table that exists": (edit_segment(PLAIN, SCAN, 2, 0x22), "lacks a Huffman table"),
    "a channel": (edit_segment(PLAIN, FRAME, 5, 1), "has a scan of channel 2, which the picture does not have"),
    "a channel with that name": (
        edit_segment(PLAIN, SCAN, 1, 9),
        "has a scan of channel 9, which the picture does not have",
    ),
    "a scan's channels": (edit_segment(PLAIN, SCAN, 0, 0), "has a scan segment that is too short"),
    "a sampling": (edit_segment(PLAIN, FRAME, 7, 0x01), "claims an impossible color sampling"),
    "a sampling that exists": (edit_segment(PLAIN, FRAME, 7, 0x51), "claims an impossible color sampling"),
    "the end of its frame": (edit_segment(PLAIN, FRAME, 5, 4), "has a frame segment that is too short"),
}
SMALL = [case.data for case in corpus() if len(case.data) < 60_000]


@pytest.mark.parametrize(("data", "message"), LACKING.values(), ids=LACKING)
@pytest.mark.parametrize("limits", [LIMITS, NARROW], ids=["as it is", "encoded again"])
def test_jpeg_that_lacks_a_part_is_damaged(data: bytes, message: str, limits: PhotoLimits) -> None:
    with pytest.raises(OSError, match="broken data stream"):
        Image.open(BytesIO(data)).load()
    with pytest.raises(PhotoError, match=message) as caught:
        prepare_photo(data, limits, MAX_MEGAPIXELS)
    assert caught.value.code is Code.DAMAGED_PHOTO


@pytest.mark.parametrize("missing", LACKING)
def test_photo_that_lacks_a_part_is_refused_without_charge(missing: str) -> None:
    world = World()
    world.upload_photo(KEY, LACKING[missing][0])
    world.upload_sidecar(KEY, **BEACH)
    world.run_until_empty()
    assert (list_report_codes(world, KEY), count_paid_calls(world), world.crash_count) == (["damaged_photo"], 0, 0)
    assert_at_rest(world)


def test_standard_huffman_tables_may_be_missing() -> None:
    data = remove_segments(PLAIN, HUFFMAN)

    assert prepare_photo(data, LIMITS, MAX_MEGAPIXELS).data is None
    assert Image.open(BytesIO(data)).convert("RGB") == Image.open(BytesIO(PLAIN)).convert("RGB")


@pytest.mark.parametrize("limits", [LIMITS, NARROW], ids=["as it is", "encoded again"])
def test_table_may_come_after_the_first_scan(limits: PhotoLimits) -> None:
    data = encode_in_three_scans(photos.scene(size=(256, 192)))
    found = prepare_photo(data, replace(limits, max_bytes=limits.max_bytes * 3), MAX_MEGAPIXELS)

    assert (found.data is None) is (limits is LIMITS)
    assert load_upright_photo(data, MAX_MEGAPIXELS).getpixel((128, 96)) == pytest.approx((200, 40, 40), abs=6)


@given(data=st.sampled_from(SMALL), changes=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=4))
@example(data=PLAIN, changes=[])
@settings(max_examples=150)
def test_any_changed_bytes_raise_only_refusals(data: bytes, changes: list[tuple[float, int]]) -> None:
    damaged = bytearray(data or b"\0")
    for position, value in changes:
        damaged[int(position**3 * (len(damaged) - 1))] = value
    for limits in (LIMITS, NARROW):
        with contextlib.suppress(PhotoError):
            prepare_photo(bytes(damaged), limits, MAX_MEGAPIXELS)


def test_partly_transparent_palette_is_converted_without_a_warning() -> None:
    data = photos.encode_image(photos.scene("RGBA").quantize(8), "PNG")
    corner = cast("tuple[int, int, int, int]", load_upright_photo(data, MAX_MEGAPIXELS).getpixel((0, 0)))
    assert corner[3] == 0


@pytest.mark.parametrize("surprise", [KeyError(0), ZeroDivisionError(), AssertionError(), NotImplementedError()])
def test_any_error_of_a_decoder_counts_as_damage(surprise: Exception) -> None:
    with pytest.raises(DamagedError, match="cannot be decoded"), translate_decoder_errors():
        raise surprise


def test_lack_of_memory_is_not_reported_as_damage() -> None:
    with pytest.raises(MemoryError), translate_decoder_errors():
        raise MemoryError
