"""Colors as every screen understands them: sRGB, 8 bits, with alpha only where something is transparent."""

from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageCms import ImageCmsProfile

_CREATED = slice(24, 36)
"""Where an ICC profile says when it was made (ICC.1:2022, 7.2.1)."""
_LONG_AGO = bytes((0x07, 0xE8, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0))
_WIDE_MODES = frozenset({"I;16", "I;16L", "I;16B"})


def to_srgb(picture: "Image") -> "Image":
    """A decoded picture as RGB, or as RGBA where something is transparent; its colors as its profile means them.

    A profile that does not fit the picture, or is damaged, counts for nothing.
    """
    profile = _foreign(picture.info.get("icc_profile"))
    alpha = _alpha(picture)
    made = picture
    if profile or picture.mode != ("RGBA" if alpha else "RGB"):
        made = _through(profile, _opaque(picture))
        if alpha:
            made.putalpha(alpha)
    made.info = {}
    return made


def _foreign(data: bytes | None) -> "ImageCmsProfile | None":
    """A profile that says something else than sRGB."""
    from PIL import ImageCms

    try:
        profile = ImageCms.ImageCmsProfile(BytesIO(data)) if data else None
        return None if profile is None or "sRGB" in ImageCms.getProfileDescription(profile) else profile
    except (ImageCms.PyCMSError, OSError):
        return None


def _alpha(picture: "Image") -> "Image | None":
    if not picture.has_transparency_data:
        return None
    alpha = (picture if picture.mode in ("RGBA", "LA") else picture.convert("RGBA")).getchannel("A")
    return None if alpha.getextrema() == (255, 255) else alpha


def _opaque(picture: "Image") -> "Image":
    """The colors alone, in a mode that a profile can speak of."""
    if picture.mode in _WIDE_MODES:
        return picture.point(lambda value: value * (1 / 256)).convert("L")
    if picture.mode in ("L", "CMYK", "RGB"):
        return picture
    return picture.convert("L" if picture.mode in ("1", "LA") else "RGB")


def _through(profile: "ImageCmsProfile | None", picture: "Image") -> "Image":
    from PIL import ImageCms

    try:
        made = ImageCms.profileToProfile(picture, profile, _srgb(), outputMode="RGB") if profile else None
    except ImageCms.PyCMSError:
        made = None
    return made or picture.convert("RGB")


def _srgb() -> Any:
    from PIL import ImageCms

    return ImageCms.createProfile("sRGB")


@cache
def srgb_profile() -> bytes:
    """The profile by which files without a word of their own say sRGB; the same bytes each time."""
    from PIL import ImageCms

    made = bytearray(ImageCms.ImageCmsProfile(_srgb()).tobytes())
    made[_CREATED] = _LONG_AGO
    return bytes(made)
