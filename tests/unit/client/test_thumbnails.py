"""Agents and notebooks see photos of every format that the pipeline takes, and no other decoder opens a file."""

import random
from io import BytesIO

import pytest
from PIL import EpsImagePlugin, Image

from backdrop_client.errors import ClientCode, GoneError
from backdrop_client.notebook import render_before_and_after
from backdrop_client.thumbnails import read_thumbnail
from tests.corpus.convertible import saved

MAX_SIDE = 512


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "gif", "tiff", "bmp", "avif", "heic"])
def test_photo_of_each_format_is_shown_small(kind: str) -> None:
    photo = saved(Image.new("RGB", (1024, 512), "navy"), kind)
    thumbnail = read_thumbnail(lambda: photo, MAX_SIDE)
    assert thumbnail is not None
    shown = Image.open(BytesIO(thumbnail))
    assert (shown.format, shown.size) == ("WEBP", (512, 256))
    assert "data:image/webp" in render_before_and_after({"before": lambda: photo})


def test_postscript_does_not_reach_ghostscript(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(*_: object) -> None:
        pytest.fail("A PostScript file reached Ghostscript.")

    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", start)
    buffer = BytesIO()
    Image.new("RGB", (64, 48), "navy").save(buffer, "EPS")
    assert read_thumbnail(buffer.getvalue, MAX_SIDE) is None


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "gif", "tiff", "bmp", "avif"])
def test_damaged_photo_is_no_error(kind: str) -> None:
    photo, source = saved(Image.effect_noise((40, 40), 50).convert("RGB"), kind), random.Random(1)
    for _ in range(150):
        damaged = bytearray(photo)
        for _ in range(3):
            damaged[source.randrange(len(damaged))] = source.randrange(256)
        read_thumbnail(lambda data=bytes(damaged): data, MAX_SIDE)


def test_deleted_photo_has_no_thumbnail() -> None:
    def read() -> bytes:
        raise GoneError(ClientCode.GONE, "It is gone.", "Call `create`.")

    assert read_thumbnail(read, MAX_SIDE) is None
