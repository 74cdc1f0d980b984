"""Ideogram's API: replace-background and remove-background, in two versions. Both take a multipart form.

- v1 is synchronous: its response has signed links to the pictures. A call has no id for looking it up, so if its
  response is lost, its outcome stays unknown. Responses state no cost: each picture is charged at the list price.
- v2 is asynchronous: its response names a generation, which is polled. Only the response to the short submission can
  be lost. A generation that ended reports its cost; a failed one is not charged.
- v2 has fewer parameters. A request that it cannot express goes to v1, in the same lane (`fits_v2`).

Sources: Ideogram's API reference for both endpoints (v1, August 2026) and its published OpenAPI document (October 2026,
which has both versions).
"""

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, cast
from urllib.parse import quote

from urllib3.fields import RequestField

from backdrop.model.capabilities import REFERENCES_FIELD, to_provider_fields
from backdrop.model.codes import Code
from backdrop.model.errors import RetryLaterError
from backdrop.model.job import Job, PictureLink, Suspicion
from backdrop.model.pricing import MAX_REPORTED_USD, MICRO_PER_USD, look_up_image_price
from backdrop.model.provider_result import LookupStatus, ProviderResult, RetryClass
from backdrop.model.retries import build_call_spec
from backdrop.ports import Acknowledge, ApiKey, IdeogramEndpoint, PreparedCall, WorkStorage
from backdrop.providers.credentials import Credentials
from backdrop.providers.http import (
    MAX_ANSWER_BYTES,
    HttpResponse,
    build_file_field,
    build_form_field,
    encode_multipart,
    is_picture,
    parse_retry_after,
    post,
    send_free_request,
)
from backdrop.providers.inline_pictures import keep_picture, list_pictures
from backdrop.providers.json_fields import (
    as_failure_status,
    as_integer,
    as_list,
    as_provider_id,
    describe_response,
    find_first_link,
    find_value,
    join_messages,
    parse_json_object,
)
from backdrop.providers.link_expiry import parse_link_expiry
from backdrop.providers.polling import StatusQuery, build_status_query, poll_until_done
from backdrop.providers.redaction import quote_provider, redact_response
from backdrop.providers.response_rules import (
    ANY_STATUS,
    ResponseRule,
    build_result,
    describe_edge_refusal,
    find_rule,
)

NAME = "ideogram"
DISPLAY_NAME = "Ideogram"
MESSAGE_FIELDS = ("error", "message", "detail")
ENDPOINT_PATHS = {"replace": "/v1/ideogram-v3/replace-background", "remove": "/v1/remove-background"}
V2_ENDPOINT_PATHS = {
    "replace": "/v2/image/replace-background/ideogram-3",
    "remove": "/v2/image/remove-background/ideogram-1",
}
GENERATIONS_PATH = "/v2/generations"
# The limits of v2's form: the parameters that it has, its speeds, and the photos that it takes.
V2_FIELDS = frozenset({"prompt", "num_images", "rendering_speed"})
V2_SPEEDS = {"TURBO": "turbo", "DEFAULT": "default", "QUALITY": "quality"}
MAX_V2_PROMPT_LENGTH = 4_000
MAX_V2_PHOTO_BYTES = {"replace": 50_000_000, "remove": 25_000_000}
MAX_V2_SIDE_RATIO = 3
# A submission is acknowledged in about a second. The rest of the time is the photo's upload.
SUBMIT_SECONDS = 30.0
POLL_SECONDS = 3.0
# A higher cost in a response counts as an error, and the price list applies.
MAX_REPORTED_MICRO_USD = MAX_REPORTED_USD * MICRO_PER_USD
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
        "^(insufficient_funds|priority_credit_required)$",
    ),
    ResponseRule(ANY_STATUS, RetryClass.PAUSE, Code.PROVIDER_PLAN_REFUSES, "^(subscription_required|feature_limit)$"),
    ResponseRule({400, 413, 415}, RetryClass.PERM, Code.REQUEST_REJECTED),
    ResponseRule({401, 403}, RetryClass.PAUSE, Code.PROVIDER_KEY_REFUSED),
    ResponseRule({402}, RetryClass.PAUSE, Code.PROVIDER_OUT_OF_MONEY),
    ResponseRule({404, 405}, RetryClass.PAUSE, Code.PROVIDER_MISCONFIGURED),
    ResponseRule({422}, RetryClass.PERM, Code.UNSAFE_REQUEST),
    ResponseRule({429}, RetryClass.QUOTA, Code.PROVIDER_THROTTLED),
    ResponseRule(range(500, 600), RetryClass.AMBIG),
)
# A generation of v2 that failed, which is not charged. The proof is its `failure_reason`.
FAILED_GENERATION_RULES = (
    ResponseRule(ANY_STATUS, RetryClass.PERM, Code.UNSAFE_REQUEST, "^content_policy_violation$"),
    ResponseRule(ANY_STATUS, RetryClass.BACKOFF, Code.PROVIDER_UNAVAILABLE, suspicion=Suspicion.FAILURE),
)


@dataclass(frozen=True)
class Ideogram:
    """The adapter. `base_url` is scheme, host, and path prefix. `load_key(True)` bypasses any cache of the API key.

    `endpoint`: the version for requests that both can express. `read_pixel_size` returns a photo's width and height, or
    None if they cannot be read. `work` stores pictures that come without a link.
    """

    base_url: str
    timeout_seconds: float
    load_key: Callable[[bool], ApiKey]
    endpoint: IdeogramEndpoint = IdeogramEndpoint.V1
    read_pixel_size: Callable[[bytes], tuple[int, int] | None] = lambda _: None
    work: WorkStorage | None = field(default=None, compare=False)
    poll_seconds: float = field(default=POLL_SECONDS, compare=False)

    @property
    def credentials(self) -> Credentials:
        return Credentials(DISPLAY_NAME, self.load_key)

    def idempotency_key(self, job: Job) -> str | None:
        """Returns None: v1 has no id, and v2 chooses the id itself."""
        return None

    def prepare(self, job: Job, photo: bytes, references: Sequence[bytes] = ()) -> PreparedCall | ProviderResult:
        """Prepares one paid call. Returns a PAUSE result if there is no key to send it with."""
        key = self.credentials.require_key()
        if isinstance(key, ProviderResult):
            return key
        if self.endpoint is IdeogramEndpoint.V2 and fits_v2(
            build_call_spec(job), len(photo), self.read_pixel_size(photo)
        ):
            path, body = V2_ENDPOINT_PATHS[job.operation], encode_multipart(build_v2_form(job, photo))
            return PreparedCall(partial(self._submit_and_poll, job, path, body, key), path)
        path, body = ENDPOINT_PATHS[job.operation], encode_multipart(build_form(job, photo, references))
        return PreparedCall(partial(self._call, job, path, body, key), path)

    # -- v1 ------------------------------------------------------------------------------------------------------

    def _call(
        self, job: Job, path: str, body: tuple[bytes, str], key: str, _acknowledge: Acknowledge
    ) -> ProviderResult:
        deadline = time.monotonic() + self.timeout_seconds
        response = self.credentials.send_with_key(key, lambda k: self._post(path, body, k, deadline), deadline)
        return response if isinstance(response, ProviderResult) else self._parse_final_response(job, response, key)

    def _parse_final_response(self, job: Job, response: HttpResponse, key: str) -> ProviderResult:
        """Handles a response that no lookup repeats. A picture in it that cannot be stored stays in the response."""
        try:
            return parse_response(job, response, key, self.work)
        except RetryLaterError:
            return parse_response(job, response, key, None)

    def _post(self, path: str, body: tuple[bytes, str], key: str, deadline: float) -> HttpResponse | ProviderResult:
        headers = {"Api-Key": key, "Content-Type": body[1]}
        return post(self._url(path), body[0], headers, timeout_seconds=deadline - time.monotonic())

    def _url(self, path: str) -> str:
        return self.base_url.rstrip("/") + path

    # -- v2 ------------------------------------------------------------------------------------------------------

    def _submit_and_poll(
        self, job: Job, path: str, body: tuple[bytes, str], key: str, acknowledge: Acknowledge
    ) -> ProviderResult | LookupStatus:
        submitted_at, deadline = datetime.now(UTC), time.monotonic() + self.timeout_seconds
        submit_deadline = min(deadline, time.monotonic() + SUBMIT_SECONDS)
        response = self.credentials.send_with_key(
            key, lambda k: self._post(path, body, k, submit_deadline), submit_deadline
        )
        if isinstance(response, ProviderResult):
            return response
        provider_id = as_provider_id(find_value(parse_json_object(response.body), "generation_id"))
        if not response.is_success or provider_id is None:
            # Without an id, a success is a failure inside a 200, or the pictures themselves.
            return self._parse_final_response(job, response, key)
        acknowledge(provider_id)
        query = StatusQuery(provider_id, key, submitted_at, deadline, is_acknowledged=True)
        return poll_until_done(lambda: self._query_generation(job, query), deadline, self.poll_seconds)

    def look_up(self, job: Job, provider_id: str) -> ProviderResult | LookupStatus:
        """Looks up a generation of v2, whichever version the next call is sent to. Calls to v1 have no id."""
        key = self.credentials.require_key()
        return (
            LookupStatus.PENDING
            if isinstance(key, ProviderResult)
            else self._query_generation(job, build_status_query(job, provider_id, key))
        )

    def _query_generation(self, job: Job, query: StatusQuery) -> ProviderResult | LookupStatus:
        """Reads a generation. ABSENT if Ideogram says that there is none, unless it has just acknowledged it.

        PENDING if the request is refused or fails, because that proves nothing about the work.
        """
        response = self.credentials.send_with_key(query.api_key, lambda key: self._get(key, query), query.deadline)
        if not isinstance(response, HttpResponse):
            return LookupStatus.PENDING
        body = parse_json_object(response.body)
        if response.status == 404 and body is not None and not query.is_acknowledged:
            return LookupStatus.ABSENT
        if response.status == 429:
            _wait_before_next_query(response, query)
        if response.is_long_result:
            return _build_success(job, response, query.api_key, self.work)
        if not response.is_success or body is None or body.get("generation_id") != query.provider_id:
            return LookupStatus.PENDING
        match body.get("status"):
            case "completed":
                try:
                    return _build_success(job, response, query.api_key, self.work)
                except RetryLaterError:  # the picture cannot be stored yet
                    return LookupStatus.PENDING
            case "failed":
                return _parse_failure(body)
            case _:
                return LookupStatus.PENDING

    def _get(self, key: str, query: StatusQuery) -> HttpResponse | Exception | None:
        url = self._url(f"{GENERATIONS_PATH}/{quote(query.provider_id, safe='')}")
        return send_free_request(
            url, {"Api-Key": key}, timeout_seconds=query.timeout_seconds, max_bytes=MAX_ANSWER_BYTES
        )


def fits_v2(call_spec: Mapping[str, Any], photo_bytes: int, pixel_size: tuple[int, int] | None) -> bool:
    """Whether v2 can express the call. `pixel_size`: the photo's width and height; None if unknown."""
    fields = dict(to_provider_fields(NAME, call_spec))
    if pixel_size is None or not fields.keys() <= V2_FIELDS:
        return False
    return (
        fields.get("rendering_speed", "DEFAULT") in V2_SPEEDS
        and len(fields.get("prompt", "")) <= MAX_V2_PROMPT_LENGTH
        and photo_bytes <= MAX_V2_PHOTO_BYTES[call_spec["operation"]]
        and max(pixel_size) <= MAX_V2_SIDE_RATIO * min(pixel_size)
    )


def build_v2_form(job: Job, photo: bytes) -> list[RequestField]:
    """Builds the parts of a call that fits v2. Generations are private, because results may otherwise be public."""
    parts = [build_file_field("image", "photo", photo), build_form_field("private", "true")]
    if job.operation == "remove":
        return [*parts, build_form_field("async", "true")]
    for name, value in to_provider_fields(NAME, build_call_spec(job)):
        parts.append(build_form_field(name, V2_SPEEDS[value] if name == "rendering_speed" else str(value)))
    return parts


def _wait_before_next_query(response: HttpResponse, query: StatusQuery) -> None:
    """Waits for as long as Ideogram asks, but not beyond the deadline."""
    seconds = parse_retry_after(response.headers) or 0.0
    time.sleep(max(min(seconds, query.deadline - time.monotonic()), 0.0))


def as_reported_micro_usd(body: Mapping[str, Any]) -> int | None:
    """Returns the cost that a generation reports, in micro-dollars; None if it is not a whole amount of them."""
    cost = as_integer(body.get("usage_cost_usd_micros"))
    return cost if cost is not None and 0 <= cost <= MAX_REPORTED_MICRO_USD else None


def _parse_failure(body: Mapping[str, Any]) -> ProviderResult:
    """Handles a generation that failed, which is not charged."""
    reason = body.get("failure_reason")
    rule = find_rule(FAILED_GENERATION_RULES, 200, reason if isinstance(reason, str) else "")
    text = quote_provider(reason if isinstance(reason, str) else "no reason")
    return build_result(rule, f"{DISPLAY_NAME} reports that the generation failed: {text}")


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


def parse_response(job: Job, response: HttpResponse, key: str, work: WorkStorage | None = None) -> ProviderResult:
    """Converts a response into the result of the call.

    Raises RetryLaterError if a picture is inside the response and `work` does not accept it.
    """
    if response.is_success:
        return _build_success(job, response, key, work)
    return describe_edge_refusal(DISPLAY_NAME, response) or parse_refusal(
        response.status, parse_json_object(response.body), response
    )


def _build_success(job: Job, response: HttpResponse, key: str, work: WorkStorage | None) -> ProviderResult:
    """Reads the pictures, which are charged at the reported cost, or else at the list price."""
    body, is_file = parse_json_object(response.body) or {}, is_picture(response.body) and not response.is_cut
    entries = body.get("data")
    if not isinstance(entries, list) or not entries:
        status = as_failure_status(body.get("status_code"))
        if status:
            return parse_refusal(status, body, response)
        has_content = body or is_file or response.is_long_result
        if not has_content or any(name in body for name in MESSAGE_FIELDS):
            return ProviderResult.lost(
                f"{DISPLAY_NAME} answered {response.status} without pictures. They were probably charged."
            )
        # The pictures may be anywhere in the response. Each that is not found counts as charged and unrecognized.
        found = [response.body] if is_file else list_pictures(body)
        entries = found or [None] * int(job.purchase_spec.get("num_images", 1))
    links = tuple(_parse_link(entry, job, n, work) for n, entry in enumerate(cast("list[Any]", entries), 1))
    charged, basis = look_up_image_price(NAME, job.instructions) * len(links), "price_list"
    reported_micro_usd = as_reported_micro_usd(body)
    if reported_micro_usd is not None:
        charged, basis = reported_micro_usd, "reported"
    if any(link.is_usable for link in links):
        raw = redact_response(response.body, key) if any(link.is_unrecognized for link in links) else b""
        return ProviderResult(RetryClass.OK, links=links, charged=charged, basis=basis, raw_response=raw)
    message = "The provider's safety check withheld every picture."
    return ProviderResult(RetryClass.OK, Code.UNSAFE_RESULT, message, links, charged, basis)


def _parse_link(entry: Any, job: Job, n: int, work: WorkStorage | None) -> PictureLink:
    """Reads one entry of `data`, which needs only a `url`. `is_image_safe: false` means that it was withheld."""
    fields = cast("dict[str, Any]", entry) if isinstance(entry, dict) else {}
    url, seed = find_first_link([fields.get("url")]), as_integer(fields.get("seed"))
    if fields.get("is_image_safe") is False:
        return PictureLink(url=None, seed=seed)
    if pictures := list_pictures(entry):
        return keep_picture(work, job, n, pictures[0], seed)
    if url is None:
        return PictureLink(url=None, seed=seed, is_unrecognized=True)
    return PictureLink(url=url, seed=seed, expires_at=parse_link_expiry(url, datetime.now(UTC)))


def parse_refusal(status: int, body: Mapping[str, Any] | None, response: HttpResponse) -> ProviderResult:
    """Returns the result of a refusal. `status`: that of the response, or of the failure that a success contains."""
    reason = find_value(body, "reject_reason")
    # Only the response's own status can mean that no work was started. A status in the body is reported after work
    # started.
    latency = response.latency_seconds if status == response.status else math.inf
    rule = find_rule(RESPONSE_RULES, status, reason if isinstance(reason, str) else "", latency)
    return build_result(rule, describe_response(DISPLAY_NAME, status, join_messages(body, MESSAGE_FIELDS)), response)
