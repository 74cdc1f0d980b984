"""Segmind: ideogram-3-replace-background, JSON in; the photo travels as a link, the picture comes as one.

v2 takes the work and names it, and is asked about it until it is done; an answer that is lost after that name costs
nothing more. v1 answers with the picture itself, and nobody can be asked about it. Source: Segmind's model page and its
pages on asynchronous inference, errors and rate limits, 2026; and the catalogue of its errors, with their bodies, in
https://github.com/api-evangelist/segmind (errors/segmind-error-codes.yml).
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

from backdrop.model.api_key import ApiKey
from backdrop.model.capabilities import REFERENCES, own_body
from backdrop.model.codes import Code
from backdrop.model.errors import WaitError
from backdrop.model.job import Job, Link, Outcome, Suspicion
from backdrop.model.pricing import price_per_image, told_price
from backdrop.model.provider_options import Endpoint
from backdrop.model.provider_result import Answer, Class, Standing
from backdrop.model.stored_picture import MAX_RESULT_BYTES
from backdrop.ports import Acknowledge, Call, Work
from backdrop.providers.credentials import Keyring
from backdrop.providers.downloads import RESULT_HOSTS
from backdrop.providers.http import MAX_JSON_BYTES, Reply, ask, has_image, is_picture, post
from backdrop.providers.inline_pictures import picture_in
from backdrop.providers.json_fields import (
    failure_status,
    inside,
    json_object,
    listed,
    objects,
    printable,
    told,
    whole,
    words,
)
from backdrop.providers.polling import Question, about, until_answered
from backdrop.providers.published_errors import names_parameter, normalized, published
from backdrop.providers.response_rules import ANY, Row, answer_of, row_of
from backdrop.providers.unrecognized_results import unrecognized

NAME = "segmind"
WHO = "Segmind"
MODEL = "ideogram-3-replace-background"
SAID_IN = ("error", "error_description", "message", "msg", "detail")
POLL_SECONDS = 3.0
RATE_LIMIT_SECONDS = 60.0
LIFE_OF_A_FILE = timedelta(days=7)
DONE, FAILED = frozenset({"COMPLETED", "SUCCESS", "SUCCEEDED"}), frozenset({"FAILED", "ERROR", "CANCELLED"})
# What a response proves. The messages are published by Segmind, the last one by Ideogram, whose model this is.
MONEY, CONTENT_TYPE, PARAMETER, UNSAFE = "money", "content_type", "parameter", "unsafe"
PUBLISHED = {
    "insufficient credits": MONEY,
    "insufficient credits. balance #, required #": MONEY,
    "invalid content type": CONTENT_TYPE,
    "prompt is mandatory and must be string": PARAMETER,
    "prompt or provided image failed the safety checks": UNSAFE,
}
LINKS = ("http://", "https://")
UNSAFE_TYPE = "content_policy_violation"
PARAMETERS = frozenset(
    {"image", "prompt", "color_palette", "magic_prompt", "rendering_speed", "seed", "style_codes", REFERENCES}
)
# A submit, of v1 or v2. Only a 200 is billed, and a 500 is published as not billed; after another 5xx the job may run.
# 406 means an empty account, a spending limit, or one rejected value: without proof, other jobs find out which.
SUBMITTED = (
    Row({400, 406, 422, 500}, Class.PERM, Code.UNSAFE_REQUEST, UNSAFE),
    Row({401}, Class.PAUSE, Code.PROVIDER_KEY_REFUSED),
    Row({402}, Class.PAUSE, Code.PROVIDER_OUT_OF_MONEY),
    Row({403}, Class.PAUSE, Code.PROVIDER_KEY_REFUSED),
    Row({404, 405, 410}, Class.PAUSE, Code.PROVIDER_MISCONFIGURED),
    Row({406}, Class.PAUSE, Code.PROVIDER_OUT_OF_MONEY, MONEY),
    Row({406}, Class.PERM, Code.REQUEST_REJECTED, f"{CONTENT_TYPE}|{PARAMETER}"),
    Row({406}, Class.PAUSE, Code.PROVIDER_REFUSES, suspicion=Suspicion.REFUSAL),
    Row({429}, Class.QUOTA, Code.PROVIDER_THROTTLED),
    Row({500}, Class.BACKOFF, Code.PROVIDER_UNAVAILABLE, suspicion=Suspicion.FAILURE),
    Row(range(500, 600), Class.AMBIG),
)
# A job that came to nothing, which v2 reports as a 422 and does not bill.
CAME_TO_NOTHING = (
    Row(ANY, Class.PERM, Code.UNSAFE_REQUEST, UNSAFE),
    Row(ANY, Class.PERM, Code.REQUEST_REJECTED, PARAMETER),
    Row(ANY, Class.BACKOFF, Code.PROVIDER_UNAVAILABLE),
)
# The only places at which a picture is looked for: each holds a link, a data URI or base64, or a list of these. A
# record of v2 may repeat the request, whose photo is its `image`.
V2_PICTURES = (
    ("output",),
    ("output", "images"),
    ("output", "image"),
    ("output", "image_url"),
    ("images",),
    ("image_url",),
    ("url",),
    ("data",),
)
V1_PICTURES = (*V2_PICTURES, ("image",))


@dataclass(frozen=True)
class Segmind:
    """The adapter. `base_url` is scheme, host and prefix; `key` looks the API key up, `key(True)` past any cache.

    `work` gives the links by which photos travel; where it has none, they travel as base64 in the same field.
    """

    base_url: str
    timeout_seconds: float
    key: Callable[[bool], ApiKey]
    work: Work
    endpoint: Endpoint = Endpoint.V2
    poll_seconds: float = field(default=POLL_SECONDS, compare=False)

    @property
    def keyring(self) -> Keyring:
        return Keyring(WHO, self.key)

    def request_id(self, job: Job) -> str | None:
        """Segmind names the work itself."""
        return None

    def prepare(self, job: Job, photo: bytes, references: Sequence[bytes] = ()) -> Call | Answer:
        """One paid call, ready to be sent; or PAUSE where there is no key. WaitError where no link can be made."""
        key = self.keyring.ready()
        if isinstance(key, Answer):
            return key
        asked = {**job.asked, REFERENCES: [self._image(one) for one in references]} if references else job.asked
        body = {"image": self._image(photo), **own_body(NAME, asked)}
        sent = frozenset({body["image"], *asked.get(REFERENCES, ())})
        return partial(self._call, job, json.dumps(body).encode(), sent, key)

    def _image(self, data: bytes) -> str:
        return self.work.link(data, by=self.base_url) or base64.b64encode(data).decode()

    def _call(
        self, job: Job, body: bytes, sent: frozenset[str], key: str, acknowledge: Acknowledge
    ) -> Answer | Standing:
        """`sent`: the photo and its references as they travel, which are no result where the response repeats them."""
        began, deadline = datetime.now(UTC), time.monotonic() + self.timeout_seconds
        reply = self.keyring.carry(key, partial(self._submit, body, deadline), deadline)
        if isinstance(reply, Answer):
            return reply
        if not reply.succeeded:
            return _refusal(reply.status, reply)
        record = json_object(reply.body)
        name = inside(record, "request_id")
        is_named = isinstance(name, str) and name.isprintable() and 0 < len(name) <= 200
        if self.endpoint is Endpoint.V1 or (record and not is_named):
            return self._picture_or_loss(job, reply, sent, key, began)
        if not is_named:
            return _without_a_name(reply)
        acknowledge(name)
        asked = Question(name, key, began, deadline)
        return until_answered(lambda: self._ask(job, asked, sent), deadline, self.poll_seconds)

    def _submit(self, body: bytes, deadline: float, key: str) -> Reply | Answer:
        headers = {"x-api-key": key, "Content-Type": "application/json"}
        left = deadline - time.monotonic()
        url = self._url(f"/{self.endpoint}/{MODEL}")
        if self.endpoint is Endpoint.V1:
            return post(url, body, headers, timeout_seconds=left, limit=MAX_JSON_BYTES, picture_limit=MAX_RESULT_BYTES)
        return post(url, body, headers, timeout_seconds=left)

    def _url(self, path: str) -> str:
        return self.base_url.rstrip("/") + path

    # -- v2: what became of it -----------------------------------------------------------------------------------

    def look_up(self, job: Job, provider_id: str) -> Answer | Standing:
        """What became of a call that v2 took; it keeps its records for an hour."""
        key = self.keyring.ready()
        return Standing.PENDING if isinstance(key, Answer) else self._ask(job, about(job, provider_id, key))

    def _ask(self, job: Job, asked: Question, sent: frozenset[str] = frozenset()) -> Answer | Standing:
        """Its status, and the picture behind it once there is one; never by an address that an answer names."""
        path = f"/v2/requests/{quote(asked.ident, safe='')}"
        record = self._read(f"{path}/status", asked)
        if not isinstance(record, Standing) and record.state in DONE:
            record = self._read(path, asked)
        if isinstance(record, Standing):
            return record
        if record.state in FAILED:
            return _failure(job, record.body)
        if record.state not in DONE:
            return Standing.PENDING
        price = inside(record.body, "metrics", "cost")
        try:
            texts = _pictures(record.body, V2_PICTURES, sent)
            return self._success(job, texts, record.reply, asked.key, asked.began, price)
        except WaitError:  # the picture cannot be put aside now, and Segmind gives it again for an hour
            return Standing.PENDING

    def _read(self, path: str, asked: Question) -> "_Record | Standing":
        """A record as JSON, if it is that of the work we ask for; else what is to be thought of the work."""
        reply = self.keyring.carry(asked.key, lambda key: self._get(path, key, asked), asked.deadline)
        if not isinstance(reply, Reply):
            return Standing.PENDING
        body = json_object(reply.body)
        failed = reply.status == 422
        if body is not None and (reply.succeeded or failed) and body.get("request_id", asked.ident) == asked.ident:
            return _Record(reply, {"status": "FAILED", **body} if failed else body)
        gone = {normalized(f"Request {asked.ident} not found"): Standing.ABSENT.value}
        absent = reply.status == 404 and published(reply.body, SAID_IN, gone)
        return Standing.ABSENT if absent else Standing.PENDING

    def _get(self, path: str, key: str, asked: Question) -> Reply | Exception | None:
        headers = {"x-api-key": key}
        return ask(self._url(path), headers, timeout_seconds=asked.patience, limit=MAX_JSON_BYTES)

    # -- the picture -----------------------------------------------------------------------------------------------

    def _picture_or_loss(self, job: Job, reply: Reply, sent: frozenset[str], key: str, began: datetime) -> Answer:
        """v1's answer, or v2's without a name to ask by: a picture in it that cannot be put aside is lost."""
        try:
            return self._picture(job, reply, sent, key, began)
        except WaitError as error:
            lost = f"The picture came, and could not be put anywhere: {error.message}"
            charged, basis = _cost(job, _dollars(reply.headers.get("x-cost")))
            return Answer(Class.OK, Code.RESULT_GONE, lost, (Link(url=None),), charged, basis)

    def _picture(self, job: Job, reply: Reply, sent: frozenset[str], key: str, began: datetime) -> Answer:
        """v1's answer: the picture itself, or JSON with it; a cost proves that it was made."""
        price, seed = _dollars(reply.headers.get("x-cost")), reply.headers.get("x-seed-value", "")
        body = json_object(reply.body)
        if body is not None:
            texts = _pictures(body, V1_PICTURES, sent)
            if not texts and (body.get("error") or failure_status(body.get("status_code"))):
                return _without_a_name(reply)
            return self._success(job, texts, reply, key, began, price)
        is_image = has_image(reply.headers)
        if is_picture(reply.body) or (is_image and reply.body):
            return self._kept(job, reply.body, price, int(seed) if seed.isdecimal() and len(seed) < 16 else None)
        made = is_image or told_price(price)
        return unrecognized(reply.body, key, *_cost(job, price)) if made else _unreadable(reply)

    def _success(
        self, job: Job, texts: Sequence[str], reply: Reply, key: str, began: datetime, price: object
    ) -> Answer:
        """The picture behind the first link, or in the first text that is one."""
        charged, basis = _cost(job, price)
        for text in texts:
            if text.startswith(LINKS):
                link = Link(url=printable(text), seed=whole(job.asked.get("seed")), expires_at=began + LIFE_OF_A_FILE)
                return Answer(Class.OK, links=(link,), charged=charged, basis=basis)
            picture = picture_in(text)
            if picture:
                return self._kept(job, picture, price, whole(job.asked.get("seed")))
        return unrecognized(reply.body, key, charged, basis)

    def _kept(self, job: Job, picture: bytes, price: object, seed: int | None) -> Answer:
        """The bytes are put aside for deliver; WaitError where the storage does not take them."""
        charged, basis = _cost(job, price)
        name = f"{NAME}-{job.job_id}-{job.generation}-{job.attempt + 1}"
        self.work.keep_result(name, picture)
        return Answer(Class.OK, links=(Link(url=None, kept=name, seed=seed),), charged=charged, basis=basis)


class _Record(NamedTuple):
    """What v2 answers about a job, and the response that said it."""

    reply: Reply
    body: dict[str, Any]

    @property
    def state(self) -> str:
        return str(self.body.get("status", "")).upper()


def _proof(body: bytes) -> str:
    """What an error response proves, beside its status."""
    details = objects(inside(json_object(body), "detail"))
    if any(one.get("type") == UNSAFE_TYPE for one in details):
        return UNSAFE
    return published(body, SAID_IN, PUBLISHED) or (PARAMETER if names_parameter(body, PARAMETERS) else "")


def _refusal(status: int, reply: Reply) -> Answer:
    row = row_of(SUBMITTED, status, _proof(reply.body), reply.waited)
    text = words(json_object(reply.body), SAID_IN)
    return answer_of(row, told(WHO, status, text), reply, _until_reset(reply.headers))


def _without_a_name(reply: Reply) -> Answer:
    """A success that names no work: a refusal inside it has the class of its own status.

    A server's failure inside it leaves the charge unknown: what is not billed is the status 500 itself.
    """
    status = failure_status(inside(json_object(reply.body), "status_code"))
    return _refusal(status, reply) if status and status < 500 else _unreadable(reply)


def _unreadable(reply: Reply) -> Answer:
    return Answer.lost(
        f"Segmind answered {reply.status}, but what came names neither work nor a picture; it may be charged."
    )


def _failure(job: Job, body: Mapping[str, Any]) -> Answer:
    """A job that came to nothing costs nothing; without proof that the job is the reason, it is tried once more."""
    row = row_of(CAME_TO_NOTHING, 422, _proof(json.dumps(body, default=str).encode()))
    ours = (one for one in job.attempts if one.provider == NAME and one.generation == job.generation)
    if row.kind is Class.BACKOFF and any(one.outcome is Outcome.NOT_TAKEN and one.provider_id for one in ours):
        row = Row(ANY, Class.PERM, Code.REQUEST_REJECTED)
    return answer_of(row, told(WHO, 422, words(body, SAID_IN)))


def _pictures(body: Mapping[str, Any], places: Sequence[Sequence[str]], sent: frozenset[str]) -> list[str]:
    """The texts at the places where a picture may be, each alone, as an object's `url`, or in a list of these.

    Without what was sent; links to hosts that are not Segmind's come last, since deliver may not follow them.
    """
    found = (one for place in places for one in listed(inside(body, *place)))
    texts = (one if isinstance(one, str) else inside(one, "url") for one in found)
    return sorted((one for one in texts if isinstance(one, str) and one and one not in sent), key=_is_foreign)


def _is_foreign(text: str) -> bool:
    ours = tuple(f"https://{host}{prefix}" for host, prefix in RESULT_HOSTS[NAME])
    return text.startswith(LINKS) and not text.startswith(ours)


def _cost(job: Job, said: object) -> tuple[int, str]:
    """What the call cost in micro-dollars, and who says so."""
    reported = told_price(said)
    return (reported, "reported") if reported else (price_per_image(NAME, job.instructions), "price_list")


def _dollars(text: str | None) -> Decimal | None:
    try:
        return Decimal(text or "")
    except InvalidOperation:
        return None


def _until_reset(headers: Mapping[str, str]) -> float:
    """Seconds to the moment that the rate limit's header names: ISO 8601, with a blank or a T, or epoch seconds."""
    text = headers.get("x-rate-limit-reset-at-utc", "").strip()
    try:
        moment = datetime.fromtimestamp(float(text), UTC) if _is_number(text) else datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return RATE_LIMIT_SECONDS
    seconds = (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return max(seconds, 1.0) if -RATE_LIMIT_SECONDS < seconds <= 3600 else RATE_LIMIT_SECONDS


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdecimal()
