"""Puts a photo's own subject into the scene that a provider drew around it, at the photo's full size.

The subject's pixels are never resampled: the scene is shifted and scaled until the provider's version of the subject is
behind the photo's own. What would still protrude of that version is replaced by the scene next to it, close enough to
keep the contact shadow.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from math import ceil
from typing import TYPE_CHECKING, cast

from backdrop.imaging.alignment import Alignment, find_alignment
from backdrop.imaging.canvas import draw_canvas
from backdrop.imaging.cutout import build_refiner, limit_matte, limit_tile
from backdrop.imaging.inpaint_pyramid import inpaint
from backdrop.imaging.matte_edges import MatteRefiner
from backdrop.imaging.matte_parts import MAX_CLEAR_ALPHA, MIN_OPAQUE_ALPHA, MIN_VISIBLE_ALPHA
from backdrop.imaging.overlay import draw_over
from backdrop.imaging.sizes import can_show_whole_picture, format_size
from backdrop.imaging.strip_resize import downscale, resize, resize_in_strips
from backdrop.model.frame import Box, Canvas, FloatBox, Size

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_TRANSLUCENT_SHARE = 0.05
"""The share of a subject that may be semi-transparent: behind glass, a photo shows its old background."""
MAX_EXPOSED_SHARE = 0.04
"""The share of a side at which an aligned scene may end before the picture does, on each side."""

_TILE_SIDE = 256
_IDENTICAL_DEPTH = 3
"""Pixels of the photo: from this far inside an opaque area of the matte, every pixel is the photo's own."""
_TRANSLUCENCY_SIDE = 1_024
_TRANSLUCENT_MASK_TABLE = [255 if MIN_VISIBLE_ALPHA <= alpha < 240 else 0 for alpha in range(256)]
_EDGE_FILTER_SIZE = 5
"""In a matte of at most `_TRANSLUCENCY_SIDE` pixels per side, semi-transparent bands that are narrower than this are
edges or strands of hair."""
_VISIBLE_MASK_TABLE = [0] * MIN_VISIBLE_ALPHA + [255] * (256 - MIN_VISIBLE_ALPHA)
_OPAQUE_MASK_TABLE = [0] * MIN_OPAQUE_ALPHA + [255] * (256 - MIN_OPAQUE_ALPHA)
_MIN_PROTRUSION = 2
_PROTRUSION_SHARE = 1 / 400
"""How far a provider's subject may protrude behind the photo's own: the minimum in pixels of the scene, and the share
of its longer side. Providers redraw edges, and soften them."""


class OwnPixelsProblem(StrEnum):
    """Why a scene cannot be composed with the photo's own subject."""

    SUBJECT_MOVED = "subject_moved"
    TRANSLUCENT_SUBJECT = "translucent_subject"
    PHOTO_GONE = "photo_gone"


class OwnPixelsError(ValueError):
    """The provider's picture must be delivered as it is. The message completes `because …`."""

    def __init__(self, problem: OwnPixelsProblem, message: str) -> None:
        super().__init__(message)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class ComposedScene:
    """A scene with the photo's own subject (RGB). `enlargement`: how many times wider the provider's pixels became."""

    picture: "Image"
    enlargement: float


@dataclass(frozen=True, slots=True)
class _Layout:
    """The size of the result, the size at which the photo is drawn, and its offset in the result."""

    size: Size
    photo_size: Size
    offset: tuple[int, int]

    def to_shares(self) -> FloatBox:
        """Returns the photo's box as shares of the result."""
        (left, top), (width, height) = self.offset, self.photo_size
        across, down = self.size
        return left / across, top / down, (left + width) / across, (top + height) / down


def compose_own_pixels(
    scene: "Image",
    load_photo: "Callable[[], Image | None]",
    matte: "Image | None",
    canvas: Canvas | None,
    max_pixels: int,
) -> ComposedScene:
    """Returns the scene (RGB) with the subject of the photo (RGB or RGBA, upright), both in sRGB.

    `load_photo` returns a picture that may be changed, or None if the photo no longer exists. It is called here so that
    no one else holds the photo, whose memory is needed before the end.

    Where the matte (L, any size), scaled to the photo's size, is 255 and at least 3 pixels inside of that area, the
    result has the photo's own pixels. A matte of the photo's own size is used as it is, a smaller one is refined along
    the photo's edges. `matte`: None if the photo's own transparency is its matte.

    The result has the photo's size. For a framed photo, it is the canvas at the photo's scale, and has at most
    `max_pixels` pixels; only if that reduces it, the photo is scaled too. Raises `OwnPixelsError`.
    """
    from PIL import Image

    photo = load_photo()
    if photo is None:
        raise OwnPixelsError(OwnPixelsProblem.PHOTO_GONE, "the photo can no longer be read")
    layout = _plan_layout(photo.size, canvas, max_pixels)
    if matte is None and photo.mode != "RGBA":
        raise ValueError("an opaque photo needs a matte")
    # A large photo's own alpha is reduced here to save memory. It is drawn with all its pixels.
    subject_matte = matte or limit_matte(photo).getchannel("A")
    _refuse_translucent(subject_matte)
    _refuse_other_shape(scene.size, layout.size)
    scene_box = _find_scene_box(scene.size, _align(photo, scene, subject_matte, canvas))
    photo = downscale(photo, layout.photo_size[0] / photo.width) if layout.photo_size != photo.size else photo
    refiner = None
    if matte:
        has_photo_size = matte.size == photo.size
        refiner = build_refiner(photo, matte if has_photo_size else limit_matte(matte), keeps_alpha=has_photo_size)
    backdrop = _remove_protrusions(scene, subject_matte, _locate(layout.to_shares(), scene_box))
    backdrop, scene_box = _cover(backdrop, scene_box)
    subject = _Subject(photo, matte, refiner)
    # An opaque photo becomes the result itself, which saves the memory of another picture.
    is_in_place = photo.mode == "RGB" and layout.size == photo.size and layout.offset == (0, 0)
    picture = photo if is_in_place else Image.new("RGB", layout.size)
    for top, strip in resize_in_strips(backdrop, layout.size, scene_box):
        subject.draw(strip, (layout.offset[0], layout.offset[1] - top))
        picture.paste(strip, (0, top))
    return ComposedScene(picture, layout.size[0] / (scene_box[2] - scene_box[0]))


def measure_translucent_share(matte: "Image") -> float:
    """Returns the share of a subject's visible pixels that is semi-transparent, 0 to 1. Its edges do not count.

    Edges, strands of hair, and everything else that is semi-transparent in a band of at most 4 pixels are ignored, in a
    matte whose longer side is reduced to 1,024 pixels.
    """
    from PIL import Image, ImageFilter

    scale = min(1.0, _TRANSLUCENCY_SIDE / max(matte.size))
    size = max(1, round(matte.width * scale)), max(1, round(matte.height * scale))
    small = matte.resize(size, Image.Resampling.BOX, reducing_gap=2.0) if scale < 1 else matte
    visible = sum(small.histogram()[MIN_VISIBLE_ALPHA:])
    translucent = small.point(_TRANSLUCENT_MASK_TABLE)
    for rank_filter in (ImageFilter.MinFilter, ImageFilter.MaxFilter):
        translucent = translucent.filter(rank_filter(_EDGE_FILTER_SIZE))
    return translucent.histogram()[255] / max(visible, 1)


def _refuse_translucent(matte: "Image") -> None:
    share = measure_translucent_share(matte)
    if share > MAX_TRANSLUCENT_SHARE:
        raise OwnPixelsError(
            OwnPixelsProblem.TRANSLUCENT_SUBJECT,
            f"it is semi-transparent in {share:.0%} of its pixels, which show the old background",
        )


def _plan_layout(photo_size: Size, canvas: Canvas | None, max_pixels: int) -> _Layout:
    if canvas is None:
        return _Layout(photo_size, photo_size, (0, 0))
    width, height = photo_size
    across, down = width / canvas.photo_width, height / canvas.photo_height
    full_pixels = canvas.width * across * canvas.height * down
    if full_pixels > max_pixels:
        shrink = (max_pixels / full_pixels) ** 0.5
        # Rounded down, because the result may not have more pixels than that.
        size = int(canvas.width * across * shrink), int(canvas.height * down * shrink)
        width, height = max(1, round(width * shrink)), max(1, round(height * shrink))
    else:
        size = round(canvas.width * across), round(canvas.height * down)
    placed = canvas.resize(*size)
    return _Layout(size, (width, height), (placed.photo_left, placed.photo_top))


def _refuse_other_shape(scene_size: Size, size: Size) -> None:
    if not can_show_whole_picture(size, scene_size):
        raise OwnPixelsError(
            OwnPixelsProblem.SUBJECT_MOVED,
            f"it cannot be placed in a picture of {format_size(scene_size)}, which has another shape",
        )


def _align(photo: "Image", scene: "Image", matte: "Image", canvas: Canvas | None) -> Alignment:
    """Finds out where the scene shows the subject of the picture that was sent. Raises `OwnPixelsError` if nowhere."""
    from PIL import Image

    sent, sent_matte = photo, matte
    if canvas:
        sent, sent_matte = draw_canvas(photo, canvas), Image.new("L", (canvas.width, canvas.height))
        placed = resize(matte, (canvas.photo_width, canvas.photo_height), Image.Resampling.BILINEAR)
        sent_matte.paste(placed, (canvas.photo_left, canvas.photo_top))
    if sent.mode == "RGBA":
        # The scene is behind what is transparent, because another color there would be a false detail.
        flat = scene.copy()
        draw_over(flat, resize(sent, scene.size), (0, 0))
        sent = flat
    alignment = find_alignment(sent, scene, sent_matte)
    if not alignment.is_reliable:
        raise OwnPixelsError(OwnPixelsProblem.SUBJECT_MOVED, "it was not found in the provider's picture")
    return alignment


def _find_scene_box(size: Size, alignment: Alignment) -> FloatBox:
    """Returns the part of the scene that the result shows, in pixels. It may exceed the scene.

    Raises `OwnPixelsError` if too much of the result would be empty.
    """
    left, top = 0.5 + alignment.dx - alignment.scale / 2, 0.5 + alignment.dy - alignment.scale / 2
    right, bottom = left + alignment.scale, top + alignment.scale
    exposed_share = max(-left, -top, right - 1, bottom - 1)
    if exposed_share > MAX_EXPOSED_SHARE:
        raise OwnPixelsError(
            OwnPixelsProblem.SUBJECT_MOVED,
            f"it is at another place in the provider's picture, so that {exposed_share:.0%} of a side would be empty",
        )
    width, height = size
    return left * width, top * height, right * width, bottom * height


def _locate(shares: FloatBox, box: FloatBox) -> FloatBox:
    """Converts shares of a box to coordinates."""
    width, height = box[2] - box[0], box[3] - box[1]
    return (
        box[0] + shares[0] * width,
        box[1] + shares[1] * height,
        box[0] + shares[2] * width,
        box[1] + shares[3] * height,
    )


def _remove_protrusions(scene: "Image", matte: "Image", photo_box: FloatBox) -> "Image":
    """Replaces the scene behind the subject, and a few pixels around it, by what is next to that."""
    from PIL import Image, ImageChops, ImageFilter

    left, top = round(photo_box[0]), round(photo_box[1])
    size = max(1, round(photo_box[2] - photo_box[0])), max(1, round(photo_box[3] - photo_box[1]))
    subject = Image.new("L", scene.size)
    subject.paste(resize(matte, size, Image.Resampling.BILINEAR).point(_VISIBLE_MASK_TABLE), (left, top))
    for _ in range(max(_MIN_PROTRUSION, round(max(scene.size) * _PROTRUSION_SHARE))):
        subject = subject.filter(ImageFilter.MaxFilter(3))
    return inpaint(scene, ImageChops.invert(subject))


def _cover(scene: "Image", box: FloatBox) -> tuple["Image", FloatBox]:
    """Mirrors a scene at its borders so that it covers a box. Returns it with the box in its own pixels."""
    from PIL import Image
    from PIL.Image import Transpose

    width, height = scene.size
    margin = ceil(max(-box[0], -box[1], box[2] - width, box[3] - height, 0))
    if not margin:
        return scene, box
    extended = Image.new("RGB", (width + 2 * margin, height + 2 * margin))
    extended.paste(scene, (margin, margin))
    for left in (0, width - margin):
        column = scene.crop((left, 0, left + margin, height)).transpose(Transpose.FLIP_LEFT_RIGHT)
        extended.paste(column, (left and margin + width, margin))
    for first, top in ((margin, 0), (height, margin + height)):
        row = extended.crop((0, first, extended.width, first + margin)).transpose(Transpose.FLIP_TOP_BOTTOM)
        extended.paste(row, (0, top))
    return extended, (box[0] + margin, box[1] + margin, box[2] + margin, box[3] + margin)


@dataclass(frozen=True, slots=True)
class _Subject:
    """The photo with its subject. `matte` and `refiner`: None if the photo's own transparency is its matte."""

    photo: "Image"
    matte: "Image | None"
    refiner: MatteRefiner | None

    def draw(self, strip: "Image", offset: tuple[int, int]) -> None:
        """Draws the subject on a strip of the scene. `offset`: where the photo's upper left corner is in the strip."""
        for box in self._iter_tiles(strip.size, offset):
            low, high = self._read_alpha_range(box)
            if high <= MAX_CLEAR_ALPHA:
                continue
            tile, place = self.photo.crop(box), (box[0] + offset[0], box[1] + offset[1])
            if low < MIN_OPAQUE_ALPHA:
                cut_out = self._cut_out(tile, box)
                strip.paste(cut_out, place, cut_out)
            else:
                strip.paste(tile, place)

    def _iter_tiles(self, size: Size, offset: tuple[int, int]) -> Iterator[Box]:
        """Yields the tiles of the photo that are in a strip of this size."""
        first, last = max(0, -offset[1]), min(self.photo.height, size[1] - offset[1])
        start, end = max(0, -offset[0]), min(self.photo.width, size[0] - offset[0])
        if first < last:
            for left in range(start, end, _TILE_SIDE):
                yield left, first, min(left + _TILE_SIDE, end), last

    def _read_alpha_range(self, box: Box) -> tuple[int, int]:
        """Returns the lowest and the highest alpha that affect a tile."""
        ranges = list[tuple[int, int]]()
        if self.refiner:
            ranges.append(self.refiner.alpha_range(self._to_shares(box)))
        if self.photo.mode == "RGBA":
            ranges.append(cast("tuple[int, int]", self.photo.crop(box).getchannel("A").getextrema()))
        return min(low for low, _ in ranges), min(high for _, high in ranges)

    def _cut_out(self, tile: "Image", box: Box) -> "Image":
        """Cuts out a tile of the photo, without the old background's color at the subject's edges (RGBA)."""
        if self.refiner is None or self.matte is None:
            return tile
        cut_out = self.refiner.cut_out(tile, self._to_shares(box))
        own_pixels = tile.convert("RGB")
        own_pixels.putalpha(255)
        cut_out.paste(own_pixels, mask=self._mark_identical(self.matte, box))
        return limit_tile(cut_out, tile) if tile.mode == "RGBA" else cut_out

    def _mark_identical(self, matte: "Image", box: Box) -> "Image":
        """Marks the pixels of a tile that must be the photo's own: those deep enough inside an opaque area."""
        from PIL import ImageFilter
        from PIL.Image import Resampling

        left, top = max(0, box[0] - _IDENTICAL_DEPTH), max(0, box[1] - _IDENTICAL_DEPTH)
        right = min(self.photo.width, box[2] + _IDENTICAL_DEPTH)
        bottom = min(self.photo.height, box[3] + _IDENTICAL_DEPTH)
        area = _locate(self._to_shares((left, top, right, bottom)), (0, 0, *matte.size))
        opaque = matte.resize((right - left, bottom - top), Resampling.BICUBIC, area).point(_OPAQUE_MASK_TABLE)
        inside = opaque.filter(ImageFilter.MinFilter(2 * _IDENTICAL_DEPTH + 1))
        return inside.crop((box[0] - left, box[1] - top, box[2] - left, box[3] - top))

    def _to_shares(self, box: Box) -> FloatBox:
        width, height = self.photo.size
        return box[0] / width, box[1] / height, box[2] / width, box[3] / height
