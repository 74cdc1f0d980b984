"""Ideogram v1: replace-background and remove-background, synchronous, multipart in, signed links out.

Source: Ideogram's API reference for both endpoints (v1, August 2026) and its published OpenAPI. There is no id to ask
by: a call whose answer is lost stays unknown.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, cast
from urllib.parse import parse_qs

from urllib3.fields import RequestField

from backdrop.core.answer import Answer, Class, Standing
from backdrop.core.api_key import ApiKey
from backdrop.core.capability import REFERENCES, own_words
from backdrop.core.codes import Code
from backdrop.core.job import Job, Link
from backdrop.core.money import price_per_image
from backdrop.ports import Acknowledge, Call
from backdrop.providers.http import Reply, file_part, multipart, part, post, retry_after
from backdrop.providers.keyring import Keyring
from backdrop.providers.reading import failure_status, json_object, listed, printable, told, whole, words
from backdrop.providers.unrecognized import raw_response

NAME = "ideogram"
WHO = "Ideogram"
SAID_IN = ("error", "message", "detail")
PATHS = {"replace": "/v1/ideogram-v3/replace-background", "remove": "/v1/remove-background"}
EARLY_SECONDS = 2.0

# Status → class and code, as the references and the OpenAPI give them; an early 503 is a BACKOFF (see _refusal).
STATUSES: dict[int, tuple[Class, Code]] = {
    400: (Class.PERM, Code.REQUEST_REJECTED),
    401: (Class.PAUSE, Code.PROVIDER_KEY_REFUSED),
    402: (Class.PAUSE, Code.PROVIDER_OUT_OF_MONEY),
    403: (Class.PAUSE, Code.PROVIDER_KEY_REFUSED),
    404: (Class.PAUSE, Code.PROVIDER_MISCONFIGURED),
    405: (Class.PAUSE, Code.PROVIDER_MISCONFIGURED),
    408: (Class.AMBIG, Code.CHARGE_UNKNOWN),
    413: (Class.PERM, Code.REQUEST_REJECTED),
    415: (Class.PERM, Code.REQUEST_REJECTED),
    422: (Class.PERM, Code.UNSAFE_REQUEST),
    429: (Class.QUOTA, Code.PROVIDER_THROTTLED),
    500: (Class.AMBIG, Code.CHARGE_UNKNOWN),
    502: (Class.AMBIG, Code.CHARGE_UNKNOWN),
    503: (Class.AMBIG, Code.CHARGE_UNKNOWN),
    504: (Class.AMBIG, Code.CHARGE_UNKNOWN),
}
# `reject_reason` beats the status wherever it comes (documented for v2's 402 and 429).
REASONS: dict[str, tuple[Class, Code]] = {
    "inflight_limit": (Class.QUOTA, Code.PROVIDER_THROTTLED),
    "daily_limit": (Class.PAUSE, Code.PROVIDER_DAILY_LIMIT),
    "insufficient_funds": (Class.PAUSE, Code.PROVIDER_OUT_OF_MONEY),
    "subscription_required": (Class.PAUSE, Code.PROVIDER_OUT_OF_MONEY),
    "priority_credit_required": (Class.PAUSE, Code.PROVIDER_OUT_OF_MONEY),
    "feature_limit": (Class.PAUSE, Code.PROVIDER_OUT_OF_MONEY),
}


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
        """Send the call; once more with a fresh key, should the cached one be refused, within the same time."""
        deadline = time.monotonic() + self.timeout_seconds
        answer = self._send(job, body, key, deadline)
        if answer.code is Code.PROVIDER_KEY_REFUSED:
            fresh = self.keyring.other_than(key)
            if fresh and time.monotonic() < deadline - 1:
                return self._send(job, body, fresh, deadline)
        return answer

    def _send(self, job: Job, body: tuple[bytes, str], key: str, deadline: float) -> Answer:
        headers = {"Api-Key": key, "Content-Type": body[1]}
        url = self.base_url.rstrip("/") + PATHS[job.operation]
        reply = post(url, body[0], headers, timeout_seconds=deadline - time.monotonic())
        return reply if isinstance(reply, Answer) else _without_key(classify(job, reply, key), key)


def _without_key(answer: Answer, key: str) -> Answer:
    """The answer, should the provider repeat the key in its words."""
    return replace(answer, message=answer.message.replace(key, "(key)"))


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
        return _lost(f"Ideogram answered {reply.status}, but not in JSON; the pictures were probably charged.")
    entries = body.get("data")
    if not isinstance(entries, list) or not entries:
        status = failure_status(body.get("status_code"))
        if status:
            return _refusal(status, body, reply)
        if not body or any(name in body for name in SAID_IN):
            return _lost(f"Ideogram answered {reply.status} without pictures; they were probably charged.")
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
    kind, code = STATUSES.get(status, _by_hundreds(status))
    reason = body.get("reject_reason") if body else None
    if isinstance(reason, str) and reason in REASONS:
        kind, code = REASONS[reason]
    if status == 503 and reply.status == 503 and reply.waited <= EARLY_SECONDS:
        kind, code = Class.BACKOFF, Code.PROVIDER_UNAVAILABLE
    wait = retry_after(reply.headers) if kind in (Class.QUOTA, Class.BACKOFF) else None
    return Answer(kind, code, told(WHO, status, words(body, SAID_IN)), retry_after=wait)


def _by_hundreds(status: int) -> tuple[Class, Code]:
    """A status that no page names: 4xx is a refusal, anything else tells nothing about the charge."""
    if 400 <= status < 500:
        return Class.PERM, Code.REQUEST_REJECTED
    if 300 <= status < 400:
        return Class.PAUSE, Code.PROVIDER_MISCONFIGURED
    return Class.AMBIG, Code.CHARGE_UNKNOWN


def _lost(message: str) -> Answer:
    return Answer(Class.AMBIG, Code.CHARGE_UNKNOWN, message)
