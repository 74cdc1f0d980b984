"""Where a subject stands in its output: pure arithmetic of pixels."""

from dataclasses import dataclass, replace
from math import sqrt

from backdrop.model.output_spec import COVER, Output

MOST_SIDE = 10_000
"""No margin makes a picture longer than this."""


@dataclass(frozen=True, slots=True)
class Frame:
    """`part` of the subject (left, top, right, bottom) is shown in `shown` pixels at `place` of a picture of `size`.

    `scale`: shown pixels for each pixel of the subject.
    """

    size: tuple[int, int]
    shown: tuple[int, int]
    place: tuple[int, int]
    part: tuple[float, float, float, float]
    scale: float


def frame_of(width: int, height: int, output: Output) -> Frame:
    """The frame of a subject of `width` x `height` pixels."""
    frame = (output.width or MOST_SIDE, output.height or MOST_SIDE)
    match output.fit:
        case _ if output.fit == COVER:
            return _cover(width, height, frame)
        case "pad":
            return _pad(width, height, frame, output)
        case _:
            return _contain(width, height, output)


def within(frame: Frame, most_side: int, most_pixels: int) -> Frame:
    """The same, no larger than a format holds."""
    width, height = frame.size
    scale = min(1.0, most_side / max(frame.size), sqrt(most_pixels / (width * height)))
    if scale == 1:
        return frame
    size = max(1, int(width * scale)), max(1, int(height * scale))
    place = int(frame.place[0] * scale), int(frame.place[1] * scale)
    shown = [max(1, min(int(one * scale), most - at)) for one, most, at in zip(frame.shown, size, place, strict=True)]
    return replace(frame, size=size, shown=(shown[0], shown[1]), place=place, scale=frame.scale * scale)


def _cover(width: int, height: int, frame: tuple[int, int]) -> Frame:
    scale = max(frame[0] / width, frame[1] / height)
    across, down = min(frame[0] / scale, width), min(frame[1] / scale, height)
    left, top = (width - across) / 2, (height - down) / 2
    return Frame(frame, frame, (0, 0), (left, top, left + across, top + down), scale)


def _pad(width: int, height: int, frame: tuple[int, int], output: Output) -> Frame:
    margin = output.margin_pixels or round(output.margin_share * min(frame))
    room = [max(side - 2 * margin, 1) for side in frame]
    scale = min(room[0] / width, room[1] / height)
    shown = _side(width * scale, room[0]), _side(height * scale, room[1])
    place = (frame[0] - shown[0]) // 2, (frame[1] - shown[1]) // 2
    return Frame(frame, shown, place, (0, 0, width, height), scale)


def _contain(width: int, height: int, output: Output) -> Frame:
    """A share of the finished picture grows with the subject, so that it counts as part of what is scaled."""
    share, fixed = output.margin_share, output.margin_pixels
    grown = share / (1 - 2 * share) * min(width, height)
    unlimited = MOST_SIDE if output.leaves_free_space else None
    limits = [(output.width or unlimited, width), (output.height or unlimited, height)]
    scale = min([1.0, *((limit - 2 * fixed) / (side + 2 * grown) for limit, side in limits if limit)])
    size = [max(round((side + 2 * grown) * scale), 1) + 2 * fixed for _, side in limits]
    margin = min(fixed + round(grown * scale), (min(size) - 1) // 2)
    shown = size[0] - 2 * margin, size[1] - 2 * margin
    return Frame((size[0], size[1]), shown, (margin, margin), (0, 0, width, height), scale)


def _side(wanted: float, most: int) -> int:
    return max(1, min(round(wanted), most))
