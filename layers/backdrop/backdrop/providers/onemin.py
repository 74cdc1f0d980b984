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
from backdrop.model.capabilities import REFERENCES, own_body
from backdrop.model.codes import Code
from backdrop.model.job import Job, Link, Suspicion
from backdrop.model.provider_result import Answer, Class, Standing
from backdrop.ports import Acknowledge, Call
from backdrop.providers.credentials import Keyring
from backdrop.providers.http import Reply, ask, file_part, multipart, post
from backdrop.providers.json_fields import (
    failure_status,
    first_text,
    inside,
    json_object,
    listed,
    objects,
    parts_of,
    told,
    whole,
    words,
)
from backdrop.providers.polling import Question, about, until_answered
from backdrop.providers.published_errors import published
from backdrop.providers.response_rules import ANY, Row, answer_of, row_of
from backdrop.providers.unrecognized_results import unrecognized

NAME = "1min"
WHO = "1min.ai"
FEATURES, ASSETS, RESULTS = "/api/features", "/api/assets", "/api/results"
WHAT = {"type": "BACKGROUND_REPLACER", "model": "ideogram-3", "async": True}
# It takes up to eight and hands out a link to one.
ONE = {"num_images": 1}
SAID_IN = ("message", "error", "errorCode", "details")
POLL_SECONDS = 2.0
RATE_LIMIT_SECONDS = 60.0
DONE = frozenset({"SUCCESS", "COMPLETED", "SUCCEEDED", "DONE"})
FAILED = frozenset({"FAILURE", "FAILED", "ERROR"})
CLIENT_ERRORS = range(400, 500)
# What a response proves: an error code, or a whole message of 1min.ai's or of Ideogram's, whose model this is.
MONEY, UNSAFE = "money", "unsafe"
PUBLISHED = {
    "insufficient_credits": MONEY,
    "not enough credits": MONEY,
    "prompt or provided image failed the safety checks": UNSAFE,
}
# The feature's answers. A 403 is an empty account, a plan without API, or something else: other jobs find out which.
ANSWERED = (
    Row(CLIENT_ERRORS, Class.PERM, Code.UNSAFE_REQUEST, UNSAFE),
    Row({401}, Class.PAUSE, Code.PROVIDER_KEY_REFUSED),
    Row({429}, Class.QUOTA, Code.PROVIDER_THROTTLED),
    Row({402}, Class.PAUSE, Code.PROVIDER_OUT_OF_MONEY),
    Row(CLIENT_ERRORS, Class.PAUSE, Code.PROVIDER_OUT_OF_MONEY, MONEY),
    Row({403}, Class.PAUSE, Code.PROVIDER_REFUSES, suspicion=Suspicion.REFUSAL),
    Row({400, 404, 406, 413, 415, 422}, Class.PERM, Code.REQUEST_REJECTED),
    Row({405}, Class.PAUSE, Code.PROVIDER_MISCONFIGURED),
    Row(range(500, 600), Class.AMBIG),
)
# An upload costs nothing and may be made again: what is no answer about the account or the picture is tried later.
UPLOADED = (*ANSWERED[:-1], Row(ANY, Class.BACKOFF, Code.PROVIDER_UNAVAILABLE))
# The places at which a record's link may be, each a link or a list of links.
LINKS = (
    ("aiRecord", "temporaryUrl"),
    ("aiRecord", "temporaryUrls"),
    ("temporaryUrl",),
    ("temporaryUrls",),
    ("aiRecord", "aiRecordDetail", "temporaryUrl"),
    ("aiRecord", "aiRecordDetail", "temporaryUrls"),
)


@dataclass(frozen=True)
class OneMin:
    """The adapter. `base_url` is scheme, host and prefix; `key` looks the API key up, `key(True)` past any cache.

    `price` is what one picture costs, in micro-dollars.
    """

    base_url: str
    timeout_seconds: float
    key: Callable[[bool], ApiKey]
    price: int
    poll_seconds: float = field(default=POLL_SECONDS, compare=False)

    @property
    def keyring(self) -> Keyring:
        return Keyring(WHO, self.key)

    def request_id(self, job: Job) -> str | None:
        """1min.ai names the work itself."""
        return None

    def prepare(self, job: Job, photo: bytes, references: Sequence[bytes] = ()) -> Call | Answer:
        """One paid call, ready to be sent; or PAUSE where there is no key to send it with."""
        key = self.keyring.ready()
        return key if isinstance(key, Answer) else partial(self._call, job, (photo, *references), key)

    def _call(self, job: Job, pictures: Sequence[bytes], key: str, acknowledge: Acknowledge) -> Answer | Standing:
        began, deadline = datetime.now(UTC), time.monotonic() + self.timeout_seconds
        reply = self._order(job, pictures, key, deadline)
        if isinstance(reply, Reply) and reply.status == 404:  # an upload that is no more there; nothing was begun
            reply = self._order(job, pictures, key, deadline)
        if isinstance(reply, Answer):
            return reply
        body = json_object(reply.body)
        if not reply.succeeded:
            return _refusal(ANSWERED, reply.status, reply)
        name = inside(body, "aiRecord", "uuid")
        if body is None or not isinstance(name, str) or not name.isprintable() or not 0 < len(name) <= 200:
            return _without_a_name(body, reply, key, self.price)
        acknowledge(name)
        asked = Question(name, key, began, deadline)
        said = self._of(body, reply, asked)
        if said is not Standing.PENDING:
            return said
        return until_answered(lambda: self._ask(asked), deadline, self.poll_seconds)

    # -- what is sent --------------------------------------------------------------------------------------------

    def _order(self, job: Job, pictures: Sequence[bytes], key: str, deadline: float) -> Reply | Answer:
        """Upload the pictures, then ask for the feature; an Answer where it did not come to that."""
        paths: list[str] = []
        for picture in pictures:
            path = self._upload(picture, key, deadline)
            if isinstance(path, Answer):
                return path
            paths.append(path)
        body = json.dumps(request(job, paths)).encode()
        return self.keyring.carry(key, lambda k: self._post(FEATURES, body, k, "application/json", deadline), deadline)

    def _upload(self, picture: bytes, key: str, deadline: float) -> str | Answer:
        """The path of an uploaded picture, word for word as it is given."""
        body, kind = multipart([file_part("asset", "photo", picture)])
        reply = self.keyring.carry(key, lambda k: self._post(ASSETS, body, k, kind, deadline), deadline)
        if isinstance(reply, Answer):
            return Answer(Class.BACKOFF, Code.PROVIDER_UNAVAILABLE, f"A picture could not be uploaded: {reply.message}")
        said = json_object(reply.body)
        path = first_text((inside(said, "fileContent", "path"), inside(said, "asset", "key")))
        if reply.succeeded and path:
            return path
        return _refusal(UPLOADED, reply.status, reply)

    def _post(self, path: str, body: bytes, key: str, kind: str, deadline: float) -> Reply | Answer:
        headers = {"API-KEY": key, "Content-Type": kind}
        return post(self._url(path), body, headers, timeout_seconds=deadline - time.monotonic())

    def _url(self, path: str) -> str:
        return self.base_url.rstrip("/") + path

    # -- what became of it ---------------------------------------------------------------------------------------

    def look_up(self, job: Job, provider_id: str) -> Answer | Standing:
        """What became of a call whose record is known."""
        key = self.keyring.ready()
        return Standing.PENDING if isinstance(key, Answer) else self._ask(about(job, provider_id, key))

    def _ask(self, asked: Question) -> Answer | Standing:
        """The record as it is now; a question that is refused or that fails says nothing of the work."""
        reply = self.keyring.carry(asked.key, lambda key: self._get(key, asked), asked.deadline)
        if not isinstance(reply, Reply) or not reply.succeeded:
            return Standing.PENDING
        body = json_object(reply.body)
        if body is None or "aiRecord" not in body:
            return Standing.PENDING
        return Standing.ABSENT if body["aiRecord"] is None else self._of(body, reply, asked)

    def _get(self, key: str, asked: Question) -> Reply | Exception | None:
        url = self._url(f"{RESULTS}/{quote(asked.ident, safe='')}")
        return ask(url, {"API-KEY": key}, timeout_seconds=asked.patience)

    def _of(self, body: Mapping[str, Any], reply: Reply, asked: Question) -> Answer | Standing:
        """What a record says, if it is the one that we ask for.

        Whether a failed one costs credits is not published, so its charge stays unknown whatever its text says.
        """
        record = body.get("aiRecord")
        state = str(inside(record, "status")).upper()
        if inside(record, "uuid") != asked.ident or state not in DONE | FAILED:
            return Standing.PENDING
        path = first_text(listed(inside(record, "aiRecordDetail", "resultObject"))) or ""
        if state in FAILED:
            return Answer.lost(f"{WHO} says that the work failed: {path[:300]}")
        return self._success(body, path, reply, asked)

    def _success(self, body: Mapping[str, Any], path: str, reply: Reply, asked: Question) -> Answer:
        """One picture: the temporary link that leads to the record's own path, else the link that Ideogram gave."""
        made = objects(inside(body, "aiRecord", "aiRecordDetail", "responseObject", "data"))
        if any(one.get("is_image_safe") is False for one in made):
            words = f"{WHO} made the picture; the safety check withheld it."
            return Answer(Class.OK, Code.UNSAFE_RESULT, words, (Link(url=None),), self.price, "configured")
        temporary = [one for place in LINKS for one in listed(inside(body, *place))]
        passed = [one.get("url") for one in made]
        right = (one for one in temporary if isinstance(one, str) and path and _leads_to(one, path))
        url = first_text((*right, *passed, *(() if path else temporary)))
        if url is None:
            return unrecognized(reply.body, asked.key, self.price, "configured")
        seed = next((whole(one.get("seed")) for one in made), None)
        link = Link(url=url, seed=seed, expires_at=_expiry(url, asked.began))
        return Answer(Class.OK, links=(link,), charged=self.price, basis="configured")


def request(job: Job, paths: Sequence[str]) -> dict[str, Any]:
    """The feature's JSON: only fields that were given, never a default; but the number of pictures must stand there."""
    photo, *references = paths
    asked = {**job.asked, **ONE} | ({REFERENCES: references} if references else {})
    body = own_body(NAME, asked)
    return {**WHAT, **body, "promptObject": {"imageUrl": photo, **body["promptObject"]}}


def _refusal(rows: Sequence[Row], status: int, reply: Reply) -> Answer:
    body = json_object(reply.body)
    proof = published(reply.body, ("errorCode", "message", "error"), PUBLISHED)
    row = row_of(rows, status, proof, reply.waited)
    return answer_of(row, told(WHO, status, words(body, SAID_IN)), reply, RATE_LIMIT_SECONDS)


def _without_a_name(body: Mapping[str, Any] | None, reply: Reply, key: str, price: int) -> Answer:
    """A success that names no record to ask about: an error in it has the class of its own status, a record is kept."""
    for name in ("status_code", "statusCode"):
        status = failure_status(inside(body, name))
        if status:
            return _refusal(ANSWERED, status, reply)
    if isinstance(inside(body, "aiRecord"), dict):
        return unrecognized(reply.body, key, price, "configured")
    return Answer.lost(f"{WHO} answered {reply.status}, but what came names no record; it may be charged.")


def _leads_to(url: str, path: str) -> bool:
    """Whether a link's path ends with the result's own, and takes no step back on the way."""
    there = unquote(parts_of(url).path)
    return there.endswith("/" + path.lstrip("/")) and ".." not in there


def _expiry(url: str, began: datetime) -> datetime | None:
    """The end of a link that S3 signed: `X-Amz-Date` and so many seconds; as from the call where the date is none."""
    given = parse_qs(parts_of(url).query)
    seconds, date = given.get("X-Amz-Expires", [""])[0], given.get("X-Amz-Date", [""])[0]
    if not seconds.isdecimal() or len(seconds) > 7:
        return None
    life = timedelta(seconds=int(seconds))
    try:
        return datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) + life
    except (ValueError, OverflowError):
        return began + life
