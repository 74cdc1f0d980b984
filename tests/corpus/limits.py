"""Files that are too large for their provider, with limits small enough for quick tests."""

from collections.abc import Iterator

import numpy as np
from PIL import Image

from backdrop.model.capabilities import PhotoLimits
from backdrop.model.codes import Code
from tests.corpus.case import Case
from tests.corpus.files import exif, saved
from tests.corpus.scene import Pixels, laid_down, noise, picture, scene, with_alpha

_ALL = ("jpeg", "png", "webp")


def cases() -> Iterator[Case]:
    yield from _photos(detailed())
    yield from _graphics(detailed())
    yield from _other_limits(scene(width=480, height=320))


def detailed() -> Pixels:
    """A scene with enough detail for each quality step to change the file size."""
    soft = picture(noise(60, 40)).resize((480, 320), Image.Resampling.BICUBIC)
    return (scene(width=480, height=320) * 0.85 + np.asarray(soft) * 0.15).astype(np.uint8)


def _photos(shown: Pixels) -> Iterator[Case]:
    fine = saved(shown, "jpeg", quality=99)
    yield _case("jpeg-that-a-lower-quality-saves", fine, 45_000, "jpeg:92")
    yield _case("jpeg-that-must-shrink", fine, 20_000, "jpeg:85", "scaled:480x320:")
    turned = saved(laid_down(shown, 6), "jpeg", exif=exif(6), quality=99)
    yield Case(
        "jpeg-that-is-turned-and-must-shrink",
        turned,
        ("orientation:6",),
        limits=PhotoLimits(20_000, _ALL),
        encoded="jpeg:85",
        scaled="scaled:480x320:",
        pixels=shown,
    )
    poor = saved(shown, "jpeg", quality=82)
    yield _case("jpeg-of-a-poor-quality-that-must-shrink", poor, 18_000, "jpeg:kept", "scaled:480x320:")
    static = noise(300, 200)
    changes = ("orientation:3",)
    noisy = saved(laid_down(static, 3), "jpeg", exif=exif(3), quality=100)
    yield Case("jpeg-of-noise-upside-down", noisy, changes, pixels=static, encoded="jpeg:kept_quality")


def _graphics(shown: Pixels) -> Iterator[Case]:
    loose = saved(shown, "png", compress_level=0)
    yield _case("png-that-was-not-packed", loose, 150_000, "png:lossless")
    yield _case("png-that-webp-saves", loose, 110_000, "webp:lossless")
    yield _case("png-that-jpeg-saves", loose, 60_000, "jpeg:95")
    clear = saved(with_alpha(shown), "png")
    yield _case("png-with-alpha-that-webp-saves", clear, 60_000, "webp:95")
    only = PhotoLimits(90_000, ("png",))
    name = "png-with-alpha-that-must-shrink"
    yield Case(name, clear, limits=only, encoded="png:lossless", scaled="scaled:480x320:")
    tiny = PhotoLimits(200, _ALL)
    yield Case("png-that-fits-at-no-size", loose, limits=tiny, code=Code.TOO_LARGE_BYTES)


def _other_limits(shown: Pixels) -> Iterator[Case]:
    short = PhotoLimits(10_000_000, _ALL, 320)
    name = "jpeg-whose-side-is-too-long"
    yield Case(name, saved(shown, "jpeg"), limits=short, encoded="jpeg:kept_quality", scaled="scaled:480x320:320x213")
    png = PhotoLimits(100_000, ("png",))
    yield Case("webp-that-is-not-taken", saved(scene(), "webp"), limits=png, encoded="png:lossless")


def _case(name: str, data: bytes, max_bytes: int, encoded: str, scaled: str = "", *changes: str) -> Case:
    assert len(data) > max_bytes, name
    return Case(name, data, changes, limits=PhotoLimits(max_bytes, _ALL), encoded=encoded, scaled=scaled)
