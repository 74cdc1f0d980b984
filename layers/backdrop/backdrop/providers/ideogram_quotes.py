"""Asks Ideogram v2 for its prices, free: with `dry_run=true`, a paid endpoint only validates a request and prices it.

Source: Ideogram's published OpenAPI document (October 2026).
"""

import base64
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from urllib3.fields import RequestField

from backdrop.model.codes import Code
from backdrop.model.price_check import PricedProduct, QuoteAnswer, QuoteOutcome
from backdrop.model.provider_result import ProviderResult, RetryClass
from backdrop.model.sentence import Sentence
from backdrop.ports import ApiKey
from backdrop.providers.credentials import Credentials
from backdrop.providers.http import HttpResponse, build_file_field, build_form_field, encode_multipart, post
from backdrop.providers.ideogram import (
    DISPLAY_NAME,
    MAX_REPORTED_MICRO_USD,
    SUBMIT_SECONDS,
    V2_ENDPOINT_PATHS,
    V2_SPEEDS,
    parse_refusal,
)
from backdrop.providers.json_fields import as_failure_status, as_integer, as_provider_id, parse_json_object

DRY_RUN = "?dry_run=true"
PROMPT = "a plain gray background"
# A gray PNG of 256 × 256 pixels, of our own.
PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAQAAAAEACAAAAAB5Gfe6AAABN0lEQVR42u3QAQEAAAjDoEdfdIMIEVjPTYAAAQIECBAgQIAA"
    "AQIECBAgQIAAAQIECBAgQIAAAQIECBAgQIAAAQIECBAgQIAAAQIECBAgQIAAAQIECBAgQIAAAQIECBAgQIAAAQIECBAgQIAA"
    "AQIECBAgQIAAAQIECBAgQIAAAQIECBAgQIAAAQIECBAgQIAAAQIECBAgQIAAAQIECBAgQIAAAQIECBAgQIAAAQIECBAgQIAA"
    "AQIECBAgQIAAAQIECBAgQIAAAQIECBAgQIAAAQIECBAgQIAAAQIECBAgQIAAAQIECBAgQIAAAQIECBAgQIAAAQIECBAgQIAA"
    "AQIECBAgQIAAAQIECBAgQIAAAQIECBAgQIAAAQIECBAgQIAAAQIECBAgQIAAAQIECBAgQIAAAQIECKgD+XwHgaZcO5EAAAAA"
    "SUVORK5CYII="
)
PRICE_FIELD, EXACT = "usd_micros", "exact"


@dataclass(frozen=True)
class IdeogramQuotes:
    """`base_url`: scheme, host, and path prefix. `load_key(True)` bypasses any cache of the API key."""

    base_url: str
    load_key: Callable[[bool], ApiKey]
    timeout_seconds: float = SUBMIT_SECONDS

    @property
    def credentials(self) -> Credentials:
        return Credentials(DISPLAY_NAME, self.load_key)

    def require_key(self) -> str | QuoteAnswer:
        """Returns the key, or why there is none."""
        key = self.credentials.require_key()
        return convert_failure(key) if isinstance(key, ProviderResult) else key

    def find_endpoint(self, product: PricedProduct) -> str:
        return V2_ENDPOINT_PATHS[product.operation]

    def request_quote(self, product: PricedProduct, key: str) -> QuoteAnswer:
        """Sends one request, without retries: if Ideogram ignored `dry_run`, each would be charged."""
        url = f"{self.base_url.rstrip('/')}{self.find_endpoint(product)}{DRY_RUN}"
        body, content_type = encode_multipart(build_quote_form(product))
        deadline = time.monotonic() + self.timeout_seconds

        def send(current_key: str) -> HttpResponse | ProviderResult:
            headers = {"Api-Key": current_key, "Content-Type": content_type}
            return post(url, body, headers, timeout_seconds=deadline - time.monotonic())

        response = self.credentials.send_with_key(key, send, deadline)
        return convert_failure(response) if isinstance(response, ProviderResult) else parse_quote(response)


def build_quote_form(product: PricedProduct) -> list[RequestField]:
    """Builds the form of a purchase of one image. It is private and asynchronous, in case it is carried out."""
    parts = [build_file_field("image", "photo", PICTURE), build_form_field("private", "true")]
    if product.operation == "remove":
        return [*parts, build_form_field("async", "true")]
    return [
        *parts,
        build_form_field("prompt", PROMPT),
        build_form_field("rendering_speed", V2_SPEEDS[product.rendering_speed]),
    ]


def parse_quote(response: HttpResponse) -> QuoteAnswer:
    """Reads a response. A success that is neither a quote nor a failure counts as an accepted purchase."""
    body = parse_json_object(response.body)
    if not response.is_success:
        return convert_failure(parse_refusal(response.status, body, response))
    if body is None:
        message = f"{DISPLAY_NAME} answered {response.status}, but not with JSON, so it may have charged the request."
        return QuoteAnswer(QuoteOutcome.LOST, Sentence(message), code=Code.CHARGE_UNKNOWN)
    provider_id = as_provider_id(body.get("generation_id"))
    is_sale = body.get("generation_id") is not None or bool(body.get("data"))
    if not is_sale and PRICE_FIELD in body:
        return _parse_price(body)
    failure_status = as_failure_status(body.get("status_code"))
    if not is_sale and failure_status:
        return convert_failure(parse_refusal(failure_status, body, response))
    found = f"the generation {provider_id}" if provider_id else "no quote"
    message = f"{DISPLAY_NAME} answered a request for a quote with {found}, so it may have charged the request."
    return QuoteAnswer(QuoteOutcome.NOT_A_QUOTE, Sentence(message), code=Code.CHARGE_UNKNOWN, provider_id=provider_id)


def _parse_price(body: Mapping[str, Any]) -> QuoteAnswer:
    """Reads a quote. What is not an exact price in whole micro-dollars for each image is not compared."""
    total, quantity = as_integer(body[PRICE_FIELD]), as_integer(body.get("quantity"))
    if total is None or not 0 <= total <= MAX_REPORTED_MICRO_USD:
        return _refuse_quote("the amount in `usd_micros` is not a whole number of micro-dollars")
    if quantity is None or quantity < 1 or total % quantity:
        return _refuse_quote("`quantity` does not divide the amount into a price for each image")
    if body.get("qualifier") != EXACT:
        return _refuse_quote("its `qualifier` is not `exact`, so the amount is an estimate")
    return QuoteAnswer(QuoteOutcome.QUOTED, Sentence(f"{DISPLAY_NAME} quoted a price."), price=total // quantity)


def _refuse_quote(reason: str) -> QuoteAnswer:
    message = f"{DISPLAY_NAME}'s quote cannot be compared: {reason}. Nothing was charged."
    return QuoteAnswer(QuoteOutcome.NOT_QUOTED, Sentence(message))


def convert_failure(result: ProviderResult) -> QuoteAnswer:
    """Only a refusal of this one form lets the run go on with the next product."""
    outcome = QuoteOutcome.LOST if result.retry_class is RetryClass.AMBIG else QuoteOutcome.NOT_QUOTED
    return QuoteAnswer(
        outcome, Sentence(result.message), code=result.code, concerns_account=result.retry_class is not RetryClass.PERM
    )
