"""Temporary: the decider that the tables replace, run on the facts that the tables' event recorded.

It reads nothing itself: where it asks for what was not recorded, that is a disagreement, as is a read that only the
tables made. Each comparison is a line in the folder that BACKDROP_DECIDERS names; without one nothing is compared.
"""

# ruff: noqa: E501, TID251

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TextIO

from backdrop.core.instructions import is_complete
from backdrop.core.intake_decision import Decision, References, Resolution
from backdrop.core.job import Job, Origin, Source, Status
from backdrop.core.lane import Lane
from backdrop.core.places import TAGS, Place
from backdrop.steps.marks import MOST_CRASHES
from backdrop.steps.messages import Look
from backdrop.steps.photo_state import PhotoState
from backdrop.steps.seen import Seen
from backdrop.steps.unreadable import unreadable_problem
from backdrop.steps.wanted import Wanted


class NotRecordedError(Exception):
    """The old decider asks for what the tables did not read."""


def compare_first(state: PhotoState, decided: Decision) -> None:
    """Compare the decision before resolving, and what was read for it."""
    if not os.environ.get("BACKDROP_DECIDERS"):
        return
    reads: list[str] = []
    try:
        before = _old_decision(state, reads)
    except NotRecordedError as error:
        before = f"not recorded: {error}"
    more = set(state.reads) - set(reads)
    _note("first", before, decided.value, f"read beside: {sorted(more)}" if more else "")


def compare_second(state: PhotoState, found: Wanted, resolved: Resolution) -> None:
    """Compare the decision after resolving."""
    if os.environ.get("BACKDROP_DECIDERS"):
        _note("second", _old_resolution(state, found), resolved.value, "")


def compare_resolved(state: PhotoState) -> None:
    """Compare whether the photo was resolved before, where an action asks that."""
    if os.environ.get("BACKDROP_DECIDERS"):
        _note("resolved", str(was_resolved(state.source, state.seen)), str(state.was_decided), "")


def _note(table: str, before: str, now: str, wrong: str) -> None:
    verdict = "agree" if before == now and not wrong else "DISAGREE"
    _file().write(f"{verdict} {table}: {before} | {now} {wrong}\n")


@cache
def _file() -> TextIO:
    return (Path(os.environ["BACKDROP_DECIDERS"]) / f"{os.getpid()}.txt").open("a", buffering=1)


# -- as it was in steps/photo.py ----------------------------------------------------------------------------------


def _old_decision(state: PhotoState, reads: list[str]) -> str:
    look = state.message
    is_stranger = look.is_plain and _recorded(state, "_is_new_in_snapshot")
    before, jobs = _recorded(state, "_item")
    if look.settled and not look.again and not (before and before.waiting_since):
        return Decision.IGNORE
    source = before or Source.at(look.bucket, look.key)
    if look.request:
        reads.append("request")
        if _recorded(state, "look").request is None:
            look = replace(look, request=None, again=True)
    known = before
    is_opened_by_order = look.rerun and not look.again
    seen: Seen | None
    if known and known.crashes >= MOST_CRASHES and not is_opened_by_order:
        reads.append("photo from afar")
        seen = afar = _recorded(state, "found")
        if not (afar is None or known.photo is None or known.photo.etag == afar.photo.etag):
            return Decision.RESET_CRASHES
    else:
        facts = known.photo if known else None
        anew = look.again and facts and facts.prepared
        reads.append(f"photo {None if anew else facts}")
        seen = _recorded(state, "found")
    if seen is None:
        return Decision.READ_AGAIN if is_stranger else Decision.CANCEL
    if unreadable_problem(source):
        return Decision.READ_AGAIN
    if look.request or look.rerun:
        return Decision.RESOLVE
    other_references = False
    if look.again:
        reads.append("references")
        other_references = _other_references(state)
    if unchanged(source, seen) and not other_references:

        def lane(name: str) -> Lane:
            reads.append(f"lane {name}")
            if name not in state.lanes:
                raise NotRecordedError(name)
            return state.lanes[name]

        if speaks_again(source, seen, jobs, look, lane):
            return Decision.REOPEN
        return Decision.REDELIVER if look.again else Decision.IGNORE
    if has_its_jobs(source, seen, jobs) and not other_references:
        return Decision.REOPEN
    waited = source.wanting and source.photo == seen.photo
    if not seen.photo_error and not is_complete(seen.places) and not waited and state.remaining() > 0:
        return Decision.WAIT
    return Decision.RESOLVE


def _old_resolution(state: PhotoState, found: Wanted) -> str:
    source, jobs, seen, look = state.source, state.jobs, state.seen, state.look
    if look.request and not found.jobs:
        if was_resolved(source, seen) or has_its_bytes(source, seen, jobs):
            return Resolution.REFUSE_REQUEST
        if is_complete(seen.places) and not seen.photo_error:
            return Resolution.SIDECAR_FIRST
        return Resolution.APPLY
    if look.rerun and named(source, jobs) and found.says_nothing:
        return Resolution.REDELIVER
    return Resolution.APPLY


def _recorded(state: PhotoState, name: str):
    if name not in state.__dict__:
        raise NotRecordedError(name)
    return state.__dict__[name]


def _other_references(state: PhotoState) -> bool:
    if "references" not in state.reads:
        raise NotRecordedError("references")
    return state.facts[References] is References.OTHER


# -- as it was in steps/standing.py -------------------------------------------------------------------------------


def named(source: Source, jobs: Sequence[Job]) -> list[Job]:
    """The photo's current jobs."""
    return [job for job in jobs if job.job_id in source.jobs.values()]


def was_resolved(source: Source, seen: Seen) -> bool:
    """Whether what lies there now, and is said of it, has led to something before."""
    settled = source.waiting_since is None and not source.seen_gone
    return settled and source.photo == seen.photo and source.asked_from == seen.asked_from


def has_its_bytes(source: Source, seen: Seen, jobs: Sequence[Job]) -> bool:
    """Whether its current jobs are those of these bytes, which have not been away since."""
    current = named(source, jobs)
    theirs = all(job.sha256 == seen.photo.sha256 for job in current)
    whole = len(current) == len(source.jobs) or _had_its_bytes(source, seen)
    return bool(source.jobs) and not source.seen_gone and theirs and whole


def _had_its_bytes(source: Source, seen: Seen) -> bool:
    """Whether the jobs that the ledger has forgotten were those of these bytes."""
    known = source.photo.sha256 if source.photo and source.waiting_since is None else None
    return known is not None and known == seen.photo.sha256


def unchanged(source: Source, seen: Seen) -> bool:
    """Whether the photo was resolved from exactly this state before."""
    return was_resolved(source, seen) and not source.wanting


def _last_word(seen: Seen, places: Sequence[Place], look: Look) -> datetime:
    """When a photo or what stands beside it was last written; other people's tags are no word, nor taking ours away."""
    tagged = look.tagged_at if any(place.name == TAGS and not _is_empty(place) for place in seen.places) else None
    written = (place.written_at for place in places)
    return max(one for one in (seen.photo.uploaded_at, tagged, *written) if one)


def speaks_again(source: Source, seen: Seen, jobs: Sequence[Job], look: Look, lane_of: Callable[[str], Lane]) -> bool:
    """Whether more is said of an unchanged photo than its jobs know.

    The event came late of one that has its own word, and that so far executions alone wanted; or the same was said
    once more since a cancel that means its jobs, or was said after it and seen before its own event came.
    """
    alone = not look.settled and any(job.for_executions and not job.ended for job in named(source, jobs))
    if alone and is_complete(seen.places):
        return True
    said = _last_word(seen, seen.places, look)
    unaware = [job for job in named(source, jobs) if _may_come_back(job) and (job.said_at or job.queued_at) < said]
    off = [job for job in unaware if _is_off(job, lane_of)]
    return any(not _is_off(job.but(said_at=said), lane_of) for job in off)


def _may_come_back(job: Job) -> bool:
    return job.status in (Status.ACCEPTED, Status.CANCELLED) or job.unwanted is not None


def _is_off(job: Job, lane_of: Callable[[str], Lane]) -> bool:
    return any(mark.means(job) for mark in lane_of(job.provider).called_off)


def has_its_jobs(source: Source, seen: Seen, jobs: Sequence[Job]) -> bool:
    """Whether its jobs are those of these bytes, and nothing new is said of them: taking a word away undoes nothing."""
    silent = all(place.name == TAGS and _is_empty(place) for place in seen.places)
    is_clean = all(one.origin is Origin.REQUEST for one in source.problems)
    known = source.asked_from == seen.asked_from and not source.waiting_since and is_clean
    return has_its_bytes(source, seen, jobs) and not seen.photo_error and (silent or known)


def _is_empty(place: Place) -> bool:
    """Whether it says nothing, right or wrong."""
    return not place.fields and not place.errors
