"""Checks of a paid picture before it is delivered."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from backdrop.imaging.verify import verify_result
from backdrop.model.codes import Code
from backdrop.model.errors import ResultError
from tests.imaging import photos


def read_failure(data: bytes, *, expect_alpha: bool = False, max_megapixels: int = 100) -> ResultError:
    with pytest.raises(ResultError) as caught:
        verify_result(data, expect_alpha=expect_alpha, max_megapixels=max_megapixels)
    return caught.value


@pytest.mark.parametrize(
    ("data", "photo_format", "has_alpha"),
    [
        pytest.param(photos.png(), "png", False, id="png"),
        pytest.param(photos.png("RGBA"), "png", True, id="cut-out"),
        pytest.param(photos.png("LA"), "png", True, id="gray-cut-out"),
        pytest.param(photos.encode_image(Image.new("RGBA", (20, 20), "red"), "PNG"), "png", False, id="all-opaque"),
        pytest.param(photos.encode_image(Image.new("I;16", (20, 20)), "PNG"), "png", False, id="16-bit-gray"),
        pytest.param(
            photos.with_chunk(
                photos.raw_png(16, 16, b"\0" + b"\x80" * 32 + bytes(33 * 15), bits=16, color=0),
                b"tRNS",
                b"\0\0",
            ),
            "png",
            True,
            id="16-bit-gray-with-a-transparent-shade",
        ),
        pytest.param(photos.jpeg(), "jpeg", False, id="jpeg"),
        pytest.param(photos.webp(), "webp", False, id="webp"),
        pytest.param(photos.webp(mode="RGBA"), "webp", True, id="webp-cut-out"),
    ],
)
def test_intact_picture_is_accepted_with_format_and_alpha(data: bytes, photo_format: str, has_alpha: bool) -> None:
    picture = verify_result(data, expect_alpha=False, max_megapixels=1)

    assert (picture.format, picture.has_alpha) == (photo_format, has_alpha)


def build_cut_out(clear_pixels: int, alpha: int = 0) -> bytes:
    """Builds a picture of 100 × 100 pixels, with this alpha in the first `clear_pixels`, row by row."""
    picture = Image.new("RGBA", (100, 100), "red")
    alphas = bytes([alpha]) * clear_pixels + b"\xff" * (10_000 - clear_pixels)
    picture.putalpha(Image.frombytes("L", (100, 100), alphas))
    return photos.encode_image(picture, "PNG")


@pytest.mark.parametrize(
    ("expect_alpha", "code"), [(True, Code.RESULT_NOT_TRANSPARENT), (False, Code.RESULT_SHOWS_NOTHING)]
)
@pytest.mark.parametrize("alpha", [0, 15])
def test_picture_that_shows_nothing_is_no_result(alpha: int, expect_alpha: bool, code: Code) -> None:
    data = build_cut_out(10_000, alpha=alpha)
    assert read_failure(data, expect_alpha=expect_alpha).code is code


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(build_cut_out(0), id="nothing-removed"),
        pytest.param(build_cut_out(9), id="a-few-specks-removed"),
        pytest.param(build_cut_out(9_991), id="only-specks-left"),
        pytest.param(build_cut_out(10_000, alpha=250), id="nearly-opaque-all-over"),
        pytest.param(build_cut_out(10_000, alpha=90), id="half-transparent-all-over"),
        pytest.param(photos.png(), id="no-alpha-channel"),
        pytest.param(photos.jpeg(), id="jpeg"),
    ],
)
def test_removed_background_requires_real_transparency(data: bytes) -> None:
    assert read_failure(data, expect_alpha=True).code is Code.RESULT_NOT_TRANSPARENT
    assert verify_result(data, expect_alpha=False, max_megapixels=1)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(build_cut_out(10), id="close-crop"),
        pytest.param(build_cut_out(9_990), id="tiny-product"),
        pytest.param(photos.png("RGBA"), id="png"),
        pytest.param(photos.webp(mode="RGBA"), id="webp"),
        pytest.param(photos.encode_image(photos.scene("1"), "PNG", transparency=0), id="one-transparent-color"),
    ],
)
def test_real_cut_out_is_accepted(data: bytes) -> None:
    assert verify_result(data, expect_alpha=True, max_megapixels=1).has_alpha


@pytest.mark.parametrize(
    ("data", "code", "expected"),
    [
        pytest.param(b"", Code.RESULT_NOT_AN_IMAGE, "empty", id="empty"),
        pytest.param(b"<html><h1>502", Code.RESULT_NOT_AN_IMAGE, "HTML page", id="html"),
        pytest.param(b'{"error": 1}', Code.RESULT_NOT_AN_IMAGE, "JSON text", id="json"),
        pytest.param(
            photos.encode_image(photos.scene(), "GIF"),
            Code.RESULT_NOT_AN_IMAGE,
            "GIF",
            id="other-format",
        ),
        pytest.param(photos.png()[:-20], Code.RESULT_TRUNCATED, "no end marker", id="cut-png"),
        pytest.param(photos.jpeg()[:-300], Code.RESULT_TRUNCATED, "no end marker", id="cut-jpeg"),
        pytest.param(photos.webp()[:-3], Code.RESULT_TRUNCATED, "states", id="cut-webp"),
        pytest.param(
            photos.raw_png(64, 48, bytes(5_000)),
            Code.RESULT_TRUNCATED,
            "decoded",
            id="missing-rows",
        ),
        pytest.param(photos.raw_png(90_000, 90_000, b""), Code.RESULT_TOO_LARGE, "90,000 × 90,000", id="bomb"),
    ],
)
def test_undeliverable_file_has_its_own_code(data: bytes, code: Code, expected: str) -> None:
    error = read_failure(data)

    assert error.code is code
    assert expected in str(error)


@pytest.mark.parametrize("whole", [photos.jpeg(), photos.png(), photos.webp()], ids=len)
@given(share=st.floats(min_value=0, max_value=1, exclude_max=True))
@settings(max_examples=40)
def test_picture_truncated_anywhere_is_never_accepted(whole: bytes, share: float) -> None:
    end_marker_bytes = 2 if whole.endswith(b"\xff\xd9") else 0
    with pytest.raises(ResultError):
        verify_result(whole[: int((len(whole) - end_marker_bytes) * share)], expect_alpha=False, max_megapixels=1)


# Pillow warns about unusual EXIF or animation data, which is not a failure.
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@given(
    whole=st.sampled_from([photos.jpeg(), photos.png("RGBA"), photos.webp(), photos.png("P")]),
    at=st.integers(0, 10_000),
    value=st.binary(min_size=1, max_size=9),
)
@settings(max_examples=200)
def test_changed_bytes_raise_only_result_errors(whole: bytes, at: int, value: bytes) -> None:
    at %= len(whole)
    data = whole[:at] + value + whole[at + len(value) :]
    try:
        picture = verify_result(data, expect_alpha=True, max_megapixels=1)
    except ResultError:
        return
    assert picture.has_alpha
