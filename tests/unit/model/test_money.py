"""Quotes: a dated price list, with exact integers in micro-dollars."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backdrop.model.codes import Code
from backdrop.model.errors import InstructionError
from backdrop.model.pricing import (
    PRICE_SOURCES,
    REMOVE_PER_INPUT,
    REPLACE_PER_IMAGE,
    format_limit_usd,
    format_usd,
    look_up_image_price,
    parse_reported_price,
    quote,
    to_micro_usd,
    to_usd,
)
from tests.unit.ledger_items import quick

CENT = 10_000


@pytest.mark.parametrize(
    ("given", "cents"),
    [
        ({"operation": "remove"}, 1),
        ({"operation": "replace"}, 6),
        ({"operation": "replace", "rendering_speed": "FLASH"}, 3),
        ({"operation": "replace", "rendering_speed": "TURBO"}, 3),
        ({"operation": "replace", "rendering_speed": "DEFAULT"}, 6),
        ({"operation": "replace", "rendering_speed": "QUALITY"}, 9),
        ({"operation": "replace", "num_images": 1}, 6),
        ({"operation": "replace", "num_images": 8}, 48),
        ({"operation": "replace", "rendering_speed": "QUALITY", "num_images": 8}, 72),
    ],
)
def test_ideogram_prices_match_its_price_list(given: dict[str, Any], cents: int) -> None:
    assert quote("ideogram", given) == cents * CENT


@pytest.mark.parametrize(
    ("provider", "speed", "micro"),
    [
        ("segmind", "TURBO", 37_500),
        ("segmind", "DEFAULT", 75_000),
        ("segmind", "QUALITY", 112_500),
        ("runware", "TURBO", 30_000),
        ("runware", "DEFAULT", 60_000),
        ("runware", "QUALITY", 90_000),
    ],
)
def test_other_providers_prices_match_their_pages(provider: str, speed: str, micro: int) -> None:
    assert quote(provider, {"operation": "replace", "rendering_speed": speed}) == micro
    if speed == "DEFAULT":
        assert quote(provider, {"operation": "replace"}) == micro
    assert quote("runware", {"operation": "replace", "num_images": 20, "rendering_speed": "QUALITY"}) == 1_800_000


@pytest.mark.parametrize(
    ("provider", "given", "micro", "text"),
    [
        ("ideogram", {"model": "ideogram"}, 10_000, "$0.01"),
        ("runware", {}, 600, "$0.0006"),
        ("runware", {"model": "birefnet-matting"}, 600, "$0.0006"),
        ("runware", {"model": "ideogram"}, 10_000, "$0.01"),
    ],
)
def test_price_of_a_cut_out_depends_on_its_model(provider: str, given: dict[str, str], micro: int, text: str) -> None:
    price = quote(provider, {"operation": "remove", **given})
    assert (price, format_usd(price), to_micro_usd(str(to_usd(price)))) == (micro, text, micro)


def test_credits_cost_what_the_operator_configured() -> None:
    instructions = {"operation": "replace", "rendering_speed": "QUALITY"}
    assert quote("1min", instructions, {"1min": 45_000}) == 45_000
    with pytest.raises(InstructionError) as caught:
        quote("1min", instructions, {"segmind": 1})
    assert caught.value.code is Code.PRICE_UNKNOWN


def test_every_price_has_its_source() -> None:
    assert PRICE_SOURCES.keys() == REPLACE_PER_IMAGE.keys() >= REMOVE_PER_INPUT.keys()


@pytest.mark.parametrize(
    ("value", "micro"),
    [
        (Decimal("0.0375"), 37_500),
        (Decimal("0.09"), 90_000),
        (1, 1_000_000),
        (0, None),
        (Decimal(0), None),
        (Decimal("0.0000001"), None),
        (Decimal("-0.06"), None),
        (Decimal("NaN"), None),
        (Decimal("Infinity"), None),
        (Decimal("1E+400"), None),
        (10**9, None),
        (None, None),
        (True, None),
        ("0.06", None),
        (0.06, None),
        ([], None),
    ],
    ids=repr,
)
def test_reported_price_is_exact_or_none(value: object, micro: int | None) -> None:
    assert parse_reported_price(value) == micro


@pytest.mark.parametrize("speed", ["FLASH", "TURBO", "DEFAULT", "QUALITY"])
@pytest.mark.parametrize("number", range(1, 9))
def test_quote_is_a_multiple_of_the_price_per_image(speed: str, number: int) -> None:
    instructions = {"operation": "replace", "rendering_speed": speed, "num_images": number}
    assert quote("ideogram", instructions) == number * look_up_image_price("ideogram", instructions)
    assert type(quote("ideogram", instructions)) is int


@pytest.mark.parametrize(
    ("usd", "micro"),
    [
        (10, 10_000_000),
        ("0.1", 100_000),
        (Decimal("0.07"), 70_000),
        (Decimal(str(0.29)), 290_000),
        ("0.0000019", 1),
        ("0", 0),
    ],
)
def test_dollars_become_micro_dollars_and_are_never_rounded_up(usd: Decimal | str | int, micro: int) -> None:
    assert to_micro_usd(usd) == micro


@pytest.mark.parametrize(
    ("micro", "text"),
    [
        (0, "$0.00"),
        (60_000, "$0.06"),
        (600_000, "$0.60"),
        (37_500, "$0.0375"),
        (1, "$0.000001"),
        (10_000_000, "$10.00"),
        (12_345_678, "$12.345678"),
    ],
)
def test_money_has_as_many_digits_as_it_needs(micro: int, text: str) -> None:
    assert format_usd(micro) == text


@pytest.mark.parametrize(
    ("usd", "text"),
    [
        (0, "$0.00"),
        (0.0, "$0.00"),
        (0.5, "$0.50"),
        (1, "$1.00"),
        (0.0375, "$0.0375"),
        (1e-7, "$0.0000001"),
        (5e-324, "$5e-324"),
    ],
)
def test_limit_is_formatted_like_a_price_and_never_rounded(usd: float, text: str) -> None:
    assert format_limit_usd(usd) == text


@quick
@given(st.integers(0, 10**13))
def test_dollars_of_a_receipt_keep_every_micro_dollar(micro: int) -> None:
    assert to_micro_usd(Decimal(str(to_usd(micro)))) == micro
    assert to_micro_usd(format_usd(micro).removeprefix("$")) == micro
