"""The events that announce a job's end, and the dead letter of a dead job."""

import pytest

from backdrop.model.codec import from_json, to_json
from backdrop.model.ids import derive_event_id
from backdrop.model.job import Job, JobStatus, Source
from backdrop.model.receipt import build_dead_letter_attributes, build_job_event
from backdrop.model.sentence import Sentence
from tests.unit.ledger_items import LATER, NOW, build_dead_job, build_job, build_problem, build_source, build_stored_job


def test_stored_job_is_announced_as_completed() -> None:
    event = build_job_event(build_source(), build_stored_job())
    assert event
    kind, detail = event
    assert (kind, detail["job"]["job_id"]) == ("Image Completed", "job-1")


@pytest.mark.parametrize("status", [JobStatus.REFUSED, JobStatus.DEAD, JobStatus.HELD])
def test_failed_job_is_announced_as_failed(status: JobStatus) -> None:
    event = build_job_event(build_source(), build_dead_job(status=status))
    assert event
    kind, detail = event
    assert kind == "Image Failed"
    assert [error["status"] for error in detail["errors"]] == [status.value]


@pytest.mark.parametrize(
    "job",
    [
        build_job(),
        build_job(status=JobStatus.PAID, paid_at=LATER),
        build_job(status=JobStatus.SUPERSEDED, ended_at=LATER),
        build_job(status=JobStatus.CANCELLED, ended_at=LATER),
    ],
    ids=lambda job: job.status.value,
)
def test_other_statuses_are_not_announced(job: Job) -> None:
    assert build_job_event(build_source(), job) is None


@pytest.mark.parametrize("job", [build_stored_job(), build_dead_job()], ids=["stored", "dead"])
def test_repeated_event_has_the_same_id_after_a_reread(job: Job) -> None:
    first = build_job_event(build_source(), job)
    read = from_json(Job, to_json(job)), from_json(Source, to_json(build_source()))
    assert build_job_event(read[1], read[0]) == first


def test_each_final_state_of_a_job_has_its_event_id() -> None:
    ends = [
        build_stored_job(),
        build_stored_job(job_id="job-2"),
        build_dead_job(),
        build_dead_job(status=JobStatus.HELD),
        build_stored_job(ended_at=NOW),
    ]
    event = [build_job_event(build_source(), job) for job in ends]
    assert len({one[1]["event_id"] for one in event if one}) == len(ends)
    assert event[0]
    assert event[0][1]["event_id"] == derive_event_id("job-1", "stored", LATER.isoformat())


def test_dead_letter_states_its_reason() -> None:
    assert build_dead_letter_attributes(build_dead_job()) == {
        "code": "unsafe_result",
        "reason": str(build_problem().message),
        "money": "spent",
        "job_id": "job-1",
        "lock_version": "0",
        "provider": "ideogram",
    }


def test_long_reason_fits_into_a_message_attribute() -> None:
    assert (
        len(
            build_dead_letter_attributes(build_dead_job(problem=build_problem(message=Sentence("x" * 5_000))))["reason"]
        )
        <= 1_000
    )
