"""Holds what photos are resolved to against all that was said of them: at each write, and at rest."""

import json
from collections.abc import Iterable, Mapping

from backdrop.model.queue_messages import RerunMessage
from proof.checker.books import Breach, Plain, Promise, certain, unknown
from proof.checker.ends import gone_breaches
from proof.checker.instructed import (
    Instructed,
    Resolved,
    Said,
    asked_for_breaches,
    held_breaches,
    instructed_breaches,
    output_breaches,
    pair_breaches,
    resolved_breaches,
    taken_away_breaches,
    twin_breaches,
    version_breaches,
)
from proof.simulate.meaning import Words, said_by
from proof.simulate.memory import Memory
from proof.simulate.past import Past
from proof.simulate.people import People
from proof.simulate.wishes import NAMES, WISHES
from proof.world.functions import Invocation
from proof.world.wire import Call

# What a request may end as where it meets a sidecar's provider, or a limit on what it costs.
OF_MEETING = frozenset({"max_cost_exceeded", "not_expressible"})
OF_REQUESTS = frozenset({"folder_defaults_broken", "photo_not_found", "no_instructions"})


class Resolutions:
    """`past`: what lay in the bucket at each time."""

    def __init__(self, memory: Memory, people: People, past: Past) -> None:
        self._memory, self._people, self._past = memory, people, past
        self._changed: list[tuple[Plain | None, Plain]] = []

    # -- writes ---------------------------------------------------------------------------------------------

    def note(self, before: Plain | None, after: Plain) -> None:
        """A photo's place is written; its jobs are in the same transaction."""
        was = (before["jobs"], before["recent_request_ids"]) if before else ({}, [])
        if (after["jobs"], after["recent_request_ids"]) != was:
            self._changed.append((before, after))

    def twins(self, before: Plain | None, after: Plain) -> list[Breach]:
        """A job is written."""
        return twin_breaches(before, after, self._memory.jobs.values()) if before is None else []

    def breaches(self, call: Call) -> list[Breach]:
        """What is wrong with the places that the last call has written."""
        changed, self._changed = self._changed, []
        return [breach for before, after in changed for breach in self._of(before, after, call)]

    def _of(self, before: Plain | None, after: Plain, call: Call) -> list[Breach]:
        key, invocation = after["key"], self._memory.invocation(call.worker)
        asked = _orders(invocation, key)
        could_be = [*self._past.words(key, invocation.began)]
        new = {*after["recent_request_ids"]} - {*(before["recent_request_ids"] if before else ())}
        heard = tuple(asked[ident] for ident in new if ident in asked)
        jobs = {job_id: self._memory.jobs[job_id] for job_id in after["jobs"].values()}
        with_requests = [words for words in self._past.words(key, invocation.began, heard) if words.request]
        requests = [said for words in with_requests for said in _may_mean(words, jobs.values())]
        jumping = self._people.jumping_clocks
        resolved = Resolved(
            before=before,
            after=after,
            could_be=[said_by(words) for words in could_be],
            requested=requests if new else None,
            by_order=reruns(invocation, key),
            own_word=any(words.is_complete for words in could_be),
            settle_seconds=None if jumping else self._memory.world.setup.settle_seconds,
        )
        other = self._other_bytes(after, invocation, jobs) if after["photo"] else []
        return resolved_breaches(resolved, self._memory.jobs) + other

    def _other_bytes(self, after: Plain, invocation: Invocation, jobs: Mapping[str, Plain]) -> list[Breach]:
        digests = self._past.digests(after["key"], invocation.began)
        other = [job["key"] for job in jobs.values() if job["sha256"] not in digests]
        return [Breach(Promise.INSTRUCTED, f"{key}: its job is for bytes that did not lie there") for key in other]

    # -- rest -----------------------------------------------------------------------------------------------

    def late(self, photos: Mapping[str, frozenset[str]]) -> list[Breach]:
        """What is said and has not led to what it says; `photos`: by key, the codes that are right whatever is said."""
        known = {key: self._instructed(key, may) for key, may in photos.items()}
        meant = {key: one for key, one in known.items() if one}
        return instructed_breaches(self._memory.ledger, meant) + self._held()

    def _instructed(self, key: str, may: frozenset[str]) -> Instructed | None:
        now = self._past.now(key)
        asked = tuple(self._people.requested.get(key, ()))
        if now is None or key in self._people.waived:
            return None
        mistakes = {code for name in asked for code in WISHES[name].mistakes | OF_MEETING}
        jobs = [job for job in self._memory.jobs.values() if job["key"] == key]
        return Instructed(
            now=said_by(now),
            ever=[said for words in {*self._past.own_words(key, asked)} for said in _may_mean(words, jobs)],
            may=may | (OF_REQUESTS | mistakes if asked else frozenset[str]()),
            loose=key in self._people.unsaid,
        )

    def _held(self) -> list[Breach]:
        world = self._memory.world
        broken = dict.fromkeys(self._past.folder_defaults(), frozenset[str]())
        for key in broken:
            found = world.input.current(key)
            if found:
                broken[key] = WISHES[NAMES[found.data or b""]].mistakes
        return held_breaches(self._memory.ledger, broken)

    def at_rest(self, marks: Mapping[str, str], versions: Mapping[str, str]) -> list[Breach]:
        """What else must be true when nothing happens any more; `marks`, `versions`: of pictures."""
        ledger, people = self._memory.ledger, self._people
        lies = set(self._memory.world.input.keys())
        gone = [key for key in self._past.versions if key not in lies]
        behind = self._memory.excused()
        in_doubt = {job for job in behind if ledger.jobs[job]["status"] in ("submitting", "unknown")}
        excused = in_doubt | (behind & people.redriven)
        pairs = set[str]() if people.wrong_clocks else people.pairs - people.waived
        return [
            *pair_breaches(ledger, pairs),
            *asked_for_breaches(ledger, people.requests),
            *taken_away_breaches(ledger, marks),
            *output_breaches(ledger),
            *version_breaches(ledger, versions),
            *gone_breaches(ledger, gone, excused),
        ]


def _may_mean(words: Words, jobs: Iterable[Plain]) -> list[Said]:
    """What words ask; where jobs are paid, they may be these very jobs."""
    paid = any(certain(job) or unknown(job) for job in jobs)
    return [said_by(words), said_by(words, paid=True)] if paid else [said_by(words)]


def reruns(invocation: Invocation, key: str) -> bool:
    """Whether one of a worker's messages is a person's order to resolve a photo anew."""
    said = [_object(message.body) for message in invocation.messages]
    return any(one.get("key") == key and one.get("kind") == RerunMessage.kind for one in said)


def _orders(invocation: Invocation, key: str) -> dict[str, str]:
    """The wishes that a worker's messages ask for directly, by their ids."""
    return {
        message.id: name
        for message in invocation.messages
        if (said := _object(message.body)).get("key") == key
        for name, wish in WISHES.items()
        if wish.fields == said.get("instructions")
    }


def _object(body: str) -> dict[str, object]:
    try:
        said = json.loads(body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
