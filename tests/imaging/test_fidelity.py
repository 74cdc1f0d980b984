"""A damaged product counts as changed, another light or background does not, and bad input gets no verdict."""

from collections.abc import Callable
from random import Random

import pytest
from PIL import Image, ImageChops, ImageDraw

from backdrop.imaging.fidelity import measure_fidelity
from backdrop.model.fidelity import CannotSayReason, FidelityVerdict
from bench.fidelity.corpus import Pair, build_changed_pair, build_damaged_pair, build_unchanged_pair
from bench.fidelity.photos import draw_photo
from bench.fidelity.words import BENDS, draw_label

PHOTO = draw_photo(3)
PAIR = build_unchanged_pair(PHOTO, "new background", 0)
MASK = PAIR.cut_out.getchannel("A")
SIZE = PHOTO.photo.size
LIGHTS = ("brighter or darker", "gamma", "color temperature", "light from one side", "contact shadow")


def measure(pair: Pair, min_score: float | None = None) -> FidelityVerdict:
    return measure_fidelity(pair.photo, pair.cut_out.getchannel("A"), pair.result, min_score).fidelity.verdict


@pytest.mark.parametrize("kind", LIGHTS)
def test_other_light_alone_raises_no_alarm(kind: str) -> None:
    assert measure(build_unchanged_pair(PHOTO, kind, 1)) is FidelityVerdict.SAME


def test_edge_of_a_shadow_on_a_plain_product_raises_no_alarm() -> None:
    assert measure(build_unchanged_pair(draw_photo(27), "contact shadow", 1)) is FidelityVerdict.SAME


@pytest.mark.parametrize("bend", BENDS)
def test_word_with_three_other_letters_counts_as_changed_and_is_on_the_map(bend: str) -> None:
    drawn = draw_label(draw_photo(10), bend, 0.05, is_held_out=True)
    assert drawn is not None
    photo, other = drawn
    for kind in ("brighter or darker", "JPEG"):
        assert measure(build_unchanged_pair(photo, kind, 1)) is FidelityVerdict.SAME
    pair = build_changed_pair(photo, other, "word", 0)
    measurement = measure_fidelity(pair.photo, pair.cut_out.getchannel("A"), pair.result)
    assert measurement.fidelity.verdict is FidelityVerdict.CHANGED
    assert measurement.change_map is not None
    word = ImageChops.difference(photo.product.picture.convert("RGB"), other.picture.convert("RGB")).getbbox()
    bright = measurement.change_map.resize(photo.photo.size).point(lambda value: 255 * (value > 60)).getbbox()
    assert word is not None
    assert bright is not None
    assert all(abs(one - other) < 40 for one, other in zip(word, bright, strict=True))


@pytest.mark.parametrize("strength", [0, 1])
def test_slightly_oversized_mask_raises_no_alarm(strength: int) -> None:
    assert measure(build_unchanged_pair(PHOTO, "oversized mask", strength)) is FidelityVerdict.SAME


@pytest.mark.parametrize("kind", ["shifted", "scaled", "stretched with its scene", "smaller result", "JPEG"])
def test_moved_or_compressed_product_raises_no_alarm(kind: str) -> None:
    assert measure(build_unchanged_pair(PHOTO, kind, 1)) is FidelityVerdict.SAME


def test_knitted_product_that_moved_by_one_percent_raises_no_alarm() -> None:
    assert measure(build_unchanged_pair(draw_photo(30), "shifted", 0)) is FidelityVerdict.SAME


COLORS = {
    "light pink": (235, 205, 210), "light blue": (195, 210, 235), "navy": (28, 32, 62), "black": (28, 28, 30),
    "gray": (90, 90, 92), "dark green": (28, 58, 34), "orange": (200, 110, 50), "brown": (70, 48, 34),
    "mint": (195, 230, 210), "beige": (200, 185, 160), "mid blue": (60, 90, 150), "purple": (95, 60, 120),
    "red": (165, 38, 18), "white": (240, 236, 228),
}  # fmt: skip

GREEN_LIGHT = [[round(value * gain) for value in range(256)] for gain in (1.0, 1.02, 0.94)]


def draw_fabric(color: str) -> Image.Image:
    """Returns a folded fabric that has one color only, so that nothing else shows what the light is."""
    folds = Image.frombytes("L", (40, 40), Random(24).randbytes(1600)).resize((400, 400), Image.Resampling.BICUBIC)
    shades = [folds.point(lambda value, channel=channel: channel * (0.7 + value / 425)) for channel in COLORS[color]]
    return Image.merge("RGB", shades)


@pytest.mark.parametrize(
    ("color", "other"),
    [
        ("light pink", "light blue"), ("navy", "black"), ("black", "gray"), ("gray", "dark green"),
        ("orange", "brown"), ("mint", "beige"), ("mid blue", "purple"),
    ],
)  # fmt: skip
def test_product_in_another_color_counts_as_changed(color: str, other: str) -> None:
    mask = Image.new("L", (400, 400))
    mask.paste(255, (60, 60, 340, 340))
    photo, same, recolored = draw_fabric(color), draw_fabric(color), draw_fabric(other)
    assert measure_fidelity(photo, mask, same).fidelity.verdict is FidelityVerdict.SAME
    assert measure_fidelity(photo, mask, recolored).fidelity.verdict is FidelityVerdict.CHANGED
    assert measure_fidelity(recolored, mask, photo).fidelity.verdict is FidelityVerdict.CHANGED


def test_light_is_found_from_the_smaller_part_of_a_product_that_has_nearly_one_color() -> None:
    photo, mask = draw_fabric("red"), Image.new("L", (400, 400))
    mask.paste(255, (60, 60, 340, 340))
    photo.paste(draw_fabric("white").crop((0, 0, 400, 150)), (0, 0))
    greener = Image.merge("RGB", [band.point(lut) for band, lut in zip(photo.split(), GREEN_LIGHT, strict=True)])
    assert measure_fidelity(photo, mask, greener).fidelity.verdict is FidelityVerdict.SAME


@pytest.mark.parametrize("kind", ["text replaced", "logo removed", "color shifted", "part erased", "texture replaced"])
def test_damaged_product_counts_as_changed(kind: str) -> None:
    pair = build_damaged_pair(PHOTO, kind, 1)
    assert pair is not None
    assert measure(pair) is FidelityVerdict.CHANGED


def test_required_minimum_score_decides_the_verdict() -> None:
    assert measure(PAIR, min_score=1.0) is FidelityVerdict.CHANGED


def test_change_map_is_bright_where_product_changed() -> None:
    pair = build_damaged_pair(PHOTO, "logo removed", 0)
    assert pair is not None
    change_map = measure_fidelity(pair.photo, pair.cut_out.getchannel("A"), pair.result).change_map
    assert change_map is not None
    assert max(change_map.size) <= 256
    across, down = change_map.width / SIZE[0], change_map.height / SIZE[1]
    left, top, right, bottom = PHOTO.product.logo
    logo = left * across, top * down, right * across, bottom * down
    brightest = change_map.point(lambda value: 255 * (value > 100)).getbbox()
    assert brightest is not None
    assert max(change_map.crop((round(logo[0]), round(logo[1]), round(logo[2]), round(logo[3]))).tobytes()) > 150
    assert max(change_map.crop((0, 0, 20, 20)).tobytes()) == 0


def test_same_input_gives_the_same_measurement() -> None:
    first, second = (measure_fidelity(PAIR.photo, MASK, PAIR.result) for _ in range(2))
    assert first == second


def test_pictures_are_not_changed_by_measuring() -> None:
    before = [picture.tobytes() for picture in (PAIR.photo, MASK, PAIR.result)]
    measure(PAIR)
    assert [picture.tobytes() for picture in (PAIR.photo, MASK, PAIR.result)] == before


def draw_speck() -> Image.Image:
    mask = Image.new("L", SIZE)
    ImageDraw.Draw(mask).rectangle((300, 300, 306, 306), fill=255)
    return mask


def draw_hole() -> Image.Image:
    holed = PAIR.result.convert("RGBA")
    holed.paste((0, 0, 0, 0), (0, 0, 5, 5))
    return holed


type Input = tuple[Image.Image, Image.Image]

BAD_INPUTS: dict[CannotSayReason, Callable[[], Input]] = {
    CannotSayReason.MASK_EMPTY: lambda: (Image.new("L", SIZE), PAIR.result),
    CannotSayReason.SUBJECT_TOO_SMALL: lambda: (draw_speck(), PAIR.result),
    CannotSayReason.OTHER_SHAPE: lambda: (MASK, PAIR.result.crop((0, 0, SIZE[0], SIZE[1] - 60))),
    CannotSayReason.TRANSPARENT_RESULT: lambda: (MASK, draw_hole()),
}


@pytest.mark.parametrize("reason", BAD_INPUTS)
def test_bad_input_gets_no_verdict(reason: CannotSayReason) -> None:
    mask, result = BAD_INPUTS[reason]()
    measurement = measure_fidelity(PHOTO.photo, mask, result)
    assert measurement.fidelity.reason is reason
    assert measurement.fidelity.verdict is FidelityVerdict.CANNOT_SAY
    assert measurement.change_map is None


def test_opaque_result_with_alpha_channel_is_compared() -> None:
    fidelity = measure_fidelity(PHOTO.photo, MASK, PAIR.result.convert("RGBA")).fidelity
    assert fidelity.verdict is FidelityVerdict.SAME
