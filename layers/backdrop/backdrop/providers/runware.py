"""Runware's API: imageInference tasks with the model ideogram:4@5, and removeBackground tasks.

- The request is JSON with one task. The photo is inside it, as a data URI.
- We choose the id of a task. It is looked up by that id, and can be sent again under it without a second charge.
- Asynchronous: a task is polled with getResponse. getTaskDetails returns Runware's stored record of a task.
- Runware reports the cost of each result. Optionally, it uploads a result to our bucket.

Sources: Runware's model pages of Ideogram 3.0 Replace Background and of BiRefNet Matting, its pages on task polling,
task details, and errors, and its published SDK, 2026. For error codes, see runware_errors.py.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from backdrop.model.capabilities import REFERENCES_FIELD, find_remover, to_provider_json
from backdrop.model.codes import Code
from backdrop.model.errors import RetryLaterError
from backdrop.model.ids import derive_idempotency_key
from backdrop.model.job import Job, PictureLink
from backdrop.model.pricing import look_up_image_price, parse_reported_price
from backdrop.model.provider_result import LookupStatus, ProviderResult, RetryClass
from backdrop.ports import Acknowledge, ApiKey, PreparedCall, WorkStorage
from backdrop.providers.credentials import Credentials
from backdrop.providers.http import MAX_ANSWER_BYTES, HttpResponse, post, send_free_request, to_data_uri
from backdrop.providers.inline_pictures import describe_value, list_pictures
from backdrop.providers.json_fields import (
    as_integer,
    describe_response,
    find_first_link,
    find_first_text,
    list_objects,
    parse_json_object,
)
from backdrop.providers.link_expiry import parse_link_expiry
from backdrop.providers.polling import StatusQuery, build_status_query, poll_until_done
from backdrop.providers.redaction import quote_provider, redact_response
from backdrop.providers.response_rules import build_result, describe_edge_refusal
from backdrop.providers.runware_errors import (
    INFERENCE,
    OLDER_REMOVAL,
    REMOVAL,
    find_submit_rule,
    find_task_rule,
    list_task_errors,
    read_error_code,
    read_state,
)
from backdrop.providers.unrecognized_results import build_unrecognized_result

NAME = "runware"
DISPLAY_NAME = "Runware"
GET_RESPONSE, GET_TASK_DETAILS = "getResponse", "getTaskDetails"
POLL_SECONDS = 2.0
RATE_LIMIT_SECONDS = 5.0
# The retention that we request for a picture; Runware does not publish its default.
RESULT_TTL = timedelta(hours=24)
# A task ends with the results that it has after this time. Less than recovery.py's MAX_PENDING_DURATION.
MAX_PARTIAL_WAIT = timedelta(minutes=30)
# After an error that does not state whether it ended the task, the task is polled for this long after its call.
MAX_UNCLEAR_WAIT = timedelta(minutes=5)
# States of an unfinished item. Only the first is published; "pending" is from older pages.
RUNNING_STATES = frozenset({"processing", "pending", "queued"})
# States of a finished item. Only the first is published.
FINISHED_STATES = frozenset({"success", "completed"})
# Fields in which an item may contain its picture. We request only `imageURL`.
PICTURE_FIELDS = ("imageBase64Data", "imageDataURI", "imageURL")


@dataclass(frozen=True)
class TaskForm:
    """What the two tasks do not share. `model`: None if the job chooses it. `takes_safety`: accepts a safety check."""

    task_type: str
    photo_field: str
    model: str | None
    takes_safety: bool


TASKS = {
    "replace": TaskForm(INFERENCE, "seedImage", "ideogram:4@5", takes_safety=True),
    "remove": TaskForm(REMOVAL, "image", None, takes_safety=False),
}


@dataclass(frozen=True)
class Runware:
    """The adapter. `base_url` is scheme, host, and path prefix. `load_key(True)` bypasses any cache of the API key.

    With `uploads`, Runware itself writes a single picture to `work`. `check_content` turns on Runware's safety check.
    """

    base_url: str
    timeout_seconds: float
    load_key: Callable[[bool], ApiKey]
    work: WorkStorage
    uploads: bool = False
    check_content: bool = False
    poll_seconds: float = field(default=POLL_SECONDS, compare=False)
    now: Callable[[], datetime] = field(default=partial(datetime.now, UTC), compare=False)

    @property
    def credentials(self) -> Credentials:
        return Credentials(DISPLAY_NAME, self.load_key)

    def idempotency_key(self, job: Job) -> str | None:
        """Returns a UUID derived from the job and `charge_no`: a resend has the same UUID, a new charge another."""
        return derive_idempotency_key(job.job_id, job.charge_no)

    def prepare(self, job: Job, photo: bytes, references: Sequence[bytes] = ()) -> PreparedCall | ProviderResult:
        """Prepares one paid call. Returns a PAUSE result if there is no key to send it with."""
        key, task_uuid = self.credentials.require_key(), derive_idempotency_key(job.job_id, job.charge_no)
        if isinstance(key, ProviderResult):
            return key
        task = build_request(job, task_uuid, photo, references)
        if self.check_content and TASKS[job.operation].takes_safety:
            task["safety"] = {"checkContent": True}
        upload_link = (
            self.work.create_upload_link(_build_result_name(task_uuid), provider_url=self.base_url)
            if self._uploads_result(job)
            else None
        )
        if upload_link:
            task["uploadEndpoint"] = upload_link
        return PreparedCall(partial(self._call, job, task, key))

    def _uploads_result(self, job: Job) -> bool:
        # Runware does not publish what happens when several results are uploaded to one address.
        return self.uploads and _count_images(job) == 1

    def _call(
        self, job: Job, task: Mapping[str, Any], key: str, _acknowledge: Acknowledge
    ) -> ProviderResult | LookupStatus:
        submitted_at, deadline = self.now(), time.monotonic() + self.timeout_seconds
        response = self.credentials.send_with_key(key, partial(self._submit, task, deadline), deadline)
        if isinstance(response, ProviderResult):
            return response
        if response.is_long_result:
            return _build_unrecognized(job, response, key)
        query = StatusQuery(task["taskUUID"], key, submitted_at, deadline, is_acknowledged=True)
        result = self._parse_response(job, query, response) if response.is_success else LookupStatus.ABSENT
        if isinstance(result, ProviderResult) and result.retry_class is RetryClass.OK:
            return result
        refusal = (
            None if _acknowledges_task(query.provider_id, response) else _parse_refusal(query.provider_id, response)
        )
        if isinstance(refusal, ProviderResult):
            return refusal
        if refusal is LookupStatus.PENDING and self._is_task_of_other_request(task, key, deadline):
            return ProviderResult(
                RetryClass.PERM, Code.REQUEST_REJECTED, f"{DISPLAY_NAME} has another task with the same id."
            )
        return poll_until_done(lambda: self._query_task(job, query), deadline, self.poll_seconds)

    def _submit(self, task: Mapping[str, Any], deadline: float, key: str) -> HttpResponse | ProviderResult:
        body, timeout_seconds = json.dumps([task]).encode(), deadline - time.monotonic()
        return post(self._url, body, _headers(key), timeout_seconds=timeout_seconds)

    @property
    def _url(self) -> str:
        return self.base_url.rstrip("/") + "/v1"

    # -- the result ----------------------------------------------------------------------------------------------

    def look_up(self, job: Job, provider_id: str) -> ProviderResult | LookupStatus:
        """Looks up a task, regardless of the response to its submission."""
        key = self.credentials.require_key()
        return (
            LookupStatus.PENDING
            if isinstance(key, ProviderResult)
            else self._query_task(job, build_status_query(job, provider_id, key))
        )

    def _query_task(self, job: Job, query: StatusQuery) -> ProviderResult | LookupStatus:
        """Requests the results, then Runware's stored record: an empty response to the first request proves nothing.

        ABSENT only if neither response names the task.
        """
        response = self._fetch_status(GET_RESPONSE, query)
        if response is None:
            return LookupStatus.PENDING
        if response.is_long_result:
            return _build_unrecognized(job, response, query.api_key)
        is_overdue = self.now() > query.submitted_at + MAX_PARTIAL_WAIT
        result = self._parse_response(job, query, response)
        if isinstance(result, ProviderResult) or (_is_running(query.provider_id, response) and not is_overdue):
            return result
        details = self._fetch_status(GET_TASK_DETAILS, query)
        if details is None:
            return LookupStatus.PENDING
        # The kept response first: it may hold more results than a poll still returns.
        query = replace(query, is_overdue=is_overdue)
        details_result = self._parse_details(job, query, details)
        result = (
            details_result if isinstance(details_result, ProviderResult) else self._parse_response(job, query, response)
        )
        if isinstance(result, ProviderResult):
            return result
        is_known = query.is_acknowledged or LookupStatus.PENDING in (result, details_result)
        return LookupStatus.PENDING if is_known else LookupStatus.ABSENT

    def _parse_details(self, job: Job, query: StatusQuery, response: HttpResponse) -> ProviderResult | LookupStatus:
        """Reads the response that Runware keeps with the task. PENDING if the task is kept without one."""
        kept = next(
            (
                task
                for task in list_objects(_parse_body(response).get("data"))
                if task.get("taskUUID") == query.provider_id
            ),
            None,
        )
        if kept is None:
            return self._parse_response(job, query, response)
        records = list_objects(kept.get("response"))
        envelope = next((record for record in records if "data" in record or "errors" in record), {"data": records})
        result = self._parse_task(job, replace(query, is_full_record=True), envelope, response)
        return LookupStatus.PENDING if result is LookupStatus.ABSENT else result

    def _fetch_status(self, task_type: str, query: StatusQuery) -> HttpResponse | None:
        """Returns the response, regardless of its status; None if it is not about any task."""
        body = json.dumps([{"taskType": task_type, "taskUUID": query.provider_id}]).encode()
        response = self.credentials.send_with_key(
            query.api_key, lambda key: self._send_query(body, key, query), query.deadline
        )
        if not isinstance(response, HttpResponse):
            return None
        if response.is_long_result:
            return response
        response_json = _parse_body(response)
        return response if "data" in response_json or "errors" in response_json or "error" in response_json else None

    def _send_query(self, body: bytes, key: str, query: StatusQuery) -> HttpResponse | Exception | None:
        return send_free_request(
            self._url, _headers(key), timeout_seconds=query.timeout_seconds, body=body, max_bytes=MAX_ANSWER_BYTES
        )

    def _parse_response(self, job: Job, query: StatusQuery, response: HttpResponse) -> ProviderResult | LookupStatus:
        return self._parse_task(job, query, _parse_body(response), response)

    def _parse_task(
        self, job: Job, query: StatusQuery, body: Mapping[str, Any], response: HttpResponse
    ) -> ProviderResult | LookupStatus:
        """Reads the result of a task. PENDING if the response names the task without its end, ABSENT if not at all."""
        items = [item for item in list_objects(body.get("data")) if item.get("taskUUID") == query.provider_id]
        if any(read_state(item) in RUNNING_STATES for item in items) and not (query.is_full_record or query.is_overdue):
            return LookupStatus.PENDING
        finished = [item for item in items if _is_finished(item, is_full_record=query.is_full_record)]
        results = _deduplicate_results(finished, _count_images(job))
        errors = list_task_errors(query.provider_id, body)
        is_persistent = self.now() > query.submitted_at + MAX_UNCLEAR_WAIT
        end = _find_task_end(errors, query, succeeded=response.is_success, is_persistent=is_persistent)
        if results and (query.is_overdue or isinstance(end, ProviderResult) or len(results) >= _count_images(job)):
            return self._build_success(job, query, results, body)
        if errors and not results:
            return end
        return LookupStatus.PENDING if items else LookupStatus.ABSENT

    def _build_success(
        self, job: Job, query: StatusQuery, results: Sequence[Mapping[str, Any]], body: Mapping[str, Any]
    ) -> ProviderResult | LookupStatus:
        """Links the pictures of a task. PENDING if an inline picture cannot currently be stored."""
        prices = [parse_reported_price(item.get("cost")) for item in results]
        charged = sum(price or look_up_image_price(NAME, job.instructions) for price in prices)
        basis = "reported" if all(prices) else "price_list"
        uploaded_name = (
            _build_result_name(query.provider_id) if self._has_uploaded_result(job, query.provider_id) else None
        )
        try:
            links = tuple(self._build_link(item, query, n, uploaded_name) for n, item in enumerate(results, 1))
        except RetryLaterError:
            return LookupStatus.PENDING
        raw = b""
        if any(link.is_unrecognized for link in links):
            raw = redact_response(json.dumps(body, default=describe_value).encode(), query.api_key)
        if any(link.is_usable for link in links):
            return ProviderResult(
                RetryClass.OK, links=links, charged=charged, basis=basis, is_final=True, raw_response=raw
            )
        message = f"{DISPLAY_NAME} made the picture, but the safety check withheld it."
        return ProviderResult(RetryClass.OK, Code.UNSAFE_RESULT, message, links, charged, basis, is_final=True)

    def _build_link(
        self, item: Mapping[str, Any], query: StatusQuery, n: int, uploaded_name: str | None
    ) -> PictureLink:
        """Links result `n` of a task. It counts as withheld only if Runware states it.

        Raises RetryLaterError if it is inside the response and cannot be stored.
        """
        seed, expires = as_integer(item.get("seed")), query.submitted_at + RESULT_TTL
        if item.get("NSFWContent") is True:
            return PictureLink(url=None, seed=seed)
        if uploaded_name:
            return PictureLink(url=None, seed=seed, expires_at=expires, result_name=uploaded_name)
        if pictures := list_pictures(item):
            name = f"{_build_result_name(query.provider_id)}-{n}"
            self.work.save_result(name, pictures[0])
            return PictureLink(url=None, seed=seed, expires_at=expires, result_name=name)
        url = find_first_link([item.get("imageURL")])
        if url is None:
            return PictureLink(url=None, seed=seed, is_unrecognized=True)
        return PictureLink(url=url, seed=seed, expires_at=parse_link_expiry(url, query.submitted_at) or expires)

    def _has_uploaded_result(self, job: Job, task_uuid: str) -> bool:
        """True if Runware uploaded the picture. If that cannot currently be checked, its link is used instead."""
        try:
            return self._uploads_result(job) and self.work.has_result(_build_result_name(task_uuid))
        except RetryLaterError:
            return False

    def _is_task_of_other_request(self, task: Mapping[str, Any], key: str, deadline: float) -> bool:
        """True if the task that Runware has under our id requests something else."""
        response = self._fetch_status(GET_TASK_DETAILS, StatusQuery(task["taskUUID"], key, self.now(), deadline))
        details = _parse_body(response) if response else {}
        requests = [
            request for kept in list_objects(details.get("data")) for request in list_objects(kept.get("request"))
        ]
        return any(
            _to_current_name(request.get(name, task.get(name))) != task.get(name)
            for request in requests
            for name in ("taskType", "model", "positivePrompt")
        )


def _to_current_name(value: object) -> object:
    return REMOVAL if value == OLDER_REMOVAL else value


# -- the request -------------------------------------------------------------------------------------------------


def build_request(job: Job, task_uuid: str, photo: bytes, references: Sequence[bytes] = ()) -> dict[str, Any]:
    """Builds the task: the fields that the job specifies; results as PNG with a link valid for a day and their cost."""
    purchase_spec, form = dict(job.purchase_spec), TASKS[job.operation]
    if references:
        purchase_spec[REFERENCES_FIELD] = [to_data_uri(reference) for reference in references]
    if form.model is None:
        purchase_spec["model"] = find_remover(NAME, purchase_spec)
    return {
        "taskType": form.task_type,
        "taskUUID": task_uuid,
        "model": form.model,
        **to_provider_json(NAME, purchase_spec),
        "inputs": {form.photo_field: to_data_uri(photo)},
        "deliveryMethod": "async",
        "outputType": "URL",
        "outputFormat": "PNG",
        "ttl": int(RESULT_TTL.total_seconds()),
        "includeCost": True,
    }


def _headers(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}


def _build_result_name(task_uuid: str) -> str:
    return f"{NAME}-{task_uuid}"


def _count_images(job: Job) -> int:
    return int(job.purchase_spec.get("num_images", 1))


# -- responses ---------------------------------------------------------------------------------------------------


def _parse_body(response: HttpResponse) -> dict[str, Any]:
    return parse_json_object(response.body) or {}


def _parse_refusal(task_uuid: str, response: HttpResponse) -> ProviderResult | LookupStatus | None:
    """Reads why a task was refused. PENDING if the same id was accepted before; None if the task is accepted now."""
    body = _parse_body(response)
    errors = list_task_errors(task_uuid, body)
    if response.is_success and not errors:
        is_taken = isinstance(body.get("data"), (list, dict))
        return (
            None
            if is_taken
            else ProviderResult.lost(
                f"{DISPLAY_NAME} answered {response.status} without naming the task. It may have been charged."
            )
        )
    edge_refusal = describe_edge_refusal(DISPLAY_NAME, response)
    if edge_refusal:
        return edge_refusal
    rule = find_submit_rule(response.status, errors, response.latency_seconds)
    if rule.verdict is LookupStatus.PENDING:
        return LookupStatus.PENDING
    return build_result(
        rule, describe_response(DISPLAY_NAME, response.status, _format_errors(errors)), response, RATE_LIMIT_SECONDS
    )


def _build_unrecognized(job: Job, response: HttpResponse, key: str) -> ProviderResult:
    """Returns the result of a task whose answer is too long to be read. Only an answer with pictures can be."""
    count = _count_images(job)
    charged = look_up_image_price(NAME, job.instructions) * count
    return build_unrecognized_result(response.body, key, charged, final=True, picture_count=count)


def _find_task_end(
    errors: Sequence[Mapping[str, Any]], query: StatusQuery, *, succeeded: bool, is_persistent: bool
) -> ProviderResult | LookupStatus:
    """Returns how a task ended, from its first conclusive error."""
    for error in errors:
        rule = find_task_rule(
            error,
            query.provider_id,
            is_full_record=query.is_full_record,
            succeeded=succeeded,
            is_persistent=is_persistent,
        )
        if rule is None or rule.verdict is LookupStatus.PENDING:
            continue
        if rule.verdict is LookupStatus.ABSENT:
            return LookupStatus.ABSENT
        return replace(
            build_result(rule, f"{DISPLAY_NAME} ended the task with an error: {_format_errors([error])}"), is_final=True
        )
    return LookupStatus.PENDING


def _format_errors(errors: Sequence[Mapping[str, Any]]) -> str:
    texts = (f"{read_error_code(error)} {error.get('message', '')}".strip() for error in errors)
    return quote_provider("; ".join(texts)) or "no error code"


def _is_running(task_uuid: str, response: HttpResponse) -> bool:
    items = list_objects(_parse_body(response).get("data"))
    return any(item.get("taskUUID") == task_uuid and read_state(item) in RUNNING_STATES for item in items)


def _acknowledges_task(task_uuid: str, response: HttpResponse) -> bool:
    """True if a response to a submission names the task as accepted."""
    items = list_objects(_parse_body(response).get("data")) if response.is_success else []
    return any(item.get("taskUUID") == task_uuid and read_state(item) != "error" for item in items)


def _is_finished(item: Mapping[str, Any], *, is_full_record: bool) -> bool:
    """True if an item states that it is finished, or contains a picture. An unfinished one may have an imageUUID."""
    state = read_state(item)
    if state == "error" or state in RUNNING_STATES:
        return False
    return state in FINISHED_STATES or _has_result(item) or (is_full_record and "imageUUID" in item)


def _has_result(item: Mapping[str, Any]) -> bool:
    """True if an item contains its picture, or states that the picture is withheld."""
    is_withheld = item.get("NSFWContent") is True
    return (
        is_withheld
        or bool(list_pictures(item))
        or any(isinstance(item.get(name), str) and item[name] for name in PICTURE_FIELDS)
    )


def _deduplicate_results(finished: Sequence[Mapping[str, Any]], image_count: int) -> list[Mapping[str, Any]]:
    """Returns each result once. A response is cumulative and may name a result twice, but only once with its picture.

    Items without a picture beyond the requested number are not results, because only that many are made and charged.
    """
    items_by_name: dict[str, Mapping[str, Any]] = {}
    for n, item in enumerate(finished):
        name = find_first_text((item.get("imageUUID"), item.get("imageURL"))) or str(n)
        if name not in items_by_name or _has_result(item):
            items_by_name[name] = item
    surplus = len(items_by_name) - image_count
    dropped = [name for name, item in items_by_name.items() if not _has_result(item)][: max(surplus, 0)]
    return [item for name, item in items_by_name.items() if name not in dropped]
