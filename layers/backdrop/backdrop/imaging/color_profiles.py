"""What a color profile does to a picture's colors, found by trying it and never by its name."""

from io import BytesIO
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from PIL.Image import Image

type ProfileEffect = Literal["srgb", "other", "unusable"]

MAX_INVISIBLE_DIFFERENCE = 4
"""How far, of 255, a probe's channel may move: sRGB's makers round its curve differently, and nobody sees it."""

_PROBE_LEVELS = range(0, 256, 51)


def classify_profile(profile: bytes, mode: str) -> ProfileEffect:
    """What the profile makes of colors in the mode `RGB`, `L` or `CMYK`: what sRGB makes of them, or something else.

    Unusable is a profile that is damaged, or speaks of another kind of colors than the picture has.
    """
    from PIL import ImageChops, ImageCms

    probe = _build_probe(mode)
    try:
        converted = ImageCms.profileToProfile(
            probe, ImageCms.ImageCmsProfile(BytesIO(profile)), create_srgb_profile(), outputMode="RGB"
        )
    except (ImageCms.PyCMSError, OSError, ValueError):
        return "unusable"
    if converted is None or mode == "CMYK":
        return "other"
    differences = ImageChops.difference(converted, probe.convert("RGB")).tobytes()
    return "srgb" if max(differences) <= MAX_INVISIBLE_DIFFERENCE else "other"


def create_srgb_profile() -> Any:
    """The profile that everything is brought to, as littlecms builds it."""
    from PIL import ImageCms

    return ImageCms.createProfile("sRGB")


def _build_probe(mode: str) -> "Image":
    """A small picture of colors from all over the cube; all greys where there is one channel."""
    from PIL import Image

    if mode == "L":
        return Image.frombytes("L", (256, 1), bytes(range(256)))
    colors = bytes(
        value
        for red in _PROBE_LEVELS
        for green in _PROBE_LEVELS
        for blue in _PROBE_LEVELS
        for value in (red, green, blue)
    )
    return Image.frombytes("RGB", (len(_PROBE_LEVELS), len(_PROBE_LEVELS) ** 2), colors).convert(mode)
