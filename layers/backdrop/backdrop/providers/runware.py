"""Runware: imageInference with ideogram:4@5, asynchronous, one task a request; the photo travels inside it.

The task's id is ours: it is asked for by it, and sent again under it, without a second charge. Source: Runware's model
page, its pages on task polling, task details and errors, and its published SDK, 2026; error codes are "being
standardised", so that they are read by pattern.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from backdrop.core.answer import Answer, Class, Standing
from backdrop.core.api_key import ApiKey
from backdrop.core.capability import REFERENCES, own_body
from backdrop.core.codes import Code
from backdrop.core.errors import WaitError
from backdrop.core.identity import call_uuid
from backdrop.core.job import Job, Link
from backdrop.core.money import price_per_image, told_price
from backdrop.ports import Acknowledge, Call, Work
from backdrop.providers.http import Reply, ask, data_uri, post
from backdrop.providers.keyring import Keyring
from backdrop.providers.polling import Question, about, until_answered
from backdrop.providers.reading import first_text, inside, json_object, objects, printable, told, whole
from backdrop.providers.rows import ANY, Row, answer_of, row_of

NAME = "runware"
WHO = "Runware"
MODEL = "ideogram:4@5"
TASK, RESPONSE, DETAILS = "imageInference", "getResponse", "getTaskDetails"
POLL_SECONDS = 2.0
RATE_LIMIT_SECONDS = 5.0
# A picture's address lives for so long; the default is not published.
TTL = timedelta(hours=24)
AT_WORK = frozenset({"processing", "pending"})
KEY, MONEY, BROKEN = Code.PROVIDER_KEY_REFUSED, Code.PROVIDER_OUT_OF_MONEY, Code.PROVIDER_UNAVAILABLE
# The errors of a task by their code, in this order. PENDING: a task stands under our id. ABSENT: none does any more.
BY_CODE = tuple(
    Row(ANY, kind, code, words)
    for kind, code, words in (
        (Standing.PENDING, Code.JOB_IN_FLIGHT, "^conflictTaskUUID"),
        (Class.PERM, Code.UNSAFE_REQUEST, "policyviolation|sensitive|unsafe|nsfw|(prompt|image)blocked|moderat"),
        (Class.PAUSE, KEY, "apikey|^unauthorized|^token"),
        (Class.PAUSE, MONEY, "credit|quota|balance|^paymentrequired"),
        (Standing.ABSENT, Code.CHARGE_UNKNOWN, "^taskFailedOrNotFound|^taskCancell?ed|^task.*(notfound|expired)"),
        (Class.AMBIG, Code.CHARGE_UNKNOWN, "timeout"),
        (Class.QUOTA, Code.PROVIDER_THROTTLED, "ratelimit"),
        (Class.BACKOFF, BROKEN, "^provider|^inferenceerror|^(processing|task|download|upload)failed"),
        (Class.BACKOFF, BROKEN, "^noavailableserver|^model(unavailable|disabled)"),
        (Class.PAUSE, KEY, "^forbidden|^permissiondenied|suspended|disabled"),
        (Class.PAUSE, Code.PROVIDER_MISCONFIGURED, "(notfound|expired)$"),
        (Class.PERM, Code.REQUEST_REJECTED, "^(invalid|missing|unsupported|unknownparameter|value|array|max)"),
        (Class.PERM, Code.REQUEST_REJECTED, "^(incompatible|mismatch|validationfailed)"),
    )
)
# A submit: where no code tells, the status does. After a 5xx the task may stand there: it is asked for by its id.
SUBMITTED = (
    Row(range(500, 600), Class.AMBIG, late=True),
    *BY_CODE,
    Row(ANY, Class.AMBIG, words="^(internalservererror|unknownerror|defaulterror)"),
    Row({401, 403}, Class.PAUSE, KEY),
    Row({402}, Class.PAUSE, MONEY),
    Row({404, 405}, Class.PAUSE, Code.PROVIDER_MISCONFIGURED),
    Row({429}, Class.QUOTA, Code.PROVIDER_THROTTLED),
    Row({503}, Class.BACKOFF, BROKEN, early=True),
)
# What was asked about a task: a code that none of these rows knows is no answer yet.
ASKED = (*BY_CODE, Row(ANY, Standing.PENDING))
# What an error can say of the task even where it does not say that it is about it.
ENDS = frozenset({Class.PERM, Class.AMBIG, Class.BACKOFF})


@dataclass(frozen=True)
class Runware:
    """The adapter. `base_url` is scheme, host and prefix; `key` looks the API key up, `key(True)` past any cache.

    `uploads`: a single picture is written to `work` by Runware itself. `check_content`: its safety check looks as well.
    """

    base_url: str
    timeout_seconds: float
    key: Callable[[bool], ApiKey]
    work: Work
    uploads: bool = False
    check_content: bool = False
    poll_seconds: float = field(default=POLL_SECONDS, compare=False)

    @property
    def keyring(self) -> Keyring:
        return Keyring(WHO, self.key)

    def request_id(self, job: Job) -> str | None:
        """A UUID made of the job and its charge generation: a resend has the same, a new charge another."""
        return call_uuid(job.job_id, job.generation)

    def prepare(self, job: Job, photo: bytes, references: Sequence[bytes] = ()) -> Call | Answer:
        """One paid call, ready to be sent; or PAUSE where there is no key to send it with."""
        key, ident = self.keyring.ready(), call_uuid(job.job_id, job.generation)
        if isinstance(key, Answer):
            return key
        task = request(job, ident, photo, references)
        if self.check_content:
            task["safety"] = {"checkContent": True}
        place = self.work.opening(_name(ident), by=self.base_url) if self._writes_itself(job) else None
        return partial(self._call, job, {**task, "uploadEndpoint": place} if place else task, key)

    def _writes_itself(self, job: Job) -> bool:
        """What becomes of several results at one address is not published."""
        return self.uploads and _number(job) == 1

    def _call(self, job: Job, task: Mapping[str, Any], key: str, _acknowledge: Acknowledge) -> Answer | Standing:
        began, deadline = datetime.now(UTC), time.monotonic() + self.timeout_seconds
        reply = self.keyring.carry(key, partial(self._send, task, deadline), deadline)
        if isinstance(reply, Answer):
            return reply
        said = _taken(task["taskUUID"], reply)
        if isinstance(said, Answer):
            return said
        if said is Standing.PENDING and self._is_anothers(task, key, deadline):
            return Answer(Class.PERM, Code.REQUEST_REJECTED, f"{WHO} knows another task under the id of this one.")
        question = Question(task["taskUUID"], key, began, deadline, sure=True)
        return until_answered(lambda: self._ask(job, question), deadline, self.poll_seconds)

    def _send(self, task: Mapping[str, Any], deadline: float, key: str) -> Reply | Answer:
        body = json.dumps([task]).encode()
        return post(self._url, body, _headers(key), timeout_seconds=deadline - time.monotonic())

    @property
    def _url(self) -> str:
        return self.base_url.rstrip("/") + "/v1"

    # -- what became of it ---------------------------------------------------------------------------------------

    def look_up(self, job: Job, provider_id: str) -> Answer | Standing:
        """What became of a task, whoever sent it and whatever came back."""
        key = self.keyring.ready()
        return Standing.PENDING if isinstance(key, Answer) else self._ask(job, about(job, provider_id, key))

    def _ask(self, job: Job, asked: Question) -> Answer | Standing:
        """First for its results, then for all that was ever said of it: an empty answer to the first proves nothing."""
        said = self._answer_to(RESPONSE, asked)
        if said is None:
            return Standing.PENDING
        found = self._outcome(job, asked, said)
        if found is not Standing.ABSENT:
            return found
        told_before = self._answer_to(DETAILS, asked)
        if told_before is None:
            return Standing.PENDING
        kept = next((one for one in objects(told_before.get("data")) if one.get("taskUUID") == asked.ident), None)
        known = next((one for one in objects(inside(kept, "response")) if one), told_before)
        found = self._outcome(job, replace(asked, complete=True), known)
        return Standing.PENDING if asked.sure and found is Standing.ABSENT else found

    def _answer_to(self, kind: str, asked: Question) -> dict[str, Any] | None:
        """The JSON that comes back, whatever its status; None where it says nothing of any task."""
        body = json.dumps([{"taskType": kind, "taskUUID": asked.ident}]).encode()
        reply = self.keyring.carry(asked.key, lambda key: self._put(body, key, asked), asked.deadline)
        said = json_object(reply.body) if isinstance(reply, Reply) else None
        return said if said is not None and ("data" in said or _errors(said)) else None

    def _put(self, body: bytes, key: str, asked: Question) -> Reply | Exception | None:
        return ask(self._url, _headers(key), timeout_seconds=asked.patience, body=body)

    def _outcome(self, job: Job, asked: Question, said: Mapping[str, Any]) -> Answer | Standing:
        """What an answer says of the task; ABSENT where it says nothing, or not yet all."""
        items = [one for one in objects(said.get("data")) if one.get("taskUUID") == asked.ident]
        if any(_state(one) in AT_WORK for one in items) and not asked.complete:
            return Standing.PENDING
        known = {str(one.get("imageUUID") or one.get("imageURL")): one for one in items if _is_result(one)}
        results = [*known.values()]  # answers are cumulative: one may stand there twice
        errors = [one for one in items if _state(one) == "error"] + _errors_about(asked.ident, said)
        if results and (asked.complete or errors or len(results) >= _number(job)):
            return self._success(job, asked, results)
        return _end_of(errors) if errors else Standing.ABSENT

    def _success(self, job: Job, asked: Question, results: Sequence[Mapping[str, Any]]) -> Answer:
        prices = [told_price(one.get("cost")) for one in results]
        charged = sum(price or price_per_image(NAME, job.instructions) for price in prices)
        basis = "reported" if all(prices) else "price_list"
        kept = _name(asked.ident) if self._came(job, asked.ident) else None
        links = tuple(_link(one, asked.began, kept) for one in results)
        if any(link.usable for link in links):
            return Answer(Class.OK, links=links, charged=charged, basis=basis, final=True)
        why = f"{WHO} made the picture; the safety check withheld it."
        return Answer(Class.OK, Code.UNSAFE_RESULT, why, links, charged, basis, final=True)

    def _came(self, job: Job, ident: str) -> bool:
        """Whether the picture was written to us; where that is not to be known now, its link does as well."""
        try:
            return self._writes_itself(job) and self.work.has_result(_name(ident))
        except WaitError:
            return False

    def _is_anothers(self, task: Mapping[str, Any], key: str, deadline: float) -> bool:
        """Whether the task that stands under our id asks for something else than we do."""
        said = self._answer_to(DETAILS, Question(task["taskUUID"], key, datetime.now(UTC), deadline)) or {}
        known = [one for kept in objects(said.get("data")) for one in objects(kept.get("request"))]
        return any(one.get(name, task[name]) != task[name] for one in known for name in ("model", "positivePrompt"))


# -- the request -------------------------------------------------------------------------------------------------


def request(job: Job, ident: str, photo: bytes, references: Sequence[bytes] = ()) -> dict[str, Any]:
    """The task: what was given, and what we want of every result (PNG, a link that lives a day, its cost)."""
    asked = {**job.asked, REFERENCES: [data_uri(one) for one in references]} if references else job.asked
    return {
        "taskType": TASK,
        "taskUUID": ident,
        "model": MODEL,
        **own_body(NAME, asked),
        "inputs": {"seedImage": data_uri(photo)},
        "deliveryMethod": "async",
        "outputType": "URL",
        "outputFormat": "PNG",
        "ttl": int(TTL.total_seconds()),
        "includeCost": True,
    }


def _headers(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}


def _name(ident: str) -> str:
    return f"{NAME}-{ident}"


def _number(job: Job) -> int:
    return int(job.asked.get("num_images", 1))


# -- the answers -------------------------------------------------------------------------------------------------


def _taken(ident: str, reply: Reply) -> Answer | Standing | None:
    """Why a task was not taken; PENDING where the same id was taken before, None where it is taken now."""
    said = json_object(reply.body) or {}
    errors = _errors_about(ident, said)
    if reply.status == 200 and not errors:
        taken = isinstance(said.get("data"), list | dict)
        return None if taken else Answer.lost(f"{WHO} answered 200, but what came says nothing of the task.")
    row = row_of(SUBMITTED, reply.status, _code(errors), reply.waited)
    if row.kind is Standing.PENDING:
        return Standing.PENDING
    return answer_of(row, told(WHO, reply.status, _words(errors)), reply, RATE_LIMIT_SECONDS)


def _end_of(errors: Sequence[Mapping[str, Any]]) -> Answer | Standing:
    """What the errors of a task say of its end: the first that says anything."""
    for error in errors:
        row = row_of(ASKED, 0, _code([error]))
        if row.kind is Standing.ABSENT:
            return Standing.ABSENT
        named = error.get("taskType")
        if isinstance(row.kind, Class) and (named == TASK or (named is None and row.kind in ENDS)):
            return replace(answer_of(row, f"{WHO} gave the task up: {_words([error])}"), final=True)
    return Standing.PENDING


def _errors(said: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The errors of an answer; one alone may stand by itself."""
    single = said.get("error")
    return objects(said.get("errors")) + ([{"code": single}] if isinstance(single, str) else objects(single))


def _errors_about(ident: str, said: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The errors that are not another task's."""
    named = [(one.get("taskUUID") or inside(one.get("context"), "taskUUID"), one) for one in _errors(said)]
    return [one for name, one in named if name in (ident, None)]


def _code(errors: Sequence[Mapping[str, Any]]) -> str:
    return first_text(one.get("code") for one in errors) or ""


def _words(errors: Sequence[Mapping[str, Any]]) -> str:
    said = (f"{one.get('code', '')} {one.get('message', '')}".strip() for one in errors)
    return printable("; ".join(said))[:300]


def _state(item: Mapping[str, Any]) -> str:
    return str(item.get("status") or "").lower()


def _is_result(item: Mapping[str, Any]) -> bool:
    return _state(item) == "success" or (not _state(item) and bool(item.get("imageUUID") or item.get("imageURL")))


def _link(item: Mapping[str, Any], began: datetime, kept: str | None) -> Link:
    """A result is usable where the safety check let it through and it is to be had."""
    seed, url = whole(item.get("seed")), first_text([item.get("imageURL")])
    if item.get("NSFWContent") is True or not (url or kept):
        return Link(url=None, seed=seed)
    return Link(url=None if kept else url, seed=seed, expires_at=began + TTL, kept=kept)
