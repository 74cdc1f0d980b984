"""Frames: each canvas has the requested shape and holds the whole photo, and each picture gets that shape."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backdrop.model.frame import (
    MAX_CROP_SHARE,
    MAX_FRAME_SIDE,
    MAX_RATIO,
    POSITIONS,
    Canvas,
    Frame,
    FrameError,
    build_frame_spec,
    correct_shape,
    list_touched_sides,
    needs_padding,
    parse_frame,
    plan_canvas,
    plan_subject_canvas,
)
from tests.unit.ledger_items import quick

SIDE = st.integers(16, 12_000)
SIZE = st.tuples(SIDE, SIDE)
FRAME = (
    st.builds(Frame, width=st.integers(1, 400), height=st.integers(1, 400))
    | st.builds(Frame, width=st.integers(16, 4_096), height=st.integers(16, 4_096), is_size=st.just(True))
).filter(lambda frame: 1 <= MAX_RATIO * frame.ratio <= MAX_RATIO * MAX_RATIO)


def assert_has_shape(size: tuple[int, int], frame: Frame) -> None:
    """Asserts that a size has the frame's shape, except for one pixel of rounding."""
    width, height = size
    assert abs(width - height * frame.ratio) <= max(1, frame.ratio)
    assert max(width, height) <= MAX_RATIO * min(width, height)


@pytest.mark.parametrize(
    ("text", "frame", "ratio"),
    [
        ("4:5", Frame(width=4, height=5), "4:5"),
        (" 9 : 16 ", Frame(width=9, height=16), "9:16"),
        ("2:2", Frame(width=2, height=2), "1:1"),
        ("1.91:1", Frame(width=191, height=100), "191:100"),
        ("1:3", Frame(width=1, height=3), "1:3"),
        ("1200x628", Frame(width=1200, height=628, is_size=True), "300:157"),
        ("1200 × 628", Frame(width=1200, height=628, is_size=True), "300:157"),
    ],
)
def test_frame_is_a_ratio_or_a_size(text: str, frame: Frame, ratio: str) -> None:
    assert (parse_frame(text), parse_frame(text).ratio_text) == (frame, ratio)
    assert parse_frame(str(frame)) == frame


@pytest.mark.parametrize("text", ["", "4", "4:", "4:5:6", "0:1", "1:0", "-1:1", "1x1", "4097x4097", "1e3:1e3", "٤:٥"])
def test_other_texts_are_not_frames(text: str) -> None:
    with pytest.raises(ValueError, match="is not a frame"):
        parse_frame(text)


@pytest.mark.parametrize(
    ("text", "nearest"), [("100:1", "3:1"), ("1:100", "1:3"), ("301:100", "3:1"), ("60x200", "1:3")]
)
def test_extreme_frame_suggests_the_nearest_one(text: str, nearest: str) -> None:
    with pytest.raises(FrameError) as caught:
        parse_frame(text)
    assert caught.value.nearest == nearest


@quick
@given(SIZE, FRAME)
def test_whole_photo_is_centered_on_the_smallest_canvas(photo: tuple[int, int], frame: Frame) -> None:
    canvas = plan_canvas(photo, frame)
    assert_has_shape((canvas.width, canvas.height), frame)
    assert max(canvas.width, canvas.height) <= MAX_FRAME_SIDE
    right = canvas.width - canvas.photo_left - canvas.photo_width
    bottom = canvas.height - canvas.photo_top - canvas.photo_height
    assert min(canvas.photo_left, canvas.photo_top, right, bottom) >= 0
    assert abs(canvas.photo_left - right) <= 1
    assert abs(canvas.photo_top - bottom) <= 1
    assert min(canvas.width - canvas.photo_width, canvas.height - canvas.photo_height) <= 1
    is_scaled = (canvas.photo_width, canvas.photo_height) != photo
    assert not is_scaled or max(canvas.width, canvas.height) >= MAX_FRAME_SIDE - 1


@quick
@given(SIZE, FRAME, st.sampled_from([0.1, 0.333, 0.5, 0.85, 1.0]), st.sampled_from([*POSITIONS]), st.data())
def test_subject_fills_its_share_at_its_position(
    photo: tuple[int, int], frame: Frame, share: float, position: str, data: st.DataObject
) -> None:
    left, top = data.draw(st.integers(0, photo[0] - 8)), data.draw(st.integers(0, photo[1] - 8))
    right, bottom = data.draw(st.integers(left + 8, photo[0])), data.draw(st.integers(top + 8, photo[1]))
    canvas = plan_subject_canvas(photo, (left, top, right, bottom), frame, share, position)
    assert_has_shape((canvas.width, canvas.height), frame)
    assert max(canvas.width, canvas.height) <= MAX_FRAME_SIDE
    across, down = canvas.photo_width / photo[0], canvas.photo_height / photo[1]
    box = (
        canvas.photo_left + left * across,
        canvas.photo_top + top * down,
        canvas.photo_left + right * across,
        canvas.photo_top + bottom * down,
    )
    filled = max((box[2] - box[0]) / canvas.width, (box[3] - box[1]) / canvas.height)
    tolerance = 3 / min(canvas.width, canvas.height)
    assert abs(filled - share) <= tolerance
    margins = {"left": box[0], "top": box[1], "right": canvas.width - box[2], "bottom": canvas.height - box[3]}
    assert min(margins.values()) >= -2
    for side in position.split("-"):
        if side in margins:
            length = canvas.width if side in ("left", "right") else canvas.height
            assert abs(margins[side] - length * (1 - share) / 2) <= 3


@quick
@given(SIZE, FRAME)
def test_picture_is_cropped_a_little_or_padded(size: tuple[int, int], frame: Frame) -> None:
    framed, offset = correct_shape(*size, frame)
    assert abs(framed[0] - framed[1] * frame.ratio) <= max(1, frame.ratio)
    if needs_padding(*size, frame):
        assert (framed[0] >= size[0], framed[1] >= size[1]) == (True, True)
        assert min(offset) >= 0
    else:
        assert (framed[0] <= size[0], framed[1] <= size[1]) == (True, True)
        assert framed[0] * framed[1] >= (1 - MAX_CROP_SHARE) * size[0] * size[1]
        assert max(offset) <= 0


def test_two_percent_are_cropped_and_more_is_padded() -> None:
    square = parse_frame("1:1")
    assert correct_shape(1000, 1020, square) == ((1000, 1000), (0, -10))
    assert correct_shape(1000, 1021, square) == ((1021, 1021), (10, 0))


def test_canvas_has_no_more_than_4096_pixels_per_side() -> None:
    assert plan_canvas((6000, 4000), parse_frame("9:16")) == Canvas(
        width=2304, height=4096, photo_left=0, photo_top=1280, photo_width=2304, photo_height=1536
    )


def test_only_the_shape_and_the_subjects_place_are_bought() -> None:
    assert build_frame_spec({}) == {}
    assert build_frame_spec({"frame": "1200x628"}) == build_frame_spec({"frame": "300:157"}) == {"frame": "300:157"}
    defaults = {"frame": "4:5", "subject_size": 0.85, "position": "center"}
    assert build_frame_spec({"frame": "8:10", "position": "center"}) == defaults
    assert build_frame_spec({"frame": "4:5", "subject_size": 0.85}) == defaults


def test_subject_touches_the_sides_that_it_reaches() -> None:
    assert list_touched_sides((1, 1, 9, 9), (10, 10)) == []
    assert list_touched_sides((0, 1, 10, 9), (10, 10)) == ["left", "right"]
    assert list_touched_sides((1, 0, 9, 10), (10, 10)) == ["top", "bottom"]
