"""Temporary: both deciders on random states: `BACKDROP_DECIDERS=any python -m proof.random_states 0 20000`."""
# ruff: noqa: E501, PLR2004, S311, SLF001, T201

import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random
from types import SimpleNamespace
from typing import Any, cast

from backdrop.core.called_off import CallOff
from backdrop.core.codes import Code
from backdrop.core.errors import InstructionError, PhotoError
from backdrop.core.intake_decision import AFTER_RESOLVING, BEFORE_RESOLVING, Decision
from backdrop.core.job import Job, Origin, Problem, Source, Status
from backdrop.core.lane import Lane
from backdrop.core.photo import PhotoFacts
from backdrop.core.places import Place
from backdrop.steps import both_deciders, photo_state
from backdrop.steps.messages import Look, Request
from backdrop.steps.photo_state import PhotoState, found_of
from backdrop.steps.seen import Seen
from backdrop.steps.wanted import Wanted

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
TIMES = [NOW - timedelta(seconds=seconds) for seconds in (0, 5, 30, 90)]
PHOTOS = [
    PhotoFacts(etag=etag, version_id=version, uploaded_at=at, size=1, sha256=sha, prepared=prepared)
    for etag, version, at, sha, prepared in (
        ("a", "1", TIMES[2], "A", False),
        ("a", "2", TIMES[1], "A", True),
        ("b", "3", TIMES[1], "B", False),
        ("a", "1", TIMES[2], None, False),
        ("b", "3", TIMES[1], None, False),
    )
]
PLACES = [
    (),
    (Place("tags"),),
    (Place("tags", {"prompt": "snow"}),),
    (Place("tags", {"operation": "remove"}),),
    (Place("tags", errors=(InstructionError(Code.INVALID_VALUE, "wrong"),)),),
    (Place("red.json", {"operation": "remove"}, written_at=TIMES[1]), Place("tags")),
    (Place("red.json", written_at=TIMES[0]), Place("tags", {"prompt": "snow"})),
]


def problem(random: Random) -> Problem:
    code = random.choice((Code.NO_INSTRUCTIONS, Code.INVALID_VALUE, Code.FILE_UNREADABLE, Code.CRASHED))
    origin = random.choice(tuple(Origin))
    return Problem(code=code, message="", hint="", retryable=False, origin=origin, first_seen=NOW, last_seen=NOW)


def job(random: Random, name: str) -> Job:
    return Job(
        job_id=name,
        content_key=name,
        source_id="s",
        bucket="in",
        key="red.jpg",
        version_id="1",
        sha256=random.choice("AAAB"),
        variant=name,
        status=random.choice(tuple(Status)),
        operation="remove",
        provider=random.choice(("ideogram", "runware")),
        asked={},
        instructions={},
        provenance={},
        quoted=1,
        unwanted=random.choice((None, None, Status.CANCELLED)),
        queued_at=random.choice(TIMES),
        said_at=random.choice((None, *TIMES)),
        for_executions=random.random() < 0.3,
    )


def rarely(random: Random, value: Any, otherwise: Any = None, often: float = 0.3) -> Any:
    return value if random.random() < often else otherwise


def state_of(random: Random) -> PhotoState:
    jobs = [job(random, name) for name in "xyz"[: random.randrange(4)]]
    names = {one.variant: one.job_id for one in jobs if random.random() < 0.8} | rarely(random, {"w": "w"}, {}, 0.1)
    source = Source.at("in", "red.jpg").but(
        rev=1,
        photo=random.choice((None, *PHOTOS)),
        asked_from=random.choice(("m", "n", "")),
        jobs=names,
        problems=tuple(problem(random) for _ in range(rarely(random, random.randrange(3), 0))),
        waiting_since=rarely(random, random.choice(TIMES)),
        held_by=rarely(random, "_backdrop.json", "", 0.15),
        requests=rarely(random, ("r",), ()),
        crashes=rarely(random, 5, 0, 0.2),
        seen_gone=random.random() < 0.15,
    )
    photo = source.photo if source.photo and random.random() < 0.6 else random.choice(PHOTOS)
    error = PhotoError(Code.CRASHED, "no") if photo.sha256 is None else None
    marked = source.asked_from if random.random() < 0.6 else random.choice(("m", "n", ""))
    seen = Seen(photo, error, random.choice(PLACES), marked) if random.random() < 0.93 else None
    look = Look(
        "in",
        "red.jpg",
        again=random.random() < 0.4,
        settled=random.random() < 0.3,
        tagged_at=rarely(random, random.choice(TIMES)),
    )
    if random.random() < 0.2:
        look = Look("in", "red.jpg", rerun=True, again=random.random() < 0.3)
    elif random.random() < 0.25:
        look = Look("in", "red.jpg", request=Request("r", {}))
    marks = tuple(CallOff(prefix="", until=at) for at in TIMES if random.random() < 0.3)
    other_references = random.random() < 0.3
    knows = random.random() < 0.85
    fakes = {
        "ledger": SimpleNamespace(
            photo=lambda _: (source, tuple(jobs)) if knows else (None, ()),
            lane=lambda name: Lane(provider=name, called_off=marks if name == "ideogram" else marks[:1]),
        ),
        "strangers": SimpleNamespace(take=lambda _: not knows and random.random() < 0.5),
        "hearing": SimpleNamespace(is_known=lambda source, request: request.ident in source.requests),
        "asking": SimpleNamespace(photos=None, see=lambda *_: seen, has_other_references=lambda *_: other_references),
        "clock": SimpleNamespace(now=lambda: NOW),
    }
    afar = seen and Seen(seen.photo.but(sha256=None, prepared=False), PhotoError(Code.CRASHED, "no"))
    photo_state.see_from_afar = lambda *_: afar
    return PhotoState(look, **cast("Any", fakes), settle_seconds=20)


def main(first: int, count: int) -> None:
    found: Counter[str] = Counter()
    both_deciders._note = lambda table, before, now, wrong: found.update(  # noqa: SLF001
        [f"{'agree' if before == now and not wrong else 'DISAGREE'} {table} {before} {now} {wrong}"]
    )
    for seed in range(first, first + count):
        random = Random(seed)
        state = state_of(random)
        decided = BEFORE_RESOLVING.decide(state.facts)
        both_deciders.compare_first(state, decided)
        if state.facts[photo_state.Photo] is not photo_state.Photo.MISSING:
            both_deciders.compare_resolved(state)
        if decided is Decision.RESOLVE:
            outcome = random.choice(
                (
                    Wanted((job(random, "x"),)),
                    Wanted(problems=(problem(random),)),
                    Wanted(problems=(problem(random).but(code=Code.NO_INSTRUCTIONS),)),
                    Wanted(),
                )
            )
            resolved = AFTER_RESOLVING.decide(state.facts.adding(found_of(outcome)))
            both_deciders.compare_second(state, outcome, resolved)
    for words, times in sorted(found.items()):
        print(times, words)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
