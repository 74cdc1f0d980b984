"""From the provider's file to one output: sRGB, trimmed, fitted into its frame, and encoded."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from io import BytesIO
from typing import TYPE_CHECKING

from backdrop.imaging.color import srgb_profile_bytes, to_srgb
from backdrop.imaging.containers import read_header
from backdrop.imaging.convert import to_png
from backdrop.imaging.cutout import MatteMismatchError, cut_out_full_size
from backdrop.imaging.decode import decode
from backdrop.imaging.framing import Frame, compute_frame, shrink_frame
from backdrop.imaging.sizes import Size, describe_smaller_result, format_size
from backdrop.imaging.strip_resize import resize_in_strips
from backdrop.imaging.trim import find_subject_box
from backdrop.imaging.verify import VerifiedPicture
from backdrop.model.codes import Code
from backdrop.model.errors import ResultError
from backdrop.model.output_spec import FULL_SIZE, JPG, OutputSpec

if TYPE_CHECKING:
    from PIL.Image import Image

DEFAULT_QUALITY = 90
LOSSLESS = 100
_MIN_FULL_CHROMA_QUALITY = 90
"""The JPEG quality from which each pixel keeps a color of its own (4:4:4); below, four share one (4:2:0)."""
_WHITE = "#ffffff"
_TRANSPARENT = (0, 0, 0, 0)
_MAX_OPTIMIZED_PIXELS = 1_000_000
"""PNG's best packing saves some 4 % and takes eight times as long: seconds for a larger picture."""
_MAX_PROGRESSIVE_PIXELS = 16_000_000
"""A progressive JPEG is held whole, in 6 bytes a pixel, while it is written."""
_MAX_WEBP_SIDE = 16_383
"""RFC 9649."""
_MAX_WEBP_PIXELS = {"RGBA": 16_500_000, "RGB": 26_000_000}
"""The encoder takes some 24 bytes for a pixel that may be transparent and 10 for any other: more passes 512 MB."""
_LARGE_WEBP_PIXELS = 4_000_000
"""From here on the encoder has no room beside a photo of 50 megapixels."""
_PNG_COMPRESS_LEVEL = 4
"""zlib's level for larger pictures: its usual 6 takes nearly twice as long and saves 2 %."""
_WEBP_METHOD = 4
"""WebP's method 6 takes five times as long and saves less than 1 %."""


@dataclass(frozen=True, slots=True)
class OutputFile:
    """An output's file; `width`, `height` in pixels; `scale`: how much larger the subject is than it was paid for.

    `is_limited`: whether its format holds no picture of the size that was asked for.
    """

    data: bytes
    width: int
    height: int
    has_alpha: bool
    scale: float = 1.0
    is_limited: bool = False


@dataclass(frozen=True, slots=True)
class OriginalPhoto:
    """The photo that a cut-out is laid on: its size as people see it, and how to get at its pixels.

    `load` gives a picture that may be changed, upright and sRGB, or None where the photo is no more.
    """

    size: Size
    load: Callable[[], "Image | None"]


class PaidPicture:
    """A provider's file that has passed `verify_result`; decoded when an output first needs its pixels.

    `original`: of a removed background, for outputs in the photo's own size. `told`: why one was left as it came.
    """

    def __init__(self, data: bytes, picture: VerifiedPicture, original: OriginalPhoto | None = None) -> None:
        self._data = data
        self._picture = picture
        self._original = original
        self.told = ""

    @property
    def size(self) -> Size:
        """As the provider made it."""
        return self._picture.width, self._picture.height

    def build_output(self, output: OutputSpec) -> OutputFile:
        """One output of it. The lossless form of a PNG is the provider's file, byte for byte.

        Raises `ResultError` where its encoder gives it up.
        """
        full_picture = self._full_size if output.size == FULL_SIZE else None
        if full_picture is None and output.is_plain_lossless:
            with _translate_encoder_errors(self.size, output):
                return OutputFile(to_png(self._data), *self.size, self._picture.has_alpha)
        composed = _compose(full_picture or self._pixels, output)
        if composed.picture is not full_picture and _needs_memory(composed.picture, output):
            # Where another output wants it, the photo is cut out once more.
            full_picture = None
            self.__dict__.pop("_full", None)
        return _encode_output(composed, output)

    @cached_property
    def _pixels(self) -> "Image":
        return to_srgb(decode(self._data, read_header(self._data, self._picture.format)))

    @cached_property
    def _full_size(self) -> "Image | None":
        """The photo cut out in its own pixels; None where the provider's picture is as large, or is all there is."""
        if self._original is None or not describe_smaller_result(self._original.size, self.size):
            return None
        photo = self._original.load()
        if photo is None:
            self.told = "the photo can no more be read to be cut out in its own size"
            return None
        try:
            return cut_out_full_size(photo, self._pixels.convert("RGBA"))
        except MatteMismatchError as error:
            self.told = f"the provider's picture {error}"
            return None


@dataclass(frozen=True, slots=True)
class _ComposedPicture:
    """An output's pixels; `scale` and `is_limited` as in `OutputFile`."""

    picture: "Image"
    scale: float
    is_limited: bool


def _compose(picture: "Image", output: OutputSpec) -> _ComposedPicture:
    left, top, right, bottom = find_subject_box(picture) if output.trim else (0, 0, *picture.size)
    background = output.background or (_WHITE if output.format == JPG else None)
    requested_frame = compute_frame(right - left, bottom - top, output)
    frame = (
        shrink_frame(requested_frame, *_find_webp_limits(picture, requested_frame, background))
        if output.format == "webp"
        else requested_frame
    )
    crop_box = frame.crop_box[0] + left, frame.crop_box[1] + top, frame.crop_box[2] + left, frame.crop_box[3] + top
    composed = _drop_opaque_alpha(_place_in_frame(picture, replace(frame, crop_box=crop_box), background))
    return _ComposedPicture(composed, frame.scale, frame.size != requested_frame.size)


def _encode_output(composed: _ComposedPicture, output: OutputSpec) -> OutputFile:
    picture = composed.picture
    with _translate_encoder_errors(picture.size, output):
        data = _encode_picture(picture, output)
    has_alpha = picture.mode == "RGBA"
    return OutputFile(data, *picture.size, has_alpha, composed.scale, is_limited=composed.is_limited)


def _find_webp_limits(picture: "Image", frame: Frame, background: str | None) -> tuple[int, int]:
    """Pixels of a side, and of the whole picture."""
    return _MAX_WEBP_SIDE, _MAX_WEBP_PIXELS[_choose_mode(picture, frame, background)]


def _needs_memory(picture: "Image", output: OutputSpec) -> bool:
    return output.format == "webp" and picture.width * picture.height > _LARGE_WEBP_PIXELS


def _place_in_frame(picture: "Image", frame: Frame, background: str | None) -> "Image":
    """The part that is shown, in its size, place and color.

    Pillow weighs colors by their alpha where it scales, so no edge turns dark.
    """
    from PIL import Image

    if (
        frame.crop_box == (0, 0, *picture.size)
        and frame.size == picture.size
        and (picture.mode == "RGB" or not background)
    ):
        return picture
    mode = _choose_mode(picture, frame, background)
    canvas = Image.new(mode, frame.size, (background or 0) if mode == "RGB" else _TRANSPARENT)
    for top, strip in resize_in_strips(picture, frame.content_size, frame.crop_box):
        offset = frame.content_offset[0], frame.content_offset[1] + top
        canvas.paste(strip, offset, strip if background and strip.mode == "RGBA" else None)
    return canvas


def _choose_mode(picture: "Image", frame: Frame, background: str | None) -> str:
    """RGBA where something may be seen through."""
    is_opaque = picture.mode == "RGB" and frame.size == frame.content_size
    return "RGB" if background or is_opaque else "RGBA"


def _drop_opaque_alpha(picture: "Image") -> "Image":
    is_opaque = picture.mode == "RGBA" and picture.getextrema()[-1] == (255, 255)
    return picture.convert("RGB") if is_opaque else picture


@contextmanager
def _translate_encoder_errors(size: Size, output: OutputSpec) -> Generator[None]:
    """What an encoder says when it gives a picture up leaves as a `ResultError`."""
    try:
        yield
    except (OSError, ValueError) as error:
        message = f"The {output.format} of {format_size(size)} cannot be made: {error}."
        raise ResultError(Code.OUTPUT_NOT_MADE, message) from error


def _encode_picture(picture: "Image", output: OutputSpec) -> bytes:
    file = BytesIO()
    match output.format:
        case "jpg":
            _save_jpg(picture, file, output.quality or DEFAULT_QUALITY)
        case "webp":
            _save_webp(picture, file, output.quality or DEFAULT_QUALITY)
        case _:
            _save_png(picture, file)
    return file.getvalue()


def _save_png(picture: "Image", file: BytesIO) -> None:
    from PIL.PngImagePlugin import PngInfo

    png_info = PngInfo()
    png_info.add(b"sRGB", b"\0")
    pixels = picture.width * picture.height
    options = {"optimize": pixels <= _MAX_OPTIMIZED_PIXELS, "compress_level": _PNG_COMPRESS_LEVEL}
    picture.save(file, "PNG", pnginfo=png_info, **options)


def _save_jpg(picture: "Image", file: BytesIO, quality: int) -> None:
    subsampling = "4:4:4" if quality >= _MIN_FULL_CHROMA_QUALITY else "4:2:0"
    options = {"quality": quality, "subsampling": subsampling, "icc_profile": srgb_profile_bytes()}
    if picture.width * picture.height > _MAX_PROGRESSIVE_PIXELS:
        picture.save(file, "JPEG", **options)
        return
    try:
        picture.save(file, "JPEG", **options, optimize=True, progressive=True)
    except OSError:
        # Noise outgrows the buffer that Pillow reserves for such files; the plain kind is written piece by piece.
        file.seek(0)
        file.truncate()
        picture.save(file, "JPEG", **options)


def _save_webp(picture: "Image", file: BytesIO, quality: int) -> None:
    options = {"lossless": quality == LOSSLESS, "quality": quality, "method": _WEBP_METHOD}
    picture.save(file, "WEBP", icc_profile=srgb_profile_bytes(), **options)
