"""Checks of a photo before anything is paid for."""

import pytest
from PIL import Image

from backdrop.imaging.formats import read_header, validate_structure
from backdrop.imaging.formats.header import PhotoFormat
from backdrop.imaging.prepare import PreparedPhoto, prepare_photo
from backdrop.model.capabilities import PHOTO_LIMITS
from backdrop.model.codes import Code
from backdrop.model.errors import PhotoError
from tests.imaging import photos


def inspect(data: bytes, *, max_megapixels: int = 100) -> PreparedPhoto:
    return prepare_photo(data, PHOTO_LIMITS, max_megapixels)


def read_refusal(data: bytes, *, max_megapixels: int = 100) -> PhotoError:
    with pytest.raises(PhotoError) as caught:
        inspect(data, max_megapixels=max_megapixels)
    assert str(caught.value.hint)
    return caught.value


@pytest.mark.parametrize(("photo_format", "data"), photos.WHOLE.values(), ids=photos.WHOLE)
def test_complete_photo_is_accepted_with_format_and_size(photo_format: PhotoFormat, data: bytes) -> None:
    photo = inspect(data)

    assert photo.format == photo_format
    expected = (16, 16) if data == photos.WHOLE["interlaced-png"][1] else (64, 48)
    assert (photo.width, photo.height) == expected


@pytest.mark.parametrize(
    ("photo_format", "data", "mode", "has_alpha"),
    [
        pytest.param("jpeg", photos.jpeg(), "RGB", False, id="color-jpeg"),
        pytest.param("jpeg", photos.encode_image(photos.scene("L"), "JPEG"), "L", False, id="gray-jpeg"),
        pytest.param("jpeg", photos.encode_image(photos.scene("CMYK"), "JPEG"), "CMYK", False, id="cmyk-jpeg"),
        pytest.param("png", photos.png("1"), "1", False, id="bilevel-png"),
        pytest.param("png", photos.png("P"), "P", False, id="palette-png"),
        pytest.param(
            "png", photos.encode_image(photos.scene("P"), "PNG", transparency=3), "P", True, id="transparent-palette"
        ),
        pytest.param("png", photos.png("LA"), "LA", True, id="gray-png-with-alpha"),
        pytest.param("png", photos.png("RGBA"), "RGBA", True, id="png-with-alpha"),
        pytest.param("png", photos.raw_png(16, 16, bytes(97 * 16), bits=16), "RGB;16", False, id="16-bit-png"),
        pytest.param("webp", photos.webp(), "RGB", False, id="webp"),
        pytest.param("webp", photos.webp(mode="RGBA"), "RGBA", True, id="webp-with-alpha"),
        pytest.param("webp", photos.webp(lossless=True, mode="RGBA"), "RGBA", True, id="lossless-webp-with-alpha"),
    ],
)
def test_mode_and_alpha_are_read_without_decoding(
    photo_format: PhotoFormat, data: bytes, mode: str, has_alpha: bool
) -> None:
    header = validate_structure(data, read_header(data, photo_format))

    assert (header.mode, header.has_alpha) == (mode, has_alpha)


@pytest.mark.parametrize(
    ("data", "code", "expected"),
    [
        pytest.param(b"", Code.EMPTY_FILE, "0 bytes", id="no-bytes"),
        pytest.param(b"Hello there", Code.NOT_A_PHOTO, "is text, not", id="text"),
        pytest.param(b"BMW is a car", Code.NOT_A_PHOTO, "is text, not", id="bm-text"),
        pytest.param(b"\n \n", Code.NOT_A_PHOTO, "blank text", id="blank"),
        pytest.param("“héllo”".encode(), Code.NOT_A_PHOTO, "is text, not", id="unicode-text"),
        pytest.param("hello".encode("utf-16"), Code.NOT_A_PHOTO, "is text, not", id="utf-16-text"),
        pytest.param(b"<!DOCTYPE html><p>", Code.NOT_A_PHOTO, "an HTML page", id="html"),
        pytest.param(b"<?xml version='1'?><svg/>", Code.NOT_A_PHOTO, "SVG", id="svg"),
        pytest.param(b' {"key": 1}', Code.NOT_A_PHOTO, "JSON text", id="json"),
        pytest.param(b"version https://git-lfs.github.com/spec/v1\n", Code.NOT_A_PHOTO, "Git LFS", id="git-lfs"),
        pytest.param(bytes(900), Code.NOT_A_PHOTO, "zero bytes", id="zeros"),
        pytest.param(b"\x00\x9f\x01\x02", Code.NOT_A_PHOTO, "of an unknown type, not", id="unknown-bytes"),
        pytest.param(b"8BPS\0\1", Code.NOT_A_PHOTO, "Photoshop", id="psd"),
        pytest.param(b"%PDF-1.7", Code.NOT_A_PHOTO, "PDF", id="pdf-or-ai"),
        pytest.param(b"%!PS-Adobe-3.0 EPSF", Code.NOT_A_PHOTO, "EPS", id="eps"),
        pytest.param(b"II*\0\x10\0\0\0CR\2\0", Code.NOT_A_PHOTO, "CR2", id="cr2"),
        pytest.param(b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", Code.NOT_A_PHOTO, "CR3", id="cr3"),
        pytest.param(photos.tiff_like((50706, 4)), Code.NOT_A_PHOTO, "DNG", id="dng"),
        pytest.param(
            photos.tiff_like((254, 1), (330, 8), maker=b"NIKON CORPORATION"),
            Code.NOT_A_PHOTO,
            "NEF",
            id="nef",
        ),
        pytest.param(
            photos.tiff_like((254, 1), (330, 8), maker=b"SONY\0"),
            Code.NOT_A_PHOTO,
            "ARW",
            id="arw",
        ),
        pytest.param(b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", Code.DAMAGED_PHOTO, "HEIC", id="heic"),
        pytest.param(b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif", Code.DAMAGED_PHOTO, "AVIF", id="avif"),
        pytest.param(b"\0\0\0\x18ftypisom\0\0\2\0isommp42", Code.NOT_A_PHOTO, "video", id="mp4"),
        pytest.param(b"PK\x03\x04\x14\0", Code.NOT_A_PHOTO, "ZIP", id="zip"),
        pytest.param(
            photos.encode_image(photos.scene(), "WEBP", save_all=True, append_images=[photos.scene("L")]),
            Code.UNSUPPORTED_FORMAT,
            "animation",
            id="animated-webp",
        ),
    ],
)
def test_file_of_another_type_is_refused_with_its_detected_type(data: bytes, code: Code, expected: str) -> None:
    error = read_refusal(data)

    assert error.code is code
    assert expected in str(error)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"AKIAIOSFODNN7EXAMPLE", id="text"),
        pytest.param(b'{"AKIAIOSFODNN7EXAMPLE": 1}', id="json"),
        pytest.param(b"AKIAIOSFODNN7EXAMPLE\0", id="bytes"),
        pytest.param(b"<AKIAIOSFODNN7EXAMPLE>", id="markup"),
    ],
)
def test_refusal_quotes_nothing_of_the_file(data: bytes) -> None:
    error = str(read_refusal(data))

    assert "AKIA" not in error
    assert data[:4].hex(" ") not in error


def test_photo_at_the_pixel_limit_is_accepted() -> None:
    data = photos.raw_png(1000, 1000, bytes(1_001_000), color=0)

    assert inspect(data, max_megapixels=1).original_size == (1000, 1000)
    larger = photos.raw_png(1000, 1001, bytes(1_002_001), color=0)
    assert read_refusal(larger, max_megapixels=1).code is Code.TOO_MANY_PIXELS


def test_webp_that_needs_more_memory_than_intake_has_is_refused_by_its_header() -> None:
    webp = photos.encode_image(photos.scene("RGBA"), "WEBP", exif=b"Exif\0\0MM")
    assert webp[12:16] == b"VP8X"
    huge = webp[:24] + (12_000).to_bytes(3, "little") * 2 + webp[30:]

    assert read_refusal(huge, max_megapixels=200).code is Code.TOO_MANY_PIXELS


def test_pillows_own_pixel_limit_never_applies() -> None:
    data = photos.encode_image(Image.new("L", (9500, 9500)), "JPEG", quality=10)

    assert inspect(data).original_size == (9500, 9500)


@pytest.mark.parametrize(
    "size",
    [
        pytest.param((1, 1), id="dot"),
        pytest.param((15, 400), id="thin"),
        pytest.param((0, 9), id="no-side"),
    ],
)
def test_photo_too_small_for_a_subject_is_refused(size: tuple[int, int]) -> None:
    assert read_refusal(photos.raw_png(*size, b"")).code is Code.TOO_SMALL


def test_extremely_elongated_photo_is_refused() -> None:
    error = read_refusal(photos.encode_image(Image.new("RGB", (820, 40)), "PNG"))

    assert error.code is Code.EXTREME_RATIO
    assert "20 times" in str(error)
    assert inspect(photos.encode_image(Image.new("RGB", (800, 40)), "PNG"))
