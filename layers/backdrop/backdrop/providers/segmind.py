"""Segmind: ideogram-3-replace-background, JSON in; the photo travels as a link, the picture comes as one.

v2 takes the work and names it, and is asked about it until it is done; an answer that is lost after that name costs
nothing more. v1 answers with the picture itself, and nobody can be asked about it. Source: Segmind's model page and its
pages on asynchronous inference, errors and rate limits, 2026.
"""

import base64
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any
from urllib.parse import quote

from backdrop.core.answer import Answer, Class, Standing
from backdrop.core.api_key import ApiKey
from backdrop.core.capability import REFERENCES, own_body
from backdrop.core.codes import Code
from backdrop.core.errors import WaitError
from backdrop.core.job import Job, Link, Outcome
from backdrop.core.money import price_per_image, told_price
from backdrop.ports import Acknowledge, Call, Work
from backdrop.providers.downloads import MAX_BYTES
from backdrop.providers.http import MAX_ANSWER_BYTES, Reply, ask, is_picture, post
from backdrop.providers.keyring import Keyring
from backdrop.providers.options import Endpoint
from backdrop.providers.polling import Question, about, until_answered
from backdrop.providers.reading import (
    failure_status,
    first_text,
    inside,
    json_object,
    listed,
    objects,
    told,
    whole,
    words,
)
from backdrop.providers.rows import ANY, UNSAFE, Row, answer_of, row_of

NAME = "segmind"
WHO = "Segmind"
MODEL = "ideogram-3-replace-background"
SAID_IN = ("error", "error_description", "message", "detail")
POLL_SECONDS = 3.0
RATE_LIMIT_SECONDS = 60.0
LIFE_OF_A_FILE = timedelta(days=7)
DONE, FAILED = frozenset({"COMPLETED", "SUCCESS", "SUCCEEDED"}), frozenset({"FAILED", "ERROR", "CANCELLED"})
# A submit, of v1 or v2. Only a 200 is billed; after a 5xx the job may still run.
SUBMITTED = (
    Row({400, 406, 422, 500}, Class.PERM, Code.UNSAFE_REQUEST, UNSAFE),
    Row({401}, Class.PAUSE, Code.PROVIDER_KEY_REFUSED),
    Row({402}, Class.PAUSE, Code.PROVIDER_OUT_OF_MONEY),
    Row({403}, Class.PAUSE, Code.PROVIDER_KEY_REFUSED),
    Row({404, 405, 410}, Class.PAUSE, Code.PROVIDER_MISCONFIGURED),
    Row({406}, Class.PERM, Code.REQUEST_REJECTED, "content.?type"),
    Row({406}, Class.PAUSE, Code.PROVIDER_OUT_OF_MONEY, "credit|limit|balance"),
    Row({406}, Class.PERM, Code.REQUEST_REJECTED),
    Row({429}, Class.QUOTA, Code.PROVIDER_THROTTLED),
    Row(range(500, 600), Class.AMBIG),
)
# A job that came to nothing, which v2 tells as a 422 and does not bill.
CAME_TO_NOTHING = (
    Row(ANY, Class.PERM, Code.UNSAFE_REQUEST, UNSAFE),
    Row(ANY, Class.BACKOFF, Code.PROVIDER_UNAVAILABLE, r"time.?out|timed out|provider|upstream"),
    Row(ANY, Class.PERM, Code.REQUEST_REJECTED),
)
# A question about a job: only these words of it are about the job, everything else is no answer yet.
QUESTION = (
    Row({404}, Standing.ABSENT, words="not found"),
    Row(ANY, Standing.PENDING),
)


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
        return partial(self._call, job, json.dumps(body).encode(), key)

    def _image(self, data: bytes) -> str:
        return self.work.link(data, by=self.base_url) or base64.b64encode(data).decode()

    def _call(self, job: Job, body: bytes, key: str, acknowledge: Acknowledge) -> Answer | Standing:
        began, deadline = datetime.now(UTC), time.monotonic() + self.timeout_seconds
        reply = self.keyring.carry(key, partial(self._submit, body, deadline), deadline)
        if isinstance(reply, Answer):
            return reply
        if reply.status != 200:
            return _refusal(reply.status, json_object(reply.body), reply)
        if self.endpoint is Endpoint.V1:
            return self._picture(job, reply, began)
        name = inside(json_object(reply.body), "request_id")
        if not isinstance(name, str) or not name.isprintable() or not 0 < len(name) <= 200:
            return _without_a_name(json_object(reply.body), reply)
        acknowledge(name)
        asked = Question(name, key, began, deadline)
        return until_answered(lambda: self._ask(job, asked), deadline, self.poll_seconds)

    def _submit(self, body: bytes, deadline: float, key: str) -> Reply | Answer:
        headers = {"x-api-key": key, "Content-Type": "application/json"}
        left = deadline - time.monotonic()
        limit = MAX_BYTES if self.endpoint is Endpoint.V1 else MAX_ANSWER_BYTES
        return post(self._url(f"/{self.endpoint}/{MODEL}"), body, headers, timeout_seconds=left, limit=limit)

    def _url(self, path: str) -> str:
        return self.base_url.rstrip("/") + path

    # -- v2: what became of it -----------------------------------------------------------------------------------

    def look_up(self, job: Job, provider_id: str) -> Answer | Standing:
        """What became of a call that v2 took; it keeps its records for an hour."""
        key = self.keyring.ready()
        return Standing.PENDING if isinstance(key, Answer) else self._ask(job, about(job, provider_id, key))

    def _ask(self, job: Job, asked: Question) -> Answer | Standing:
        """Its status, and the picture behind it once there is one; never by an address that an answer names."""
        path = f"/v2/requests/{quote(asked.ident, safe='')}"
        body = self._read(f"{path}/status", asked)
        if not isinstance(body, Standing) and _state(body) in DONE:
            body = self._read(path, asked)
        if isinstance(body, Standing):
            return body
        if _state(body) in FAILED:
            return _failure(job, body)
        done = _state(body) in DONE
        return _success(job, body, asked.began, inside(body, "metrics", "cost")) if done else Standing.PENDING

    def _read(self, path: str, asked: Question) -> dict[str, Any] | Standing:
        """A record as JSON, if it is that of the work we ask for; else what is to be thought of the work."""
        reply = self.keyring.carry(asked.key, lambda key: self._get(path, key, asked), asked.deadline)
        if not isinstance(reply, Reply):
            return Standing.PENDING
        body = json_object(reply.body)
        if body is not None and reply.status in (200, 422) and body.get("request_id", asked.ident) == asked.ident:
            return {"status": "FAILED", **body} if reply.status == 422 else body
        kind = row_of(QUESTION, reply.status, words(body, SAID_IN)).kind
        return kind if isinstance(kind, Standing) else Standing.PENDING

    def _get(self, path: str, key: str, asked: Question) -> Reply | Exception | None:
        return ask(self._url(path), {"x-api-key": key}, timeout_seconds=asked.patience)

    # -- v1: the picture itself ----------------------------------------------------------------------------------

    def _picture(self, job: Job, reply: Reply, began: datetime) -> Answer:
        """The bytes are put aside for deliver; what cannot be put anywhere is paid for and gone."""
        price = _dollars(reply.headers.get("x-cost"))
        body = json_object(reply.body)
        if body is not None:
            return _without_a_name(body, reply) if "error" in body else _success(job, body, began, price)
        if not (is_picture(reply.body) or reply.headers.get("Content-Type", "").lower().startswith("image/")):
            return _unreadable()
        charged, basis = _cost(job, price)
        if not reply.body:
            return _withheld(charged, basis)
        name, seed = f"{NAME}-{job.job_id}-{job.generation}-{job.attempt + 1}", reply.headers.get("x-seed-value", "")
        try:
            self.work.keep_result(name, reply.body)
        except WaitError as error:
            lost = f"The picture came, and could not be put anywhere: {error.message}"
            return Answer(Class.OK, Code.RESULT_GONE, lost, (Link(url=None),), charged, basis)
        link = Link(url=None, kept=name, seed=int(seed) if seed.isdecimal() and len(seed) < 16 else None)
        return Answer(Class.OK, links=(link,), charged=charged, basis=basis)


def _state(body: Mapping[str, Any]) -> str:
    return str(body.get("status", "")).upper()


def _refusal(status: int, body: Mapping[str, Any] | None, reply: Reply) -> Answer:
    text = words(body, SAID_IN)
    row = row_of(SUBMITTED, status, text, reply.waited)
    return answer_of(row, told(WHO, status, text), reply, _until_reset(reply.headers))


def _without_a_name(body: Mapping[str, Any] | None, reply: Reply) -> Answer:
    """A 200 that names no work: an error inside it has the class of its own status."""
    status = failure_status(inside(body, "status_code"))
    return _refusal(status, body, reply) if status else _unreadable()


def _unreadable() -> Answer:
    return Answer.lost("Segmind answered 200, but what came names neither work nor a picture; it may be charged.")


def _failure(job: Job, body: Mapping[str, Any]) -> Answer:
    """A job that came to nothing costs nothing; where its maker broke down, one more may be tried, and not a third."""
    text = words(body, SAID_IN)
    row = row_of(CAME_TO_NOTHING, 422, text)
    if row.kind is Class.BACKOFF and any(one.outcome is Outcome.NOT_TAKEN and one.provider_id for one in job.attempts):
        row = CAME_TO_NOTHING[-1]
    return answer_of(row, told(WHO, 422, text))


def _success(job: Job, body: Mapping[str, Any], began: datetime, price: object) -> Answer:
    """The picture behind a link, wherever the answer has it."""
    places = (body.get(name) for name in ("output", "images", "image", "url", "data"))
    url = first_text(one for place in places for one in _addresses(place))
    charged, basis = _cost(job, price)
    if url is None:
        return _withheld(charged, basis)
    link = Link(url=url, seed=whole(job.asked.get("seed")), expires_at=began + LIFE_OF_A_FILE)
    return Answer(Class.OK, links=(link,), charged=charged, basis=basis)


def _addresses(place: object) -> list[object]:
    """A text, or an object's `url`, alone or in a list."""
    return [*listed(place), *(one.get("url") for one in objects(place))]


def _withheld(charged: int, basis: str) -> Answer:
    words = "Segmind made the picture and gave none: its safety check withheld it."
    return Answer(Class.OK, Code.UNSAFE_RESULT, words, (Link(url=None),), charged, basis)


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
