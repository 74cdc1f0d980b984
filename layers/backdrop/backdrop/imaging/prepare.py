"""Prepares a photo for its provider: a photo that fits is sent as it is; any other is decoded, corrected, and encoded.

Receipts list the changes:

- `converted:heic` (or `avif`, `tiff`, `bmp`, `gif`), `first_of_pictures:12` (which a job's warning also reports)
- `orientation:6`: the EXIF orientation before the photo was turned upright
- `profile:converted`: the colors that the file states, in a profile or otherwise, became sRGB; `profile:ignored` if the
  file states some that cannot be used, and no others that differ from sRGB
- `transparency:ignored`: the file states a transparent color that is invalid
- `colors:hdr` (PQ or HLG, highlights are compressed), `colors:cmyk`, `colors:grey`, `colors:palette`, `colors:lab`,
  `bits:16`: the photo before its conversion
- `reencoded:png:lossless`, `reencoded:jpeg:92`, `reencoded:jpeg:kept_quality`
- `scaled:8000x6000:5120x3840`: the size before and after
- `metadata:cut`: removing metadata made the file small enough, and its compressed pixels are the photo's own
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from math import sqrt
from typing import TYPE_CHECKING, cast

from backdrop.imaging.canvas import draw_canvas
from backdrop.imaging.color import StatedColors, choose_colors, to_srgb
from backdrop.imaging.color_statements import read_color_statements
from backdrop.imaging.compress import compress_to_limit
from backdrop.imaging.decode import check_decodable, decode, open_picture
from backdrop.imaging.encode import Encoding, list_encodings
from backdrop.imaging.exif import UPRIGHT, apply_orientation, find_orientation, is_sideways
from backdrop.imaging.formats import read_header, read_metadata, strip_metadata, validate_structure
from backdrop.imaging.formats.convertible import open_convertible, read_claimed_size
from backdrop.imaging.formats.header import ConvertibleFormat, ImageFormatError, ImageHeader, PhotoFormat
from backdrop.imaging.formats.jpeg import transpose_tables
from backdrop.imaging.inspect import (
    build_nothing_visible_error,
    build_unsupported_error,
    check_size,
    identify_file,
    read_valid_header,
    to_photo_error,
)
from backdrop.imaging.matte_parts import find_visible_box
from backdrop.imaging.sniff import FileKind
from backdrop.imaging.visibility import count_alpha_values, shows_nothing
from backdrop.model.capabilities import PhotoLimits
from backdrop.model.frame import Box, Canvas, Size, list_touched_sides
from backdrop.model.photo_facts import ChangeCode, PhotoChange

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile
    from PIL.JpegImagePlugin import JpegImageFile

_PROFILE_IGNORED = PhotoChange.of(ChangeCode.PROFILE, "ignored")
_TRANSPARENCY_IGNORED = PhotoChange.of(ChangeCode.TRANSPARENCY, "ignored")
_COLOR_CHANGES = {
    "CMYK": "cmyk", "LAB": "lab", "P": "palette", "PA": "palette", "1": "grey", "L": "grey", "LA": "grey", "I": "grey",
}  # fmt: skip
_PASSING_CHANGES = (_PROFILE_IGNORED, _TRANSPARENCY_IGNORED)
"""What is done to a photo when its metadata is removed."""
_MAX_TRANSPARENT_CANVAS_PIXELS = 6_000_000
"""WebP's lossless encoder takes about 40 bytes per pixel, while intake holds the photo's file."""
_LOSSY_CONVERTIBLE_FORMATS = frozenset({"heic", "avif"})


@dataclass(frozen=True, slots=True)
class PreparedPhoto:
    """The picture that is sent to the provider for a photo.

    `data` is None if the photo needs no conversion; its metadata is stripped when it is sent. `width`, `height`
    (pixels), and `format` describe the picture that is sent. `original_size` is the photo's displayed width and height.
    `has_alpha`: the photo may have transparent parts.
    """

    data: bytes | None
    width: int
    height: int
    changes: tuple[PhotoChange, ...]
    format: PhotoFormat
    original_size: tuple[int, int]
    has_alpha: bool


@dataclass(frozen=True, slots=True)
class FramedPhoto:
    """A photo on its canvas, as it is sent to the provider.

    `touched_sides`: the sides of the photo that its subject touches; empty if the subject is not known.
    """

    data: bytes
    canvas: Canvas
    touched_sides: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _OpenedPhoto:
    """A photo of an accepted size, not yet decoded.

    `load` decodes it, and `orientation` must be applied afterward. `header` is set if the file needs no conversion.
    `source_encoding` is how a JPEG was encoded.
    """

    load: Callable[[], "Image"]
    size: tuple[int, int]
    orientation: int
    changes: tuple[PhotoChange, ...]
    is_lossless: bool
    header: ImageHeader | None = None
    source_encoding: Encoding | None = None


def prepare_photo(data: bytes, limits: PhotoLimits, max_megapixels: int) -> PreparedPhoto:
    """Checks a photo and brings it within `limits`. The same bytes and limits always give the same result.

    Raises `PhotoError` with a code, a reason, and a hint. The size that a file claims is checked before a pixel is
    unpacked.
    """
    kind = identify_file(data)
    try:
        opened = _open_photo(data, kind, max_megapixels)
        header = opened.header
        if header and _fits_limits(header, limits) and all(change in _PASSING_CHANGES for change in opened.changes):
            unchanged = _pass_through(data, header, opened, limits)
            if unchanged:
                return unchanged
        return _convert_photo(opened, limits)
    except ImageFormatError as error:
        raise to_photo_error(error, kind) from error


def prepare_framed_photo(
    data: bytes, plan_canvas: Callable[[Size, Box | None], Canvas], limits: PhotoLimits, max_megapixels: int
) -> FramedPhoto:
    """Draws a photo on a canvas, and encodes it within `limits`.

    `plan_canvas` receives the photo's displayed size, and the box of its subject if the photo has transparent parts.
    Raises `PhotoError` like `prepare_photo`.
    """
    kind = identify_file(data)
    try:
        opened = _open_photo(data, kind, max_megapixels)
        photo = apply_orientation(to_srgb(opened.load()), opened.orientation)
    except ImageFormatError as error:
        raise to_photo_error(error, kind) from error
    _require_visible(photo)
    subject_box = find_visible_box(photo) if photo.mode == "RGBA" else None
    touched_sides = list_touched_sides(subject_box, photo.size) if subject_box else []
    canvas = plan_canvas(photo.size, subject_box)
    picture = draw_canvas(photo, canvas)
    # Frees the memory for the encoder.
    del photo
    file = compress_to_limit(picture, _list_encodings(picture, opened, limits), _limit_canvas(picture, limits))
    return FramedPhoto(file.data, canvas.resize(file.width, file.height), tuple(touched_sides))


def _limit_canvas(picture: "Image", limits: PhotoLimits) -> PhotoLimits:
    """Limits a canvas with transparent parts to the size that can be encoded next to a large file."""
    scale = sqrt(_MAX_TRANSPARENT_CANVAS_PIXELS / (picture.width * picture.height))
    if picture.mode != "RGBA" or scale >= 1:
        return limits
    longest_side = max(picture.size)
    return replace(limits, max_side_pixels=min(int(longest_side * scale), limits.max_side_pixels or longest_side))


def load_upright_photo(data: bytes, max_megapixels: int) -> "Image":
    """Decodes a photo at its full size, upright and in sRGB. Raises `PhotoError`."""
    kind = identify_file(data)
    try:
        opened = _open_photo(data, kind, max_megapixels)
        picture = to_srgb(opened.load())
        return apply_orientation(picture, opened.orientation)
    except ImageFormatError as error:
        raise to_photo_error(error, kind) from error


def read_photo_size(data: bytes, max_megapixels: int) -> Size:
    """Returns a photo's size as displayed, without decoding it. Raises `PhotoError`."""
    kind = identify_file(data)
    try:
        opened = _open_photo(data, kind, max_megapixels)
    except ImageFormatError as error:
        raise to_photo_error(error, kind) from error
    width, height = opened.size
    return (height, width) if is_sideways(opened.orientation) else (width, height)


def find_size_in_first_bytes(data: bytes) -> Size | None:
    """Returns a photo's size as displayed, if its first bytes are enough to know it."""
    kind = identify_file(data)
    if kind.format is None:
        return None
    try:
        header = read_header(data, kind.format)
        if kind.format == "webp":
            # Its orientation follows its pixels.
            validate_structure(data, header)
        orientation = find_orientation(read_metadata(data, kind.format).exif)
    except ImageFormatError:
        return None
    return (header.height, header.width) if is_sideways(orientation) else (header.width, header.height)


def _open_photo(data: bytes, kind: FileKind, max_megapixels: int) -> _OpenedPhoto:
    if kind.format:
        return _open_accepted_format(data, read_valid_header(data, kind.format, max_megapixels))
    if kind.convertible_format:
        return _open_convertible_photo(data, kind.convertible_format, max_megapixels)
    raise build_unsupported_error(kind)


def _open_accepted_format(data: bytes, header: ImageHeader) -> _OpenedPhoto:
    picture = open_picture(data, header)
    metadata = read_metadata(data, header.format)
    orientation = find_orientation(metadata.exif)
    changes = (
        *_list_orientation_changes(orientation),
        *_list_profile_changes(choose_colors(read_color_statements(data, header.format), picture.mode)),
        *([_TRANSPARENCY_IGNORED] if metadata.ignores_transparency else []),
        *_list_color_changes(header.mode),
    )
    source_encoding = (
        _read_source_encoding(picture, orientation) if header.format == "jpeg" and header.mode in ("L", "RGB") else None
    )
    load = partial(decode, data, header)
    return _OpenedPhoto(load, picture.size, orientation, changes, _is_lossless(data, header), header, source_encoding)


def _open_convertible_photo(data: bytes, file_format: ConvertibleFormat, max_megapixels: int) -> _OpenedPhoto:
    claimed_size = read_claimed_size(data, file_format)
    if claimed_size:
        check_size(*claimed_size, max_megapixels)
    picture = open_convertible(data, file_format)
    check_size(*picture.size, max_megapixels)
    count = picture.picture_count
    changes = (
        PhotoChange.of(ChangeCode.CONVERTED, file_format),
        *([PhotoChange.of(ChangeCode.FIRST_OF_PICTURES, count)] if count > 1 else []),
        *_list_orientation_changes(picture.orientation),
        *_list_profile_changes(picture.colors),
        *_list_color_changes(picture.mode),
    )
    is_lossless = file_format not in _LOSSY_CONVERTIBLE_FORMATS
    return _OpenedPhoto(picture.load, picture.size, picture.orientation, changes, is_lossless)


def _convert_photo(opened: _OpenedPhoto, limits: PhotoLimits) -> PreparedPhoto:
    # Loaded here and reassigned at each step, so that memory never holds more than two full pictures.
    picture = to_srgb(opened.load())
    _require_visible(picture)
    picture = apply_orientation(picture, opened.orientation)
    file = compress_to_limit(picture, _list_encodings(picture, opened, limits), limits)
    size, sent = picture.size, (file.width, file.height)
    sides = (f"{width}x{height}" for width, height in (size, sent))
    scaled = [PhotoChange.of(ChangeCode.SCALED, *sides)] if sent != size else []
    changes = (*opened.changes, file.encoding.change, *scaled)
    return PreparedPhoto(file.data, *sent, changes, file.encoding.format, size, picture.mode == "RGBA")


def _list_encodings(picture: "Image", opened: _OpenedPhoto, limits: PhotoLimits) -> list[Encoding]:
    return list_encodings(
        has_alpha=picture.mode == "RGBA",
        is_lossless=opened.is_lossless,
        source_encoding=opened.source_encoding,
        formats=limits.formats,
    )


def _fits_limits(header: ImageHeader, limits: PhotoLimits) -> bool:
    longest_side = max(header.width, header.height)
    return header.format in limits.formats and longest_side <= (limits.max_side_pixels or longest_side)


def _pass_through(data: bytes, header: ImageHeader, opened: _OpenedPhoto, limits: PhotoLimits) -> PreparedPhoto | None:
    """Returns the photo with its compressed pixels unchanged, or None if even they exceed the limit."""
    stripped = None if len(data) <= limits.max_bytes else strip_metadata(data, header.format)
    if stripped and len(stripped) > limits.max_bytes:
        return None
    if header.format != "webp" or not header.has_alpha:
        check_decodable(data, header)
    if header.has_alpha:
        # For a WebP, this is the check of its pixels, too.
        _require_visible(decode(data, header))
    metadata_changes = [PhotoChange.of(ChangeCode.METADATA, "cut")] if stripped else []
    changes = (*opened.changes, *metadata_changes)
    return PreparedPhoto(stripped, *opened.size, changes, header.format, opened.size, header.has_alpha)


def _require_visible(picture: "Image") -> None:
    if shows_nothing(count_alpha_values(picture)):
        raise build_nothing_visible_error()


def _is_lossless(data: bytes, header: ImageHeader) -> bool:
    return header.format == "png" or (header.format == "webp" and b"VP8L" in data[:4096])


def _read_source_encoding(picture: "ImageFile", orientation: int) -> Encoding | None:
    """Returns how a JPEG was encoded, so that turning and re-encoding it loses almost nothing.

    None if some of its tables follow its first scan.
    """
    from PIL.JpegImagePlugin import get_sampling

    source = cast("JpegImageFile", picture)
    if any(component[3] not in source.quantization for component in source.layer):
        return None
    tables = [source.quantization[component[3]] for component in source.layer]
    if is_sideways(orientation):
        tables = transpose_tables(tables)
    subsampling = get_sampling(source)
    # 4:2:2 turned sideways shares colors between rows instead of columns, which Pillow cannot write.
    is_unwritable = subsampling == 1 and is_sideways(orientation)
    return Encoding(
        "jpeg", quantization_tables=tables, subsampling=0 if is_unwritable or subsampling < 0 else subsampling
    )


def _list_orientation_changes(orientation: int) -> list[PhotoChange]:
    return [PhotoChange.of(ChangeCode.ORIENTATION, orientation)] if orientation != UPRIGHT else []


def _list_profile_changes(colors: StatedColors) -> list[PhotoChange]:
    if not colors.is_converted:
        return [_PROFILE_IGNORED] if colors.is_ignored else []
    hdr = [PhotoChange.of(ChangeCode.COLORS, "hdr")] if colors.is_hdr else []
    return [PhotoChange.of(ChangeCode.PROFILE, "converted"), *hdr]


def _list_color_changes(mode: str) -> list[PhotoChange]:
    """`mode` is that of an `ImageHeader`, or of an `OpenedPicture`."""
    color = _COLOR_CHANGES.get(mode.partition(";")[0])
    colors = [PhotoChange.of(ChangeCode.COLORS, color)] if color else []
    return [*colors, *([PhotoChange.of(ChangeCode.BITS, 16)] if ";16" in mode else [])]
