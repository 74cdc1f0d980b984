"""Builds outputs from the provider's file: in sRGB, trimmed, laid out, composed, and encoded.

Photos for providers are encoded in encode.py, with other trade-offs.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from io import BytesIO
from typing import TYPE_CHECKING

from backdrop.imaging.backgrounds import BrandImagePixels, draw_background
from backdrop.imaging.byte_limit import encode_within_limit
from backdrop.imaging.canvas import continue_border
from backdrop.imaging.color import srgb_profile_bytes, to_srgb
from backdrop.imaging.cutout import Matte, MatteMismatchError, clean_enlarged, cut_out_full_size
from backdrop.imaging.decode import decode
from backdrop.imaging.encode import LOSSLESS, MAX_TRANSPARENT_WEBP_PIXELS
from backdrop.imaging.formats import cut_after_end, read_header, webp
from backdrop.imaging.logo import draw_logo
from backdrop.imaging.matte_parts import MatteCleaning, clean_matte
from backdrop.imaging.output_layout import OutputLayout, compute_layout, shrink_layout
from backdrop.imaging.overlay import draw_over
from backdrop.imaging.shadow import draw_shadow
from backdrop.imaging.sizes import describe_smaller_result, format_size
from backdrop.imaging.strip_resize import resize_in_strips
from backdrop.imaging.subject import Subject, locate_subject
from backdrop.imaging.trim import find_subject_box
from backdrop.imaging.verify import VerifiedPicture, require_visible
from backdrop.model.certificate import Certificate
from backdrop.model.codes import Code
from backdrop.model.composition import Background, Shadow
from backdrop.model.errors import ResultError
from backdrop.model.frame import Size
from backdrop.model.output_spec import DEFAULT_QUALITY, FULL_SIZE, PROVIDER_SIZE, OutputSpec

if TYPE_CHECKING:
    from PIL.Image import Image

_NO_BRAND_IMAGES: BrandImagePixels = {}
_MIN_FULL_CHROMA_QUALITY = 90
"""The JPEG quality from which every pixel keeps its own color (4:4:4). Below it, four pixels share one (4:2:0)."""
_TRANSPARENT = (0, 0, 0, 0)
_PNG_MODES = frozenset({"1", "L", "LA", "P", "RGB", "RGBA", "I;16"})
_MAX_OPTIMIZED_PIXELS = 1_000_000
"""PNG's best compression saves about 4% and takes eight times as long, which is seconds for a larger picture."""
_MAX_PROGRESSIVE_PIXELS = 16_000_000
"""While a progressive JPEG is written, the whole picture is held in memory, at 6 bytes per pixel."""
_MAX_WEBP_PIXELS = {"RGBA": MAX_TRANSPARENT_WEBP_PIXELS, "RGB": 26_000_000}
"""WebP's encoder takes about 24 bytes per pixel with alpha and 10 without: more pixels would exceed 512 MB."""
LARGE_PIXELS = {"webp": 4_000_000, "png": 16_000_000, "jpg": 16_000_000}
"""Above this, a photo of 50 megapixels does not fit into memory together with the encoder, its file, and what a
certificate decodes from that."""
_PNG_COMPRESS_LEVEL = 4
"""zlib's level for larger pictures. The default 6 takes nearly twice as long and saves 2%."""
_WEBP_METHOD = 4
"""WebP's effort level. Method 6 takes five times as long and saves less than 1%."""


type EmbedMetadata = Callable[[bytes], bytes]
"""Returns an encoded picture with its metadata, which is the file that is delivered."""


@dataclass(frozen=True, slots=True)
class OutputFile:
    """An output's file, with its metadata. `width` and `height` are in pixels.

    `scale` is the subject's size relative to the provider's picture. `is_limited` is true if the format cannot hold the
    requested size, so that the picture is smaller. `subject` and `certificate` are for the marketplace of the output:
    where a cut-out's subject is, and how the finished file meets the marketplace's rules.
    """

    data: bytes
    width: int
    height: int
    has_alpha: bool
    scale: float = 1.0
    is_limited: bool = False
    subject: Subject | None = None
    certificate: Certificate | None = None


@dataclass(frozen=True, slots=True)
class OriginalPhoto:
    """The photo of a cut-out: its size as displayed, and how to load its pixels.

    `may_be_transparent`: the file's format can have transparent parts. `load` returns a picture that the caller may
    change, upright and in sRGB, or None if the photo no longer exists.
    """

    size: Size
    may_be_transparent: bool
    load: Callable[[], "Image | None"]


class PaidPicture:
    """A provider's file that has passed `verify_result`. It is decoded when an output first needs its pixels.

    `original` is set for a removed background, for outputs at the photo's own size. `fallback_reason` is why such an
    output was made at the provider's size instead, or empty.
    """

    def __init__(
        self,
        data: bytes,
        picture: VerifiedPicture,
        original: OriginalPhoto | None = None,
        scene_enlargement: float | None = None,
    ) -> None:
        self._data = data
        self._picture = picture
        self._original = original
        self._load_replacement: Callable[[], Image] | None = None
        self.size: Size = (picture.width, picture.height)
        """The size of the provider's picture, or of the picture that replaces it."""
        self.scene_enlargement = scene_enlargement
        """How many times wider the provider's scene is in the picture that has the photo's own subject in it; None if
        the subject is the provider's, too."""
        self.fallback_reason = ""
        self._cleaning = MatteCleaning()

    @property
    def data(self) -> bytes:
        """The provider's file, unchanged."""
        return self._data

    @property
    def stray_count(self) -> int:
        """How many parts away from the subject were removed from what outputs were made from."""
        return self._cleaning.stray_count

    @property
    def has_own_subject(self) -> bool:
        """Whether the picture has the photo's own subject in it."""
        return self.scene_enlargement is not None

    def uses_own_pixels(self, output: OutputSpec) -> bool:
        """Whether an output has the photo's own subject in it, or is cut out of the photo at its own size."""
        return self.has_own_subject or (output.size == FULL_SIZE and self._full_size is not None)

    def replace_pixels(self, picture: "Image", make_again: "Callable[[], Image]", scene_enlargement: float) -> None:
        """Makes all outputs from this picture (RGB), with the photo's own subject, instead of the provider's.

        `make_again` returns the same picture, if an encoder needed its memory before all outputs were made.
        """
        self._load_replacement = make_again
        self.scene_enlargement = scene_enlargement
        self.size = picture.size
        self.pixels = picture

    def build_output(
        self, output: OutputSpec, embed_metadata: EmbedMetadata, brand_image_pixels: BrandImagePixels = _NO_BRAND_IMAGES
    ) -> OutputFile:
        """Builds one output. A plain lossless output of a PNG is the provider's file, with the metadata.

        It ends where its picture ends: bytes after that may be anything, such as a web page.

        `brand_image_pixels`: the brand images that the output names. Raises `ResultError` if the encoder fails, or if
        the output would show nothing.
        """
        full_picture = self._full_size if output.size == FULL_SIZE else None
        if full_picture is None and output.is_plain_lossless and self._is_delivered_unchanged(output):
            with _translate_encoder_errors(self.size, output):
                return OutputFile(embed_metadata(self._to_png()), *self.size, self._picture.has_alpha)
        source = full_picture or self.pixels
        composed = _compose(source, output, brand_image_pixels)
        pixel_count = composed.picture.width * composed.picture.height
        if composed.picture is not source and pixel_count > LARGE_PIXELS[output.format]:
            # Frees the memory for the encoder. If another output needs the picture, it is made again.
            del source, full_picture
            self.__dict__.pop("_full_size", None)
            self.__dict__.pop("pixels", None)
        return _encode_output(composed, output, embed_metadata)

    def _is_delivered_unchanged(self, output: OutputSpec) -> bool:
        """Whether a plain output is the provider's file: on request, or because its matte is clean."""
        if self._load_replacement is not None:
            return False
        if output.size == PROVIDER_SIZE or not self._picture.has_alpha:
            return True
        # Decodes the picture, unless that has been done.
        return self.pixels.mode == "RGB" or not self._cleaning.has_changed

    def to_lossless_png(self) -> bytes:
        """Returns the picture that outputs are made from: the provider's own file if that is a PNG, or a new one.

        Equal pictures give equal bytes. Raises `ResultError` if the encoder fails.
        """
        if self._load_replacement is None and self._picture.format == "png":
            return self._to_png()
        try:
            return _encode_picture(self.pixels, "png", LOSSLESS)
        except (OSError, ValueError) as error:
            message = f"The picture of {format_size(self.size)} cannot be encoded as PNG for its review: {error}."
            raise ResultError(Code.OUTPUT_NOT_MADE, message) from error

    def _to_png(self) -> bytes:
        """Returns the provider's own file if that is a PNG, without anything after its picture, or a new one."""
        is_png = self._picture.format == "png"
        return cut_after_end(self._data, "png") if is_png else _convert_to_png(self._decode())

    def _decode(self) -> "Image":
        return decode(self._data, read_header(self._data, self._picture.format))

    @cached_property
    def pixels(self) -> "Image":
        """The picture that outputs are made from (RGB or RGBA, sRGB), which the caller does not change.

        Its matte is clean, so that all that is made from it, and from its alpha channel, is too.
        """
        return self._load_replacement() if self._load_replacement else self._decode_clean()

    def _decode_clean(self) -> "Image":
        picture = to_srgb(self._decode())
        if picture.mode == "RGBA":
            self._cleaning = clean_matte(picture)
        return picture

    @cached_property
    def _full_size(self) -> "Image | None":
        """The cut-out at the photo's own size, or at the provider's if that is larger.

        It has none of the old background at its edges, and is nowhere less transparent than the photo. None if that is
        the provider's picture, or if the provider's picture must be used instead.
        """
        original = self._original
        if original is None:
            return None
        is_smaller = describe_smaller_result(original.size, self.size) is not None
        if not (is_smaller or original.may_be_transparent or self._picture.has_soft_alpha):
            return None
        is_larger = not is_smaller and describe_smaller_result(self.size, original.size) is not None
        # Before the photo is read: three pictures of this size would not fit into memory.
        matte = None if is_larger else Matte.of(_to_rgba(self.pixels if is_smaller else self._decode_clean()))
        photo = original.load()
        if photo is None:
            self.fallback_reason = "the photo can no longer be read, so it was not cut out at its own size"
            return None
        if photo.mode == "RGB" and not (is_smaller or self._picture.has_soft_alpha):
            return None
        try:
            if matte is None:
                return clean_enlarged(photo, _to_rgba(self._decode_clean()))
            return cut_out_full_size(photo, matte)
        except MatteMismatchError as error:
            self.fallback_reason = f"the provider's picture {error}"
            return None


@dataclass(frozen=True, slots=True)
class _ComposedPicture:
    """An output's pixels. `scale`, `is_limited`, and `subject` are as in `OutputFile`."""

    picture: "Image"
    scale: float
    is_limited: bool
    subject: Subject | None


def _compose(picture: "Image", output: OutputSpec, brand_image_pixels: BrandImagePixels) -> _ComposedPicture:
    is_trimmed = output.trim or (output.frame is not None and output.frame.places_subject)
    left, top, right, bottom = find_subject_box(picture) if is_trimmed else (0, 0, *picture.size)
    background = output.effective_background
    requested_layout = compute_layout(right - left, bottom - top, output)
    layout = requested_layout
    if output.format == "webp":
        max_pixels = _MAX_WEBP_PIXELS[_choose_mode(picture, requested_layout, background)]
        layout = shrink_layout(requested_layout, webp.MAX_SIDE, max_pixels)
    crop_box = layout.crop_box[0] + left, layout.crop_box[1] + top, layout.crop_box[2] + left, layout.crop_box[3] + top
    placed_layout = replace(layout, crop_box=crop_box)
    is_cut_out = picture.mode == "RGBA"
    subject = locate_subject(picture.getchannel("A"), placed_layout) if output.marketplace and is_cut_out else None
    canvas = _draw_layout(picture, placed_layout, background, output.shadow, brand_image_pixels)
    if output.logo:
        canvas = canvas.copy() if canvas is picture else canvas
        draw_logo(canvas, brand_image_pixels[output.logo.brand_image], output.logo)
    composed = _drop_opaque_alpha(canvas)
    return _ComposedPicture(composed, layout.scale, layout.size != requested_layout.size, subject)


def _encode_output(composed: _ComposedPicture, output: OutputSpec, embed_metadata: EmbedMetadata) -> OutputFile:
    picture, quality = composed.picture, output.quality or DEFAULT_QUALITY

    def encode(quality: int) -> bytes:
        return embed_metadata(_encode_picture(picture, output.format, quality))

    with _translate_encoder_errors(picture.size, output):
        data = encode_within_limit(encode, quality, output.max_bytes) if output.max_bytes else encode(quality)
    has_alpha = picture.mode == "RGBA"
    return OutputFile(
        data, *picture.size, has_alpha, composed.scale, is_limited=composed.is_limited, subject=composed.subject
    )


def _draw_layout(
    picture: "Image",
    layout: OutputLayout,
    background: Background | None,
    shadow: Shadow | None,
    brand_image_pixels: BrandImagePixels,
) -> "Image":
    """Draws the layout's part of the picture at its size and offset, on the background and the subject's shadow.

    Without a background, a layout may continue the picture's own border instead.
    Pillow weights colors by their alpha when it scales, so edges do not turn dark. Raises `ResultError` if nothing of
    the picture is visible there.
    """
    from PIL import Image

    shadow = shadow if picture.mode == "RGBA" else None
    if (
        layout.crop_box == (0, 0, *picture.size)
        and layout.size == picture.size
        and (picture.mode == "RGB" or not (background or shadow))
    ):
        if picture.mode == "RGBA":
            require_visible(picture.histogram()[-256:])
        return picture
    if background:
        canvas = draw_background(layout.size, background, brand_image_pixels)
    else:
        mode = _choose_mode(picture, layout, background)
        canvas = Image.new(mode, layout.size, 0 if mode == "RGB" else _TRANSPARENT)
    if shadow:
        draw_shadow(canvas, picture, layout, shadow)
    alpha_histogram = [0] * 256
    for top, strip in resize_in_strips(picture, layout.content_size, layout.crop_box):
        offset = layout.content_offset[0], layout.content_offset[1] + top
        if strip.mode == "RGBA":
            alpha_histogram = list(map(sum, zip(alpha_histogram, strip.histogram()[-256:], strict=True)))
        if strip.mode == "RGBA" and (background or shadow):
            draw_over(canvas, strip, offset)
        else:
            canvas.paste(strip, offset)
    if picture.mode == "RGBA":
        require_visible(alpha_histogram)
    if layout.border_box:
        (left, top), (width, height) = layout.content_offset, layout.content_size
        continue_border(canvas, (left, top, left + width, top + height), layout.border_box)
    return canvas


def _to_rgba(picture: "Image") -> "Image":
    return picture if picture.mode == "RGBA" else picture.convert("RGBA")


def _choose_mode(picture: "Image", layout: OutputLayout, background: Background | None) -> str:
    """Returns `RGBA` if the result can be transparent anywhere, else `RGB`."""
    is_opaque = picture.mode == "RGB" and layout.size == layout.covered_size
    return "RGB" if background or is_opaque else "RGBA"


def _drop_opaque_alpha(picture: "Image") -> "Image":
    return picture.convert("RGB") if picture.mode == "RGBA" and _is_opaque(picture) else picture


def _is_opaque(picture: "Image") -> bool:
    """Whether no pixel is transparent. Reads strips, because the alpha channel of a large picture is large too."""
    strips = resize_in_strips(picture, picture.size, (0, 0, *picture.size))
    return all(strip.getchannel("A").getextrema() == (255, 255) for _, strip in strips)


@contextmanager
def _translate_encoder_errors(size: Size, output: OutputSpec) -> Generator[None]:
    """Converts an encoder's errors to `ResultError`."""
    try:
        yield
    except (OSError, ValueError) as error:
        message = f"The {output.format} of {format_size(size)} cannot be encoded: {error}."
        raise ResultError(Code.OUTPUT_NOT_MADE, message) from error


def _convert_to_png(picture: "Image") -> bytes:
    """Encodes a decoded picture as PNG in its own mode if PNG supports that, with its own color profile."""
    fits = picture.mode in _PNG_MODES
    file = BytesIO()
    # A profile applies only to the colors that it came with.
    profile = picture.info.get("icc_profile") if fits else None
    (picture if fits else picture.convert("RGB")).save(file, "PNG", icc_profile=profile)
    return file.getvalue()


def _encode_picture(picture: "Image", output_format: str, quality: int) -> bytes:
    file = BytesIO()
    match output_format:
        case "jpg":
            _save_jpg(picture, file, quality)
        case "webp":
            _save_webp(picture, file, quality)
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
        # A noisy picture exceeds Pillow's buffer for such files. A plain JPEG is written piece by piece.
        file.seek(0)
        file.truncate()
        picture.save(file, "JPEG", **options)


def _save_webp(picture: "Image", file: BytesIO, quality: int) -> None:
    options = {"lossless": quality == LOSSLESS, "quality": quality, "method": _WEBP_METHOD}
    picture.save(file, "WEBP", icc_profile=srgb_profile_bytes(), **options)
