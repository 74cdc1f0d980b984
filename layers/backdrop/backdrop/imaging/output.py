"""From the provider's file to one output: sRGB, trimmed, fitted into its frame, and encoded."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from io import BytesIO
from typing import TYPE_CHECKING

from backdrop.imaging.color import srgb_profile, to_srgb
from backdrop.imaging.containers import read_header
from backdrop.imaging.convert import to_png
from backdrop.imaging.cutout import OtherPictureError, full_size
from backdrop.imaging.decode import decode
from backdrop.imaging.framing import Frame, frame_of, within
from backdrop.imaging.sizes import Size, said, smaller
from backdrop.imaging.strip_resize import bands
from backdrop.imaging.trim import subject_of
from backdrop.imaging.verify import Picture
from backdrop.model.codes import Code
from backdrop.model.errors import ResultError
from backdrop.model.output_spec import FULL, JPG, Output

if TYPE_CHECKING:
    from PIL.Image import Image

DEFAULT_QUALITY = 90
LOSSLESS = 100
_FULL_COLOR_FROM = 90
"""The JPEG quality from which each pixel keeps a color of its own (4:4:4); below, four share one (4:2:0)."""
_WHITE = "#ffffff"
_CLEAR = (0, 0, 0, 0)
_MOST_OPTIMIZED_PIXELS = 1_000_000
"""PNG's best packing saves some 4 % and takes eight times as long: seconds for a larger picture."""
_MOST_PROGRESSIVE_PIXELS = 16_000_000
"""A progressive JPEG is held whole, in 6 bytes a pixel, while it is written."""
_MOST_WEBP_SIDE = 16_383
"""RFC 9649."""
_MOST_WEBP_PIXELS = {"RGBA": 16_500_000, "RGB": 26_000_000}
"""The encoder takes some 24 bytes for a pixel that may be transparent and 10 for any other: more passes 512 MB."""
_LARGE_WEBP_PIXELS = 4_000_000
"""From here on the encoder has no room beside a photo of 50 megapixels."""
_PNG_EFFORT = 4
"""zlib's level for larger pictures: its usual 6 takes nearly twice as long and saves 2 %."""
_WEBP_EFFORT = 4
"""WebP's method 6 takes five times as long and saves less than 1 %."""


@dataclass(frozen=True, slots=True)
class Made:
    """An output's file; `width`, `height` in pixels; `scale`: how much larger the subject is than it was paid for.

    `limited`: whether its format holds no picture of the size that was asked for.
    """

    data: bytes
    width: int
    height: int
    has_alpha: bool
    scale: float = 1.0
    limited: bool = False


@dataclass(frozen=True, slots=True)
class Original:
    """The photo that a cut-out is laid on: its size as people see it, and how to get at its pixels.

    `load` gives a picture that may be changed, upright and sRGB, or None where the photo is no more.
    """

    size: Size
    load: Callable[[], "Image | None"]


class PaidPicture:
    """A provider's file that has passed `verify_result`; decoded when an output first needs its pixels.

    `original`: of a removed background, for outputs in the photo's own size. `told`: why one was left as it came.
    """

    def __init__(self, data: bytes, picture: Picture, original: Original | None = None) -> None:
        self._data = data
        self._picture = picture
        self._original = original
        self.told = ""

    @property
    def size(self) -> Size:
        """As the provider made it."""
        return self._picture.width, self._picture.height

    def made(self, output: Output) -> Made:
        """One output of it. The lossless form of a PNG is the provider's file, byte for byte.

        Raises `ResultError` where its encoder gives it up.
        """
        full = self._full if output.size == FULL else None
        if full is None and output.keeps_all:
            with _encoding(self.size, output):
                return Made(to_png(self._data), *self.size, self._picture.has_alpha)
        finished = _finished(full or self._pixels, output)
        if finished.picture is not full and _needs_room(finished.picture, output):
            # Where another output wants it, the photo is cut out once more.
            full = None
            self.__dict__.pop("_full", None)
        return _made(finished, output)

    @cached_property
    def _pixels(self) -> "Image":
        return to_srgb(decode(self._data, read_header(self._data, self._picture.format)))

    @cached_property
    def _full(self) -> "Image | None":
        """The photo cut out in its own pixels; None where the provider's picture is as large, or is all there is."""
        if self._original is None or not smaller(self._original.size, self.size):
            return None
        photo = self._original.load()
        if photo is None:
            self.told = "the photo can no more be read to be cut out in its own size"
            return None
        try:
            return full_size(photo, self._pixels.convert("RGBA"))
        except OtherPictureError as error:
            self.told = f"the provider's picture {error}"
            return None


@dataclass(frozen=True, slots=True)
class _Finished:
    """An output's pixels; `scale` and `limited` as in `Made`."""

    picture: "Image"
    scale: float
    limited: bool


def _finished(picture: "Image", output: Output) -> _Finished:
    left, top, right, bottom = subject_of(picture) if output.trim else (0, 0, *picture.size)
    ground = output.background or (_WHITE if output.format == JPG else None)
    wanted = frame_of(right - left, bottom - top, output)
    frame = within(wanted, *_most_webp(picture, wanted, ground)) if output.format == "webp" else wanted
    part = frame.part[0] + left, frame.part[1] + top, frame.part[2] + left, frame.part[3] + top
    finished = _opaque_as_rgb(_framed(picture, replace(frame, part=part), ground))
    return _Finished(finished, frame.scale, frame.size != wanted.size)


def _made(finished: _Finished, output: Output) -> Made:
    picture = finished.picture
    with _encoding(picture.size, output):
        data = _encoded(picture, output)
    has_alpha = picture.mode == "RGBA"
    return Made(data, *picture.size, has_alpha, finished.scale, limited=finished.limited)


def _most_webp(picture: "Image", frame: Frame, ground: str | None) -> tuple[int, int]:
    """Pixels of a side, and of the whole picture."""
    return _MOST_WEBP_SIDE, _MOST_WEBP_PIXELS[_mode(picture, frame, ground)]


def _needs_room(picture: "Image", output: Output) -> bool:
    return output.format == "webp" and picture.width * picture.height > _LARGE_WEBP_PIXELS


def _framed(picture: "Image", frame: Frame, ground: str | None) -> "Image":
    """The part that is shown, in its size, place and color.

    Pillow weighs colors by their alpha where it scales, so no edge turns dark.
    """
    from PIL import Image

    if frame.part == (0, 0, *picture.size) and frame.size == picture.size and (picture.mode == "RGB" or not ground):
        return picture
    mode = _mode(picture, frame, ground)
    canvas = Image.new(mode, frame.size, (ground or 0) if mode == "RGB" else _CLEAR)
    for top, band in bands(picture, frame.shown, frame.part):
        place = frame.place[0], frame.place[1] + top
        canvas.paste(band, place, band if ground and band.mode == "RGBA" else None)
    return canvas


def _mode(picture: "Image", frame: Frame, ground: str | None) -> str:
    """RGBA where something may be seen through."""
    solid = picture.mode == "RGB" and frame.size == frame.shown
    return "RGB" if ground or solid else "RGBA"


def _opaque_as_rgb(picture: "Image") -> "Image":
    solid = picture.mode == "RGBA" and picture.getextrema()[-1] == (255, 255)
    return picture.convert("RGB") if solid else picture


@contextmanager
def _encoding(size: Size, output: Output) -> Generator[None]:
    """What an encoder says when it gives a picture up leaves as a `ResultError`."""
    try:
        yield
    except (OSError, ValueError) as error:
        words = f"The {output.format} of {said(size)} cannot be made: {error}."
        raise ResultError(Code.OUTPUT_NOT_MADE, words) from error


def _encoded(picture: "Image", output: Output) -> bytes:
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

    colors = PngInfo()
    colors.add(b"sRGB", b"\0")
    pixels = picture.width * picture.height
    effort = {"optimize": pixels <= _MOST_OPTIMIZED_PIXELS, "compress_level": _PNG_EFFORT}
    picture.save(file, "PNG", pnginfo=colors, **effort)


def _save_jpg(picture: "Image", file: BytesIO, quality: int) -> None:
    shared = "4:4:4" if quality >= _FULL_COLOR_FROM else "4:2:0"
    plain = {"quality": quality, "subsampling": shared, "icc_profile": srgb_profile()}
    if picture.width * picture.height > _MOST_PROGRESSIVE_PIXELS:
        picture.save(file, "JPEG", **plain)
        return
    try:
        picture.save(file, "JPEG", **plain, optimize=True, progressive=True)
    except OSError:
        # Noise outgrows the buffer that Pillow reserves for such files; the plain kind is written piece by piece.
        file.seek(0)
        file.truncate()
        picture.save(file, "JPEG", **plain)


def _save_webp(picture: "Image", file: BytesIO, quality: int) -> None:
    effort = {"lossless": quality == LOSSLESS, "quality": quality, "method": _WEBP_EFFORT}
    picture.save(file, "WEBP", icc_profile=srgb_profile(), **effort)
