"""Which results match their photo, the sizes of cut-outs, and what is reported about smaller results."""

from collections.abc import Callable
from contextlib import nullcontext
from io import BytesIO
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageFilter, ImageStat

from backdrop.imaging import output
from backdrop.imaging.cutout import Matte, MatteMismatchError, cut_out_full_size
from backdrop.imaging.output import OriginalPhoto, PaidPicture
from backdrop.imaging.sizes import can_show_whole_picture, describe_smaller_result, has_same_aspect_ratio
from backdrop.imaging.verify import verify_result
from backdrop.model.codes import Code
from backdrop.model.errors import ResultError
from backdrop.model.output_spec import OutputSpec
from backdrop_local.standin.pictures.picture_sizes import compute_result_size
from bench.cutout_scenes import build_scenes
from tests.imaging.output_pictures import add_no_metadata, build_spec, encode_picture
from tests.unit.ledger_items import quick

SIDE = st.integers(16, 12_000)
SCENE = build_scenes(400, 300)[0]
ANSWER = SCENE.draw_provider_answer((100, 75))


@quick
@given(SIDE, SIDE, st.floats(0.05, 1))
def test_scaled_and_rounded_result_has_the_photos_shape(width: int, height: int, scale: float) -> None:
    result = max(1, round(width * scale)), max(1, round(height * scale))
    assert has_same_aspect_ratio((width, height), result)


@quick
@given(
    st.integers(2, 3000), st.integers(2, 3000), st.integers(1, 9), st.sampled_from([(1, 0), (-1, 0), (0, 1), (0, -1)])
)
def test_difference_of_one_pixel_is_rounding(width: int, height: int, ratio: int, more: tuple[int, int]) -> None:
    assert has_same_aspect_ratio((width * ratio, height * ratio), (width + more[0], height + more[1]))


@pytest.mark.parametrize(
    ("photo", "result"),
    [
        ((6000, 4000), (1024, 1024)),
        ((6000, 4000), (4000, 6000)),
        ((6000, 4000), (1280, 800)),
        ((4000, 4000), (1024, 1000)),
        ((400, 300), (100, 72)),
    ],
)
def test_padded_or_cropped_result_has_another_shape(photo: tuple[int, int], result: tuple[int, int]) -> None:
    assert not has_same_aspect_ratio(photo, result)


@quick
@given(SIDE, SIDE)
def test_new_picture_in_a_size_that_a_provider_chooses_shows_the_whole_photo(width: int, height: int) -> None:
    """Providers round both sides of about one megapixel, and have no pictures that are wider or taller than 4:1."""
    assume(1 / 4 <= width / height <= 4)
    result = compute_result_size(width, height)
    assert can_show_whole_picture((width, height), result)
    assert can_show_whole_picture(result, (width, height))


def test_padded_or_cropped_new_picture_does_not_show_the_whole_photo() -> None:
    assert not can_show_whole_picture((6000, 4000), (1024, 1024))
    assert not can_show_whole_picture((1600, 1000), (1600, 1050))
    assert not can_show_whole_picture((1000, 1600), (1050, 1600))


def rotate(answer: Image.Image) -> Image.Image:
    return answer.transpose(Image.Transpose.ROTATE_180)


def zoom(answer: Image.Image) -> Image.Image:
    return answer.resize(answer.size, box=(0, 0, answer.width // 2, answer.height // 2))


def pad(answer: Image.Image) -> Image.Image:
    square = Image.new("RGBA", (answer.width, answer.width))
    square.paste(answer, (0, 12))
    return square


@pytest.mark.parametrize(
    ("cut_out", "text"),
    [(rotate, "shows another part"), (zoom, "shows another part"), (pad, "is 100×100, a different shape from")],
)
def test_mismatched_matte_is_refused_before_anything_changes(
    cut_out: Callable[[Image.Image], Image.Image], text: str
) -> None:
    photo = SCENE.draw_photo()
    before = photo.tobytes()
    with pytest.raises(MatteMismatchError, match=text):
        cut_out_full_size(photo, Matte.of(cut_out(ANSWER)))
    assert (photo.mode, photo.tobytes()) == ("RGB", before)


@quick
@given(st.integers(1, 700), st.integers(1, 40), st.integers(1, 16), st.integers(0, 255), st.booleans())
def test_cut_out_always_has_the_photos_size(width: int, height: int, ratio: int, alpha: int, flat: bool) -> None:
    photo = Image.new("RGB", (width, height), (90, 30, 200))
    answer = photo.resize((max(1, round(width / ratio)), max(1, round(height / ratio)))).convert("RGBA")
    answer.putalpha(alpha)
    if not flat:
        answer.paste((0, 0, 0, 0), (0, 0, answer.width // 2, answer.height))
    cut_out = cut_out_full_size(photo, Matte.of(answer))
    assert (cut_out.size, cut_out.mode) == ((width, height), "RGBA")


@pytest.mark.parametrize(("alpha", "kept"), [(255, (90, 30, 200, 255)), (0, (0, 0, 0, 0)), (253, (90, 30, 200, 255))])
def test_uniform_matte_keeps_the_whole_photo_or_nothing(alpha: int, kept: tuple[int, ...]) -> None:
    photo = Image.new("RGB", (300, 200), (90, 30, 200))
    answer = Image.new("RGBA", (30, 20), (90, 30, 200, alpha))
    assert cut_out_full_size(photo, Matte.of(answer)).getcolors() == [(60_000, kept)]


@pytest.mark.parametrize(
    ("photo", "result", "text"),
    [
        ((6000, 4000), (1280, 800), "1280×800 from 6000×4000"),
        ((6000, 4000), (5900, 3933), "5900×3933 from 6000×4000"),
        ((1000, 250), (500, 500), "500×500 from 1000×250"),
        ((6000, 4000), (5990, 3993), None),
        ((1024, 768), (1023, 768), None),
        ((800, 600), (1600, 1200), None),
        ((800, 600), (800, 600), None),
    ],
)
def test_smaller_result_is_reported_and_rounding_is_not(
    photo: tuple[int, int], result: tuple[int, int], text: str | None
) -> None:
    assert describe_smaller_result(photo, result) == text


def build_transparent_photo() -> Image.Image:
    """Returns a photo that shows only the scene's subject, with its colors everywhere."""
    photo = SCENE.draw_photo()
    photo.putalpha(SCENE.draw_matte())
    return photo


def build_wide_answer(size: tuple[int, int]) -> Image.Image:
    """Returns a result whose matte reaches six pixels into the white that the provider put behind the photo."""
    photo = build_transparent_photo()
    answer = Image.alpha_composite(Image.new("RGBA", photo.size, "white"), photo)
    answer.putalpha(SCENE.draw_matte().filter(ImageFilter.MaxFilter(13)))
    return answer.resize(size)


@pytest.mark.parametrize("size", [(400, 300), (398, 299), (800, 600), (200, 150)])
def test_cut_out_shows_nothing_where_its_photo_is_transparent(size: tuple[int, int]) -> None:
    photo = build_transparent_photo()
    answer = build_wide_answer(size)
    data = encode_picture(answer)
    paid_picture = PaidPicture(
        data,
        verify_result(data, expect_alpha=True, max_megapixels=1),
        OriginalPhoto(photo.size, True, photo.copy),
    )
    made = paid_picture.build_output(OutputSpec(background="#000000"), add_no_metadata)
    picture = Image.open(BytesIO(made.data)).convert("RGB").resize(photo.size)

    expected = Image.alpha_composite(Image.new("RGBA", photo.size, "black"), photo).convert("RGB")
    difference = ImageChops.difference(picture, expected)
    assert made.width == max(size[0], 400)
    assert max(ImageStat.Stat(difference).mean) < 2
    clear = photo.getchannel("A").filter(ImageFilter.MaxFilter(5)).point([255] + [0] * 255)
    assert max(ImageStat.Stat(picture, clear).mean) < 0.1


def test_photo_of_the_results_size_is_read_only_if_it_can_change_the_picture() -> None:
    """A hard and clean matte shows nothing of the background, so it is delivered as it is."""

    def load() -> Image.Image:
        raise AssertionError("the photo was read")

    hard = Image.new("RGBA", (100, 75))
    hard.paste((90, 30, 200, 255), (20, 20, 80, 60))
    for answer, is_read in ((hard, False), (ANSWER, True)):
        data = encode_picture(answer)
        verified = verify_result(data, expect_alpha=True, max_megapixels=1)
        paid_picture = PaidPicture(data, verified, OriginalPhoto(answer.size, False, load))
        with pytest.raises(AssertionError) if is_read else nullcontext():
            assert paid_picture.build_output(OutputSpec(), add_no_metadata).data == data
        assert paid_picture.build_output(OutputSpec(size="provider"), add_no_metadata).data == data


def draw_box(size: tuple[int, int], box: tuple[int, int, int, int], alpha: int = 255) -> Image.Image:
    picture = Image.new("RGBA", size)
    picture.paste((90, 30, 200, alpha), box)
    return picture


NARROW = {"width": 20, "height": 75, "fit": "cover"}


@pytest.mark.parametrize(
    ("photo", "answer", "output"),
    [
        pytest.param(Image.new("RGBA", (100, 75)), draw_box((100, 75), (20, 20, 80, 60)), {}, id="empty-photo"),
        pytest.param(
            draw_box((100, 75), (0, 0, 99, 75), 12), draw_box((100, 75), (9, 9, 80, 60)), {}, id="faint-photo"
        ),
        pytest.param(
            draw_box((100, 75), (0, 0, 50, 75)), draw_box((100, 75), (50, 0, 100, 75)), {}, id="shows-another-place"
        ),
        pytest.param(
            draw_box((200, 150), (0, 0, 99, 150)), draw_box((100, 75), (50, 0, 100, 75)), {}, id="smaller-answer"
        ),
        pytest.param(draw_box((50, 38), (0, 0, 25, 38)), draw_box((100, 75), (52, 0, 100, 75)), {}, id="larger-answer"),
        pytest.param(None, draw_box((100, 75), (2, 2, 30, 70)), NARROW, id="crop-beside-the-subject"),
        pytest.param(
            None, draw_box((100, 75), (2, 2, 30, 70)), NARROW | {"format": "jpg", "shadow": "drop"}, id="white-crop"
        ),
    ],
)
def test_picture_that_shows_nothing_is_not_made(
    photo: Image.Image | None, answer: Image.Image, output: dict[str, Any]
) -> None:
    data = encode_picture(answer)
    verified = verify_result(data, expect_alpha=True, max_megapixels=1)
    original = OriginalPhoto(photo.size, True, photo.copy) if photo else None
    paid_picture = PaidPicture(data, verified, original)
    with pytest.raises(ResultError) as caught:
        paid_picture.build_output(build_spec(output), add_no_metadata)
    assert caught.value.code is Code.RESULT_SHOWS_NOTHING
    # Another output of the same picture shows something.
    assert paid_picture.build_output(OutputSpec(size="provider"), add_no_metadata).has_alpha


def test_full_size_cut_out_is_rebuilt_for_each_large_webp(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(output.LARGE_PIXELS, "webp", 1_000)
    loaded: list[Image.Image] = []

    def load() -> Image.Image:
        loaded.append(SCENE.draw_photo())
        return loaded[-1]

    data = encode_picture(ANSWER)
    verified = verify_result(data, expect_alpha=True, max_megapixels=1)
    paid_picture = PaidPicture(data, verified, OriginalPhoto(SCENE.draw_photo().size, False, load))
    for width in (200, 100):
        assert paid_picture.build_output(OutputSpec(format="webp", width=width), add_no_metadata).width == width

    assert len(loaded) == 2


def test_replaced_picture_is_made_again_after_a_large_webp(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(output.LARGE_PIXELS, "webp", 1_000)
    replacement, made_again = SCENE.draw_photo(), list[Image.Image]()

    def make_again() -> Image.Image:
        made_again.append(replacement.copy())
        return made_again[-1]

    data = encode_picture(ANSWER)
    paid_picture = PaidPicture(data, verify_result(data, expect_alpha=True, max_megapixels=1))
    paid_picture.replace_pixels(replacement, make_again, 1.0)
    assert paid_picture.size == replacement.size
    paid_picture.build_output(OutputSpec(format="webp", width=100), add_no_metadata)
    file = paid_picture.build_output(OutputSpec(), add_no_metadata)
    assert len(made_again) == 1
    assert Image.open(BytesIO(file.data)).tobytes() == replacement.tobytes()
