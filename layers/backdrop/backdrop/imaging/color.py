"""Converts colors to 8-bit sRGB, which every screen shows correctly, with alpha only if something is transparent."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from io import BytesIO
from typing import TYPE_CHECKING, Any, Literal

from backdrop.imaging.color_spaces import SRGB, ColorSpace, ColorStatement, build_profile

if TYPE_CHECKING:
    from PIL.Image import Image

type ProfileEffect = Literal["srgb", "other", "unusable"]

MAX_INVISIBLE_DIFFERENCE = 4
"""Maximum change of a probe channel (0–255). Vendors round sRGB's curve differently, which is not visible."""

_PROBE_LEVELS = range(0, 256, 51)
_CREATION_DATE = slice(24, 36)
"""The position of the creation date in an ICC profile (ICC.1:2022, 7.2.1)."""
_FIXED_CREATION_DATE = bytes((0x07, 0xE8, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0))
_MODES_16_BIT = frozenset({"I;16", "I;16L", "I;16B"})


def to_srgb(picture: "Image") -> "Image":
    """Converts a decoded picture to RGB, or to RGBA if something in it is transparent, and applies its color profile.

    A profile that is damaged or does not match the picture's mode is ignored.
    """
    profile = picture.info.get("icc_profile")
    if profile and classify_profile(profile, to_profile_mode(picture.mode)) != "other":
        profile = None
    alpha = extract_alpha(picture)
    # Pillow would warn that the conversion loses it; it is added back as alpha.
    picture.info.pop("transparency", None)
    if profile and alpha and picture.mode == "RGBA":
        # In place: every copy of a large picture takes as much memory again.
        _apply_profile_in_place(picture, profile)
        profile = None
    converted = picture
    if profile or picture.mode != ("RGBA" if alpha else "RGB"):
        converted = _convert_to_rgb(profile, _drop_alpha(picture))
        if alpha:
            converted.putalpha(alpha)
    converted.info = {}
    return converted


@dataclass(frozen=True, slots=True)
class StatedColors:
    """What a file's statements about its colors amount to.

    `profile`: an ICC profile that the picture's colors follow; None if they are sRGB. `is_converted`: the profile
    differs visibly from sRGB. `is_ignored`: a statement cannot be used. `is_hdr`: `profile` compresses highlights.
    """

    profile: bytes | None = None
    is_converted: bool = False
    is_ignored: bool = False
    is_hdr: bool = False


def choose_colors(statements: Iterable[ColorStatement], mode: str) -> StatedColors:
    """Returns the first of the statements that can be used for a picture in this mode of Pillow."""
    is_ignored = False
    if mode == "LAB":
        return StatedColors()
    profile_mode = to_profile_mode(mode)
    for statement in statements:
        if statement == SRGB:
            break
        is_space = isinstance(statement, ColorSpace)
        profile = build_profile(statement, profile_mode) if is_space else statement
        effect = classify_profile(profile, profile_mode) if profile else "unusable"
        if effect != "unusable":
            return StatedColors(profile, effect == "other", is_ignored, is_space and statement.is_hdr)
        is_ignored = True
    return StatedColors(is_ignored=is_ignored)


def to_profile_mode(mode: str) -> str:
    """Returns the color space that a profile for a picture in this mode must have: `CMYK`, `L`, or `RGB`."""
    if mode == "CMYK":
        return mode
    return "L" if mode in _MODES_16_BIT or mode in ("1", "L", "LA") else "RGB"


@lru_cache(maxsize=2)
def classify_profile(profile: bytes, mode: str) -> ProfileEffect:
    """Tests whether a profile gives colors in the mode `RGB`, `L`, or `CMYK` the same meaning as sRGB does.

    The profile is applied to a probe; its name is not considered. A profile is `unusable` if it is damaged or for
    another color space. The last answers are kept, because each one takes milliseconds, and a photo is opened several
    times.
    """
    from PIL import ImageChops, ImageCms

    probe = _build_probe(mode)
    try:
        converted = ImageCms.profileToProfile(
            probe, ImageCms.ImageCmsProfile(BytesIO(profile)), _create_srgb_profile(), outputMode="RGB"
        )
    except (ImageCms.PyCMSError, OSError, ValueError):
        return "unusable"
    if converted is None or mode == "CMYK":
        return "other"
    differences = ImageChops.difference(converted, probe.convert("RGB")).tobytes()
    return "srgb" if max(differences) <= MAX_INVISIBLE_DIFFERENCE else "other"


@cache
def srgb_profile_bytes() -> bytes:
    """Returns the sRGB profile for formats that cannot state sRGB in any other way. The bytes are always the same."""
    from PIL import ImageCms

    profile = bytearray(ImageCms.ImageCmsProfile(_create_srgb_profile()).tobytes())
    profile[_CREATION_DATE] = _FIXED_CREATION_DATE
    return bytes(profile)


def _create_srgb_profile() -> Any:
    from PIL import ImageCms

    return ImageCms.createProfile("sRGB")


def _build_probe(mode: str) -> "Image":
    """Builds a small picture with colors from the whole RGB cube, or with all grays for `L`."""
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


def is_transparent(picture: "Image") -> bool:
    """Whether a picture (RGB or RGBA) is transparent anywhere, even slightly."""
    return picture.mode == "RGBA" and picture.getextrema()[-1] != (255, 255)


def extract_alpha(picture: "Image") -> "Image | None":
    """Returns the alpha channel of a decoded picture in any mode; None if the picture is opaque."""
    if not picture.has_transparency_data:
        return None
    alpha = (picture if picture.mode in ("RGBA", "LA") else picture.convert("RGBA")).getchannel("A")
    return None if alpha.getextrema() == (255, 255) else alpha


def _drop_alpha(picture: "Image") -> "Image":
    """Returns only the colors, in a mode that a profile can apply to."""
    if picture.mode in _MODES_16_BIT:
        return picture.point(lambda value: value * (1 / 256)).convert("L")
    if picture.mode in ("L", "CMYK", "RGB", "LAB"):
        return picture
    return picture.convert(to_profile_mode(picture.mode))


def _convert_to_rgb(profile: bytes | None, picture: "Image") -> "Image":
    from PIL import ImageCms

    if picture.mode == "LAB":
        return _apply_profile(picture, ImageCms.createProfile("LAB"))
    return _apply_profile(picture, ImageCms.ImageCmsProfile(BytesIO(profile))) if profile else picture.convert("RGB")


def _apply_profile(picture: "Image", profile: Any) -> "Image":
    from PIL import ImageCms

    converted = ImageCms.profileToProfile(picture, profile, _create_srgb_profile(), outputMode="RGB")
    return converted or picture.convert("RGB")


def _apply_profile_in_place(picture: "Image", profile: bytes) -> None:
    """Converts the colors of an RGBA picture."""
    from PIL import ImageCms

    ImageCms.profileToProfile(picture, ImageCms.ImageCmsProfile(BytesIO(profile)), _create_srgb_profile(), inPlace=True)
