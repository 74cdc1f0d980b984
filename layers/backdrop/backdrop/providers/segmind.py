"""Segmind's API: the model ideogram-3-replace-background.

- The request is JSON. The photo is sent as a link into our bucket, or as base64 if there is no such link.
- v2 is asynchronous: its response names a request id, which is polled. If a later response is lost, the picture can
  still be looked up without another charge.
- v1 is synchronous: its response is the picture. If that response is lost, the outcome of the call stays unknown.
- Only a status of 200 is billed. Segmind reports the cost of a picture.

Sources: Segmind's model page and its pages on asynchronous inference, errors, and rate limits, 2026; and the catalog of
its errors, with their bodies, in https://github.com/api-evangelist/segmind (errors/segmind-error-codes.yml).
"""

import base64
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import quote

from backdrop.model.capabilities import REFERENCES_FIELD, list_request_names, to_provider_json
from backdrop.model.codes import Code
from backdrop.model.errors import RetryLaterError
from backdrop.model.job import AttemptOutcome, Job, PictureLink, Suspicion
from backdrop.model.pricing import look_up_image_price, parse_reported_price
from backdrop.model.provider_result import LookupStatus, ProviderResult, RetryClass
from backdrop.model.retries import build_call_spec
from backdrop.ports import Acknowledge, ApiKey, PreparedCall, SegmindEndpoint, WorkStorage
from backdrop.providers.credentials import Credentials
from backdrop.providers.downloads import RESULT_HOSTS
from backdrop.providers.http import (
    MAX_ANSWER_BYTES,
    HttpResponse,
    has_image_content_type,
    is_picture,
    post,
    send_free_request,
)
from backdrop.providers.inline_pictures import describe_value, keep_picture, list_pictures
from backdrop.providers.json_fields import (
    URL_SCHEMES,
    as_failure_status,
    as_integer,
    as_list,
    as_provider_id,
    describe_response,
    find_value,
    join_messages,
    list_objects,
    parse_json_object,
)
from backdrop.providers.link_expiry import parse_link_expiry
from backdrop.providers.polling import StatusQuery, build_status_query, poll_until_done
from backdrop.providers.published_errors import find_proof, names_parameter, normalize_message
from backdrop.providers.redaction import to_printable
from backdrop.providers.response_rules import (
    ANY_STATUS,
    ResponseRule,
    build_result,
    describe_edge_refusal,
    find_rule,
)
from backdrop.providers.unrecognized_results import build_unrecognized_result

NAME = "segmind"
DISPLAY_NAME = "Segmind"
MODEL = "ideogram-3-replace-background"
MESSAGE_FIELDS = ("error", "error_description", "message", "msg", "detail")
POLL_SECONDS = 3.0
RATE_LIMIT_SECONDS = 60.0
RESULT_TTL = timedelta(days=7)
DONE_STATES, FAILED_STATES = (
    frozenset({"COMPLETED", "SUCCESS", "SUCCEEDED"}),
    frozenset({"FAILED", "ERROR", "CANCELLED"}),
)
# The proofs in responses. Segmind publishes these messages, except the last one: it is from Ideogram, which runs the
# model.
NO_CREDITS, CONTENT_TYPE, PARAMETER, UNSAFE = "money", "content_type", "parameter", "unsafe"
PROOFS_BY_MESSAGE = {
    "insufficient credits": NO_CREDITS,
    "insufficient credits. balance #, required #": NO_CREDITS,
    "invalid content type": CONTENT_TYPE,
    "prompt is mandatory and must be string": PARAMETER,
    "prompt or provided image failed the safety checks": UNSAFE,
}
UNSAFE_ERROR_TYPE = "content_policy_violation"
REQUEST_PARAMETERS = list_request_names(NAME) | {"image"}
# Responses to a submission, to v1 or v2. Only a 200 is billed. A 500 is documented as not billed; after any other 5xx
# the job may be running. A 406 means an empty account, a spending limit, or a rejected value: without proof, other
# jobs show which.
SUBMIT_RULES = (
    ResponseRule({400, 406, 422, 500}, RetryClass.PERM, Code.UNSAFE_REQUEST, UNSAFE),
    ResponseRule({401}, RetryClass.PAUSE, Code.PROVIDER_KEY_REFUSED),
    ResponseRule({402}, RetryClass.PAUSE, Code.PROVIDER_OUT_OF_MONEY),
    ResponseRule({403}, RetryClass.PAUSE, Code.PROVIDER_KEY_REFUSED),
    ResponseRule({400, 422}, RetryClass.PERM, Code.REQUEST_REJECTED),
    ResponseRule({406}, RetryClass.PAUSE, Code.PROVIDER_OUT_OF_MONEY, NO_CREDITS),
    ResponseRule({406}, RetryClass.PERM, Code.REQUEST_REJECTED, f"{CONTENT_TYPE}|{PARAMETER}"),
    ResponseRule({406}, RetryClass.PAUSE, Code.PROVIDER_REFUSES, suspicion=Suspicion.REFUSAL),
    ResponseRule({429}, RetryClass.QUOTA, Code.PROVIDER_THROTTLED),
    ResponseRule({500}, RetryClass.BACKOFF, Code.PROVIDER_UNAVAILABLE, suspicion=Suspicion.FAILURE),
    ResponseRule(range(500, 600), RetryClass.AMBIG),
)
# A failed job, which v2 reports as a 422 and does not bill.
FAILED_JOB_RULES = (
    ResponseRule(ANY_STATUS, RetryClass.PERM, Code.UNSAFE_REQUEST, UNSAFE),
    ResponseRule(ANY_STATUS, RetryClass.PERM, Code.REQUEST_REJECTED, PARAMETER),
    ResponseRule(ANY_STATUS, RetryClass.BACKOFF, Code.PROVIDER_UNAVAILABLE),
)
# The only fields searched for a picture: each holds a link, a data URI, or base64, or a list of these. A record of v2
# may repeat the request, and then `image` is our photo.
V2_PICTURE_PATHS = (
    ("output",),
    ("output", "images"),
    ("output", "image"),
    ("output", "image_url"),
    ("images",),
    ("image_url",),
    ("url",),
    ("data",),
)
V1_PICTURE_PATHS = (*V2_PICTURE_PATHS, ("image",))


@dataclass(frozen=True)
class Segmind:
    """The adapter. `base_url` is scheme, host, and path prefix. `load_key(True)` bypasses any cache of the API key.

    `work` creates the links for sending photos. Without a link, a photo is sent as base64 in the same field.
    """

    base_url: str
    timeout_seconds: float
    load_key: Callable[[bool], ApiKey]
    work: WorkStorage
    endpoint: SegmindEndpoint = SegmindEndpoint.V2
    poll_seconds: float = field(default=POLL_SECONDS, compare=False)

    @property
    def credentials(self) -> Credentials:
        return Credentials(DISPLAY_NAME, self.load_key)

    def idempotency_key(self, job: Job) -> str | None:
        """Returns None: Segmind chooses the id."""
        return None

    def prepare(self, job: Job, photo: bytes, references: Sequence[bytes] = ()) -> PreparedCall | ProviderResult:
        """Prepares one paid call. Returns a PAUSE result if there is no key to send it with.

        Raises RetryLaterError if storage currently cannot create a link.
        """
        key = self.credentials.require_key()
        if isinstance(key, ProviderResult):
            return key
        purchase_spec = (
            {**build_call_spec(job), REFERENCES_FIELD: [self._encode_image(reference) for reference in references]}
            if references
            else build_call_spec(job)
        )
        body = {"image": self._encode_image(photo), **to_provider_json(NAME, purchase_spec)}
        # A picture that was sent as base64 is found again as bytes.
        sent_pictures = frozenset({body["image"], *purchase_spec.get(REFERENCES_FIELD, ()), photo, *references})
        return PreparedCall(partial(self._call, job, json.dumps(body).encode(), sent_pictures, key))

    def _encode_image(self, data: bytes) -> str:
        return self.work.create_download_link(data, provider_url=self.base_url) or base64.b64encode(data).decode()

    def _call(
        self, job: Job, body: bytes, sent_pictures: frozenset[str | bytes], key: str, acknowledge: Acknowledge
    ) -> ProviderResult | LookupStatus:
        """`sent_pictures` are the photo and references as sent: if the response repeats one, that is not a result."""
        submitted_at, deadline = datetime.now(UTC), time.monotonic() + self.timeout_seconds
        response = self.credentials.send_with_key(key, partial(self._submit, body, deadline), deadline)
        if isinstance(response, ProviderResult):
            return response
        if not response.is_success:
            return describe_edge_refusal(DISPLAY_NAME, response) or _parse_refusal(response.status, response)
        record = parse_json_object(response.body)
        provider_id = as_provider_id(find_value(record, "request_id"))
        if self.endpoint is SegmindEndpoint.V1 or provider_id is None:
            return self._parse_final_response(job, response, sent_pictures, key, submitted_at)
        acknowledge(provider_id)
        query = StatusQuery(provider_id, key, submitted_at, deadline)
        return poll_until_done(lambda: self._query_job(job, query, sent_pictures), deadline, self.poll_seconds)

    def _submit(self, body: bytes, deadline: float, key: str) -> HttpResponse | ProviderResult:
        headers = {"x-api-key": key, "Content-Type": "application/json"}
        timeout_seconds = deadline - time.monotonic()
        url = self._url(f"/{self.endpoint}/{MODEL}")
        return post(url, body, headers, timeout_seconds=timeout_seconds)

    def _url(self, path: str) -> str:
        return self.base_url.rstrip("/") + path

    # -- the result of v2 ----------------------------------------------------------------------------------------

    def look_up(self, job: Job, provider_id: str) -> ProviderResult | LookupStatus:
        """Looks up a call that v2 accepted. Segmind keeps its records for an hour."""
        key = self.credentials.require_key()
        return (
            LookupStatus.PENDING
            if isinstance(key, ProviderResult)
            else self._query_job(job, build_status_query(job, provider_id, key))
        )

    def _query_job(
        self, job: Job, query: StatusQuery, sent_pictures: frozenset[str | bytes] = frozenset()
    ) -> ProviderResult | LookupStatus:
        """Reads the status of a job, and its result once it is done. Never requests a URL that a response names."""
        path = f"/v2/requests/{quote(query.provider_id, safe='')}"
        record = self._read_record(f"{path}/status", query)
        if not isinstance(record, LookupStatus) and record.state in DONE_STATES:
            record = self._read_record(path, query)
        if isinstance(record, LookupStatus):
            return record
        if record.response.is_long_result:
            return _build_unrecognized(job, record.response, query.api_key)
        if record.state in FAILED_STATES:
            return _parse_failure(job, record.body)
        if record.state not in DONE_STATES:
            return LookupStatus.PENDING
        price = find_value(record.body, "metrics", "cost")
        try:
            candidates = _find_pictures(record.body, V2_PICTURE_PATHS, sent_pictures)
            return self._build_success(job, candidates, record.response, query.api_key, query.submitted_at, price)
        except RetryLaterError:  # the picture cannot be stored yet, and Segmind returns it again for an hour
            return LookupStatus.PENDING

    def _read_record(self, path: str, query: StatusQuery) -> "_JobRecord | LookupStatus":
        """Reads the record of a job. ABSENT only if Segmind states that it has no such request."""
        response = self.credentials.send_with_key(
            query.api_key, lambda key: self._get(path, key, query), query.deadline
        )
        if not isinstance(response, HttpResponse):
            return LookupStatus.PENDING
        if response.is_long_result:
            return _JobRecord(response, {})
        body = parse_json_object(response.body)
        is_failed = response.status == 422
        if (
            body is not None
            and (response.is_success or is_failed)
            and body.get("request_id", query.provider_id) == query.provider_id
        ):
            return _JobRecord(response, {"status": "FAILED", **body} if is_failed else body)
        absent_messages = {normalize_message(f"Request {query.provider_id} not found"): LookupStatus.ABSENT.value}
        is_absent = response.status == 404 and find_proof(response.body, MESSAGE_FIELDS, absent_messages)
        return LookupStatus.ABSENT if is_absent else LookupStatus.PENDING

    def _get(self, path: str, key: str, query: StatusQuery) -> HttpResponse | Exception | None:
        headers = {"x-api-key": key}
        return send_free_request(
            self._url(path), headers, timeout_seconds=query.timeout_seconds, max_bytes=MAX_ANSWER_BYTES
        )

    # -- the picture -----------------------------------------------------------------------------------------------

    def _parse_final_response(
        self, job: Job, response: HttpResponse, sent_pictures: frozenset[str | bytes], key: str, submitted_at: datetime
    ) -> ProviderResult:
        """Handles a response of v1, or of v2 without a request id. A picture in it that cannot be stored is lost."""
        try:
            return self._parse_direct_response(job, response, sent_pictures, key, submitted_at)
        except RetryLaterError as error:
            message = f"The provider sent the picture, but it could not be stored. {error.message}"
            charged, basis = _find_cost(job, _parse_dollars(response.headers.get("x-cost")))
            return ProviderResult(RetryClass.OK, Code.RESULT_GONE, message, (PictureLink(url=None),), charged, basis)

    def _parse_direct_response(
        self, job: Job, response: HttpResponse, sent_pictures: frozenset[str | bytes], key: str, submitted_at: datetime
    ) -> ProviderResult:
        """Reads the picture from a response of v1: the body itself, or inside JSON. A cost proves that it was made."""
        price, seed = _parse_dollars(response.headers.get("x-cost")), response.headers.get("x-seed-value", "")
        body, is_image = parse_json_object(response.body), has_image_content_type(response.headers)
        if body:
            candidates = _find_pictures(body, V1_PICTURE_PATHS, sent_pictures)
            if not candidates and (body.get("error") or as_failure_status(body.get("status_code"))):
                return _parse_error_in_success(body, response)
            return self._build_success(job, candidates, response, key, submitted_at, price)
        if not response.is_cut and (is_picture(response.body) or (is_image and response.body)):
            return self._keep_picture(
                job, response.body, price, int(seed) if seed.isdecimal() and len(seed) < 16 else None
            )
        if is_image or response.is_long_result or parse_reported_price(price):
            return _build_unrecognized(job, response, key)
        return ProviderResult.lost(
            f"{DISPLAY_NAME} answered {response.status} with neither a request id nor a picture. It may have been "
            "charged."
        )

    def _build_success(
        self,
        job: Job,
        candidates: Sequence[str | bytes],
        response: HttpResponse,
        key: str,
        submitted_at: datetime,
        price: object,
    ) -> ProviderResult:
        """Builds the result from the first candidate that is a link or a picture."""
        charged, basis = _find_cost(job, price)
        for text in candidates:
            if isinstance(text, bytes):
                return self._keep_picture(job, text, price, as_integer(build_call_spec(job).get("seed")))
            if text.startswith(URL_SCHEMES):
                link = PictureLink(
                    url=to_printable(text),
                    seed=as_integer(build_call_spec(job).get("seed")),
                    expires_at=parse_link_expiry(text, submitted_at) or submitted_at + RESULT_TTL,
                )
                return ProviderResult(RetryClass.OK, links=(link,), charged=charged, basis=basis)
        return build_unrecognized_result(response.body, key, charged, basis)

    def _keep_picture(self, job: Job, picture: bytes, price: object, seed: int | None) -> ProviderResult:
        """Stores the picture for deliver. Raises RetryLaterError if storage does not accept it."""
        charged, basis = _find_cost(job, price)
        links = (keep_picture(self.work, job, 1, picture, seed),)
        return ProviderResult(RetryClass.OK, links=links, charged=charged, basis=basis)


class _JobRecord(NamedTuple):
    """The job's status as v2 reports it, and the response that contains it."""

    response: HttpResponse
    body: dict[str, Any]

    @property
    def state(self) -> str:
        return str(self.body.get("status", "")).upper()


def _prove_error(body: bytes) -> str:
    """Returns the proof in an error response, in addition to its status."""
    details = list_objects(find_value(parse_json_object(body), "detail"))
    if any(detail.get("type") == UNSAFE_ERROR_TYPE for detail in details):
        return UNSAFE
    return find_proof(body, MESSAGE_FIELDS, PROOFS_BY_MESSAGE) or (
        PARAMETER if names_parameter(body, REQUEST_PARAMETERS) else ""
    )


def _parse_refusal(status: int, response: HttpResponse) -> ProviderResult:
    rule = find_rule(SUBMIT_RULES, status, _prove_error(response.body), response.latency_seconds)
    text = join_messages(parse_json_object(response.body), MESSAGE_FIELDS)
    return build_result(
        rule, describe_response(DISPLAY_NAME, status, text), response, _parse_seconds_until_reset(response.headers)
    )


def _parse_error_in_success(body: Mapping[str, Any], response: HttpResponse) -> ProviderResult:
    """Handles a success that states an error. A refusal inside it is classified by its own status.

    A server error inside it leaves the charge unknown, because only a response with status 500 is known to be free.
    """
    status = as_failure_status(body.get("status_code"))
    if status and status < 500:
        return _parse_refusal(status, response)
    return ProviderResult.lost(f"{DISPLAY_NAME} answered {response.status} with an error. It may have been charged.")


def _build_unrecognized(job: Job, response: HttpResponse, key: str) -> ProviderResult:
    charged, basis = _find_cost(job, _parse_dollars(response.headers.get("x-cost")))
    return build_unrecognized_result(response.body, key, charged, basis)


def _parse_failure(job: Job, body: Mapping[str, Any]) -> ProviderResult:
    """Handles a failed job, which is not charged. Without proof that the job is the cause, it is tried again, once."""
    rule = find_rule(FAILED_JOB_RULES, 422, _prove_error(json.dumps(body, default=describe_value).encode()))
    has_failed_before = any(
        attempt.provider == NAME
        and attempt.charge_no == job.charge_no
        and attempt.outcome is AttemptOutcome.NOT_TAKEN
        and attempt.provider_id
        for attempt in job.attempts
    )
    if rule.verdict is RetryClass.BACKOFF and has_failed_before:
        rule = ResponseRule(ANY_STATUS, RetryClass.PERM, Code.REQUEST_REJECTED)
    return build_result(rule, describe_response(DISPLAY_NAME, 422, join_messages(body, MESSAGE_FIELDS)))


def _find_pictures(
    body: Mapping[str, Any], paths: Sequence[Sequence[str]], sent_pictures: frozenset[str | bytes]
) -> list[str | bytes]:
    """Returns the links and pictures in these fields: each a text, an object, or a list of these. Omits our own.

    Links to hosts that are not Segmind's come last, because deliver may not download from them.
    """
    values = [value for path in paths for value in as_list(find_value(body, *path))]
    texts = [value if isinstance(value, str | bytes) else _find_in_object(value) for value in values]
    candidates = (text for text in texts if isinstance(text, str | bytes) and text and text not in sent_pictures)
    return sorted(candidates, key=_is_external_url)


def _find_in_object(value: object) -> object:
    return (
        next(iter(list_pictures(value)), None)
        if isinstance(value, dict) and "url" not in value
        else find_value(value, "url")
    )


def _is_external_url(text: str | bytes) -> bool:
    own_prefixes = tuple(f"https://{host}{prefix}" for host, prefix in RESULT_HOSTS[NAME])
    return isinstance(text, str) and text.startswith(URL_SCHEMES) and not text.startswith(own_prefixes)


def _find_cost(job: Job, reported_price: object) -> tuple[int, str]:
    """Returns the cost of the call in micro-dollars, and the source of that price."""
    micro_usd = parse_reported_price(reported_price)
    return (micro_usd, "reported") if micro_usd else (look_up_image_price(NAME, job.instructions), "price_list")


def _parse_dollars(text: str | None) -> Decimal | None:
    try:
        return Decimal(text or "")
    except InvalidOperation:
        return None


def _parse_seconds_until_reset(headers: Mapping[str, str]) -> float:
    """Returns the seconds until the reset time in the header: ISO 8601, with a space or a T, or epoch seconds."""
    text = headers.get("x-rate-limit-reset-at-utc", "").strip()
    try:
        moment = datetime.fromtimestamp(float(text), UTC) if _is_number(text) else datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return RATE_LIMIT_SECONDS
    seconds = (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return max(seconds, 1.0) if -RATE_LIMIT_SECONDS < seconds <= 3600 else RATE_LIMIT_SECONDS


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdecimal()
