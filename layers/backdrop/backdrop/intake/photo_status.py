"""How a photo stands: its current jobs, what people are still told of it, and when the latest was said."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from backdrop.instructions.sources import TAGS, Place
from backdrop.intake.job_planner import Wanted
from backdrop.intake.photo_reader import Seen
from backdrop.model.codes import Code
from backdrop.model.intake_event import Look
from backdrop.model.job import Job, Origin, Problem, Source


def named(source: Source, jobs: Sequence[Job]) -> list[Job]:
    """The photo's current jobs."""
    return [job for job in jobs if job.job_id in source.jobs.values()]


def gone(source: Source, problems: tuple[Problem, ...]) -> Source:
    """The place without its photo: of what was known and told of it, these problems stay."""
    nothing = {"photo": None, "asked_from": "", "waiting_since": None, "held_by": "", "begun_until": None}
    reported = source.reported or bool(problems)
    return source.but(**nothing, seen_gone=True, problems=problems, reported=reported)


def still_refused(source: Source, seen: Seen, found: Wanted, *, was_decided: bool) -> tuple[Problem, ...]:
    """The refused requests that people are told of still: nothing new is said of the photo, and nothing came of it.

    What a held photo gets when its folder's defaults are mended was no answer to them.
    """
    was_held = bool(source.held_by) and was_decided
    if source.asked_from != seen.asked_from or (found.jobs and not was_held):
        return ()
    told = {(one.code, one.variant) for one in found.problems}
    refused = (one for one in source.problems if one.origin is Origin.REQUEST)
    return tuple(one for one in refused if (one.code, one.variant) not in told)


def still_wanted(source: Source, refusal: Wanted) -> tuple[Problem, ...]:
    """What the photo wanted before a request for it was refused, it still wants."""
    return tuple(one for one in source.problems if one.code is Code.NO_INSTRUCTIONS and one not in refusal.problems)


def known_since(problem: Problem, earlier: Sequence[Problem]) -> Problem:
    """A problem that was there before began then."""
    same = (one for one in earlier if (one.code, one.variant) == (problem.code, problem.variant))
    return problem.since(next(same, None))


def said_at(source: Source, seen: Seen, places: Sequence[Place], look: Look, now: datetime) -> datetime:
    """When the latest was said of what jobs would answer to; defaults are word only to a photo that wants one."""
    word = last_word(seen, places if source.wanting else seen.places, look)
    ordered = look.said_at or (now if look.request or look.rerun else None)
    return max(word, ordered) if ordered else word


def last_word(seen: Seen, places: Sequence[Place], look: Look) -> datetime:
    """When a photo or what stands beside it was last written; other people's tags are no word, nor taking ours away."""
    tagged = look.tagged_at if any(place.name == TAGS and not is_empty(place) for place in seen.places) else None
    written = (place.written_at for place in places)
    return max(one for one in (seen.photo.uploaded_at, tagged, *written) if one)


def is_empty(place: Place) -> bool:
    """Whether it says nothing, right or wrong."""
    return not place.fields and not place.errors


class Refusal(NamedTuple):
    """Why nothing is bought of what lies at a key."""

    key: str
    code: Code


def refusals(source: Source, problems: Iterable[Problem]) -> tuple[Refusal, ...]:
    """What is wrong with a photo, for the log and the metrics."""
    return tuple(Refusal(source.key, one.code) for one in problems)
