"""Receipts and error reports are built only from the ledger. Their shape is in tests/golden."""

from typing import Any

import pytest

from backdrop.model.codes import Code
from backdrop.model.error_catalog import ERROR_CATALOG
from backdrop.model.job import MASK_FAILURE_ADVICE, MASK_VARIANT, AttemptOutcome, Job, JobStatus, MoneyStatus
from backdrop.model.photo_facts import ChangeCode, PhotoChange
from backdrop.model.receipt import build_error_report, build_receipt
from backdrop.model.sentence import Sentence
from tests.unit.ledger_items import (
    CHANGE_MAP_KEY,
    LATER,
    NOW,
    SHA,
    build_attempt,
    build_dead_job,
    build_job,
    build_photo_facts,
    build_problem,
    build_source,
    build_stored_job,
    build_warning,
)


def test_receipt_shows_the_purchase_and_its_cost() -> None:
    instructions = {"operation": "replace", "prompt": "on a marble table", "metadata": {"sku": 7}}
    job = build_stored_job(throttled_ms=1_500, warnings=(build_warning("one"),), instructions=instructions)
    turned = PhotoChange.of(ChangeCode.ORIENTATION, 6)
    changes = (turned, PhotoChange.of(ChangeCode.REENCODED, "jpeg", "kept_quality"))
    view = build_receipt(build_source(photo=build_photo_facts(changes=changes)), [job])
    (entry,) = view["jobs"]
    assert view["source"] == {
        "bucket": "photos",
        "key": "shoes/red.jpg",
        "version_id": "v1",
        "sha256": SHA,
        "width": 1200,
        "height": 800,
        "changes": ["orientation:6", "reencoded:jpeg:kept_quality"],
    }
    assert view["total_usd"] == 0.06
    assert entry["cost"] == {"usd": 0.06, "basis": "price_list", "unknown_usd": 0}
    assert (entry["variant"], entry["current"], entry["status"]) == (None, True, "stored")
    assert entry["instructions"] == instructions
    assert entry["provenance"] == dict.fromkeys(("operation", "prompt"), "shoes/red.jpg.json")
    assert (entry["throttled_seconds"], entry["warnings"]) == (1.5, ["old_picture: one"])
    assert (entry["queued_at"], entry["stored_at"]) == ("2026-11-16T12:00:00.250Z", "2026-11-16T12:00:09.500Z")


def test_receipt_shows_the_pictures_key_and_its_call() -> None:
    (entry,) = build_receipt(build_source(), [build_stored_job()])["jobs"]
    assert entry["results"][0] == {
        "key": "shoes/red.jpg/red.png",
        "version_id": "v9",
        "n": 1,
        "output": None,
        "width": 1200,
        "height": 800,
        "format": "png",
        "bytes": 54_321,
        "has_alpha": False,
        "seed": 7,
        "alt": None,
        "title": None,
        "copyright": None,
        "certificate": None,
        "fidelity": {"verdict": "same", "score": 0.957, "reason": None, "version": 3, "map_key": CHANGE_MAP_KEY},
        "is_signed": False,
    }
    assert entry["attempts"] == [
        {
            "n": 1,
            "provider": "ideogram",
            "model": None,
            "endpoint": "/v1/ideogram-v3/replace-background",
            "provider_id": None,
            "submitted_at": "2026-11-16T12:00:00.250Z",
            "outcome": "answered",
            "money": "spent",
            "settlement": None,
        }
    ]


def test_receipt_names_the_job_whose_file_was_reused() -> None:
    jobs = [build_stored_job(), build_stored_job(job_id="job-2", attempts=(), reused_from="job-1")]
    view = build_receipt(build_source(jobs={"": "job-1", "b": "job-2"}), jobs)
    assert [(job["reused_from"], job["cost"]["usd"]) for job in view["jobs"]] == [(None, 0.06), ("job-1", 0)]
    assert view["total_usd"] == 0.06


KNOWN = {"bucket", "key", "changes"}


def test_unknown_fields_of_a_source_are_null() -> None:
    view = build_receipt(build_source(photo=None), [])
    assert {name for name, value in view["source"].items() if value is not None} == KNOWN
    assert (view["jobs"], view["total_usd"]) == ([], 0)


def test_current_jobs_come_first_and_then_the_oldest() -> None:
    jobs = [
        build_job(job_id="old-2", queued_at=LATER),
        build_job(job_id="old-1", queued_at=NOW),
        build_job(job_id="job-1", queued_at=LATER),
    ]
    view = build_receipt(build_source(), jobs)
    assert [(job["job_id"], job["current"]) for job in view["jobs"]] == [
        ("job-1", True),
        ("old-1", False),
        ("old-2", False),
    ]
    assert build_receipt(build_source(), reversed(jobs)) == view


def test_total_counts_every_attempt_of_every_job() -> None:
    twice = build_stored_job(attempts=(build_attempt(), build_attempt(n=2)))
    view = build_receipt(build_source(), [twice, build_stored_job(job_id="old")])
    assert [job["cost"]["usd"] for job in view["jobs"]] == [0.12, 0.06]
    assert view["total_usd"] == 0.18


def test_possible_charges_are_shown_next_to_confirmed_ones() -> None:
    lost = build_attempt(charged=0, unknown=60_000, outcome=AttemptOutcome.LOST)
    view = build_receipt(build_source(), [build_job(status=JobStatus.HELD, attempts=(lost, build_attempt(n=2)))])
    (entry,) = view["jobs"]
    assert entry["cost"] == {"usd": 0.06, "basis": "price_list", "unknown_usd": 0.06}
    assert [attempt["money"] for attempt in entry["attempts"]] == ["unknown", "spent"]


def test_call_in_flight_may_have_been_charged() -> None:
    flying = build_attempt(charged=0, reserved=60_000, outcome=AttemptOutcome.IN_FLIGHT)
    (entry,) = build_receipt(build_source(), [build_job(status=JobStatus.SUBMITTING, attempts=(flying,))])["jobs"]
    assert entry["cost"] == {"usd": 0, "basis": "price_list", "unknown_usd": 0.06}


@pytest.mark.parametrize(
    ("attempt", "money"),
    [
        ({"outcome": AttemptOutcome.IN_FLIGHT, "charged": 0, "reserved": 60_000}, "unknown"),
        ({"outcome": AttemptOutcome.LOST, "charged": 0, "unknown": 60_000}, "unknown"),
        ({"outcome": AttemptOutcome.NOT_TAKEN, "charged": 0}, "not_spent"),
        ({"outcome": AttemptOutcome.REJECTED, "charged": 0}, "not_spent"),
        ({"outcome": AttemptOutcome.ANSWERED}, "spent"),
    ],
)
def test_attempt_shows_its_money_status(attempt: dict[str, Any], money: str) -> None:
    view = build_receipt(build_source(), [build_job(attempts=(build_attempt(**attempt),))])
    assert view["jobs"][0]["attempts"][0]["money"] == money


# -- error reports -----------------------------------------------------------------------------------------


def test_photo_without_problems_has_no_error_report() -> None:
    assert build_error_report(build_source(), [build_stored_job()]) is None


def test_error_without_a_job_has_no_job_id() -> None:
    problem = build_problem(Code.NOT_A_PHOTO, MoneyStatus.NOT_SPENT)
    view = build_error_report(build_source(jobs={}, problems=(problem,)), [])
    assert view
    assert view["errors"] == [
        {
            "job_id": None,
            "variant": None,
            "status": "refused",
            "code": "not_a_photo",
            "message": str(problem.message),
            "hint": str(problem.hint),
            "retryable": False,
            "money": "not_spent",
            "first_seen": "2026-11-16T12:00:00.250Z",
            "last_seen": "2026-11-16T12:00:09.500Z",
        }
    ]


def test_failed_job_is_reported_with_status_and_cost() -> None:
    view = build_error_report(build_source(), [build_dead_job()])
    assert view
    (error,) = view["errors"]
    assert (error["job_id"], error["status"], error["code"]) == ("job-1", "dead", "unsafe_result")
    assert error["money"] == "spent"


def test_waiting_job_is_reported_as_retryable() -> None:
    waiting = build_job(problem=build_problem(Code.PROVIDER_KEY_MISSING, MoneyStatus.NOT_SPENT, retryable=True))
    view = build_error_report(build_source(), [waiting])
    assert view
    assert (view["errors"][0]["retryable"], view["errors"][0]["status"]) == (True, "accepted")


def test_outdated_job_is_not_reported_as_an_error() -> None:
    assert build_error_report(build_source(jobs={}), [build_dead_job()]) is None


def test_all_problems_of_a_photo_are_in_one_report() -> None:
    problems = (build_problem(Code.UNKNOWN_FIELD), build_problem(Code.INVALID_VALUE))
    view = build_error_report(build_source(problems=problems, jobs={}), [])
    assert view
    assert [error["code"] for error in view["errors"]] == ["unknown_field", "invalid_value"]


REQUESTED = {"provenance": {"prompt": "request"}}
"""The prompt came with a request."""


@pytest.mark.parametrize(
    ("job", "hint"),
    [
        (
            build_dead_job(problem=build_problem(Code.RESULT_NOT_TRANSPARENT), variant=MASK_VARIANT),
            MASK_FAILURE_ADVICE.text_for_photo,
        ),
        (
            build_job(problem=build_problem(Code.LANE_SHUT), variant=MASK_VARIANT),
            ERROR_CATALOG[Code.LANE_SHUT].hint,
        ),
        (
            build_job(status=JobStatus.REJECTED, ended_at=LATER, problem=build_problem(Code.REJECTED), **REQUESTED),
            ERROR_CATALOG[Code.REJECTED].advice.text_for_request,
        ),
        (build_dead_job(problem=build_problem(Code.LINK_EXPIRED), **REQUESTED), ERROR_CATALOG[Code.LINK_EXPIRED].hint),
    ],
    ids=["failed mask", "waiting mask", "rejected picture of a request", "failed picture of a request"],
)
def test_error_report_has_the_hint_that_fits_the_job(job: Job, hint: Sentence) -> None:
    report = build_error_report(build_source(jobs={job.variant: job.job_id}), [job])
    assert report
    assert report["errors"][0]["hint"] == str(hint)


def test_rejected_picture_of_a_request_is_not_redone_with_a_sidecar() -> None:
    assert "`backdrop review redo`" not in str(ERROR_CATALOG[Code.REJECTED].advice.text_for_request)
