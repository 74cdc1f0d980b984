"""How a photo stands: whether what lies there now was resolved before, and whose bytes its jobs have."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from backdrop.core.codes import Code
from backdrop.core.instructions import is_complete
from backdrop.core.intake_event import Look
from backdrop.core.job import Job, Origin, Problem, Source, Status
from backdrop.core.lane import Lane
from backdrop.core.places import TAGS, Place
from backdrop.steps.seen import Seen
from backdrop.steps.wanted import Wanted


def named(source: Source, jobs: Sequence[Job]) -> list[Job]:
    """The photo's current jobs."""
    return [job for job in jobs if job.job_id in source.jobs.values()]


def was_resolved(source: Source, seen: Seen) -> bool:
    """Whether what lies there now, and is said of it, has led to something before."""
    settled = source.waiting_since is None and not source.seen_gone
    return settled and source.photo == seen.photo and source.asked_from == seen.asked_from


def gone(source: Source, problems: tuple[Problem, ...]) -> Source:
    """The place without its photo: of what was known and told of it, these problems stay."""
    nothing = {"photo": None, "asked_from": "", "waiting_since": None, "held_by": "", "begun_until": None}
    reported = source.reported or bool(problems)
    return source.but(**nothing, seen_gone=True, problems=problems, reported=reported)


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


def still_refused(source: Source, seen: Seen, found: Wanted) -> tuple[Problem, ...]:
    """The refused requests that people are told of still: nothing new is said of the photo, and nothing came of it.

    What a held photo gets when its folder's defaults are mended was no answer to them.
    """
    was_held = bool(source.held_by) and was_resolved(source, seen)
    if source.asked_from != seen.asked_from or (found.jobs and not was_held):
        return ()
    told = {(one.code, one.variant) for one in found.problems}
    refused = (one for one in source.problems if one.origin is Origin.REQUEST)
    return tuple(one for one in refused if (one.code, one.variant) not in told)


def known_since(problem: Problem, earlier: Sequence[Problem]) -> Problem:
    """A problem that was there before began then."""
    same = (one for one in earlier if (one.code, one.variant) == (problem.code, problem.variant))
    return problem.since(next(same, None))


def said_at(source: Source, seen: Seen, places: Sequence[Place], look: Look, now: datetime) -> datetime:
    """When the latest was said of what jobs would answer to; defaults are word only to a photo that wants one."""
    word = _last_word(seen, places if source.wanting else seen.places, look)
    ordered = look.said_at or (now if look.request or look.rerun else None)
    return max(word, ordered) if ordered else word


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


class Refusal(NamedTuple):
    """Why nothing is bought of what lies at a key."""

    key: str
    code: Code


def refusals(source: Source, problems: Iterable[Problem]) -> tuple[Refusal, ...]:
    """What is wrong with a photo, for the log and the metrics."""
    return tuple(Refusal(source.key, one.code) for one in problems)
