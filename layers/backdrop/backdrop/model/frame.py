"""Frames: the shape that a picture must have, and where a photo, a subject, or a provider's picture is placed in it.

Pure arithmetic on pixels. Sizes are (width, height), boxes are (left, top, right, bottom).
"""

import re
from collections.abc import Mapping
from fractions import Fraction
from math import ceil
from typing import Any, NamedTuple

from backdrop.model.record import Record, record

MAX_FRAME_SIDE = 4096
"""Pixels per side of a canvas, and of a framed picture whose output has no size of its own."""
MIN_FRAME_SIDE = 16
MAX_RATIO = 3
"""The longer side of a frame is at most this many times as long as the shorter one, as Ideogram requires (v2)."""
MAX_CROP_SHARE = 0.02
"""The share of a provider's picture that may be cut off to give it the frame's shape. Beyond it, the picture is padded.
"""
DEFAULT_SUBJECT_SIZE = 0.85
"""The share of the frame that the subject fills if only its position is given."""
CENTER = "center"
# The share of the free space that is left of a subject or logo, and above it.
POSITIONS: Mapping[str, tuple[Fraction, Fraction]] = {
    f"{vertical}-{horizontal}".strip("-") or CENTER: (x, y)
    for vertical, y in (("", Fraction(1, 2)), ("top", Fraction(0)), ("bottom", Fraction(1)))
    for horizontal, x in (("", Fraction(1, 2)), ("left", Fraction(0)), ("right", Fraction(1)))
}
COMMON_RATIOS = ("1:1", "4:5", "5:4", "3:4", "4:3", "2:3", "3:2", "9:16", "16:9", "1:3", "3:1")
FRAME_FIELD, SUBJECT_FIELDS = "frame", ("subject_size", "position")
_RATIO_PATTERN = re.compile(r"(\d{1,4}(?:\.\d{1,3})?):(\d{1,4}(?:\.\d{1,3})?)", re.ASCII)
_SIZE_PATTERN = re.compile(r"(\d{1,5})x(\d{1,5})", re.ASCII)
type Size = tuple[int, int]
type Box = tuple[int, int, int, int]
type FloatBox = tuple[float, float, float, float]
"""A box with fractions of a pixel."""


@record
class Frame(Record):
    """A shape: `width` to `height`. `is_size`: they are also the size of the finished picture, in pixels."""

    width: int
    height: int
    is_size: bool = False

    @property
    def ratio(self) -> Fraction:
        """Width divided by height."""
        return Fraction(self.width, self.height)

    @property
    def ratio_text(self) -> str:
        """The shape alone, in lowest terms: `300:157` for `1200x628`."""
        return f"{self.ratio.numerator}:{self.ratio.denominator}"

    def __str__(self) -> str:
        return f"{self.width}x{self.height}" if self.is_size else f"{self.width}:{self.height}"


@record
class Canvas(Record):
    """The picture that is sent instead of the photo, and the part of it that shows the photo, in pixels.

    `photo_left` and `photo_top` are negative if transparent borders of the photo are outside the canvas.
    """

    width: int
    height: int
    photo_left: int
    photo_top: int
    photo_width: int
    photo_height: int

    def resize(self, width: int, height: int) -> "Canvas":
        """Returns the same canvas at another size, for example that of the provider's picture."""
        across, down = width / self.width, height / self.height
        return Canvas(
            width=width,
            height=height,
            photo_left=round(self.photo_left * across),
            photo_top=round(self.photo_top * down),
            photo_width=max(1, round(self.photo_width * across)),
            photo_height=max(1, round(self.photo_height * down)),
        )


@record
class OutputFrame(Record):
    """The frame of an output.

    `is_cut_out`: the picture is a cut-out, which is placed in the frame; any other picture is corrected to its shape.
    `subject_size` and `position`: None if the whole picture is placed, without regard to its subject.
    """

    frame: Frame
    is_cut_out: bool
    subject_size: float | None = None
    position: str | None = None

    @property
    def places_subject(self) -> bool:
        return self.is_cut_out and self.position is not None

    @property
    def continues_border(self) -> bool:
        """Whether free space in the frame continues the picture's border, instead of being transparent."""
        return not self.is_cut_out


class FramedContent(NamedTuple):
    """A frame in pixels of the content, and the offset of the content in it, which is negative where it is cropped."""

    size: Size
    offset: tuple[int, int]


class FrameError(ValueError):
    """A text is not a frame.

    `nearest`: the nearest frame, if the text is a ratio outside the limits. `may_be_misspelled`: the text is neither a
    ratio nor a size.
    """

    def __init__(self, message: str, nearest: str = "", *, may_be_misspelled: bool = False) -> None:
        super().__init__(message)
        self.nearest = nearest
        self.may_be_misspelled = may_be_misspelled


def parse_frame(text: str) -> Frame:
    """Parses `4:5`, `1.91:1`, or `1200x628`. Raises FrameError."""
    word = "".join(text.split()).lower().replace("×", "x")
    size, ratio = _SIZE_PATTERN.fullmatch(word), _RATIO_PATTERN.fullmatch(word)
    if size:
        frame = Frame(width=int(size[1]), height=int(size[2]), is_size=True)
        if min(frame.width, frame.height) < MIN_FRAME_SIDE or max(frame.width, frame.height) > MAX_FRAME_SIDE:
            raise FrameError(
                f"{text[:80]!r} is not a frame: each side must have {MIN_FRAME_SIDE} to {MAX_FRAME_SIDE:,} pixels"
            )
    elif ratio and not (Fraction(ratio[1]) and Fraction(ratio[2])):
        raise FrameError(f"{text[:80]!r} is not a frame: both numbers of a ratio must be greater than 0")
    elif ratio:
        shape = Fraction(ratio[1]) / Fraction(ratio[2])
        is_whole = "." not in word
        width, height = (int(ratio[1]), int(ratio[2])) if is_whole else (shape.numerator, shape.denominator)
        frame = Frame(width=width, height=height)
    else:
        raise FrameError(
            f"{text[:80]!r} is not a frame: use a ratio such as '4:5', or a size in pixels such as '1200x628'",
            may_be_misspelled=True,
        )
    if not Fraction(1, MAX_RATIO) <= frame.ratio <= MAX_RATIO:
        nearest = f"{MAX_RATIO}:1" if frame.ratio > 1 else f"1:{MAX_RATIO}"
        raise FrameError(
            f"{text[:80]!r} is not a frame: the shape must be between 1:{MAX_RATIO} and {MAX_RATIO}:1", nearest
        )
    return frame


def build_frame_spec(instructions: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what a frame contributes to the provider request: its shape, and the subject's place if one is given.

    Two instructions with the same result have the same spec, because a job's identity contains it.
    """
    if FRAME_FIELD not in instructions:
        return {}
    return {FRAME_FIELD: parse_frame(instructions[FRAME_FIELD]).ratio_text, **build_subject_spec(instructions)}


def build_subject_spec(instructions: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the subject's size and position if at least one of them is given; otherwise nothing."""
    if not any(name in instructions for name in SUBJECT_FIELDS):
        return {}
    return {
        "subject_size": instructions.get("subject_size", DEFAULT_SUBJECT_SIZE),
        "position": instructions.get("position", CENTER),
    }


def parse_output_frame(instructions: Mapping[str, Any]) -> OutputFrame | None:
    """Returns the frame of every output of validated instructions; None if they have none."""
    if FRAME_FIELD not in instructions:
        return None
    return OutputFrame(
        frame=parse_frame(instructions[FRAME_FIELD]),
        is_cut_out=instructions.get("operation") == "remove",
        **build_subject_spec(instructions),
    )


def plan_canvas(photo: Size, frame: Frame) -> Canvas:
    """Returns the smallest canvas of the frame's shape that contains the whole photo, unscaled and centered.

    If the canvas would have more than `MAX_FRAME_SIDE` pixels per side, canvas and photo are scaled down.
    """
    return _plan_canvas(photo, (0, 0, *photo), frame, Fraction(1), CENTER)


def plan_subject_canvas(photo: Size, subject_box: Box, frame: Frame, subject_size: float, position: str) -> Canvas:
    """Like `plan_canvas`, but the subject fills `subject_size` of the frame, at the given position."""
    return _plan_canvas(photo, subject_box, frame, Fraction(str(subject_size)), position)


def _plan_canvas(photo: Size, box: Box, frame: Frame, share: Fraction, position: str) -> Canvas:
    width, height = box[2] - box[0], box[3] - box[1]
    exact_size = _find_frame_size(width, height, frame, share)
    scale = min(Fraction(1), MAX_FRAME_SIDE / max(exact_size))
    # Rounding up keeps the ratio within its limits, because the shorter side grows by a larger share.
    size = ceil(exact_size[0] * scale), ceil(exact_size[1] * scale)
    left, top = _find_offset(size, (width * scale, height * scale), share, position)
    return Canvas(
        width=size[0],
        height=size[1],
        photo_left=round(left - box[0] * scale),
        photo_top=round(top - box[1] * scale),
        photo_width=max(1, round(photo[0] * scale)),
        photo_height=max(1, round(photo[1] * scale)),
    )


def frame_cut_out(width: int, height: int, target: OutputFrame) -> FramedContent:
    """Places a cut-out's subject, or the whole cut-out, in the smallest frame that leaves the requested free space."""
    share = Fraction(str(target.subject_size or 1))
    exact_size = _find_frame_size(width, height, target.frame, share)
    size = ceil(exact_size[0]), ceil(exact_size[1])
    left, top = _find_offset(size, (Fraction(width), Fraction(height)), share, target.position or CENTER)
    return FramedContent(size, (round(left), round(top)))


def correct_shape(width: int, height: int, frame: Frame) -> FramedContent:
    """Gives a provider's picture the frame's shape: crops it evenly by at most `MAX_CROP_SHARE`, or else pads it."""
    cropped = (
        (max(1, round(height * frame.ratio)), height)
        if Fraction(width, height) > frame.ratio
        else (width, max(1, round(width / frame.ratio)))
    )
    is_small_crop = 1 - Fraction(cropped[0] * cropped[1], width * height) <= MAX_CROP_SHARE
    if is_small_crop:
        return FramedContent(cropped, (-((width - cropped[0]) // 2), -((height - cropped[1]) // 2)))
    exact_size = _find_frame_size(width, height, frame, Fraction(1))
    size = max(width, round(exact_size[0])), max(height, round(exact_size[1]))
    return FramedContent(size, ((size[0] - width) // 2, (size[1] - height) // 2))


def needs_padding(width: int, height: int, frame: Frame) -> bool:
    """Whether a provider's picture is too far from the frame's shape to be cropped."""
    size, _ = correct_shape(width, height, frame)
    return size[0] > width or size[1] > height


def list_touched_sides(box: Box, size: Size) -> list[str]:
    """Returns the sides of a picture that its subject touches."""
    touched = {"left": box[0] <= 0, "top": box[1] <= 0, "right": box[2] >= size[0], "bottom": box[3] >= size[1]}
    return [side for side, touches in touched.items() if touches]


def _find_frame_size(width: int, height: int, frame: Frame, share: Fraction) -> tuple[Fraction, Fraction]:
    """Returns the exact size of the smallest frame in which the content fills at most `share` of each side."""
    unit = max(width / (share * frame.width), height / (share * frame.height))
    return frame.width * unit, frame.height * unit


def _find_offset(
    size: Size, content: tuple[Fraction, Fraction], share: Fraction, position: str
) -> tuple[Fraction, Fraction]:
    """Returns the exact offset of content that keeps the same distance from the edge that it is moved to."""
    x, y = POSITIONS[position]
    return (
        size[0] * (1 - share) / 2 + (size[0] * share - content[0]) * x,
        size[1] * (1 - share) / 2 + (size[1] * share - content[1]) * y,
    )
