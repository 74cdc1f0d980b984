"""Any photo as the provider takes it: what fits passes as it is, all else is decoded, set right and encoded anew.

What was changed, as receipts show it:

- `converted:heic` (or `avif`, `tiff`, `bmp`, `gif`), `first_of_pictures:12` (of which a job's warning tells as well)
- `orientation:6`, as EXIF names it
- `profile:converted`; `profile:ignored` where it is damaged, or speaks of other colors than the picture has
- `colors:cmyk`, `colors:grey`, `colors:palette`, `colors:lab`, `bits:16`: what it was before
- `reencoded:png:lossless`, `reencoded:jpeg:92`, `reencoded:jpeg:kept_quality`
- `scaled:8000x6000:5120x3840`
- `metadata:cut`, where a file fits by that alone: its compressed pixels are the photo's own
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, cast

from backdrop.imaging.color import to_profile_mode, to_srgb
from backdrop.imaging.color_profiles import classify_profile
from backdrop.imaging.compress import compress_to_limit
from backdrop.imaging.containers.header import ImageFormatError, ImageHeader, PhotoFormat
from backdrop.imaging.decode import check_decodable, decode, open_picture
from backdrop.imaging.encode import Encoding, list_encodings
from backdrop.imaging.exif import UPRIGHT, apply_orientation, is_sideways, read_orientation, rotate_tables
from backdrop.imaging.formats.convertible import count_pictures, decode_convertible, open_convertible, read_claimed_size
from backdrop.imaging.formats.names import ConvertibleFormat
from backdrop.imaging.inspect import (
    build_unsupported_error,
    check_size,
    identify_file,
    read_valid_header,
    to_photo_error,
)
from backdrop.imaging.metadata import strip_photo_metadata
from backdrop.imaging.sniff import FileKind
from backdrop.model.capabilities import PhotoLimits
from backdrop.model.photo_facts import ChangeCode, PhotoChange

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile
    from PIL.JpegImagePlugin import JpegImageFile

_PROFILE_IGNORED = PhotoChange.of(ChangeCode.PROFILE, "ignored")
_COLOR_CHANGES = {
    "CMYK": "cmyk", "LAB": "lab", "P": "palette", "PA": "palette", "1": "grey", "L": "grey", "LA": "grey", "I": "grey",
}  # fmt: skip
_LOSSY_CONVERTIBLE_FORMATS = frozenset({"heic", "avif"})
_ORIENTED_BY_DECODER = frozenset({"heic", "tiff"})


@dataclass(frozen=True, slots=True)
class PreparedPhoto:
    """What is sent of a photo.

    `data` is None where the photo passes as it is (its metadata is cut out when it is sent). `width`, `height` (pixels)
    and `format` are those of what is sent; `original_size` is the photo's width and height as people see it.
    """

    data: bytes | None
    width: int
    height: int
    changes: tuple[PhotoChange, ...]
    format: PhotoFormat
    original_size: tuple[int, int]


@dataclass(frozen=True, slots=True)
class _OpenedPhoto:
    """A photo whose claim holds. `load` decodes it, `orientation` is what is left to turn then.

    `header`: of a file that may pass as it is. `source_encoding`: the encoding that a JPEG came with.
    """

    load: Callable[[], "Image"]
    size: tuple[int, int]
    orientation: int
    changes: tuple[PhotoChange, ...]
    is_lossless: bool
    header: ImageHeader | None = None
    source_encoding: Encoding | None = None


def prepare_photo(data: bytes, limits: PhotoLimits, max_megapixels: int) -> PreparedPhoto:
    """Judges a photo by its bytes alone and makes of it what `limits` allow.

    Raises `PhotoError` with code, reason and advice; sizes are checked on the file's own claim, before a pixel is
    unpacked. The same bytes and limits always give the same answer.
    """
    kind = identify_file(data)
    try:
        opened = _open_photo(data, kind, max_megapixels)
        header = opened.header
        if header and _fits_limits(header, limits) and all(one == _PROFILE_IGNORED for one in opened.changes):
            unchanged = _pass_through(data, header, opened, limits)
            if unchanged:
                return unchanged
        return _convert_photo(opened, limits)
    except ImageFormatError as error:
        raise to_photo_error(error, kind) from error


def load_upright_photo(data: bytes, max_megapixels: int) -> "Image":
    """The photo's own pixels, decoded: upright and sRGB, as people see it. Raises `PhotoError`."""
    kind = identify_file(data)
    try:
        opened = _open_photo(data, kind, max_megapixels)
        picture = to_srgb(opened.load())
        return apply_orientation(picture, opened.orientation)
    except ImageFormatError as error:
        raise to_photo_error(error, kind) from error


def _open_photo(data: bytes, kind: FileKind, max_megapixels: int) -> _OpenedPhoto:
    if kind.format:
        return _open_accepted_format(data, read_valid_header(data, kind.format, max_megapixels))
    if kind.convertible_format:
        return _open_convertible_photo(data, kind.convertible_format, max_megapixels)
    raise build_unsupported_error(kind)


def _open_accepted_format(data: bytes, header: ImageHeader) -> _OpenedPhoto:
    """A JPEG, PNG or WebP: passes where it can."""
    picture = open_picture(data, header)
    orientation = read_orientation(picture, data)
    changes = (
        *_list_orientation_changes(orientation),
        *_list_profile_changes(picture),
        *_list_color_changes(header.mode),
    )
    source_encoding = (
        _read_source_encoding(picture, orientation) if header.format == "jpeg" and header.mode in ("L", "RGB") else None
    )
    load = partial(decode, data, header)
    return _OpenedPhoto(load, picture.size, orientation, changes, _is_lossless(data, header), header, source_encoding)


def _open_convertible_photo(data: bytes, file_format: ConvertibleFormat, max_megapixels: int) -> _OpenedPhoto:
    """A format that is always converted."""
    claimed_size = read_claimed_size(data, file_format)
    if claimed_size:
        check_size(*claimed_size, max_megapixels)
    picture = open_convertible(data, file_format)
    check_size(*picture.size, max_megapixels)
    count = count_pictures(data, file_format)
    orientation = read_orientation(picture, data)
    changes = (
        PhotoChange.of(ChangeCode.CONVERTED, file_format),
        *([PhotoChange.of(ChangeCode.FIRST_OF_PICTURES, count)] if count > 1 else []),
        *_list_orientation_changes(orientation),
        *_list_profile_changes(picture),
        *_list_color_changes(picture.mode),
    )
    remaining_orientation = UPRIGHT if file_format in _ORIENTED_BY_DECODER else orientation
    load = partial(decode_convertible, data, file_format, picture.size)
    return _OpenedPhoto(
        load, picture.size, remaining_orientation, changes, file_format not in _LOSSY_CONVERTIBLE_FORMATS
    )


def _convert_photo(opened: _OpenedPhoto, limits: PhotoLimits) -> PreparedPhoto:
    """A picture decoded and set right, as the best file that fits."""
    # Loaded here and rebound at each step, so that no more than two whole pictures are ever held.
    picture = to_srgb(opened.load())
    picture = apply_orientation(picture, opened.orientation)
    has_alpha = picture.mode == "RGBA"
    candidates = list_encodings(
        has_alpha=has_alpha,
        is_lossless=opened.is_lossless,
        source_encoding=opened.source_encoding,
        formats=limits.formats,
    )
    file = compress_to_limit(picture, candidates, limits)
    size, sent = picture.size, (file.width, file.height)
    sides = (f"{width}x{height}" for width, height in (size, sent))
    scaled = [PhotoChange.of(ChangeCode.SCALED, *sides)] if sent != size else []
    changes = (*opened.changes, file.encoding.change, *scaled)
    return PreparedPhoto(file.data, *sent, changes, file.encoding.format, size)


def _fits_limits(header: ImageHeader, limits: PhotoLimits) -> bool:
    longest_side = max(header.width, header.height)
    return header.format in limits.formats and longest_side <= (limits.max_side_pixels or longest_side)


def _pass_through(data: bytes, header: ImageHeader, opened: _OpenedPhoto, limits: PhotoLimits) -> PreparedPhoto | None:
    """A photo whose compressed pixels are sent as they are; None where they are too many bytes."""
    stripped = None if len(data) <= limits.max_bytes else strip_photo_metadata(data)
    if stripped and len(stripped) > limits.max_bytes:
        return None
    if header.format != "jpeg":
        # A JPEG's end marker and its length have told; unpacking 10 MB of it takes a tenth of a second.
        check_decodable(data, header)
    metadata_changes = [PhotoChange.of(ChangeCode.METADATA, "cut")] if stripped else []
    return PreparedPhoto(stripped, *opened.size, (*opened.changes, *metadata_changes), header.format, opened.size)


def _is_lossless(data: bytes, header: ImageHeader) -> bool:
    return header.format == "png" or (header.format == "webp" and b"VP8L" in data[:4096])


def _read_source_encoding(picture: "ImageFile", orientation: int) -> Encoding | None:
    """The encoding that a JPEG came with, so that its pixels lose next to nothing by being turned.

    None where some of its tables stand behind its first scan.
    """
    from PIL.JpegImagePlugin import get_sampling

    source = cast("JpegImageFile", picture)
    if any(component[3] not in source.quantization for component in source.layer):
        return None
    tables = rotate_tables([source.quantization[component[3]] for component in source.layer], orientation)
    subsampling = get_sampling(source)
    # Pillow writes no file whose colors are shared by two rows alone, which is what 4:2:2 becomes on its side.
    is_unwritable = subsampling == 1 and is_sideways(orientation)
    return Encoding(
        "jpeg", quantization_tables=tables, subsampling=0 if is_unwritable or subsampling < 0 else subsampling
    )


def _list_orientation_changes(orientation: int) -> list[PhotoChange]:
    return [PhotoChange.of(ChangeCode.ORIENTATION, orientation)] if orientation != UPRIGHT else []


def _list_profile_changes(picture: "Image") -> list[PhotoChange]:
    profile = picture.info.get("icc_profile")
    if not profile or picture.mode == "LAB":
        return []
    match classify_profile(profile, to_profile_mode(picture.mode)):
        case "unusable":
            return [_PROFILE_IGNORED]
        case "other":
            return [PhotoChange.of(ChangeCode.PROFILE, "converted")]
        case _:
            return []


def _list_color_changes(mode: str) -> list[PhotoChange]:
    """`mode` as in `Header`."""
    color = _COLOR_CHANGES.get(mode.removesuffix("B").removesuffix(";16"))
    colors = [PhotoChange.of(ChangeCode.COLORS, color)] if color else []
    return [*colors, *([PhotoChange.of(ChangeCode.BITS, 16)] if ";16" in mode else [])]
