"""What a color profile does to a picture's colors, found by trying it and never by its name."""

from io import BytesIO
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from PIL.Image import Image

type Meaning = Literal["srgb", "other", "unusable"]

UNSEEN = 4
"""How far, of 255, a probe's channel may move: sRGB's makers round its curve differently, and nobody sees it."""

_STEPS = range(0, 256, 51)


def meaning_of(profile: bytes, mode: str) -> Meaning:
    """What the profile makes of colors in the mode `RGB`, `L` or `CMYK`: what sRGB makes of them, or something else.

    Unusable is a profile that is damaged, or speaks of another kind of colors than the picture has.
    """
    from PIL import ImageChops, ImageCms

    probe = _probe(mode)
    try:
        seen = ImageCms.profileToProfile(probe, ImageCms.ImageCmsProfile(BytesIO(profile)), srgb(), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return "unusable"
    if seen is None or mode == "CMYK":
        return "other"
    moved = ImageChops.difference(seen, probe.convert("RGB")).tobytes()
    return "srgb" if max(moved) <= UNSEEN else "other"


def srgb() -> Any:
    """The profile that everything is brought to, as littlecms builds it."""
    from PIL import ImageCms

    return ImageCms.createProfile("sRGB")


def _probe(mode: str) -> "Image":
    """A small picture of colors from all over the cube; all greys where there is one channel."""
    from PIL import Image

    if mode == "L":
        return Image.frombytes("L", (256, 1), bytes(range(256)))
    colors = bytes(value for red in _STEPS for green in _STEPS for blue in _STEPS for value in (red, green, blue))
    return Image.frombytes("RGB", (len(_STEPS), len(_STEPS) ** 2), colors).convert(mode)
