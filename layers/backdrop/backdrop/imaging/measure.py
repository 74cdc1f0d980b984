"""Measures a picture's file for a marketplace's rules: what it is after decoding, not how it was requested.

Pixels are read in strips, and a large JPEG at a reduced size, so that measuring needs little more than the decoder.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import accumulate
from math import ceil
from typing import TYPE_CHECKING

from backdrop.imaging.color import to_srgb
from backdrop.imaging.decode import decode
from backdrop.imaging.exif import apply_orientation, find_orientation, is_sideways
from backdrop.imaging.formats import read_header, read_metadata, validate_structure
from backdrop.imaging.formats.header import ImageFormatError
from backdrop.imaging.inspect import identify_file, to_photo_error
from backdrop.imaging.matte_parts import mark_visible
from backdrop.imaging.output_layout import OutputLayout
from backdrop.imaging.prepare import load_upright_photo
from backdrop.imaging.sniff import FileKind
from backdrop.imaging.subject import Subject, compute_mask_size, locate_subject
from backdrop.imaging.trim import RgbColor, have_same_color, mark_content, read_pixel
from backdrop.model.capabilities import MAX_MEGAPIXELS
from backdrop.model.certificate import Certificate, Measured
from backdrop.model.codes import Code
from backdrop.model.errors import PhotoError
from backdrop.model.frame import Box, Size
from backdrop.model.marketplaces import CUT_OFF, NO_LABEL, WHOLE, load_marketplace
from backdrop.model.output_spec import JPG

if TYPE_CHECKING:
    from PIL.Image import Image

EDGE_PIXELS = 16
"""Pixels around the subject that do not count as background: a JPEG's blocks mix both, and cut-outs have soft edges."""
MAX_STRAY_SHARE = 0.001
"""The share of the background's pixels that may differ from the others, such as dust."""
TRANSPARENT = "transparent"

_BORDER_SHARE = 0.02
"""The border, as a share of each side, that counts as background if no subject is found."""
_MAX_DECODED_PIXELS = 12_000_000
"""A larger JPEG is decoded at half, a quarter, or an eighth of its size."""
_STRIP_ROWS = 256
_MEGAPIXEL = 1_000_000
_LABEL = re.compile(rb"DigitalSourceType\W.{0,200}?/digitalsourcetype/(\w+)", re.DOTALL)
"""The last part of the IPTC digital source type's URL, as an element or as an attribute of an XMP packet."""


def certify_file(data: bytes, marketplace: str, *, operation: str, subject: Subject | None) -> Certificate:
    """Measures an output's file and judges it by the marketplace's rules. Arguments and errors as in `measure_file`."""
    measurements = measure_file(data, operation=operation, subject=subject)
    return load_marketplace(marketplace).certify(measurements, operation)


def measure_file(
    data: bytes, *, operation: str | None = None, subject: Subject | None = None, max_megapixels: int = MAX_MEGAPIXELS
) -> dict[str, Measured]:
    """Returns a picture's measurements by the names of the rules.

    `operation`: how the picture was made; None if unknown. `subject`: where the picture shows its subject, if its matte
    is known; otherwise, it is searched for in the picture. Raises `PhotoError` for a file that is not a picture.
    """
    kind = identify_file(data)
    try:
        picture, size = _decode(data, kind, max_megapixels)
    except ImageFormatError as error:
        raise to_photo_error(error, kind) from error
    label = _LABEL.search(read_metadata(data, kind.format).xmp) if kind.format else None
    pixels = _Pixels(picture, size)
    subject = subject or pixels.locate_subject()
    shortest, longest = sorted(size)
    return {
        "longest_side": longest,
        "shortest_side": shortest,
        "megapixels": round(size[0] * size[1] / _MEGAPIXEL, 2),
        "aspect_ratio": round(size[0] / size[1], 4),
        "bytes": len(data),
        "format": JPG if kind.format == "jpeg" else kind.format or kind.convertible_format,
        "background": pixels.measure_background(subject),
        "subject_share": _measure_share(subject, size),
        "whole_product": _describe_wholeness(subject),
        "ai_label": label[1].decode() if label else NO_LABEL if operation == "replace" else None,
    }


def _decode(data: bytes, kind: FileKind, max_megapixels: int) -> "tuple[Image, Size]":
    """Returns the picture upright, possibly at a reduced size, and its full size."""
    if kind.format is None:
        picture = load_upright_photo(data, max_megapixels)
        return picture, picture.size
    header = validate_structure(data, read_header(data, kind.format))
    pixel_count = header.width * header.height
    if pixel_count > max_megapixels * _MEGAPIXEL:
        message = (
            f"The picture has {pixel_count / _MEGAPIXEL:,.0f} megapixels; at most {max_megapixels:,} are measured."
        )
        raise PhotoError(Code.TOO_MANY_PIXELS, message)
    reduction = next((one for one in (1, 2, 4) if pixel_count <= _MAX_DECODED_PIXELS * one**2), 8)
    picture = decode(data, header, draft_size=(header.width // reduction, header.height // reduction))
    orientation = find_orientation(read_metadata(data, kind.format).exif)
    size = (header.height, header.width) if is_sideways(orientation) else (header.width, header.height)
    return apply_orientation(picture, orientation), size


def _measure_share(subject: Subject | None, size: Size) -> float | None:
    """Returns the share of the picture's width or height that the subject's box fills, whichever is larger."""
    if subject is None:
        return None
    if subject.box is None:
        return 0.0
    left, top, right, bottom = subject.box
    return round(max((right - left) / size[0], (bottom - top) / size[1]), 4)


def _describe_wholeness(subject: Subject | None) -> str | None:
    if subject is None or subject.is_whole is None:
        return None
    return WHOLE if subject.is_whole else CUT_OFF


class _Pixels:
    """A decoded picture. Only a strip at a time is converted to sRGB. `size` is that of the file."""

    def __init__(self, picture: "Image", size: Size) -> None:
        self._picture = picture
        self._scale = size[0] / picture.width

    def _iterate_strips(self) -> "Iterator[tuple[int, Image]]":
        """Yields strips in RGB, or in RGBA if something in a strip is transparent, each with its first row."""
        width, height = self._picture.size
        for top in range(0, height, _STRIP_ROWS):
            yield top, to_srgb(self._picture.crop((0, top, width, min(top + _STRIP_ROWS, height))))

    def locate_subject(self) -> Subject | None:
        """Returns the picture's visible part, or in an opaque picture, what differs from the color of its corners.

        None if the corners have different colors.
        """
        alpha = self._read_alpha()
        if alpha is None:
            return self._locate_content()
        whole_layout = OutputLayout(alpha.size, alpha.size, (0, 0), (0, 0, *alpha.size), 1.0)
        return locate_subject(alpha, whole_layout)

    def _read_alpha(self) -> "Image | None":
        from PIL import Image

        if not self._picture.has_transparency_data:
            return None
        alpha = Image.new("L", self._picture.size, 255)
        for top, strip in self._iterate_strips():
            if strip.mode == "RGBA":
                alpha.paste(strip.getchannel("A"), (0, top))
        return None if alpha.getextrema() == (255, 255) else alpha

    def _locate_content(self) -> Subject | None:
        from PIL import Image

        corners = self._read_corners()
        if not have_same_color(corners):
            return None
        boxes: list[Box] = []
        for top, strip in self._iterate_strips():
            if found := mark_content(strip, corners[0]).getbbox():
                boxes.append((found[0], found[1] + top, found[2], found[3] + top))
        mask = Image.new("L", compute_mask_size(self._picture.size))
        if not boxes:
            return Subject(mask, None, None)
        lefts, tops, rights, bottoms = zip(*boxes, strict=True)
        left, top, right, bottom = min(lefts), min(tops), max(rights), max(bottoms)
        scale = mask.width / self._picture.width
        mask.paste(255, (int(left * scale), int(top * scale), ceil(right * scale), ceil(bottom * scale)))
        box = left * self._scale, top * self._scale, right * self._scale, bottom * self._scale
        return Subject(mask, box, None)

    def _read_corners(self) -> list[RgbColor]:
        right, bottom = self._picture.width - 1, self._picture.height - 1
        boxes = [(x, y, x + 1, y + 1) for x in (0, right) for y in (0, bottom)]
        return [read_pixel(to_srgb(self._picture.crop(box)).convert("RGB"), 0, 0) for box in boxes]

    def measure_background(self, subject: Subject | None) -> str:
        """Returns the background's color, the range of its colors, or `transparent`.

        If the subject leaves no background, the color of the corners represents it.
        """
        from PIL import Image

        area = self._mark_border() if subject is None else self._mark_background(subject)
        counts = [0] * 1024
        for top, strip in self._iterate_strips():
            rows = [row * area.height / self._picture.height for row in (top, top + strip.height)]
            strip_area = area.resize(strip.size, Image.Resampling.NEAREST, box=(0, rows[0], area.width, rows[1]))
            strip_counts = strip.convert("RGBA").histogram(strip_area)
            counts = [sum(pair) for pair in zip(counts, strip_counts, strict=True)]
        *colors, alpha = (counts[start : start + 256] for start in range(0, 1024, 256))
        if not sum(alpha):
            return _format_range(*((min(band), max(band)) for band in zip(*self._read_corners(), strict=True)))
        if sum(alpha[:255]) > sum(alpha) * MAX_STRAY_SHARE:
            return TRANSPARENT
        return _format_range(*map(_find_range, colors))

    def _mark_border(self) -> "Image":
        from PIL import Image

        area = Image.new("L", compute_mask_size(self._picture.size), 255)
        across, down = ceil(area.width * _BORDER_SHARE), ceil(area.height * _BORDER_SHARE)
        area.paste(0, (across, down, area.width - across, area.height - down))
        return area

    def _mark_background(self, subject: Subject) -> "Image":
        from PIL import ImageFilter

        area = mark_visible(subject.mask)
        edge_pixels = (EDGE_PIXELS + subject.edge_pixels) / self._scale
        for _ in range(ceil(edge_pixels * area.width / self._picture.width)):
            area = area.filter(ImageFilter.MaxFilter(3))
        return area.point([255] + [0] * 255)


def _find_range(counts: Sequence[int]) -> tuple[int, int]:
    """Returns the lowest and the highest value of a color channel, without stray pixels."""
    strays = sum(counts) * MAX_STRAY_SHARE
    low = next(value for value, count in enumerate(accumulate(counts)) if count > strays)
    return low, 255 - next(value for value, count in enumerate(accumulate(reversed(counts))) if count > strays)


def _format_range(*ranges: tuple[int, int]) -> str:
    low, high = ("#" + "".join(f"{value:02x}" for value in side) for side in zip(*ranges, strict=True))
    return low if low == high else f"{low} to {high}"
