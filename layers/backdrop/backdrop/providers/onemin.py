"""1min.ai's API: the feature BACKGROUND_REPLACER with the model ideogram-3.

- Asynchronous: the photo and its references are uploaded, which is free, and then the feature is requested. The
  response names a record, which is polled. If that response is lost, the outcome of the call stays unknown.
- 1min.ai bills credits, so the stack's operator configures the price of a picture.
- 1min.ai publishes no list of error codes, and `details` may repeat the prompt. Statuses and known codes decide.

Sources: 1min.ai's pages on the feature, on assets, and on results, 2026.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import SplitResult, quote, unquote, urlsplit

from backdrop.model.capabilities import REFERENCES_FIELD, to_provider_json
from backdrop.model.codes import Code
from backdrop.model.errors import RetryLaterError
from backdrop.model.job import Job, PictureLink, Suspicion
from backdrop.model.provider_result import LookupStatus, ProviderResult, RetryClass
from backdrop.model.retries import build_call_spec
from backdrop.ports import Acknowledge, ApiKey, PreparedCall, WorkStorage
from backdrop.providers.credentials import Credentials
from backdrop.providers.http import (
    MAX_ANSWER_BYTES,
    HttpResponse,
    build_file_field,
    encode_multipart,
    is_picture,
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
    find_first_text,
    find_value,
    join_messages,
    list_objects,
    parse_json_object,
)
from backdrop.providers.link_expiry import parse_link_expiry
from backdrop.providers.polling import StatusQuery, build_status_query, poll_until_done
from backdrop.providers.published_errors import find_proof
from backdrop.providers.redaction import quote_provider, redact_response
from backdrop.providers.response_rules import (
    ANY_STATUS,
    UNDOCUMENTED_REFUSALS,
    ResponseRule,
    build_result,
    describe_edge_refusal,
    find_rule,
)
from backdrop.providers.unrecognized_results import build_unrecognized_result

NAME = "1min"
DISPLAY_NAME = "1min.ai"
FEATURES_PATH, ASSETS_PATH, RESULTS_PATH = "/api/features", "/api/assets", "/api/results"
FEATURE = {"type": "BACKGROUND_REPLACER", "model": "ideogram-3", "async": True}
# The feature requires the number of pictures.
DEFAULT_IMAGE_COUNT = 1
MESSAGE_FIELDS = ("message", "error", "errorCode", "details")
POLL_SECONDS = 2.0
RATE_LIMIT_SECONDS = 60.0
DONE_STATES = frozenset({"SUCCESS", "COMPLETED", "SUCCEEDED", "DONE"})
FAILED_STATES = frozenset({"FAILURE", "FAILED", "ERROR"})
CLIENT_ERRORS = range(400, 500)
# The proof in a response, by error code or complete message of 1min.ai, or of Ideogram, which runs the model.
NO_CREDITS, UNSAFE = "money", "unsafe"
PROOFS_BY_MESSAGE = {
    "insufficient_credits": NO_CREDITS,
    "not enough credits": NO_CREDITS,
    "prompt or provided image failed the safety checks": UNSAFE,
}
# Responses of the feature. A 403 means an empty account, a plan without API access, or a problem with the job: other
# jobs show which.
FEATURE_RULES = (
    ResponseRule(CLIENT_ERRORS, RetryClass.PERM, Code.UNSAFE_REQUEST, UNSAFE),
    ResponseRule({401}, RetryClass.PAUSE, Code.PROVIDER_KEY_REFUSED),
    ResponseRule({429}, RetryClass.QUOTA, Code.PROVIDER_THROTTLED),
    ResponseRule({402}, RetryClass.PAUSE, Code.PROVIDER_OUT_OF_MONEY),
    ResponseRule(CLIENT_ERRORS, RetryClass.PAUSE, Code.PROVIDER_OUT_OF_MONEY, NO_CREDITS),
    ResponseRule({403}, RetryClass.PAUSE, Code.PROVIDER_REFUSES, suspicion=Suspicion.REFUSAL),
    ResponseRule({400, 406, 413, 415, 422}, RetryClass.PERM, Code.REQUEST_REJECTED),
    ResponseRule(range(500, 600), RetryClass.AMBIG),
)
# An upload is free and can be repeated: a response that is not about the account or the picture is tried again later.
UPLOAD_RULES = (
    *FEATURE_RULES[:-1],
    *UNDOCUMENTED_REFUSALS,
    ResponseRule(ANY_STATUS, RetryClass.BACKOFF, Code.PROVIDER_UNAVAILABLE),
)
# The fields of a record that may contain its link, or a list of links.
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
    """The adapter. `base_url` is scheme, host, and path prefix. `load_key(True)` bypasses any cache of the API key.

    `price_micro_usd` is the price of one picture, in micro-dollars. `work` stores pictures that come without a link.
    """

    base_url: str
    timeout_seconds: float
    load_key: Callable[[bool], ApiKey]
    price_micro_usd: int
    work: WorkStorage | None = field(default=None, compare=False)
    poll_seconds: float = field(default=POLL_SECONDS, compare=False)

    @property
    def credentials(self) -> Credentials:
        return Credentials(DISPLAY_NAME, self.load_key)

    def idempotency_key(self, job: Job) -> str | None:
        """Returns None: 1min.ai chooses the id."""
        return None

    def prepare(self, job: Job, photo: bytes, references: Sequence[bytes] = ()) -> PreparedCall | ProviderResult:
        """Prepares one paid call. Returns a PAUSE result if there is no key to send it with."""
        key = self.credentials.require_key()
        if isinstance(key, ProviderResult):
            return key
        return PreparedCall(partial(self._call, job, (photo, *references), key))

    def _call(
        self, job: Job, pictures: Sequence[bytes], key: str, acknowledge: Acknowledge
    ) -> ProviderResult | LookupStatus:
        submitted_at, deadline = datetime.now(UTC), time.monotonic() + self.timeout_seconds
        response = self._request_feature(job, pictures, key, deadline)
        if isinstance(response, HttpResponse) and response.status == 404:
            # An upload no longer exists, and no work was started.
            response = self._request_feature(job, pictures, key, deadline)
        if isinstance(response, ProviderResult):
            return response
        body = parse_json_object(response.body)
        if not response.is_success:
            return describe_edge_refusal(DISPLAY_NAME, response) or _parse_refusal(
                FEATURE_RULES, response.status, response
            )
        record_id = as_provider_id(find_value(body, "aiRecord", "uuid"))
        if body is None or record_id is None:
            return self._parse_unnamed_success(job, body, response, key)
        acknowledge(record_id)
        query = StatusQuery(record_id, key, submitted_at, deadline)
        result = self._parse_record(job, body, response, query)
        if result is not LookupStatus.PENDING:
            return result
        return poll_until_done(lambda: self._query_record(job, query), deadline, self.poll_seconds)

    # -- the request ---------------------------------------------------------------------------------------------

    def _request_feature(
        self, job: Job, pictures: Sequence[bytes], key: str, deadline: float
    ) -> HttpResponse | ProviderResult:
        """Uploads the pictures, then requests the feature.

        If an upload fails, returns its result instead of a response.
        """
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
        """Uploads a picture. Returns its path exactly as 1min.ai returns it."""
        body, content_type = encode_multipart([build_file_field("asset", "photo", picture)])
        response = self.credentials.send_with_key(
            key, lambda k: self._post(ASSETS_PATH, body, k, content_type, deadline), deadline
        )
        if isinstance(response, ProviderResult):
            return ProviderResult(
                RetryClass.BACKOFF, Code.PROVIDER_UNAVAILABLE, f"A picture could not be uploaded. {response.message}"
            )
        body_json = parse_json_object(response.body)
        path = find_first_text((find_value(body_json, "fileContent", "path"), find_value(body_json, "asset", "key")))
        if response.is_success and path:
            return path
        return describe_edge_refusal(DISPLAY_NAME, response) or _parse_refusal(UPLOAD_RULES, response.status, response)

    def _post(
        self, path: str, body: bytes, key: str, content_type: str, deadline: float
    ) -> HttpResponse | ProviderResult:
        headers = {"API-KEY": key, "Content-Type": content_type}
        return post(self._url(path), body, headers, timeout_seconds=deadline - time.monotonic())

    def _url(self, path: str) -> str:
        return self.base_url.rstrip("/") + path

    # -- the result ----------------------------------------------------------------------------------------------

    def look_up(self, job: Job, provider_id: str) -> ProviderResult | LookupStatus:
        """Looks up a call by its record."""
        key = self.credentials.require_key()
        return (
            LookupStatus.PENDING
            if isinstance(key, ProviderResult)
            else self._query_record(job, build_status_query(job, provider_id, key))
        )

    def _query_record(self, job: Job, query: StatusQuery) -> ProviderResult | LookupStatus:
        """Reads the record. PENDING if the request is refused or fails, because that proves nothing about the work."""
        response = self.credentials.send_with_key(query.api_key, lambda key: self._get(key, query), query.deadline)
        if not isinstance(response, HttpResponse) or not response.is_success:
            return LookupStatus.PENDING
        if response.is_long_result:
            return self._build_unrecognized(job, response, query.api_key)
        body = parse_json_object(response.body)
        if body is None or "aiRecord" not in body:
            return LookupStatus.PENDING
        return LookupStatus.ABSENT if body["aiRecord"] is None else self._parse_record(job, body, response, query)

    def _get(self, key: str, query: StatusQuery) -> HttpResponse | Exception | None:
        url = self._url(f"{RESULTS_PATH}/{quote(query.provider_id, safe='')}")
        return send_free_request(
            url, {"API-KEY": key}, timeout_seconds=query.timeout_seconds, max_bytes=MAX_ANSWER_BYTES
        )

    def _parse_record(
        self, job: Job, body: Mapping[str, Any], response: HttpResponse, query: StatusQuery
    ) -> ProviderResult | LookupStatus:
        """Reads the result from a record. PENDING if the record is unfinished or belongs to another call.

        1min.ai does not publish whether failed work costs credits, so the charge stays unknown, regardless of the text.
        """
        record = body.get("aiRecord")
        state = str(find_value(record, "status")).upper()
        if find_value(record, "uuid") != query.provider_id or state not in DONE_STATES | FAILED_STATES:
            return LookupStatus.PENDING
        if state in FAILED_STATES:
            text = find_first_text(as_list(find_value(record, "aiRecordDetail", "resultObject"))) or ""
            return ProviderResult.lost(
                f"{DISPLAY_NAME} reports that the work failed. It may have been charged. {quote_provider(text)}"
            )
        try:
            return self._build_success(job, body, response, query)
        except RetryLaterError:  # the picture cannot be stored yet, and the record returns it again
            return LookupStatus.PENDING

    def _build_success(
        self, job: Job, body: Mapping[str, Any], response: HttpResponse, query: StatusQuery
    ) -> ProviderResult:
        """Links each picture that the record lists, or all that were requested if it lists none.

        Raises RetryLaterError if a picture is inside the response and cannot be stored.
        """
        image_count = _count_images(job)
        entries = list_objects(find_value(body, "aiRecord", "aiRecordDetail", "responseObject", "data"))
        results = as_list(find_value(body, "aiRecord", "aiRecordDetail", "resultObject"))
        paths = [one for one in results if isinstance(one, str) and one]
        if len(paths) == len(entries):
            paths = [path for path, entry in zip(paths, entries, strict=True) if not _is_withheld(entry)]
        images = [entry for entry in entries if not _is_withheld(entry)]
        withheld = [PictureLink(url=None)] * (len(entries) - len(images))
        made_count = max(len(paths), len(images)) if paths or entries else image_count
        pictures = range(min(made_count, image_count))
        made = (self._build_link(job, body, paths, images, n, query.submitted_at) for n in pictures)
        links = (*made, *withheld)
        charged = self.price_micro_usd * len(links)
        if not any(link.is_usable for link in links):
            message = f"{DISPLAY_NAME} made the picture, but the safety check withheld it."
            return ProviderResult(RetryClass.OK, Code.UNSAFE_RESULT, message, links, charged, "configured")
        is_unrecognized = any(link.is_unrecognized for link in links)
        raw = redact_response(response.body, query.api_key) if is_unrecognized else b""
        return ProviderResult(RetryClass.OK, links=links, charged=charged, basis="configured", raw_response=raw)

    def _build_link(
        self,
        job: Job,
        body: Mapping[str, Any],
        paths: Sequence[str],
        images: Sequence[Mapping[str, Any]],
        n: int,
        submitted_at: datetime,
    ) -> PictureLink:
        """Links the picture with the temporary link to its own path, or else with Ideogram's link.

        1min.ai documents one temporary link, and Ideogram's link to each picture. `paths` and `images`: those of all
        pictures that were not withheld, in the same order. Either may have the picture itself in the place of a link.
        """
        image = images[n] if n < len(images) else {}
        seed = as_integer(image.get("seed"))
        inline = [*list_pictures(image), *list_pictures(find_value(body, "aiRecord"))[n : n + 1]]
        if inline:
            return keep_picture(self.work, job, n + 1, inline[0], seed)
        given = (link for fields in LINK_PATHS for link in as_list(find_value(body, *fields)))
        temporary_links = [link for link in given if isinstance(link, str)]
        path = paths[n] if n < len(paths) else ""
        matching = (link for link in temporary_links if path and _ends_with_path(link, path))
        url = find_first_link((*matching, image.get("url"), *(() if paths else temporary_links[n : n + 1])))
        if url is None:
            return PictureLink(url=None, seed=seed, is_unrecognized=True)
        return PictureLink(url=url, seed=seed, expires_at=parse_link_expiry(url, submitted_at))

    def _parse_unnamed_success(
        self, job: Job, body: Mapping[str, Any] | None, response: HttpResponse, key: str
    ) -> ProviderResult:
        """Handles a success without a record id. An error inside it is classified by its own status."""
        for name in ("status_code", "statusCode"):
            status = as_failure_status(find_value(body, name))
            if status:
                return _parse_refusal(FEATURE_RULES, status, response)
        has_picture = bool(list_pictures(body)) or is_picture(response.body)
        if has_picture or response.is_long_result or isinstance(find_value(body, "aiRecord"), dict):
            return self._build_unrecognized(job, response, key)
        return ProviderResult.lost(
            f"{DISPLAY_NAME} answered {response.status} without naming a record. The call may have been charged."
        )

    def _build_unrecognized(self, job: Job, response: HttpResponse, key: str) -> ProviderResult:
        charged = self.price_micro_usd * _count_images(job)
        return build_unrecognized_result(response.body, key, charged, "configured")


def _count_images(job: Job) -> int:
    return int(job.purchase_spec.get("num_images", DEFAULT_IMAGE_COUNT))


def _is_withheld(entry: Mapping[str, Any]) -> bool:
    return entry.get("is_image_safe") is False


def build_request(job: Job, paths: Sequence[str]) -> dict[str, Any]:
    """Builds the feature's JSON: only fields that the job specifies, and the number of pictures, which is required."""
    photo, *references = paths
    purchase_spec = {"num_images": DEFAULT_IMAGE_COUNT, **build_call_spec(job)} | (
        {REFERENCES_FIELD: references} if references else {}
    )
    body = to_provider_json(NAME, purchase_spec)
    return {**FEATURE, **body, "promptObject": {"imageUrl": photo, **body["promptObject"]}}


def _parse_refusal(rules: Sequence[ResponseRule], status: int, response: HttpResponse) -> ProviderResult:
    body = parse_json_object(response.body)
    proof = find_proof(response.body, ("errorCode", "message", "error"), PROOFS_BY_MESSAGE)
    rule = find_rule(rules, status, proof, response.latency_seconds)
    return build_result(
        rule, describe_response(DISPLAY_NAME, status, join_messages(body, MESSAGE_FIELDS)), response, RATE_LIMIT_SECONDS
    )


def _ends_with_path(url: str, path: str) -> bool:
    """True if a link's path ends with the path of the result and contains no `..`."""
    url_path = unquote(_split_url(url).path)
    return url_path.endswith("/" + path.lstrip("/")) and ".." not in url_path


def _split_url(url: str) -> SplitResult:
    """Splits a link. Returns empty parts if it is not a valid URL."""
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")
