"""JPEGs whose compressed pixels are incomplete or damaged, and unusual ones that are whole."""

import random
from collections.abc import Callable
from io import BytesIO

import cv2
import numpy as np
import pytest
from PIL import Image

from backdrop.imaging.formats.jpeg import START_OF_SCAN, iter_segments
from backdrop.imaging.metadata import strip_photo_metadata
from backdrop.imaging.prepare import load_upright_photo, prepare_photo
from backdrop.model.capabilities import PHOTO_LIMITS
from backdrop.model.codes import Code
from backdrop.model.errors import PhotoError
from tests.corpus.files import exif
from tests.corpus.scene import noise, scene
from tests.imaging.jpeg_parts import edit_segment, encode_in_three_scans
from tests.imaging.photos import encode_image

END = b"\xff\xd9"


def draw(width: int = 320, height: int = 240) -> Image.Image:
    """Draws a scene with enough detail to fill each part of the file."""
    soft = Image.fromarray(noise(width // 8, height // 8)).resize((width, height), Image.Resampling.BICUBIC)
    return Image.blend(Image.fromarray(scene(width=width, height=height)), soft, 0.4)


def encode(picture: Image.Image | None = None, **options: object) -> bytes:
    return encode_image(picture or draw(), "JPEG", **{"quality": 92, **options})


KINDS = {
    "baseline": encode(),
    "progressive": encode(progressive=True),
    "optimized": encode(optimize=True),
    "gray": encode(draw().convert("L")),
    "ink": encode(draw().convert("CMYK")),
    "with restarts": encode(restart_marker_blocks=8),
    "channel by channel": encode_in_three_scans(draw()),
    "to be turned": encode(exif=exif(6)),
}


def find_pixels(data: bytes) -> tuple[int, int]:
    """Returns the range of the compressed pixels, from the first scan to the end marker."""
    segments = list(iter_segments(data))
    first = next(segment for segment in segments if segment.marker == START_OF_SCAN)
    return first.end, segments[-1].offset


def cut(data: bytes, share: float) -> bytes:
    start, end = find_pixels(data)
    return data[: start + int((end - start) * share)]


def zero(data: bytes, share: float, length: int | None = None) -> bytes:
    start, end = find_pixels(data)
    at = start + int((end - start) * share)
    until = end if length is None else min(at + length, end)
    return data[:at] + bytes(until - at) + data[until:]


def lack(data: bytes) -> bytes:
    """Removes a tenth from the middle of the pixels."""
    start, end = find_pixels(data)
    middle, tenth = (start + end) // 2, (end - start) // 10
    return data[:middle] + data[middle + tenth :]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "half is missing": lambda data: cut(data, 0.5) + END,
    "the last twentieth is missing": lambda data: cut(data, 0.95) + END,
    "the last bytes are missing": lambda data: cut(data, 1)[:-6] + END,
    "zeros to the end": lambda data: zero(data, 0.5),
    "a sector of zeros": lambda data: zero(data, 0.4, 4096),
    "a part of the middle is missing": lack,
}


def read_refusal(data: bytes) -> Code | None:
    try:
        prepare_photo(data, PHOTO_LIMITS, 100)
    except PhotoError as error:
        return error.code
    return None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_pixels_are_refused_before_the_purchase(kind: str, damage: str) -> None:
    damaged = DAMAGES[damage](KINDS[kind])

    assert read_refusal(damaged) is Code.DAMAGED_PHOTO
    with pytest.raises(PhotoError):
        load_upright_photo(damaged, 100)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.01, 0.5, 0.97])
def test_photo_that_ends_in_its_pixels_is_truncated(kind: str, share: float) -> None:
    assert read_refusal(cut(KINDS[kind], share)) is Code.TRUNCATED_PHOTO


@pytest.mark.parametrize("end", [b"", END], ids=["truncated", "with an end marker"])
def test_progressive_photo_that_lacks_whole_scans_is_refused(end: bytes) -> None:
    data = KINDS["progressive"]
    scans = [segment for segment in iter_segments(data) if segment.marker == START_OF_SCAN]
    assert len(scans) > 5

    for scan in scans[1:]:
        before_its_table = data[: data.rindex(b"\xff\xc4", 0, scan.offset)]
        assert read_refusal(before_its_table + end) is (Code.DAMAGED_PHOTO if end else Code.TRUNCATED_PHOTO)


def test_most_sectors_of_zeros_are_found() -> None:
    """After a sector of zeros, a decoder rarely arrives at the end of the pixels with exactly the right number."""
    chance = random.Random(7)
    damaged = [
        zero(KINDS[kind], chance.random() * 0.8, 4096) for kind in ("baseline", "progressive") for _ in range(20)
    ]

    assert sum(read_refusal(data) is None for data in damaged) <= 2


def put_before_end(data: bytes, part: bytes) -> bytes:
    end = find_pixels(data)[1]
    return data[:end] + part + data[end:]


def odd_sampling(factors: int) -> bytes:
    done, data = cv2.imencode(".jpg", np.asarray(draw()), [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, factors])
    assert done
    return data.tobytes()


WHOLE = {
    **KINDS,
    **{f"{kind} without its end marker": data[:-2] for kind, data in KINDS.items()},
    "with half of its end marker": KINDS["baseline"][:-1],
    "with a tail": KINDS["baseline"] + b"PK\3\4" + bytes(5_000),
    "with a second picture": KINDS["baseline"] + KINDS["progressive"],
    "with a second picture that is cut": KINDS["baseline"] + cut(KINDS["baseline"], 0.5),
    "with padding of zeros": put_before_end(KINDS["baseline"], bytes(900)),
    "with padding of spaces": put_before_end(KINDS["progressive"], b" " * 511),
    "with fill bytes before its end": put_before_end(KINDS["baseline"], b"\xff" * 700),
    "with a byte too many": put_before_end(KINDS["baseline"], b"\x5a"),
    "with fill bytes before its scan": KINDS["baseline"].replace(b"\xff\xda", b"\xff" * 9 + b"\xff\xda", 1),
    "with comments between its scans": KINDS["progressive"].replace(b"\xff\xda", b"\xff\xfe\0\4hi\xff\xda"),
    "with the scan parameters of a Samsung phone": edit_segment(KINDS["baseline"], START_OF_SCAN, 8, 0),
    "of 16 pixels": encode(draw(16, 16)),
    "of odd sides": encode(draw(331, 17)),
    "of one color": encode(Image.new("RGB", (640, 480), "white"), optimize=True),
    "of one color in many scans": encode(Image.new("RGB", (640, 480), "black"), progressive=True),
    "of noise": encode(Image.fromarray(noise(160, 120)), quality=100, subsampling=0),
    "of low quality": encode(quality=3),
    "stored as RGB": encode(keep_rgb=True),
    "4:1:1": odd_sampling(cv2.IMWRITE_JPEG_SAMPLING_FACTOR_411),
    "4:4:0": odd_sampling(cv2.IMWRITE_JPEG_SAMPLING_FACTOR_440),
    "4:2:2": encode(subsampling=1),
    "of a later JFIF": KINDS["baseline"].replace(b"JFIF\0\1", b"JFIF\0\3", 1),
    "of an unknown Adobe transform": KINDS["ink"].replace(b"Adobe\0\x64\0\0\0\0", b"Adobe\0\x64\0\0\0\0\7", 1),
}  # fmt: skip


@pytest.mark.parametrize("name", WHOLE)
def test_whole_photo_is_not_accused(name: str) -> None:
    assert read_refusal(WHOLE[name]) is None


def test_photo_without_its_end_marker_is_sent_with_one() -> None:
    data = KINDS["baseline"][:-2]

    assert prepare_photo(data, PHOTO_LIMITS, 100).data is None
    assert strip_photo_metadata(data) == strip_photo_metadata(KINDS["baseline"])
    assert np.array_equal(np.asarray(load_upright_photo(data, 100)), np.asarray(Image.open(BytesIO(KINDS["baseline"]))))
