"""Ideogram's v1 API: replace-background and remove-background.

- Synchronous: a call takes a multipart form and returns signed links to the pictures.
- A call has no id for looking it up. If its response is lost, its outcome stays unknown.
- Responses state no cost: each picture is charged at the list price.

Sources: Ideogram's API reference for both endpoints (v1, August 2026) and its published OpenAPI document.
"""

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, cast
from urllib.parse import parse_qs

from urllib3.fields import RequestField

from backdrop.model.capabilities import REFERENCES_FIELD, to_provider_fields
from backdrop.model.codes import Code
from backdrop.model.job import Job, PictureLink
from backdrop.model.pricing import look_up_image_price
from backdrop.model.provider_result import LookupStatus, ProviderResult, RetryClass
from backdrop.model.retries import build_call_spec
from backdrop.ports import Acknowledge, ApiKey, PreparedCall
from backdrop.providers.credentials import Credentials
from backdrop.providers.http import HttpResponse, build_file_field, build_form_field, encode_multipart, post
from backdrop.providers.json_fields import (
    as_failure_status,
    as_integer,
    as_list,
    describe_response,
    find_value,
    join_messages,
    parse_json_object,
    to_printable,
)
from backdrop.providers.response_rules import ANY_STATUS, ResponseRule, build_result, find_rule
from backdrop.providers.unrecognized_results import redact_response

NAME = "ideogram"
DISPLAY_NAME = "Ideogram"
MESSAGE_FIELDS = ("error", "message", "detail")
ENDPOINT_PATHS = {"replace": "/v1/ideogram-v3/replace-background", "remove": "/v1/remove-background"}
# Statuses and reasons from the API reference and the OpenAPI document. A `reject_reason` takes precedence over any
# status (documented for 402 and 429 of v2).
RESPONSE_RULES = (
    ResponseRule({503}, RetryClass.BACKOFF, Code.PROVIDER_UNAVAILABLE, early_only=True),
    ResponseRule(ANY_STATUS, RetryClass.QUOTA, Code.PROVIDER_THROTTLED, "^inflight_limit$"),
    ResponseRule(ANY_STATUS, RetryClass.PAUSE, Code.PROVIDER_DAILY_LIMIT, "^daily_limit$"),
    ResponseRule(
        ANY_STATUS,
        RetryClass.PAUSE,
        Code.PROVIDER_OUT_OF_MONEY,
        "^(insufficient_funds|subscription_required|priority_credit_required|feature_limit)$",
    ),
    ResponseRule({400, 413, 415}, RetryClass.PERM, Code.REQUEST_REJECTED),
    ResponseRule({401, 403}, RetryClass.PAUSE, Code.PROVIDER_KEY_REFUSED),
    ResponseRule({402}, RetryClass.PAUSE, Code.PROVIDER_OUT_OF_MONEY),
    ResponseRule({404, 405}, RetryClass.PAUSE, Code.PROVIDER_MISCONFIGURED),
    ResponseRule({422}, RetryClass.PERM, Code.UNSAFE_REQUEST),
    ResponseRule({429}, RetryClass.QUOTA, Code.PROVIDER_THROTTLED),
    ResponseRule(range(500, 600), RetryClass.AMBIG),
)


@dataclass(frozen=True)
class Ideogram:
    """The adapter. `base_url` is scheme, host, and path prefix. `load_key(True)` bypasses any cache of the API key."""

    base_url: str
    timeout_seconds: float
    load_key: Callable[[bool], ApiKey]

    @property
    def credentials(self) -> Credentials:
        return Credentials(DISPLAY_NAME, self.load_key)

    def idempotency_key(self, job: Job) -> str | None:
        """Returns None: Ideogram's v1 neither accepts nor returns an id."""
        return None

    def look_up(self, job: Job, provider_id: str) -> ProviderResult | LookupStatus:
        """Returns ABSENT: there is nothing to look up."""
        return LookupStatus.ABSENT

    def prepare(self, job: Job, photo: bytes, references: Sequence[bytes] = ()) -> PreparedCall | ProviderResult:
        """Prepares one paid call. Returns a PAUSE result if there is no key to send it with."""
        key = self.credentials.require_key()
        if isinstance(key, ProviderResult):
            return key
        body = encode_multipart(build_form(job, photo, references))
        return PreparedCall(partial(self._call, job, body, key), ENDPOINT_PATHS[job.operation])

    def _call(self, job: Job, body: tuple[bytes, str], key: str, _acknowledge: Acknowledge) -> ProviderResult:
        deadline = time.monotonic() + self.timeout_seconds
        response = self.credentials.send_with_key(key, lambda k: self._post(job, body, k, deadline), deadline)
        return response if isinstance(response, ProviderResult) else parse_response(job, response, key)

    def _post(self, job: Job, body: tuple[bytes, str], key: str, deadline: float) -> HttpResponse | ProviderResult:
        headers = {"Api-Key": key, "Content-Type": body[1]}
        url = self.base_url.rstrip("/") + ENDPOINT_PATHS[job.operation]
        return post(url, body[0], headers, timeout_seconds=deadline - time.monotonic())


def build_form(job: Job, photo: bytes, references: Sequence[bytes] = ()) -> list[RequestField]:
    """Builds the parts of the request: only fields that the job specifies, never a default."""
    image = build_file_field("image", "photo", photo)
    if job.operation == "remove":
        return [image]
    parts = [image]
    for name, value in to_provider_fields(NAME, build_call_spec(job)):
        if name == REFERENCES_FIELD:
            parts += [build_file_field(name, f"reference_{n}", data) for n, data in enumerate(references, 1)]
        elif isinstance(value, dict):
            parts.append(build_form_field(name, json.dumps(value), content_type="application/json"))
        else:
            parts += [build_form_field(name, str(entry)) for entry in as_list(value)]
    return parts


def parse_response(job: Job, response: HttpResponse, key: str) -> ProviderResult:
    """Converts a response into the result of the call."""
    if response.is_success:
        return _build_success(job, response, key)
    return _parse_refusal(response.status, parse_json_object(response.body), response)


def _build_success(job: Job, response: HttpResponse, key: str) -> ProviderResult:
    body = parse_json_object(response.body)
    if body is None:
        return ProviderResult.lost(
            f"{DISPLAY_NAME} answered {response.status}, but not with JSON. The pictures were probably charged."
        )
    entries = body.get("data")
    if not isinstance(entries, list) or not entries:
        status = as_failure_status(body.get("status_code"))
        if status:
            return _parse_refusal(status, body, response)
        if not body or any(name in body for name in MESSAGE_FIELDS):
            return ProviderResult.lost(
                f"{DISPLAY_NAME} answered {response.status} without pictures. They were probably charged."
            )
        # The pictures may be anywhere in the response: each counts as charged and unrecognized.
        entries = [None] * int(job.purchase_spec.get("num_images", 1))
    links = tuple(_parse_link(entry) for entry in cast("list[Any]", entries))
    charged = look_up_image_price(NAME, job.instructions) * len(links)
    if any(link.is_usable for link in links):
        raw = redact_response(response.body, key) if any(link.is_unrecognized for link in links) else b""
        return ProviderResult(RetryClass.OK, links=links, charged=charged, raw_response=raw)
    message = "The provider's safety check withheld every picture."
    return ProviderResult(RetryClass.OK, Code.UNSAFE_RESULT, message, links, charged)


def _parse_link(entry: Any) -> PictureLink:
    """Reads one entry of `data`, which needs only a `url`. `is_image_safe: false` means that it was withheld."""
    if not isinstance(entry, dict):
        return PictureLink(url=None, is_unrecognized=True)
    entry = cast("dict[str, Any]", entry)
    url, seed = entry.get("url"), as_integer(entry.get("seed"))
    if entry.get("is_image_safe") is False:
        return PictureLink(url=None, seed=seed)
    if not isinstance(url, str) or not url:
        return PictureLink(url=None, seed=seed, is_unrecognized=True)
    url = to_printable(url)
    return PictureLink(url=url, seed=seed, expires_at=_parse_expiry(url))


def _parse_expiry(url: str) -> datetime | None:
    """Reads the link's `exp` query parameter, in Unix seconds."""
    seconds = parse_qs(url.partition("?")[2]).get("exp", [""])[0]
    return datetime.fromtimestamp(int(seconds), UTC) if seconds.isdecimal() and len(seconds) < 12 else None


def _parse_refusal(status: int, body: Mapping[str, Any] | None, response: HttpResponse) -> ProviderResult:
    reason = find_value(body, "reject_reason")
    # Only the response's own status can mean that no work was started. A status in the body is reported after work
    # started.
    latency = response.latency_seconds if status == response.status else math.inf
    rule = find_rule(RESPONSE_RULES, status, reason if isinstance(reason, str) else "", latency)
    return build_result(rule, describe_response(DISPLAY_NAME, status, join_messages(body, MESSAGE_FIELDS)), response)
