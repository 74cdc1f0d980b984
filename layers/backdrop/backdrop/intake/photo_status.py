"""The status of a photo: its current jobs, the problems that its report keeps, and its latest change."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from backdrop.instructions.sources import TAGS, InstructionSource
from backdrop.intake.instruction_resolver import find_broken_defaults
from backdrop.intake.job_planner import JobPlan
from backdrop.intake.photo_reader import PhotoSnapshot
from backdrop.model.codes import Code
from backdrop.model.intake_event import IntakeEvent
from backdrop.model.job import Job, Origin, Problem, Source


def list_current_jobs(source: Source, jobs: Sequence[Job]) -> list[Job]:
    return [job for job in jobs if job.job_id in source.jobs.values()]


def record_snapshot(source: Source, snapshot: PhotoSnapshot, now: datetime) -> Source:
    """Returns the source with what is in the bucket: the photo, and its own instructions."""
    is_unchanged = source.instructions_fingerprint == snapshot.instructions_fingerprint
    return replace(
        source,
        photo=snapshot.photo,
        instructions_fingerprint=snapshot.instructions_fingerprint,
        instructions_seen_at=(source.instructions_seen_at if is_unchanged else None) or now,
    )


def clear_photo(source: Source, problems: tuple[Problem, ...]) -> Source:
    """Returns the source without its photo, and with only these problems."""
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
    """Returns the refused requests that the report keeps, because the instructions are unchanged and produced no job.

    A photo that got jobs because broken folder defaults were corrected keeps its refused requests too, because those
    jobs do not answer them.
    """
    was_blocked = bool(source.blocked_by_defaults) and was_decided
    if source.instructions_fingerprint != snapshot.instructions_fingerprint or (plan.jobs and not was_blocked):
        return ()
    reported_now = {(one.code, one.variant) for one in plan.problems}
    refused_requests = (one for one in source.problems if one.origin is Origin.REQUEST)
    return tuple(one for one in refused_requests if (one.code, one.variant) not in reported_now)


def list_kept_missing_instructions(source: Source, plan: JobPlan) -> tuple[Problem, ...]:
    """Returns the missing-instructions problem, which a refused request does not resolve."""
    return tuple(one for one in source.problems if one.code is Code.NO_INSTRUCTIONS and one not in plan.problems)


def keep_first_seen(problem: Problem, earlier: Sequence[Problem]) -> Problem:
    """Returns the problem with its first occurrence and its count, if it was reported before."""
    matches = (one for one in earlier if (one.code, one.variant) == (problem.code, problem.variant))
    return problem.with_history(next(matches, None))


def find_requested_at(
    photo_source: Source,
    snapshot: PhotoSnapshot,
    instruction_sources: Sequence[InstructionSource],
    event: IntakeEvent,
    now: datetime,
) -> datetime:
    """Returns when the photo's jobs were last requested: by an upload, new instructions, a request, or a rerun.

    Folder defaults count only if the photo needs instructions. If they were broken and are corrected, also by deleting
    them, they request the jobs now.
    """
    last_written_at = find_last_written_at(
        photo_source, snapshot, instruction_sources if photo_source.needs_instructions else snapshot.instruction_sources
    )
    is_unblocked = bool(photo_source.blocked_by_defaults) and not find_broken_defaults(instruction_sources)
    requested_at = event.requested_at or (now if event.request or event.is_rerun or is_unblocked else None)
    return max(last_written_at, requested_at) if requested_at else last_written_at


def find_last_written_at(
    source: Source, snapshot: PhotoSnapshot, instruction_sources: Sequence[InstructionSource]
) -> datetime:
    """Returns when the photo or its instructions were last written. Removed tags and other tools' tags do not count."""
    has_tags = any(one.name == TAGS and not is_empty(one) for one in snapshot.instruction_sources)
    written_times = (one.written_at for one in instruction_sources)
    tagged_at = source.tagged_at if has_tags else None
    return max(time for time in (snapshot.photo.uploaded_at, tagged_at, *written_times) if time)


def is_empty(instruction_source: InstructionSource) -> bool:
    return not instruction_source.fields and not instruction_source.errors


class IntakeRefusal(NamedTuple):
    """Why nothing is bought for a key."""

    key: str
    code: Code


def list_refusals(source: Source, problems: Iterable[Problem]) -> tuple[IntakeRefusal, ...]:
    """Returns a photo's problems, for the log and the metrics."""
    return tuple(IntakeRefusal(source.key, one.code) for one in problems)
