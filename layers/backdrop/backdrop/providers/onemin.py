"""1min.ai: BACKGROUND_REPLACER with ideogram-3, asynchronous: pictures are uploaded, then the feature is asked for.

The first answer names the record by which it is asked about; an answer that is lost before that stays unknown. It bills
credits, so that its price is what the stack's operator says. Source: 1min.ai's pages on the feature, on assets and on
results, 2026. It publishes no list of error codes, and `details` may repeat a prompt: statuses and codes decide.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import parse_qs, quote, unquote

from backdrop.model.api_key import ApiKey
from backdrop.model.capabilities import REFERENCES_FIELD, to_provider_json
from backdrop.model.codes import Code
from backdrop.model.job import Job, PictureLink, Suspicion
from backdrop.model.provider_result import LookupStatus, ProviderResult, RetryClass
from backdrop.ports import Acknowledge, PreparedCall
from backdrop.providers.credentials import Credentials
from backdrop.providers.http import HttpResponse, build_file_field, encode_multipart, post, send_free_request
from backdrop.providers.json_fields import (
    as_failure_status,
    as_integer,
    as_list,
    describe_response,
    find_first_text,
    find_value,
    join_messages,
    list_objects,
    parse_json_object,
    split_url,
)
from backdrop.providers.polling import StatusQuery, build_status_query, poll_until_done
from backdrop.providers.published_errors import find_proof
from backdrop.providers.response_rules import ANY_STATUS, ResponseRule, build_result, find_rule
from backdrop.providers.unrecognized_results import build_unrecognized_result

NAME = "1min"
DISPLAY_NAME = "1min.ai"
FEATURES_PATH, ASSETS_PATH, RESULTS_PATH = "/api/features", "/api/assets", "/api/results"
FEATURE = {"type": "BACKGROUND_REPLACER", "model": "ideogram-3", "async": True}
# It takes up to eight and hands out a link to one.
SINGLE_IMAGE = {"num_images": 1}
MESSAGE_FIELDS = ("message", "error", "errorCode", "details")
POLL_SECONDS = 2.0
RATE_LIMIT_SECONDS = 60.0
DONE_STATES = frozenset({"SUCCESS", "COMPLETED", "SUCCEEDED", "DONE"})
FAILED_STATES = frozenset({"FAILURE", "FAILED", "ERROR"})
CLIENT_ERRORS = range(400, 500)
# What a response proves: an error code, or a whole message of 1min.ai's or of Ideogram's, whose model this is.
NO_CREDITS, UNSAFE = "money", "unsafe"
PROOFS_BY_MESSAGE = {
    "insufficient_credits": NO_CREDITS,
    "not enough credits": NO_CREDITS,
    "prompt or provided image failed the safety checks": UNSAFE,
}
# The feature's answers. A 403 is an empty account, a plan without API, or something else: other jobs find out which.
FEATURE_RULES = (
    ResponseRule(CLIENT_ERRORS, RetryClass.PERM, Code.UNSAFE_REQUEST, UNSAFE),
    ResponseRule({401}, RetryClass.PAUSE, Code.PROVIDER_KEY_REFUSED),
    ResponseRule({429}, RetryClass.QUOTA, Code.PROVIDER_THROTTLED),
    ResponseRule({402}, RetryClass.PAUSE, Code.PROVIDER_OUT_OF_MONEY),
    ResponseRule(CLIENT_ERRORS, RetryClass.PAUSE, Code.PROVIDER_OUT_OF_MONEY, NO_CREDITS),
    ResponseRule({403}, RetryClass.PAUSE, Code.PROVIDER_REFUSES, suspicion=Suspicion.REFUSAL),
    ResponseRule({400, 404, 406, 413, 415, 422}, RetryClass.PERM, Code.REQUEST_REJECTED),
    ResponseRule({405}, RetryClass.PAUSE, Code.PROVIDER_MISCONFIGURED),
    ResponseRule(range(500, 600), RetryClass.AMBIG),
)
# An upload costs nothing and may be made again: what is no answer about the account or the picture is tried later.
UPLOAD_RULES = (*FEATURE_RULES[:-1], ResponseRule(ANY_STATUS, RetryClass.BACKOFF, Code.PROVIDER_UNAVAILABLE))
# The places at which a record's link may be, each a link or a list of links.
LINK_PATHS = (
    ("aiRecord", "temporaryUrl"),
    ("aiRecord", "temporaryUrls"),
    ("temporaryUrl",),
    ("temporaryUrls",),
    ("aiRecord", "aiRecordDetail", "temporaryUrl"),
    ("aiRecord", "aiRecordDetail", "temporaryUrls"),
)


@dataclass(frozen=True)
class OneMin:
    """The adapter. `base_url` is scheme, host and prefix; `load_key` looks the API key up, `key(True)` past any cache.

    `price_micro_usd` is what one picture costs, in micro-dollars.
    """

    base_url: str
    timeout_seconds: float
    load_key: Callable[[bool], ApiKey]
    price_micro_usd: int
    poll_seconds: float = field(default=POLL_SECONDS, compare=False)

    @property
    def credentials(self) -> Credentials:
        return Credentials(DISPLAY_NAME, self.load_key)

    def idempotency_key(self, job: Job) -> str | None:
        """1min.ai names the work itself."""
        return None

    def prepare(self, job: Job, photo: bytes, references: Sequence[bytes] = ()) -> PreparedCall | ProviderResult:
        """One paid call, ready to be sent; or PAUSE where there is no key to send it with."""
        key = self.credentials.require_key()
        return key if isinstance(key, ProviderResult) else partial(self._call, job, (photo, *references), key)

    def _call(
        self, job: Job, pictures: Sequence[bytes], key: str, acknowledge: Acknowledge
    ) -> ProviderResult | LookupStatus:
        submitted_at, deadline = datetime.now(UTC), time.monotonic() + self.timeout_seconds
        response = self._request_feature(job, pictures, key, deadline)
        if (
            isinstance(response, HttpResponse) and response.status == 404
        ):  # an upload that is no more there; nothing was begun
            response = self._request_feature(job, pictures, key, deadline)
        if isinstance(response, ProviderResult):
            return response
        body = parse_json_object(response.body)
        if not response.is_success:
            return _parse_refusal(FEATURE_RULES, response.status, response)
        record_id = find_value(body, "aiRecord", "uuid")
        if (
            body is None
            or not isinstance(record_id, str)
            or not record_id.isprintable()
            or not 0 < len(record_id) <= 200
        ):
            return _parse_unnamed_success(body, response, key, self.price_micro_usd)
        acknowledge(record_id)
        query = StatusQuery(record_id, key, submitted_at, deadline)
        result = self._parse_record(body, response, query)
        if result is not LookupStatus.PENDING:
            return result
        return poll_until_done(lambda: self._query_record(query), deadline, self.poll_seconds)

    # -- what is sent --------------------------------------------------------------------------------------------

    def _request_feature(
        self, job: Job, pictures: Sequence[bytes], key: str, deadline: float
    ) -> HttpResponse | ProviderResult:
        """Upload the pictures, then ask for the feature; an Answer where it did not come to that."""
        paths: list[str] = []
        for picture in pictures:
            path = self._upload(picture, key, deadline)
            if isinstance(path, ProviderResult):
                return path
            paths.append(path)
        body = json.dumps(build_request(job, paths)).encode()
        return self.credentials.send_with_key(
            key, lambda k: self._post(FEATURES_PATH, body, k, "application/json", deadline), deadline
        )

    def _upload(self, picture: bytes, key: str, deadline: float) -> str | ProviderResult:
        """The path of an uploaded picture, word for word as it is given."""
        body, content_type = encode_multipart([build_file_field("asset", "photo", picture)])
        response = self.credentials.send_with_key(
            key, lambda k: self._post(ASSETS_PATH, body, k, content_type, deadline), deadline
        )
        if isinstance(response, ProviderResult):
            return ProviderResult(
                RetryClass.BACKOFF, Code.PROVIDER_UNAVAILABLE, f"A picture could not be uploaded: {response.message}"
            )
        body_json = parse_json_object(response.body)
        path = find_first_text((find_value(body_json, "fileContent", "path"), find_value(body_json, "asset", "key")))
        if response.is_success and path:
            return path
        return _parse_refusal(UPLOAD_RULES, response.status, response)

    def _post(
        self, path: str, body: bytes, key: str, content_type: str, deadline: float
    ) -> HttpResponse | ProviderResult:
        headers = {"API-KEY": key, "Content-Type": content_type}
        return post(self._url(path), body, headers, timeout_seconds=deadline - time.monotonic())

    def _url(self, path: str) -> str:
        return self.base_url.rstrip("/") + path

    # -- what became of it ---------------------------------------------------------------------------------------

    def look_up(self, job: Job, provider_id: str) -> ProviderResult | LookupStatus:
        """What became of a call whose record is known."""
        key = self.credentials.require_key()
        return (
            LookupStatus.PENDING
            if isinstance(key, ProviderResult)
            else self._query_record(build_status_query(job, provider_id, key))
        )

    def _query_record(self, query: StatusQuery) -> ProviderResult | LookupStatus:
        """The record as it is now; a question that is refused or that fails says nothing of the work."""
        response = self.credentials.send_with_key(query.api_key, lambda key: self._get(key, query), query.deadline)
        if not isinstance(response, HttpResponse) or not response.is_success:
            return LookupStatus.PENDING
        body = parse_json_object(response.body)
        if body is None or "aiRecord" not in body:
            return LookupStatus.PENDING
        return LookupStatus.ABSENT if body["aiRecord"] is None else self._parse_record(body, response, query)

    def _get(self, key: str, query: StatusQuery) -> HttpResponse | Exception | None:
        url = self._url(f"{RESULTS_PATH}/{quote(query.provider_id, safe='')}")
        return send_free_request(url, {"API-KEY": key}, timeout_seconds=query.timeout_seconds)

    def _parse_record(
        self, body: Mapping[str, Any], response: HttpResponse, query: StatusQuery
    ) -> ProviderResult | LookupStatus:
        """What a record says, if it is the one that we ask for.

        Whether a failed one costs credits is not published, so its charge stays unknown whatever its text says.
        """
        record = body.get("aiRecord")
        state = str(find_value(record, "status")).upper()
        if find_value(record, "uuid") != query.provider_id or state not in DONE_STATES | FAILED_STATES:
            return LookupStatus.PENDING
        path = find_first_text(as_list(find_value(record, "aiRecordDetail", "resultObject"))) or ""
        if state in FAILED_STATES:
            return ProviderResult.lost(f"{DISPLAY_NAME} says that the work failed: {path[:300]}")
        return self._build_success(body, path, response, query)

    def _build_success(
        self, body: Mapping[str, Any], path: str, response: HttpResponse, query: StatusQuery
    ) -> ProviderResult:
        """One picture: the temporary link that leads to the record's own path, else the link that Ideogram gave."""
        images = list_objects(find_value(body, "aiRecord", "aiRecordDetail", "responseObject", "data"))
        if any(one.get("is_image_safe") is False for one in images):
            message = f"{DISPLAY_NAME} made the picture; the safety check withheld it."
            return ProviderResult(
                RetryClass.OK, Code.UNSAFE_RESULT, message, (PictureLink(url=None),), self.price_micro_usd, "configured"
            )
        temporary = [one for place in LINK_PATHS for one in as_list(find_value(body, *place))]
        passed_through = [one.get("url") for one in images]
        matching = (one for one in temporary if isinstance(one, str) and path and _ends_with_path(one, path))
        url = find_first_text((*matching, *passed_through, *(() if path else temporary)))
        if url is None:
            return build_unrecognized_result(response.body, query.api_key, self.price_micro_usd, "configured")
        seed = next((as_integer(one.get("seed")) for one in images), None)
        link = PictureLink(url=url, seed=seed, expires_at=_parse_expiry(url, query.submitted_at))
        return ProviderResult(RetryClass.OK, links=(link,), charged=self.price_micro_usd, basis="configured")


def build_request(job: Job, paths: Sequence[str]) -> dict[str, Any]:
    """The feature's JSON: only fields that were given, never a default; but the number of pictures must stand there."""
    photo, *references = paths
    purchase_spec = {**job.purchase_spec, **SINGLE_IMAGE} | ({REFERENCES_FIELD: references} if references else {})
    body = to_provider_json(NAME, purchase_spec)
    return {**FEATURE, **body, "promptObject": {"imageUrl": photo, **body["promptObject"]}}


def _parse_refusal(rules: Sequence[ResponseRule], status: int, response: HttpResponse) -> ProviderResult:
    body = parse_json_object(response.body)
    proof = find_proof(response.body, ("errorCode", "message", "error"), PROOFS_BY_MESSAGE)
    rule = find_rule(rules, status, proof, response.latency_seconds)
    return build_result(
        rule, describe_response(DISPLAY_NAME, status, join_messages(body, MESSAGE_FIELDS)), response, RATE_LIMIT_SECONDS
    )


def _parse_unnamed_success(
    body: Mapping[str, Any] | None, response: HttpResponse, key: str, price_micro_usd: int
) -> ProviderResult:
    """A success that names no record to ask about: an error in it has the class of its own status, a record is kept."""
    for name in ("status_code", "statusCode"):
        status = as_failure_status(find_value(body, name))
        if status:
            return _parse_refusal(FEATURE_RULES, status, response)
    if isinstance(find_value(body, "aiRecord"), dict):
        return build_unrecognized_result(response.body, key, price_micro_usd, "configured")
    return ProviderResult.lost(
        f"{DISPLAY_NAME} answered {response.status}, but what came names no record; it may be charged."
    )


def _ends_with_path(url: str, path: str) -> bool:
    """Whether a link's path ends with the result's own, and takes no step back on the way."""
    url_path = unquote(split_url(url).path)
    return url_path.endswith("/" + path.lstrip("/")) and ".." not in url_path


def _parse_expiry(url: str, submitted_at: datetime) -> datetime | None:
    """The end of a link that S3 signed: `X-Amz-Date` and so many seconds; as from the call where the date is none."""
    parameters = parse_qs(split_url(url).query)
    seconds, date = parameters.get("X-Amz-Expires", [""])[0], parameters.get("X-Amz-Date", [""])[0]
    if not seconds.isdecimal() or len(seconds) > 7:
        return None
    lifetime = timedelta(seconds=int(seconds))
    try:
        return datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) + lifetime
    except (ValueError, OverflowError):
        return submitted_at + lifetime
