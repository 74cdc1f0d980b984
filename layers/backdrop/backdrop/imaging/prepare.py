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

from backdrop.imaging.color import profile_mode, to_srgb
from backdrop.imaging.color_profiles import meaning_of
from backdrop.imaging.compress import fitted
from backdrop.imaging.containers.header import ContainerError, Header, PhotoFormat
from backdrop.imaging.decode import decode, open_picture, try_decode
from backdrop.imaging.encode import Encoding, encodings
from backdrop.imaging.exif import UPRIGHT, lies_on_its_side, orientation_of, turned, upright
from backdrop.imaging.formats.convertible import claimed_size, count_pictures, decode_foreign, open_foreign
from backdrop.imaging.formats.names import ForeignFormat
from backdrop.imaging.inspect import check_size, kind_of, not_taken, refusal, whole_header
from backdrop.imaging.metadata import bare
from backdrop.imaging.sniff import Kind
from backdrop.model.capabilities import PhotoLimits
from backdrop.model.photo_facts import ChangeCode, PhotoChange

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile
    from PIL.JpegImagePlugin import JpegImageFile

_IGNORED = PhotoChange.of(ChangeCode.PROFILE, "ignored")
_COLORS = {
    "CMYK": "cmyk", "LAB": "lab", "P": "palette", "PA": "palette", "1": "grey", "L": "grey", "LA": "grey", "I": "grey",
}  # fmt: skip
_LOSSY_FOREIGN = frozenset({"heic", "avif"})
_TURNED_BY_THEIR_DECODERS = frozenset({"heic", "tiff"})


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is sent of a photo.

    `data` is None where the photo passes as it is (its metadata is cut out when it is sent). `width`, `height` (pixels)
    and `format` are those of what is sent; `original` is the photo's width and height as people see it.
    """

    data: bytes | None
    width: int
    height: int
    changes: tuple[PhotoChange, ...]
    format: PhotoFormat
    original: tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Opened:
    """A photo whose claim holds. `load` decodes it, `orientation` is what is left to turn then.

    `header`: of a file that may pass as it is. `kept`: the encoding that a JPEG came with.
    """

    load: Callable[[], "Image"]
    size: tuple[int, int]
    orientation: int
    changes: tuple[PhotoChange, ...]
    lossless: bool
    header: Header | None = None
    kept: Encoding | None = None


def prepare(data: bytes, limits: PhotoLimits, max_megapixels: int) -> Prepared:
    """Judges a photo by its bytes alone and makes of it what `limits` allow.

    Raises `PhotoError` with code, reason and advice; sizes are checked on the file's own claim, before a pixel is
    unpacked. The same bytes and limits always give the same answer.
    """
    kind = kind_of(data)
    try:
        opened = _opened(data, kind, max_megapixels)
        header = opened.header
        if header and _is_taken(header, limits) and all(one == _IGNORED for one in opened.changes):
            passed = _passed(data, header, opened, limits)
            if passed:
                return passed
        return _made(opened, limits)
    except ContainerError as error:
        raise refusal(error, kind) from error


def upright_photo(data: bytes, max_megapixels: int) -> "Image":
    """The photo's own pixels, decoded: upright and sRGB, as people see it. Raises `PhotoError`."""
    kind = kind_of(data)
    try:
        opened = _opened(data, kind, max_megapixels)
        picture = to_srgb(opened.load())
        return upright(picture, opened.orientation)
    except ContainerError as error:
        raise refusal(error, kind) from error


def _opened(data: bytes, kind: Kind, max_megapixels: int) -> _Opened:
    if kind.format:
        return _familiar(data, whole_header(data, kind.format, max_megapixels))
    if kind.foreign:
        return _foreign(data, kind.foreign, max_megapixels)
    raise not_taken(kind)


def _familiar(data: bytes, header: Header) -> _Opened:
    """A JPEG, PNG or WebP: passes where it can."""
    picture = open_picture(data, header)
    orientation = orientation_of(picture, data)
    changes = (*_of_orientation(orientation), *_of_profile(picture), *_of_colors(header.mode))
    kept = _kept(picture, orientation) if header.format == "jpeg" and header.mode in ("L", "RGB") else None
    load = partial(decode, data, header)
    return _Opened(load, picture.size, orientation, changes, _is_lossless(data, header), header, kept)


def _foreign(data: bytes, foreign: ForeignFormat, max_megapixels: int) -> _Opened:
    """A format that is always converted."""
    claim = claimed_size(data, foreign)
    if claim:
        check_size(*claim, max_megapixels)
    picture = open_foreign(data, foreign)
    check_size(*picture.size, max_megapixels)
    count = count_pictures(data, foreign)
    orientation = orientation_of(picture, data)
    changes = (
        PhotoChange.of(ChangeCode.CONVERTED, foreign),
        *([PhotoChange.of(ChangeCode.FIRST_OF_PICTURES, count)] if count > 1 else []),
        *_of_orientation(orientation),
        *_of_profile(picture),
        *_of_colors(picture.mode),
    )
    left = UPRIGHT if foreign in _TURNED_BY_THEIR_DECODERS else orientation
    load = partial(decode_foreign, data, foreign, picture.size)
    return _Opened(load, picture.size, left, changes, foreign not in _LOSSY_FOREIGN)


def _made(opened: _Opened, limits: PhotoLimits) -> Prepared:
    """A picture decoded and set right, as the best file that fits."""
    # Loaded here and rebound at each step, so that no more than two whole pictures are ever held.
    picture = to_srgb(opened.load())
    picture = upright(picture, opened.orientation)
    has_alpha = picture.mode == "RGBA"
    tried = encodings(has_alpha=has_alpha, lossless=opened.lossless, kept=opened.kept, formats=limits.formats)
    file = fitted(picture, tried, limits)
    size, sent = picture.size, (file.width, file.height)
    sides = (f"{width}x{height}" for width, height in (size, sent))
    scaled = [PhotoChange.of(ChangeCode.SCALED, *sides)] if sent != size else []
    changes = (*opened.changes, file.encoding.change, *scaled)
    return Prepared(file.data, *sent, changes, file.encoding.format, size)


def _is_taken(header: Header, limits: PhotoLimits) -> bool:
    long = max(header.width, header.height)
    return header.format in limits.formats and long <= (limits.longest_side or long)


def _passed(data: bytes, header: Header, opened: _Opened, limits: PhotoLimits) -> Prepared | None:
    """A photo whose compressed pixels are sent as they are; None where they are too many bytes."""
    rest = None if len(data) <= limits.bytes else bare(data)
    if rest and len(rest) > limits.bytes:
        return None
    if header.format != "jpeg":
        # A JPEG's end marker and its length have told; unpacking 10 MB of it takes a tenth of a second.
        try_decode(data, header)
    cut = [PhotoChange.of(ChangeCode.METADATA, "cut")] if rest else []
    return Prepared(rest, *opened.size, (*opened.changes, *cut), header.format, opened.size)


def _is_lossless(data: bytes, header: Header) -> bool:
    return header.format == "png" or (header.format == "webp" and b"VP8L" in data[:4096])


def _kept(picture: "ImageFile", orientation: int) -> Encoding | None:
    """The encoding that a JPEG came with, so that its pixels lose next to nothing by being turned.

    None where some of its tables stand behind its first scan.
    """
    from PIL.JpegImagePlugin import get_sampling

    source = cast("JpegImageFile", picture)
    if any(component[3] not in source.quantization for component in source.layer):
        return None
    tables = turned([source.quantization[component[3]] for component in source.layer], orientation)
    sampling = get_sampling(source)
    # Pillow writes no file whose colors are shared by two rows alone, which is what 4:2:2 becomes on its side.
    shared = sampling == 1 and lies_on_its_side(orientation)
    return Encoding("jpeg", tables=tables, sampling=0 if shared or sampling < 0 else sampling)


def _of_orientation(orientation: int) -> list[PhotoChange]:
    return [PhotoChange.of(ChangeCode.ORIENTATION, orientation)] if orientation != UPRIGHT else []


def _of_profile(picture: "Image") -> list[PhotoChange]:
    profile = picture.info.get("icc_profile")
    if not profile or picture.mode == "LAB":
        return []
    match meaning_of(profile, profile_mode(picture.mode)):
        case "unusable":
            return [_IGNORED]
        case "other":
            return [PhotoChange.of(ChangeCode.PROFILE, "converted")]
        case _:
            return []


def _of_colors(mode: str) -> list[PhotoChange]:
    """`mode` as in `Header`."""
    color = _COLORS.get(mode.removesuffix("B").removesuffix(";16"))
    colors = [PhotoChange.of(ChangeCode.COLORS, color)] if color else []
    return [*colors, *([PhotoChange.of(ChangeCode.BITS, 16)] if ";16" in mode else [])]
