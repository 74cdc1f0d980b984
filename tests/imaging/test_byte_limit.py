"""`max_bytes`: the best quality whose whole file fits, and never another size in pixels."""

from typing import Any

import numpy as np
import pytest
from PIL import Image

from backdrop.imaging.byte_limit import MIN_QUALITY, encode_within_limit
from backdrop.imaging.metadata import embed_xmp
from backdrop.imaging.sniff import sniff_file
from backdrop.imaging.xmp import build_xmp_packet
from tests.imaging.output_pictures import build_output, encode_picture, open_output
from tests.imaging.photos import scene

SIZE = (400, 300)
LOSSY: list[dict[str, Any]] = [{"format": "jpg"}, {"format": "webp"}]


def embed_provenance(data: bytes) -> bytes:
    return embed_xmp(data, sniff_file(data).format or "png", build_xmp_packet("replace"))


def build_grainy_picture() -> Image.Image:
    """A scene with grain, so that its file has tens of kilobytes."""
    grain = Image.fromarray(np.random.default_rng(1).integers(0, 256, (*SIZE[::-1], 3), np.uint8))
    return Image.blend(scene(size=SIZE), grain, 0.1)


class Encoder:
    """A file of 1,000 bytes for each step of quality; it counts the calls."""

    def __init__(self) -> None:
        self.qualities: list[int] = []

    def encode(self, quality: int) -> bytes:
        self.qualities.append(quality)
        return bytes(quality * 1_000)


@pytest.mark.parametrize(
    ("quality", "max_bytes", "chosen"),
    [
        (90, 90_000, 90),
        (90, 89_999, 85),
        (90, 85_000, 85),
        (90, 84_999, 80),
        (90, 62_000, 60),
        (90, 40_000, 40),
        (90, 39_999, 40),
        (100, 97_000, 95),
        (57, 56_000, 55),
        (41, 40_500, 40),
        (40, 10_000, 40),
        (20, 10_000, 20),
    ],
)
def test_highest_quality_that_fits_is_chosen(quality: int, max_bytes: int, chosen: int) -> None:
    encoder = Encoder()
    assert len(encode_within_limit(encoder.encode, quality, max_bytes)) == chosen * 1_000
    assert len(encoder.qualities) <= 6
    assert min(encoder.qualities) >= min(quality, MIN_QUALITY)


def test_file_that_fits_is_encoded_once() -> None:
    encoder = Encoder()
    encode_within_limit(encoder.encode, 90, 90_000)
    assert encoder.qualities == [90]


@pytest.mark.parametrize("fields", LOSSY)
def test_file_with_its_metadata_is_within_the_limit(fields: dict[str, Any]) -> None:
    paid = encode_picture(build_grainy_picture())
    unlimited = build_output(paid, **fields, embed_metadata=embed_provenance)
    max_bytes = len(unlimited.data) - 1
    limited = build_output(paid, **fields, max_bytes=max_bytes, embed_metadata=embed_provenance)
    assert len(limited.data) <= max_bytes
    assert b"DigitalSourceType" in limited.data
    assert open_output(limited).size == SIZE


@pytest.mark.parametrize("fields", LOSSY)
def test_limit_that_is_kept_changes_nothing(fields: dict[str, Any]) -> None:
    paid = encode_picture(build_grainy_picture())
    unlimited = build_output(paid, **fields)
    assert build_output(paid, **fields, max_bytes=len(unlimited.data)) == unlimited


@pytest.mark.parametrize("fields", LOSSY)
def test_picture_that_cannot_fit_has_the_lowest_acceptable_quality(fields: dict[str, Any]) -> None:
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 256, (600, 600, 3), np.uint8))
    smallest = build_output(noise, **fields, quality=MIN_QUALITY)
    assert len(smallest.data) > 5_000
    assert build_output(noise, **fields, max_bytes=5_000) == smallest


def test_lossless_webp_becomes_lossy_only_over_the_limit() -> None:
    paid = encode_picture(build_grainy_picture())
    lossless = build_output(paid, format="webp", quality=100)
    size = len(lossless.data)
    assert build_output(paid, format="webp", quality=100, max_bytes=size).data == lossless.data
    assert len(build_output(paid, format="webp", quality=100, max_bytes=size - 1).data) < size


def test_same_picture_and_limit_make_the_same_bytes() -> None:
    paid = encode_picture(build_grainy_picture())
    first, second = (build_output(paid, format="jpg", max_bytes=20_000) for _ in range(2))
    assert first == second


def test_file_for_a_marketplace_is_compressed_below_its_limit() -> None:
    """The file has 9 MB at the default quality, and Walmart accepts 5 MB."""
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 256, (2200, 2200, 3), np.uint8))
    output = build_output(noise, **{"for": "walmart", "trim": False, "margin": 0})
    assert (output.width, output.height) == (2200, 2200)
    assert 2_000_000 < len(output.data) <= 5_000_000
