"""Colors as every screen understands them: sRGB, 8 bits, with alpha only where something is transparent."""

from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Any

from backdrop.imaging.color_profiles import classify_profile, create_srgb_profile

if TYPE_CHECKING:
    from PIL.Image import Image

_CREATION_DATE = slice(24, 36)
"""Where an ICC profile says when it was made (ICC.1:2022, 7.2.1)."""
_FIXED_CREATION_DATE = bytes((0x07, 0xE8, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0))
_MODES_16_BIT = frozenset({"I;16", "I;16L", "I;16B"})


def to_srgb(picture: "Image") -> "Image":
    """A decoded picture as RGB, or as RGBA where something is transparent; its colors as its profile means them.

    A profile that does not fit the picture, or is damaged, counts for nothing.
    """
    profile = find_non_srgb_profile(picture)
    alpha = _extract_alpha(picture)
    # Pillow warns where a conversion loses it; it is put back as alpha.
    picture.info.pop("transparency", None)
    converted = picture
    if profile or picture.mode != ("RGBA" if alpha else "RGB"):
        converted = _convert_to_rgb(profile, _drop_alpha(picture))
        if alpha:
            converted.putalpha(alpha)
    converted.info = {}
    return converted


def find_non_srgb_profile(picture: "Image") -> bytes | None:
    """A profile that can be used and makes something else of the picture's colors than sRGB does."""
    data = picture.info.get("icc_profile")
    return data if data and classify_profile(data, to_profile_mode(picture.mode)) == "other" else None


def to_profile_mode(mode: str) -> str:
    """The kind of colors that a profile of a picture in this mode speaks of."""
    if mode == "CMYK":
        return mode
    return "L" if mode in _MODES_16_BIT or mode in ("1", "L", "LA") else "RGB"


def _extract_alpha(picture: "Image") -> "Image | None":
    if not picture.has_transparency_data:
        return None
    alpha = (picture if picture.mode in ("RGBA", "LA") else picture.convert("RGBA")).getchannel("A")
    return None if alpha.getextrema() == (255, 255) else alpha


def _drop_alpha(picture: "Image") -> "Image":
    """The colors alone, in a mode that a profile can speak of."""
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

    converted = ImageCms.profileToProfile(picture, profile, create_srgb_profile(), outputMode="RGB")
    return converted or picture.convert("RGB")


@cache
def srgb_profile_bytes() -> bytes:
    """The profile by which files without a word of their own say sRGB; the same bytes each time."""
    from PIL import ImageCms

    profile = bytearray(ImageCms.ImageCmsProfile(create_srgb_profile()).tobytes())
    profile[_CREATION_DATE] = _FIXED_CREATION_DATE
    return bytes(profile)
