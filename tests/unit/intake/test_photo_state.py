"""The facts about a photo that intake derives by comparing ledger items with the bucket."""

from dataclasses import replace
from typing import Any

import pytest

from backdrop.instructions.sources import TAGS, InstructionSource
from backdrop.intake import photo_state as state
from backdrop.intake.decide import (
    History,
    Inspection,
    InstructionChange,
    JobMatch,
    OwnInstructions,
    PhotoInBucket,
    ReportedProblems,
    RequestedBy,
)
from backdrop.intake.photo_reader import PhotoSnapshot
from backdrop.model.codes import Code
from backdrop.model.errors import InstructionError, PhotoError
from backdrop.model.job import Job, JobStatus, Origin, Source
from tests.unit.ledger_items import LATER, NOW, build_job, build_photo_facts, build_problem, build_source

NO_TAGS = InstructionSource(TAGS)
SIDECAR = InstructionSource("shoes/red.jpg.json", {"operation": "remove"})


def build_snapshot(*instruction_sources: InstructionSource, **photo: Any) -> PhotoSnapshot:
    return PhotoSnapshot(build_photo_facts(**photo), None, instruction_sources or (NO_TAGS,), "mark")


@pytest.mark.parametrize(
    ("source", "history"),
    [
        (Source.new("photos", "shoes/red.jpg"), History.NEW),
        (build_source(lock_version=1), History.KNOWN),
        (build_source(lock_version=1, settling_since=NOW), History.WAITING),
        (build_source(lock_version=1, settling_since=NOW, was_missing=True), History.WAITING),
        (build_source(lock_version=1, blocked_by_defaults="_backdrop.json"), History.BLOCKED),
        (build_source(lock_version=1, jobs={}, problems=(build_problem(code=Code.NO_INSTRUCTIONS),)), History.BLOCKED),
        (build_source(lock_version=1, problems=(build_problem(code=Code.NO_INSTRUCTIONS),)), History.KNOWN),
        (build_source(lock_version=1, was_missing=True), History.WAS_MISSING),
    ],
)
def test_history_reflects_the_ledger(source: Source, history: History) -> None:
    assert state.classify_history(source) is history


@pytest.mark.parametrize(
    ("recorded", "photo"),
    [
        (None, PhotoInBucket.NEW),
        (build_photo_facts(), PhotoInBucket.SAME),
        (build_photo_facts(version_id="v0"), PhotoInBucket.SAME_BYTES),
        (build_photo_facts(etag='"other"'), PhotoInBucket.OTHER_BYTES),
    ],
)
def test_photo_is_compared_with_the_recorded_one(recorded: Any, photo: PhotoInBucket) -> None:
    assert state.compare_photo(build_source(photo=recorded), build_snapshot()) is photo


def test_instructions_are_changed_if_their_mark_is() -> None:
    assert (
        state.compare_instructions(build_source(instructions_fingerprint="mark"), build_snapshot())
        is InstructionChange.UNCHANGED
    )
    assert (
        state.compare_instructions(build_source(instructions_fingerprint="other"), build_snapshot())
        is InstructionChange.CHANGED
    )


@pytest.mark.parametrize(
    ("instruction_sources", "expected"),
    [
        ([], OwnInstructions.NONE),
        ([NO_TAGS], OwnInstructions.NONE),
        ([InstructionSource(TAGS, {"prompt": "snow"})], OwnInstructions.INCOMPLETE),
        ([InstructionSource(TAGS, {"operation": "remove"})], OwnInstructions.COMPLETE),
        ([InstructionSource(TAGS, errors=(InstructionError(Code.INVALID_VALUE, "wrong"),))], OwnInstructions.COMPLETE),
        ([SIDECAR, NO_TAGS], OwnInstructions.COMPLETE),
        ([InstructionSource("shoes/red.jpg.json"), NO_TAGS], OwnInstructions.COMPLETE),
    ],
)
def test_sidecar_or_tags_with_an_operation_are_complete(
    instruction_sources: list[InstructionSource], expected: OwnInstructions
) -> None:
    assert (
        state.classify_own_instructions(PhotoSnapshot(build_photo_facts(), None, tuple(instruction_sources)))
        is expected
    )


SEVERAL = {"": "job-1", "beach": "job-2"}


@pytest.mark.parametrize(
    ("source", "jobs", "expected"),
    [
        (build_source(), [build_job()], JobMatch.SAME_BYTES),
        (build_source(photo=None), [build_job()], JobMatch.SAME_BYTES),
        (build_source(), [build_job(sha256="other")], JobMatch.OTHER_BYTES),
        (build_source(was_missing=True), [build_job()], JobMatch.OTHER_BYTES),
        (build_source(jobs={}), [build_job()], JobMatch.NO_JOBS),
        (build_source(), [], JobMatch.EXPIRED),
        (build_source(photo=build_photo_facts(sha256="other")), [], JobMatch.NO_JOBS),
        (build_source(photo=None), [], JobMatch.NO_JOBS),
        (build_source(settling_since=NOW), [], JobMatch.NO_JOBS),
        (build_source(jobs=SEVERAL), [build_job()], JobMatch.SAME_BYTES),
        (build_source(jobs=SEVERAL, photo=build_photo_facts(sha256="other")), [build_job()], JobMatch.OTHER_BYTES),
    ],
)
def test_jobs_match_the_current_bytes_or_not(source: Source, jobs: list[Job], expected: JobMatch) -> None:
    assert state.compare_jobs(source, jobs, build_snapshot()) is expected


def test_file_that_cannot_be_used_has_no_jobs() -> None:
    broken = PhotoSnapshot(build_photo_facts(sha256=None), PhotoError(Code.NOT_A_PHOTO, "text"))
    assert state.classify_inspection(broken) is Inspection.FAILED
    assert state.compare_jobs(build_source(photo=build_photo_facts(sha256=None)), [], broken) is JobMatch.NO_JOBS


def test_refused_request_is_not_a_problem_of_the_photo() -> None:
    refused = build_problem(origin=Origin.REQUEST)
    assert state.classify_problems(build_source(problems=(refused,))) is ReportedProblems.NONE
    assert state.classify_problems(build_source(problems=(refused, build_problem()))) is ReportedProblems.SOME


def test_only_open_jobs_count_as_requested_by_executions_alone() -> None:
    of_execution = build_job(is_execution_scoped=True)
    assert state.classify_requester(build_source(), [of_execution]) is RequestedBy.EXECUTIONS
    ended = replace(of_execution, status=JobStatus.STORED, ended_at=LATER)
    assert state.classify_requester(build_source(), [ended, build_job()]) is RequestedBy.PHOTO
