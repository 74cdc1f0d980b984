"""Runware: imageInference with ideogram:4@5, asynchronous, one task a request; the photo travels inside it.

The task's id is ours: it is asked for by it, and sent again under it, without a second charge. Source: Runware's model
page, its pages on task polling, task details and errors, and its published SDK, 2026. Errors: see runware_errors.py.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from backdrop.model.api_key import ApiKey
from backdrop.model.capabilities import REFERENCES, own_body
from backdrop.model.codes import Code
from backdrop.model.errors import WaitError
from backdrop.model.ids import call_uuid
from backdrop.model.job import Job, Link
from backdrop.model.pricing import price_per_image, told_price
from backdrop.model.provider_result import Answer, Class, Standing
from backdrop.ports import Acknowledge, Call, Work
from backdrop.providers.credentials import Keyring
from backdrop.providers.http import MAX_JSON_BYTES, Reply, ask, data_uri, post
from backdrop.providers.inline_pictures import picture_in
from backdrop.providers.json_fields import first_text, json_object, objects, printable, told, whole
from backdrop.providers.polling import Question, about, until_answered
from backdrop.providers.response_rules import answer_of
from backdrop.providers.runware_errors import TASK, code_of, errors_about, of_submit, of_task, state_of
from backdrop.providers.unrecognized_results import raw_response

NAME = "runware"
WHO = "Runware"
MODEL = "ideogram:4@5"
RESPONSE, DETAILS = "getResponse", "getTaskDetails"
POLL_SECONDS = 2.0
RATE_LIMIT_SECONDS = 5.0
# A picture's address lives for so long; the default is not published.
TTL = timedelta(hours=24)
# A task that brought some of its results brings no more after this long. Below lost.LONGEST_PENDING.
MAX_PARTIAL_WAIT = timedelta(minutes=30)
# After an error that does not say whether it ended the task, the task is looked up for this long after its call.
MAX_UNCLEAR_WAIT = timedelta(minutes=5)
# States of an item that is not finished. Only the first is published; "pending" is of older pages.
AT_WORK = frozenset({"processing", "pending", "queued"})
# States of an item that is finished; only the first is published.
FINISHED = frozenset({"success", "completed"})
# Where an item may carry its picture itself. Only `imageURL` is asked for.
INLINE = ("imageBase64Data", "imageDataURI", "imageURL")


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
    now: Callable[[], datetime] = field(default=partial(datetime.now, UTC), compare=False)

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
        began, deadline = self.now(), time.monotonic() + self.timeout_seconds
        reply = self.keyring.carry(key, partial(self._send, task, deadline), deadline)
        if isinstance(reply, Answer):
            return reply
        question = Question(task["taskUUID"], key, began, deadline, sure=True)
        found = self._found(job, question, reply) if reply.succeeded else Standing.ABSENT
        if isinstance(found, Answer) and found.kind is Class.OK:
            return found
        refused = None if _names(question.ident, reply) else _refused(question.ident, reply)
        if isinstance(refused, Answer):
            return refused
        if refused is Standing.PENDING and self._is_anothers(task, key, deadline):
            return Answer(Class.PERM, Code.REQUEST_REJECTED, f"{WHO} knows another task under the id of this one.")
        return until_answered(lambda: self._ask(job, question), deadline, self.poll_seconds)

    def _send(self, task: Mapping[str, Any], deadline: float, key: str) -> Reply | Answer:
        body, seconds = json.dumps([task]).encode(), deadline - time.monotonic()
        return post(self._url, body, _headers(key), timeout_seconds=seconds, limit=MAX_JSON_BYTES)

    @property
    def _url(self) -> str:
        return self.base_url.rstrip("/") + "/v1"

    # -- what became of it ---------------------------------------------------------------------------------------

    def look_up(self, job: Job, provider_id: str) -> Answer | Standing:
        """What became of a task, whoever sent it and whatever came back."""
        key = self.keyring.ready()
        return Standing.PENDING if isinstance(key, Answer) else self._ask(job, about(job, provider_id, key))

    def _ask(self, job: Job, asked: Question) -> Answer | Standing:
        """First for its results, then for all that was ever said of it: an empty answer to the first proves nothing.

        ABSENT only where neither response names the task.
        """
        reply = self._answer_to(RESPONSE, asked)
        if reply is None:
            return Standing.PENDING
        is_overdue = self.now() > asked.began + MAX_PARTIAL_WAIT
        found = self._found(job, asked, reply)
        if isinstance(found, Answer) or (_is_at_work(asked.ident, reply) and not is_overdue):
            return found
        details = self._answer_to(DETAILS, asked)
        if details is None:
            return Standing.PENDING
        # The kept response first: it may hold more results than a poll still returns.
        asked = replace(asked, overdue=is_overdue)
        known = self._found_in_details(job, asked, details)
        found = known if isinstance(known, Answer) else self._found(job, asked, reply)
        if isinstance(found, Answer):
            return found
        is_known = asked.sure or Standing.PENDING in (found, known)
        return Standing.PENDING if is_known else Standing.ABSENT

    def _found_in_details(self, job: Job, asked: Question, reply: Reply) -> Answer | Standing:
        """What the kept response to the task says; PENDING where the task is kept without one."""
        kept = next((one for one in objects(_said(reply).get("data")) if one.get("taskUUID") == asked.ident), None)
        if kept is None:
            return self._found(job, asked, reply)
        response = objects(kept.get("response"))
        envelope = next((one for one in response if "data" in one or "errors" in one), {"data": response})
        found = self._outcome(job, replace(asked, complete=True), envelope, reply)
        return Standing.PENDING if found is Standing.ABSENT else found

    def _answer_to(self, kind: str, asked: Question) -> Reply | None:
        """What comes back, whatever its status; None where it says nothing of any task."""
        body = json.dumps([{"taskType": kind, "taskUUID": asked.ident}]).encode()
        reply = self.keyring.carry(asked.key, lambda key: self._put(body, key, asked), asked.deadline)
        if not isinstance(reply, Reply):
            return None
        said = _said(reply)
        return reply if "data" in said or "errors" in said or "error" in said else None

    def _put(self, body: bytes, key: str, asked: Question) -> Reply | Exception | None:
        return ask(self._url, _headers(key), timeout_seconds=asked.patience, body=body, limit=MAX_JSON_BYTES)

    def _found(self, job: Job, asked: Question, reply: Reply) -> Answer | Standing:
        return self._outcome(job, asked, _said(reply), reply)

    def _outcome(self, job: Job, asked: Question, said: Mapping[str, Any], reply: Reply) -> Answer | Standing:
        """What a response says of the task; PENDING where it names the task without its end, else ABSENT."""
        items = [one for one in objects(said.get("data")) if one.get("taskUUID") == asked.ident]
        if any(state_of(one) in AT_WORK for one in items) and not (asked.complete or asked.overdue):
            return Standing.PENDING
        finished = [one for one in items if _is_finished(one, complete=asked.complete)]
        results = _results(finished, _number(job))
        errors = errors_about(asked.ident, said)
        persists = self.now() > asked.began + MAX_UNCLEAR_WAIT
        end = _end_of(errors, asked, succeeded=reply.succeeded, persists=persists)
        if results and (asked.overdue or isinstance(end, Answer) or len(results) >= _number(job)):
            return self._success(job, asked, results, said)
        if errors and not results:
            return end
        return Standing.PENDING if items else Standing.ABSENT

    def _success(
        self, job: Job, asked: Question, results: Sequence[Mapping[str, Any]], said: Mapping[str, Any]
    ) -> Answer | Standing:
        """The pictures of a task; PENDING where one that came inside the response cannot be put aside now."""
        prices = [told_price(one.get("cost")) for one in results]
        charged = sum(price or price_per_image(NAME, job.instructions) for price in prices)
        basis = "reported" if all(prices) else "price_list"
        uploaded = _name(asked.ident) if self._came(job, asked.ident) else None
        try:
            links = tuple(self._link(one, asked, n, uploaded) for n, one in enumerate(results, 1))
        except WaitError:
            return Standing.PENDING
        raw = b""
        if any(link.unrecognized for link in links):
            raw = raw_response(json.dumps(said, default=float).encode(), asked.key)
        if any(link.usable for link in links):
            return Answer(Class.OK, links=links, charged=charged, basis=basis, final=True, raw=raw)
        why = f"{WHO} made the picture; the safety check withheld it."
        return Answer(Class.OK, Code.UNSAFE_RESULT, why, links, charged, basis, final=True)

    def _link(self, item: Mapping[str, Any], asked: Question, n: int, uploaded: str | None) -> Link:
        """Result `n` of a task: withheld only where Runware says so. Raises WaitError where it cannot be put aside."""
        seed, expires = whole(item.get("seed")), asked.began + TTL
        if item.get("NSFWContent") is True:
            return Link(url=None, seed=seed)
        if uploaded:
            return Link(url=None, seed=seed, expires_at=expires, kept=uploaded)
        picture = next((found for name in INLINE if (found := picture_in(item.get(name)))), None)
        if picture:
            name = f"{_name(asked.ident)}-{n}"
            self.work.keep_result(name, picture)
            return Link(url=None, seed=seed, expires_at=expires, kept=name)
        url = first_text([item.get("imageURL")])
        if url is None or url.startswith("data:"):
            return Link(url=None, seed=seed, unrecognized=True)
        return Link(url=url, seed=seed, expires_at=expires)

    def _came(self, job: Job, ident: str) -> bool:
        """Whether the picture was written to us; where that is not to be known now, its link does as well."""
        try:
            return self._writes_itself(job) and self.work.has_result(_name(ident))
        except WaitError:
            return False

    def _is_anothers(self, task: Mapping[str, Any], key: str, deadline: float) -> bool:
        """Whether the task that stands under our id asks for something else than we do."""
        reply = self._answer_to(DETAILS, Question(task["taskUUID"], key, self.now(), deadline))
        details = _said(reply) if reply else {}
        known = [one for kept in objects(details.get("data")) for one in objects(kept.get("request"))]
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


def _said(reply: Reply) -> dict[str, Any]:
    return json_object(reply.body) or {}


def _refused(ident: str, reply: Reply) -> Answer | Standing | None:
    """Why a task was not taken; PENDING where the same id was taken before, None where it is taken now."""
    said = _said(reply)
    errors = errors_about(ident, said)
    if reply.succeeded and not errors:
        taken = isinstance(said.get("data"), (list, dict))
        return None if taken else Answer.lost(f"{WHO} answered {reply.status}, but says nothing of the task.")
    row = of_submit(reply.status, errors, reply.waited)
    if row.kind is Standing.PENDING:
        return Standing.PENDING
    return answer_of(row, told(WHO, reply.status, _words(errors)), reply, RATE_LIMIT_SECONDS)


def _end_of(
    errors: Sequence[Mapping[str, Any]], asked: Question, *, succeeded: bool, persists: bool
) -> Answer | Standing:
    """What the errors of a task say of its end: the first that says anything."""
    for error in errors:
        row = of_task(error, asked.ident, complete=asked.complete, succeeded=succeeded, persists=persists)
        if row is None or row.kind is Standing.PENDING:
            continue
        if row.kind is Standing.ABSENT:
            return Standing.ABSENT
        return replace(answer_of(row, f"{WHO} ended the task with an error: {_words([error])}"), final=True)
    return Standing.PENDING


def _words(errors: Sequence[Mapping[str, Any]]) -> str:
    said = (f"{code_of(one)} {one.get('message', '')}".strip() for one in errors)
    return printable("; ".join(said))[:300] or "it names no code"


def _is_at_work(ident: str, reply: Reply) -> bool:
    items = objects(_said(reply).get("data"))
    return any(one.get("taskUUID") == ident and state_of(one) in AT_WORK for one in items)


def _names(ident: str, reply: Reply) -> bool:
    """Whether a response to a submit names the task among what was taken."""
    items = objects(_said(reply).get("data")) if reply.succeeded else []
    return any(one.get("taskUUID") == ident and state_of(one) != "error" for one in items)


def _is_finished(item: Mapping[str, Any], *, complete: bool) -> bool:
    """Whether an item says that it is finished, or carries a picture. An unfinished one may have an imageUUID."""
    state = state_of(item)
    if state == "error" or state in AT_WORK:
        return False
    return state in FINISHED or _shows(item) or (complete and "imageUUID" in item)


def _shows(item: Mapping[str, Any]) -> bool:
    """Whether an item carries its picture, or says that the picture is withheld."""
    return item.get("NSFWContent") is True or any(isinstance(item.get(name), str) and item[name] for name in INLINE)


def _results(finished: Sequence[Mapping[str, Any]], number: int) -> list[Mapping[str, Any]]:
    """Each result once. Responses are cumulative: one result may be in them twice, and only once with its picture.

    Items without a picture beyond the number that was asked for are no results: no more are made, or charged.
    """
    known: dict[str, Mapping[str, Any]] = {}
    for n, item in enumerate(finished):
        name = str(item.get("imageUUID") or item.get("imageURL") or n)
        if name not in known or _shows(item):
            known[name] = item
    spare = len(known) - number
    empty = [name for name, item in known.items() if not _shows(item)][: max(spare, 0)]
    return [item for name, item in known.items() if name not in empty]
