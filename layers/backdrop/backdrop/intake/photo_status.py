"""How a photo stands: its current jobs, what people are still told of it, and when the latest was said."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from backdrop.instructions.sources import TAGS, InstructionSource
from backdrop.intake.job_planner import JobPlan
from backdrop.intake.photo_reader import PhotoSnapshot
from backdrop.model.codes import Code
from backdrop.model.intake_event import IntakeEvent
from backdrop.model.job import Job, Origin, Problem, Source


def list_current_jobs(source: Source, jobs: Sequence[Job]) -> list[Job]:
    """The photo's current jobs."""
    return [job for job in jobs if job.job_id in source.jobs.values()]


def clear_photo(source: Source, problems: tuple[Problem, ...]) -> Source:
    """The place without its photo: of what was known and told of it, these problems stay."""
    return replace(
        source,
        photo=None,
        instructions_fingerprint="",
        settling_since=None,
        blocked_by_defaults="",
        processing_until=None,
        was_missing=True,
        problems=problems,
        has_report=source.has_report or bool(problems),
    )


def list_kept_refusals(
    source: Source, snapshot: PhotoSnapshot, plan: JobPlan, *, was_decided: bool
) -> tuple[Problem, ...]:
    """The refused requests that people are told of still: nothing new is said of the photo, and nothing came of it.

    What a held photo gets when its folder's defaults are mended was no answer to them.
    """
    was_blocked = bool(source.blocked_by_defaults) and was_decided
    if source.instructions_fingerprint != snapshot.instructions_fingerprint or (plan.jobs and not was_blocked):
        return ()
    reported_now = {(one.code, one.variant) for one in plan.problems}
    refused_requests = (one for one in source.problems if one.origin is Origin.REQUEST)
    return tuple(one for one in refused_requests if (one.code, one.variant) not in reported_now)


def list_kept_missing_instructions(source: Source, plan: JobPlan) -> tuple[Problem, ...]:
    """What the photo wanted before a request for it was refused, it still wants."""
    return tuple(one for one in source.problems if one.code is Code.NO_INSTRUCTIONS and one not in plan.problems)


def keep_first_seen(problem: Problem, earlier: Sequence[Problem]) -> Problem:
    """A problem that was there before began then."""
    matches = (one for one in earlier if (one.code, one.variant) == (problem.code, problem.variant))
    return problem.with_history(next(matches, None))


def find_requested_at(
    source: Source,
    snapshot: PhotoSnapshot,
    instruction_sources: Sequence[InstructionSource],
    event: IntakeEvent,
    now: datetime,
) -> datetime:
    """When the latest was said of what jobs would answer to; defaults are word only to a photo that wants one."""
    last_written_at = find_last_written_at(
        snapshot, instruction_sources if source.needs_instructions else snapshot.instruction_sources, event
    )
    ordered_at = event.requested_at or (now if event.request or event.is_rerun else None)
    return max(last_written_at, ordered_at) if ordered_at else last_written_at


def find_last_written_at(
    snapshot: PhotoSnapshot, instruction_sources: Sequence[InstructionSource], event: IntakeEvent
) -> datetime:
    """When a photo or what stands beside it was last written; other people's tags are no word, nor taking ours away."""
    tagged_at = (
        event.tagged_at
        if any(place.name == TAGS and not is_empty(place) for place in snapshot.instruction_sources)
        else None
    )
    written_times = (place.written_at for place in instruction_sources)
    return max(one for one in (snapshot.photo.uploaded_at, tagged_at, *written_times) if one)


def is_empty(instruction_source: InstructionSource) -> bool:
    return not instruction_source.fields and not instruction_source.errors


class IntakeRefusal(NamedTuple):
    """Why nothing is bought of what lies at a key."""

    key: str
    code: Code


def list_refusals(source: Source, problems: Iterable[Problem]) -> tuple[IntakeRefusal, ...]:
    """What is wrong with a photo, for the log and the metrics."""
    return tuple(IntakeRefusal(source.key, one.code) for one in problems)
