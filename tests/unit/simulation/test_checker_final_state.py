"""The checks of a world at rest find every violation, and nothing else."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from simulation.invariants.final_state import (
    ExpectedPhoto,
    check_causes,
    check_consecutive_crashes,
    check_dead_letter_contents,
    check_events,
    check_ignored_photos,
    check_lane_reports,
    check_newest_photos,
    check_overruled_cancels,
    check_picture_owners,
    check_reported_money,
    check_settle_bound,
    check_unfinished,
)
from simulation.invariants.job_ends import check_missing_pictures, check_unknown_pictures
from simulation.invariants.violations import Invariant, JsonObject, Violation
from tests.unit.checker_items import KEY, PICTURE, attempt, failed, in_flight, job, lane, ledger, lost, source, waiting

EXPECTED = ExpectedPhoto("e1", "aa")
DEAD = failed("dead", "request_rejected")
NONE = range(1)


def names(violations: Sequence[Violation]) -> set[str]:
    return {violation.invariant.name for violation in violations}


def letter(**changes: str) -> dict[str, Any]:
    """Returns the dead letter of the dead job."""
    attributes = {"code": "request_rejected", "reason": "not valid", "money": "not_spent", "job_id": "j1"}
    return {"body": "{}", "attributes": attributes | changes}


def test_unexcused_job_in_progress_is_found() -> None:
    assert check_unfinished(ledger(job()), excused_job_ids=()) == []
    assert names(check_unfinished(ledger(waiting()), excused_job_ids=())) == {Invariant.DRAINED_IN_TIME.name}
    assert names(check_unfinished(ledger(job("submitting", in_flight())), excused_job_ids=())) == {
        Invariant.DRAINED_IN_TIME.name
    }
    assert check_unfinished(ledger(waiting()), excused_job_ids=["j1"]) == []
    settling = ledger(photo_source=source(settling_since="2026-11-20T09:00:00Z"))
    assert names(check_unfinished(settling, excused_job_ids=())) == {Invariant.DRAINED_IN_TIME.name}


def test_cancel_of_a_photo_that_was_written_later_is_found() -> None:
    cancelled, later = ledger(job("cancelled")), {KEY: datetime(2026, 11, 20, 9, 2, tzinfo=UTC)}
    cancels = [("shoes/", datetime(2026, 11, 20, 9, 1, tzinfo=UTC)), ("", datetime(2026, 11, 20, 9, 0, tzinfo=UTC))]
    assert names(check_overruled_cancels(cancelled, cancels, later)) == {Invariant.CANCELS_RESPECTED.name}
    assert check_overruled_cancels(cancelled, [*cancels, ("", later[KEY])], later) == [], "canceled once more"
    assert check_overruled_cancels(cancelled, [("hats/", cancels[0][1])], later) == [], "its execution stopped"
    assert check_overruled_cancels(cancelled, cancels, {}) == [], "deleted since"
    assert check_overruled_cancels(ledger(job()), cancels, later) == [], "bought again"
    refused = ledger(job("cancelled"), photo_source=source("j1", problems=("max_cost_exceeded",)))
    assert check_overruled_cancels(refused, cancels, later) == []


@pytest.mark.parametrize(
    ("photo_source", "jobs", "expected"),
    [
        (source("j1"), [job()], EXPECTED),
        (source(problems=("max_cost_exceeded",)), [], EXPECTED),
        (source(blocked_by_defaults="_backdrop.json"), [], EXPECTED),
        (source(), [], ExpectedPhoto("e1", "aa", must_be_known=False)),
    ],
    ids=["bought", "refused", "blocked", "canceled before there was a job"],
)
def test_ledger_that_matches_the_bucket_is_accepted(
    photo_source: JsonObject, jobs: list[JsonObject], expected: ExpectedPhoto
) -> None:
    assert check_newest_photos(ledger(*jobs, photo_source=photo_source), {KEY: expected}) == []


@pytest.mark.parametrize(
    ("photo_source", "jobs", "expected"),
    [
        (source("j1", key="other.jpg"), [job()], EXPECTED),
        (source("j1", photo=None), [job()], EXPECTED),
        (source("j1", photo={"etag": "e0"}), [job()], EXPECTED),
        (source("j1"), [job(sha256="bb")], EXPECTED),
        (source(), [], EXPECTED),
    ],
    ids=["unknown", "gone", "older photo", "other bytes", "nothing"],
)
def test_ledger_that_is_older_than_the_bucket_is_found(
    photo_source: JsonObject, jobs: list[JsonObject], expected: ExpectedPhoto
) -> None:
    assert names(check_newest_photos(ledger(*jobs, photo_source=photo_source), {KEY: expected})) == {
        Invariant.NEWEST_DELIVERED.name
    }


def test_item_of_an_ignored_photo_is_found() -> None:
    assert check_ignored_photos(ledger(job()), ["old.jpg"]) == []
    assert names(check_ignored_photos(ledger(job()), [KEY])) == {Invariant.OLD_PHOTOS_IGNORED.name}


def test_picture_must_belong_to_the_current_job() -> None:
    assert check_picture_owners(ledger(job()), {PICTURE: "j1"}) == []
    assert names(check_picture_owners(ledger(job()), {PICTURE: "j2"})) == {Invariant.NEWEST_DELIVERED.name}
    assert check_picture_owners(ledger(job(), photo_source=source("j2")), {PICTURE: "j2"}) == [], "it is not current"


def test_picture_must_belong_to_a_job_of_its_photo() -> None:
    assert check_missing_pictures(ledger(job()), [PICTURE]) == []
    assert names(check_missing_pictures(ledger(job()), [])) == {Invariant.PICTURES_MATCH_JOBS.name}
    assert check_unknown_pictures(ledger(job()), {PICTURE: "j1"}) == []
    assert names(check_unknown_pictures(ledger(job()), {PICTURE: "j9"})) == {Invariant.PICTURES_MATCH_JOBS.name}
    assert names(check_unknown_pictures(ledger(job()), {"other.jpg/other.png": "j1"})) == {
        Invariant.PICTURES_MATCH_JOBS.name
    }


def event_detail(status: str, event_id: str = "event-1") -> dict[str, Any]:
    """Returns the detail of an event."""
    return {"event_id": event_id, "job": {"job_id": "j1", "status": status}}


def test_each_final_state_is_published_under_its_own_id() -> None:
    assert check_events(ledger(job()), [("Image Completed", event_detail("stored"))] * 2) == []
    assert names(check_events(ledger(job()), [])) == {Invariant.EVENTS_PUBLISHED.name}
    assert names(check_events(ledger(DEAD), [("Image Completed", event_detail("stored"))])) == {
        Invariant.EVENTS_PUBLISHED.name
    }
    both = [("Image Completed", event_detail("stored")), ("Image Failed", event_detail("dead"))]
    assert names(check_events(ledger(job()), both)) == {Invariant.EVENTS_PUBLISHED.name}


def test_rejection_is_published_with_its_code_and_a_mask_not_at_all() -> None:
    rejected = ledger(failed("rejected", "rejected"))
    event = event_detail("rejected")
    assert check_events(rejected, [("Image Failed", event | {"errors": [{"code": "rejected"}]})]) == []
    for errors in ([], [{"code": "crashed"}]):
        assert names(check_events(rejected, [("Image Failed", event | {"errors": errors})])) == {
            Invariant.EVENTS_PUBLISHED.name
        }
    assert check_events(ledger(job(variant="@mask")), []) == []


def test_two_pictures_of_a_job_are_announced_under_their_own_ids() -> None:
    waiting = ledger(job("review"))
    first, second = ({"picture": {"n": n, "sha256": "f"}} for n in (1, 2))
    detail = event_detail("review")
    assert check_events(waiting, [("Image Awaiting Approval", detail | first)] * 2) == []
    both = [("Image Awaiting Approval", detail | picture) for picture in (first, second)]
    assert names(check_events(waiting, both)) == {Invariant.EVENTS_PUBLISHED.name}


def test_paused_lane_has_exactly_one_report() -> None:
    paused, report = lane("key"), {"errors": [{"job_id": None, "code": "key_code"}]}
    assert check_lane_reports({"ideogram": paused}, {"ideogram": report}, {}, ()) == []
    assert names(check_lane_reports({"ideogram": paused}, {}, {}, ())) == {Invariant.LANE_REPORTED_ONCE.name}
    assert names(check_lane_reports({"ideogram": lane()}, {"ideogram": report}, {}, ())) == {
        Invariant.LANE_REPORTED_ONCE.name
    }
    of_a_photo = {KEY: {"errors": [{"job_id": "j1", "code": "provider_key_refused"}]}}
    assert names(check_lane_reports({}, {}, of_a_photo, ())) == {Invariant.LANE_REPORTED_ONCE.name}
    assert check_lane_reports({}, {}, of_a_photo, ["j1"]) == []


def test_failure_without_a_cause_is_found() -> None:
    assert check_causes(ledger(DEAD), {"request_rejected"}) == []
    assert names(check_causes(ledger(DEAD), {"crashed"})) == {Invariant.ENDS_FOR_A_CAUSE.name}
    assert check_causes(ledger(DEAD, photo_source=source("j2")), ()) == [], "its photo no longer names it"


@pytest.mark.parametrize(
    ("ended_job", "money"),
    [
        (DEAD, "not_spent"),
        (failed("dead", "unsafe_result", attempt()), "spent"),
        (failed("held", "charge_unknown", attempt(), lost(2)), "unknown"),
    ],
)
def test_reported_charge_must_match_the_attempts(ended_job: JsonObject, money: str) -> None:
    assert check_reported_money(ledger(ended_job), {KEY: {"errors": [{"job_id": "j1", "money": money}]}}) == []
    wrong = {KEY: {"errors": [{"job_id": "j1", "money": "nothing"}]}}
    assert names(check_reported_money(ledger(ended_job), wrong)) == {Invariant.DOCUMENTS_MATCH_LEDGER.name}


def test_complete_dead_letters_are_accepted() -> None:
    failed_jobs = {("j1", "request_rejected")}
    malformed = {"body": "x", "attributes": {"code": "damaged_message", "reason": "no JSON", "money": "not_spent"}}
    assert check_dead_letter_contents(ledger(DEAD), [letter(), letter(), malformed], failed_jobs, range(1, 2)) == []
    assert check_dead_letter_contents(ledger(job()), [letter()], failed_jobs, NONE) == [], (
        "it was dead before and continued"
    )


@pytest.mark.parametrize(
    ("stored", "letters", "malformed_count"),
    [
        (DEAD, [], NONE),
        (DEAD, [letter(reason="")], NONE),
        (DEAD, [letter(money="spent")], NONE),
        (DEAD, [letter(), letter(code="crashed")], NONE),
        (DEAD, [letter(), letter(job_id="j9")], NONE),
        (DEAD, [letter()], range(1, 2)),
    ],
    ids=["none", "without a reason", "wrong money", "another cause", "of no job", "a malformed message without one"],
)
def test_false_or_missing_dead_letter_is_found(
    stored: JsonObject, letters: list[JsonObject], malformed_count: range
) -> None:
    violations = check_dead_letter_contents(ledger(stored), letters, {("j1", "request_rejected")}, malformed_count)
    assert names(violations) == {Invariant.DEAD_LETTERS_MATCH_JOBS.name}


def test_world_that_does_not_come_to_rest_is_found() -> None:
    assert check_settle_bound(is_at_rest=True, waited_seconds=60, reason="") == []
    assert names(check_settle_bound(is_at_rest=False, waited_seconds=60, reason="a message waits")) == {
        Invariant.DRAINED_IN_TIME.name
    }


def test_too_many_crashes_on_a_photo_are_found() -> None:
    assert check_consecutive_crashes({KEY: 5}, 5) == []
    assert names(check_consecutive_crashes({KEY: 6}, 5)) == {Invariant.POISON_PHOTOS_GIVEN_UP.name}
