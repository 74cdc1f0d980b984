"""Customers' brand images: checked before the purchase, and opened when a picture is made."""

from typing import TYPE_CHECKING

from backdrop.imaging.color import to_srgb
from backdrop.imaging.decode import check_decodable, decode
from backdrop.imaging.exif import apply_orientation, find_orientation
from backdrop.imaging.formats import read_header, read_metadata, validate_structure
from backdrop.imaging.formats.header import ImageFormatError, ImageHeader
from backdrop.imaging.sniff import sniff_file
from backdrop.imaging.strip_resize import downscale
from backdrop.imaging.visibility import count_alpha_values, shows_nothing
from backdrop.model.composition import BrandImageUse

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_BRAND_IMAGE_PIXELS = 25_000_000
MAX_OPENED_SIDES = {BrandImageUse.LOGO: 2_048, BrandImageUse.BACKGROUND: 2_560}
"""The longest side, in pixels, at which an image is drawn: it is in memory together with a photo of 50 megapixels."""


class BrandImageError(ValueError):
    """An image that cannot be drawn. The message completes `The logo …`."""


def check_brand_image(data: bytes) -> None:
    """Raises `BrandImageError` if the file is not a complete and visible PNG, JPEG, or WebP of an accepted size."""
    header = _read_header(data)
    if not header.has_alpha:
        return
    try:
        _require_visible(decode(data, header))
    except ImageFormatError as error:
        raise BrandImageError(str(error)) from error


def open_brand_image(data: bytes, use: BrandImageUse) -> "Image":
    """Returns the image upright, in sRGB, and scaled down to what its use needs. Raises `BrandImageError`."""
    header = _read_header(data)
    longest_side = MAX_OPENED_SIDES[use]
    try:
        picture = decode(data, header, draft_size=(longest_side, longest_side))
    except ImageFormatError as error:
        raise BrandImageError(str(error)) from error
    orientation = find_orientation(read_metadata(data, header.format).exif)
    _require_visible(picture)
    scale = longest_side / max(picture.size)
    return apply_orientation(downscale(to_srgb(picture), scale), orientation)


def _require_visible(picture: "Image") -> None:
    if shows_nothing(count_alpha_values(picture)):
        raise BrandImageError("shows nothing, because every pixel is transparent, or almost")


def _read_header(data: bytes) -> ImageHeader:
    kind = sniff_file(data)
    if kind.format is None:
        raise BrandImageError(f"is {kind.description}, not a PNG, JPEG, or WebP picture")
    try:
        header = validate_structure(data, read_header(data, kind.format))
        if header.width * header.height > MAX_BRAND_IMAGE_PIXELS:
            raise BrandImageError(
                f"is {header.width:,} × {header.height:,} pixels; at most {MAX_BRAND_IMAGE_PIXELS:,} are allowed"
            )
        check_decodable(data, header)
    except ImageFormatError as error:
        raise BrandImageError(str(error)) from error
    return header
