"""Quotes of Ideogram v2: what the stand-in is asked, and what each answer means for the price and for the money."""

import json
from typing import Any

import pytest

from backdrop.model.codes import Code
from backdrop.model.price_check import PRICED_PRODUCTS, PricedProduct, QuoteAnswer, QuoteOutcome
from backdrop.model.pricing import MAX_REPORTED_USD, MICRO_PER_USD
from backdrop.ports import ApiKey
from backdrop.providers.http import HttpResponse, encode_multipart
from backdrop.providers.ideogram_quotes import PICTURE, IdeogramQuotes, build_quote_form, parse_quote
from tests.contract.adapters import CALL_SECONDS, provide_key, unused_url
from tests.contract.standin_client import KEY, StandinClient, wait_until

REMOVE, *REPLACEMENTS = PRICED_PRODUCTS
QUOTE: dict[str, Any] = {"object": "price_quote", "quantity": 1, "usd_micros": 10_000, "qualifier": "exact"}


def ask(standin: StandinClient, product: PricedProduct = REMOVE, seconds: float = CALL_SECONDS) -> QuoteAnswer:
    return IdeogramQuotes(f"{standin.url}/ideogram", provide_key, seconds).request_quote(product, KEY)


def answer(body: object, status: int = 200) -> QuoteAnswer:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return parse_quote(HttpResponse(status, {}, data, 5.0))


@pytest.mark.parametrize("product", PRICED_PRODUCTS, ids=lambda product: product.label)
def test_quote_is_free_and_has_the_list_price(standin: StandinClient, product: PricedProduct) -> None:
    quote = ask(standin, product)
    assert (quote.outcome, quote.price) == (QuoteOutcome.QUOTED, product.list_price)
    assert (standin.jobs(), standin.total_usd()) == ([], "0.00")


@pytest.mark.parametrize("product", REPLACEMENTS, ids=lambda product: product.label)
def test_another_price_is_returned_as_quoted(standin: StandinClient, product: PricedProduct) -> None:
    standin.control("settings", {"ideogram_quotes": {product.rendering_speed: 70_001}})
    assert ask(standin, product).price == 70_001


@pytest.mark.parametrize("product", PRICED_PRODUCTS, ids=lambda product: product.label)
def test_ignored_dry_run_is_recognized_by_its_generation(standin: StandinClient, product: PricedProduct) -> None:
    standin.control("settings", {"ideogram_dry_run": "generates"})
    sale = ask(standin, product)
    (job,) = standin.jobs()
    assert (sale.outcome, sale.may_be_charged, sale.price) == (QuoteOutcome.NOT_A_QUOTE, True, None)
    assert sale.provider_id
    assert job["usd"] == f"{product.list_price / MICRO_PER_USD:.2f}"


@pytest.mark.parametrize("form", ["float", "estimate"])
def test_quote_that_is_not_exact_is_not_compared(standin: StandinClient, form: str) -> None:
    standin.control("settings", {"ideogram_dry_run": form})
    quote = ask(standin)
    assert (quote.outcome, quote.may_be_charged, quote.ends_run) == (QuoteOutcome.NOT_QUOTED, False, False)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, Code.REQUEST_REJECTED),
        (401, Code.PROVIDER_KEY_REFUSED),
        (402, Code.PROVIDER_OUT_OF_MONEY),
        (404, Code.PROVIDER_MISCONFIGURED),
        (429, Code.PROVIDER_THROTTLED),
    ],
)
def test_refusal_costs_nothing_and_has_its_code(standin: StandinClient, status: int, code: Code) -> None:
    standin.add_fault("status", {"code": status}, route="v2/quotes")
    refused = ask(standin)
    assert (refused.outcome, refused.code) == (QuoteOutcome.NOT_QUOTED, code)
    assert refused.ends_run is (code is not Code.REQUEST_REJECTED)


def test_plan_without_private_generations_is_named(standin: StandinClient) -> None:
    standin.control("settings", {"ideogram_private_plan": False})
    refused = ask(standin)
    assert (refused.outcome, refused.code) == (QuoteOutcome.NOT_QUOTED, Code.PROVIDER_PLAN_REFUSES)


def test_missing_key_is_explained_before_anything_is_sent() -> None:
    quotes = IdeogramQuotes(unused_url(), lambda _bypass_cache: ApiKey(missing_reason="the secret is empty"))
    refused = quotes.require_key()
    assert isinstance(refused, QuoteAnswer)
    assert (refused.code, refused.may_be_charged) == (Code.PROVIDER_KEY_MISSING, False)


def test_request_that_cannot_arrive_costs_nothing() -> None:
    refused = IdeogramQuotes(unused_url(), provide_key).request_quote(REMOVE, KEY)
    assert (refused.outcome, refused.code) == (QuoteOutcome.NOT_QUOTED, Code.PROVIDER_UNAVAILABLE)


def test_request_without_an_answer_may_be_charged(standin: StandinClient) -> None:
    standin.control("settings", {"ideogram_dry_run": "generates"})
    standin.add_fault("accept_then_drop", route="v2/remove-background")
    lost = ask(standin)
    assert (lost.outcome, lost.may_be_charged, lost.code) == (QuoteOutcome.LOST, True, Code.CHARGE_UNKNOWN)
    wait_until(lambda: len(standin.jobs()) == 1)


@pytest.mark.parametrize("status", [500, 502, 504])
def test_failure_of_the_provider_may_be_charged(status: int) -> None:
    assert answer({"error": "Internal server error"}, status).outcome is QuoteOutcome.LOST


def test_failure_inside_a_success_has_the_meaning_of_its_status() -> None:
    assert answer({"error": "no", "status_code": 500}).outcome is QuoteOutcome.LOST
    refused = answer({"error": "no", "status_code": 422})
    assert (refused.outcome, refused.code) == (QuoteOutcome.NOT_QUOTED, Code.UNSAFE_REQUEST)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b'{"usd_micros":'])
def test_answer_that_is_not_json_may_be_charged(body: bytes) -> None:
    assert answer(body).outcome is QuoteOutcome.LOST


@pytest.mark.parametrize(
    "changes",
    [
        {"usd_micros": 10_000.0},
        {"usd_micros": "10000"},
        {"usd_micros": True},
        {"usd_micros": None},
        {"usd_micros": -1},
        {"usd_micros": MAX_REPORTED_USD * MICRO_PER_USD + 1},
        {"quantity": 0},
        {"quantity": 3},
        {"quantity": "1"},
        {"quantity": None},
        {"qualifier": "estimate"},
        {"qualifier": None},
    ],
    ids=str,
)
def test_unusual_quote_is_neither_a_price_nor_a_charge(changes: dict[str, Any]) -> None:
    quote = answer(QUOTE | changes)
    assert (quote.outcome, quote.price, quote.may_be_charged) == (QuoteOutcome.NOT_QUOTED, None, False)


def test_quote_for_several_images_is_divided() -> None:
    assert answer(QUOTE | {"quantity": 2}).price == 5_000


@pytest.mark.parametrize(
    ("body", "provider_id"),
    [
        ({"generation_id": "g1"}, "g1"),
        (QUOTE | {"generation_id": "g1"}, "g1"),
        (QUOTE | {"generation_id": 17}, None),
        ({"data": [{"url": "https://ideogram.ai/api/images/ephemeral/a.png"}]}, None),
        ({}, None),
        ({"id": "g1"}, None),
    ],
    ids=str,
)
def test_success_without_a_quote_counts_as_a_purchase(body: dict[str, Any], provider_id: str | None) -> None:
    sale = answer(body)
    assert (sale.outcome, sale.provider_id) == (QuoteOutcome.NOT_A_QUOTE, provider_id)


def test_request_is_private_asynchronous_and_for_one_image() -> None:
    removal, *replacements = (encode_multipart(build_quote_form(product))[0] for product in PRICED_PRODUCTS)
    assert b'name="async"\r\n\r\ntrue' in removal
    for form, speed in zip(replacements, (b"turbo", b"default", b"quality"), strict=True):
        assert b'name="rendering_speed"\r\n\r\n' + speed in form
    assert all(b'name="private"\r\n\r\ntrue' in form for form in (removal, *replacements))
    assert not any(b"num_images" in form for form in (removal, *replacements))
    assert len(PICTURE) < 1_000


def test_key_is_not_in_any_message(standin: StandinClient) -> None:
    standin.add_fault("status", {"code": 400, "body": {"error": f"no such key: {KEY}"}}, route="v2/quotes")
    assert KEY not in str(ask(standin).message)
