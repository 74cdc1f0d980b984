"""The facts about a photo that follow from comparing the ledger's items with what is in the bucket."""

from typing import Any

import pytest

from backdrop.instructions.sources import TAGS, Place
from backdrop.intake import photo_state as state
from backdrop.intake.decide import History, Inspection, Instructions, Jobs, OwnInstructions, Photo, Problems, WantedBy
from backdrop.intake.photo_reader import Seen
from backdrop.model.codes import Code
from backdrop.model.errors import InstructionError, PhotoError
from backdrop.model.job import Job, Origin, Source, Status
from tests.unit.core_items import LATER, NOW, a_job, a_photo, a_problem, a_source

NO_TAGS = Place(TAGS)
SIDECAR = Place("shoes/red.jpg.json", {"operation": "remove"})


def seen(*places: Place, **photo: Any) -> Seen:
    return Seen(a_photo(**photo), None, places or (NO_TAGS,), "mark")


@pytest.mark.parametrize(
    ("source", "history"),
    [
        (Source.at("photos", "shoes/red.jpg"), History.NEW),
        (a_source(rev=1), History.KNOWN),
        (a_source(rev=1, waiting_since=NOW), History.WAITING),
        (a_source(rev=1, waiting_since=NOW, seen_gone=True), History.WAITING),
        (a_source(rev=1, held_by="_backdrop.json"), History.BLOCKED),
        (a_source(rev=1, jobs={}, problems=(a_problem(code=Code.NO_INSTRUCTIONS),)), History.BLOCKED),
        (a_source(rev=1, problems=(a_problem(code=Code.NO_INSTRUCTIONS),)), History.KNOWN),
        (a_source(rev=1, seen_gone=True), History.WAS_MISSING),
    ],
)
def test_history_tells_what_the_ledger_knows(source: Source, history: History) -> None:
    assert state.history_of(source) is history


@pytest.mark.parametrize(
    ("recorded", "photo"),
    [
        (None, Photo.NEW),
        (a_photo(), Photo.SAME),
        (a_photo(version_id="v0"), Photo.SAME_BYTES),
        (a_photo(etag='"other"'), Photo.OTHER_BYTES),
    ],
)
def test_photo_is_compared_with_the_recorded_one(recorded: Any, photo: Photo) -> None:
    assert state.photo_of(a_source(photo=recorded), seen()) is photo


def test_instructions_changed_when_their_mark_did() -> None:
    assert state.instructions_of(a_source(asked_from="mark"), seen()) is Instructions.SAME
    assert state.instructions_of(a_source(asked_from="other"), seen()) is Instructions.CHANGED


@pytest.mark.parametrize(
    ("places", "said"),
    [
        ([], OwnInstructions.NONE),
        ([NO_TAGS], OwnInstructions.NONE),
        ([Place(TAGS, {"prompt": "snow"})], OwnInstructions.INCOMPLETE),
        ([Place(TAGS, {"operation": "remove"})], OwnInstructions.COMPLETE),
        ([Place(TAGS, errors=(InstructionError(Code.INVALID_VALUE, "wrong"),))], OwnInstructions.COMPLETE),
        ([SIDECAR, NO_TAGS], OwnInstructions.COMPLETE),
        ([Place("shoes/red.jpg.json"), NO_TAGS], OwnInstructions.COMPLETE),
    ],
)
def test_sidecar_is_complete_and_tags_are_when_they_name_an_operation(
    places: list[Place], said: OwnInstructions
) -> None:
    assert state.own_instructions_of(Seen(a_photo(), None, tuple(places))) is said


SEVERAL = {"": "job-1", "beach": "job-2"}


@pytest.mark.parametrize(
    ("source", "jobs", "expected"),
    [
        (a_source(), [a_job()], Jobs.SAME_BYTES),
        (a_source(photo=None), [a_job()], Jobs.SAME_BYTES),
        (a_source(), [a_job(sha256="other")], Jobs.OTHER_BYTES),
        (a_source(seen_gone=True), [a_job()], Jobs.OTHER_BYTES),
        (a_source(jobs={}), [a_job()], Jobs.NONE),
        (a_source(), [], Jobs.FORGOTTEN),
        (a_source(photo=a_photo(sha256="other")), [], Jobs.NONE),
        (a_source(photo=None), [], Jobs.NONE),
        (a_source(waiting_since=NOW), [], Jobs.NONE),
        (a_source(jobs=SEVERAL), [a_job()], Jobs.SAME_BYTES),
        (a_source(jobs=SEVERAL, photo=a_photo(sha256="other")), [a_job()], Jobs.OTHER_BYTES),
    ],
)
def test_jobs_are_those_of_the_bytes_or_not(source: Source, jobs: list[Job], expected: Jobs) -> None:
    assert state.jobs_of(source, jobs, seen()) is expected


def test_file_that_cannot_be_used_has_no_jobs() -> None:
    broken = Seen(a_photo(sha256=None), PhotoError(Code.NOT_A_PHOTO, "text"))
    assert state.inspection_of(broken) is Inspection.FAILED
    assert state.jobs_of(a_source(photo=a_photo(sha256=None)), [], broken) is Jobs.NONE


def test_refused_request_is_no_problem_of_the_photo() -> None:
    refused = a_problem(origin=Origin.REQUEST)
    assert state.problems_of(a_source(problems=(refused,))) is Problems.NONE
    assert state.problems_of(a_source(problems=(refused, a_problem()))) is Problems.REPORTED


def test_only_jobs_under_way_can_be_wanted_by_executions_alone() -> None:
    of_execution = a_job(for_executions=True)
    assert state.wanted_by(a_source(), [of_execution]) is WantedBy.EXECUTIONS
    ended = of_execution.but(status=Status.STORED, ended_at=LATER)
    assert state.wanted_by(a_source(), [ended, a_job()]) is WantedBy.PHOTO
