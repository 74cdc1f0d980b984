"""Photos that are not stored upright: every orientation in every format that can state one."""

from collections.abc import Iterator

from tests.corpus.case import Case
from tests.corpus.files import exif, saved
from tests.corpus.icc import P3, rgb_profile, seen_rgb
from tests.corpus.scene import Pixels, laid_down, picture, scene, with_alpha

_REPORTED = ("jpeg", "png", "webp", "tiff", "avif")
_CONVERTED = ("tiff", "heic", "avif")


def cases() -> Iterator[Case]:
    """Yields seven orientations in six formats, and some photos that also need other corrections."""
    for kind in (*_REPORTED, "heic"):
        for orientation in range(2, 9):
            yield _case(kind, orientation)
    yield from _more()


def _case(kind: str, orientation: int) -> Case:
    stored = picture(laid_down(scene(), orientation))
    # In a TIFF, Pillow reads the orientation from a tag. HEIC and AVIF state it in their boxes.
    options = {"tiffinfo": {0x0112: orientation}} if kind == "tiff" else {"exif": exif(orientation)}
    changes = (f"converted:{kind}",) if kind in _CONVERTED else ()
    reported = (f"orientation:{orientation}",) if kind in _REPORTED else ()
    data = saved(stored, kind, **options)
    return Case(f"{kind}-orientation-{orientation}", data, (*changes, *reported), pixels=scene())


def _more() -> Iterator[Case]:
    shown = scene()
    for sampling in ("4:2:0", "4:2:2"):
        data = saved(laid_down(shown, 6), "jpeg", exif=exif(6), quality=90, subsampling=sampling)
        yield Case(f"jpeg-turned-{sampling}", data, ("orientation:6",), seen=_turn_upright, encoded="jpeg:kept_quality")
    clear = with_alpha(shown)
    yield Case(
        "webp-with-alpha-turned", saved(laid_down(clear, 5), "webp", exif=exif(5)), ("orientation:5",), pixels=clear
    )
    profiled = saved(laid_down(shown, 8), "jpeg", exif=exif(8), icc_profile=rgb_profile(P3))
    changes = ("orientation:8", "profile:converted")
    yield Case("jpeg-turned-with-a-profile", profiled, changes, pixels=seen_rgb(P3)(shown))
    correct = saved(shown, "heic", exif=exif(1))
    contradictory = correct.replace(exif(1)[6:], exif(6)[6:])
    assert contradictory != correct
    # In a HEIC, only the orientation in its boxes counts (ISO/IEC 23008-12, 6.5.10).
    yield Case("heic-with-wrong-exif", contradictory, ("converted:heic",), pixels=shown)


def _turn_upright(pixels: Pixels) -> Pixels:
    """Turns pixels that are stored with orientation 6 upright."""
    return laid_down(pixels, 8)
