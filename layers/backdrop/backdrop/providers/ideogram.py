"""Ideogram v1: replace-background and remove-background, synchronous, multipart in, signed links out.

Source: Ideogram's API reference for both endpoints (v1, August 2026) and its published OpenAPI. There is no id to ask
by: a call whose answer is lost stays unknown.
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

from backdrop.model.api_key import ApiKey
from backdrop.model.capabilities import REFERENCES, own_words
from backdrop.model.codes import Code
from backdrop.model.job import Job, Link
from backdrop.model.pricing import price_per_image
from backdrop.model.provider_result import Answer, Class, Standing
from backdrop.ports import Acknowledge, Call
from backdrop.providers.credentials import Keyring
from backdrop.providers.http import Reply, file_part, multipart, part, post
from backdrop.providers.json_fields import failure_status, inside, json_object, listed, printable, told, whole, words
from backdrop.providers.response_rules import ANY, Row, answer_of, row_of
from backdrop.providers.unrecognized_results import raw_response

NAME = "ideogram"
WHO = "Ideogram"
SAID_IN = ("error", "message", "detail")
PATHS = {"replace": "/v1/ideogram-v3/replace-background", "remove": "/v1/remove-background"}
# As the references and the OpenAPI give them. A `reject_reason` beats the status wherever it comes (documented for v2's
# 402 and 429).
ANSWERED = (
    Row({503}, Class.BACKOFF, Code.PROVIDER_UNAVAILABLE, early=True),
    Row(ANY, Class.QUOTA, Code.PROVIDER_THROTTLED, "^inflight_limit$"),
    Row(ANY, Class.PAUSE, Code.PROVIDER_DAILY_LIMIT, "^daily_limit$"),
    Row(
        ANY,
        Class.PAUSE,
        Code.PROVIDER_OUT_OF_MONEY,
        "^(insufficient_funds|subscription_required|priority_credit_required|feature_limit)$",
    ),
    Row({400, 413, 415}, Class.PERM, Code.REQUEST_REJECTED),
    Row({401, 403}, Class.PAUSE, Code.PROVIDER_KEY_REFUSED),
    Row({402}, Class.PAUSE, Code.PROVIDER_OUT_OF_MONEY),
    Row({404, 405}, Class.PAUSE, Code.PROVIDER_MISCONFIGURED),
    Row({422}, Class.PERM, Code.UNSAFE_REQUEST),
    Row({429}, Class.QUOTA, Code.PROVIDER_THROTTLED),
    Row(range(500, 600), Class.AMBIG),
)


@dataclass(frozen=True)
class Ideogram:
    """The adapter. `base_url` is scheme, host and prefix; `key` looks the API key up, `key(True)` past any cache."""

    base_url: str
    timeout_seconds: float
    key: Callable[[bool], ApiKey]

    @property
    def keyring(self) -> Keyring:
        return Keyring(WHO, self.key)

    def request_id(self, job: Job) -> str | None:
        """Ideogram's v1 takes no id of ours, and gives none back."""
        return None

    def look_up(self, job: Job, provider_id: str) -> Answer | Standing:
        """Nothing can be asked."""
        return Standing.ABSENT

    def prepare(self, job: Job, photo: bytes, references: Sequence[bytes] = ()) -> Call | Answer:
        """One paid call, ready to be sent; or PAUSE where there is no key to send it with."""
        key = self.keyring.ready()
        if isinstance(key, Answer):
            return key
        return partial(self._call, job, multipart(form(job, photo, references)), key)

    def _call(self, job: Job, body: tuple[bytes, str], key: str, _acknowledge: Acknowledge) -> Answer:
        deadline = time.monotonic() + self.timeout_seconds
        reply = self.keyring.carry(key, lambda k: self._post(job, body, k, deadline), deadline)
        return reply if isinstance(reply, Answer) else classify(job, reply, key)

    def _post(self, job: Job, body: tuple[bytes, str], key: str, deadline: float) -> Reply | Answer:
        headers = {"Api-Key": key, "Content-Type": body[1]}
        url = self.base_url.rstrip("/") + PATHS[job.operation]
        return post(url, body[0], headers, timeout_seconds=deadline - time.monotonic())


def form(job: Job, photo: bytes, references: Sequence[bytes] = ()) -> list[RequestField]:
    """The parts of the request: only fields that were given, never a default."""
    image = file_part("image", "photo", photo)
    if job.operation == "remove":
        return [image]
    parts = [image]
    for name, value in own_words(NAME, job.asked):
        if name == REFERENCES:
            parts += [file_part(name, f"reference_{n}", data) for n, data in enumerate(references, 1)]
        elif isinstance(value, dict):
            parts.append(part(name, json.dumps(value), content_type="application/json"))
        else:
            parts += [part(name, str(one)) for one in listed(value)]
    return parts


def classify(job: Job, reply: Reply, key: str) -> Answer:
    """What a reply means for the job: class, code, and the links where there are any."""
    if reply.succeeded:
        return _success(job, reply, key)
    return _refusal(reply.status, json_object(reply.body), reply)


def _success(job: Job, reply: Reply, key: str) -> Answer:
    body = json_object(reply.body)
    if body is None:
        return Answer.lost(f"{WHO} answered {reply.status}, but not in JSON; the pictures were probably charged.")
    entries = body.get("data")
    if not isinstance(entries, list) or not entries:
        status = failure_status(body.get("status_code"))
        if status:
            return _refusal(status, body, reply)
        if not body or any(name in body for name in SAID_IN):
            return Answer.lost(f"{WHO} answered {reply.status} without pictures; they were probably charged.")
        entries = [None] * int(job.asked.get("num_images", 1))  # the pictures may be anywhere in it
    links = tuple(_link(entry) for entry in cast("list[Any]", entries))
    charged = price_per_image(NAME, job.instructions) * len(links)
    if any(link.usable for link in links):
        raw = raw_response(reply.body, key) if any(link.unrecognized for link in links) else b""
        return Answer(Class.OK, links=links, charged=charged, raw=raw)
    why = "The provider's safety check withheld every picture."
    return Answer(Class.OK, Code.UNSAFE_RESULT, why, links, charged)


def _link(entry: Any) -> Link:
    """One entry of `data`: its `url` is enough, unless the safety check withheld it (`is_image_safe: false`)."""
    if not isinstance(entry, dict):
        return Link(url=None, unrecognized=True)
    entry = cast("dict[str, Any]", entry)
    url, seed = entry.get("url"), whole(entry.get("seed"))
    if entry.get("is_image_safe") is False:
        return Link(url=None, seed=seed)
    if not isinstance(url, str) or not url:
        return Link(url=None, seed=seed, unrecognized=True)
    url = printable(url)
    return Link(url=url, seed=seed, expires_at=_expiry(url))


def _expiry(url: str) -> datetime | None:
    """The link's `exp` query value, Unix seconds."""
    seconds = parse_qs(url.partition("?")[2]).get("exp", [""])[0]
    return datetime.fromtimestamp(int(seconds), UTC) if seconds.isdecimal() and len(seconds) < 12 else None


def _refusal(status: int, body: Mapping[str, Any] | None, reply: Reply) -> Answer:
    reason = inside(body, "reject_reason")
    # Only the response's own status can come early; one that its body tells was said after the work.
    waited = reply.waited if status == reply.status else math.inf
    row = row_of(ANSWERED, status, reason if isinstance(reason, str) else "", waited)
    return answer_of(row, told(WHO, status, words(body, SAID_IN)), reply)
