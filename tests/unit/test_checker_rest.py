"""The checker sees what is wrong with a world at rest, and nothing in one where all is well."""

from collections.abc import Sequence
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
    check_picture_owners,
    check_reported_money,
    check_settle_bound,
    check_unfinished,
)
from simulation.invariants.job_ends import check_missing_pictures, check_unknown_pictures
from simulation.invariants.violations import Invariant, JsonObject, Violation
from tests.unit.checker_items import KEY, PICTURE, attempt, failed, in_flight, job, lane, ledger, lost, source, waiting

MEANT = ExpectedPhoto("e1", "aa")
DEAD = failed("dead", "request_rejected")
NONE = range(1)


def names(breaches: Sequence[Violation]) -> set[str]:
    """The broken promises."""
    return {breach.invariant.name for breach in breaches}


def letter(**changes: str) -> dict[str, Any]:
    """The dead letter of the job that died."""
    attributes = {"code": "request_rejected", "reason": "not valid", "money": "not_spent", "job_id": "j1"}
    return {"body": "{}", "attributes": attributes | changes}


def test_nothing_is_under_way_but_what_rightly_waits() -> None:
    assert check_unfinished(ledger(job()), excused_job_ids=()) == []
    assert names(check_unfinished(ledger(waiting()), excused_job_ids=())) == {Invariant.DRAINED_IN_TIME.name}
    assert names(check_unfinished(ledger(job("submitting", in_flight())), excused_job_ids=())) == {
        Invariant.DRAINED_IN_TIME.name
    }
    assert check_unfinished(ledger(waiting()), excused_job_ids=["j1"]) == []
    settling = ledger(place=source(settling_since="2026-11-20T09:00:00Z"))
    assert names(check_unfinished(settling, excused_job_ids=())) == {Invariant.DRAINED_IN_TIME.name}


@pytest.mark.parametrize(
    ("place", "jobs", "meant"),
    [
        (source("j1"), [job()], MEANT),
        (source(problems=("max_cost_exceeded",)), [], MEANT),
        (source(blocked_by_defaults="_backdrop.json"), [], MEANT),
        (source(), [], ExpectedPhoto("e1", "aa", must_be_known=False)),
    ],
    ids=["bought", "refused", "held", "cancelled before there was a job"],
)
def test_what_lies_in_the_bucket_is_what_the_ledger_names(
    place: JsonObject, jobs: list[JsonObject], meant: ExpectedPhoto
) -> None:
    assert check_newest_photos(ledger(*jobs, place=place), {KEY: meant}) == []


@pytest.mark.parametrize(
    ("place", "jobs", "meant"),
    [
        (source("j1", key="other.jpg"), [job()], MEANT),
        (source("j1", photo=None), [job()], MEANT),
        (source("j1", photo={"etag": "e0"}), [job()], MEANT),
        (source("j1"), [job(sha256="bb")], MEANT),
        (source(), [], MEANT),
    ],
    ids=["unknown", "gone", "older photo", "other bytes", "nothing"],
)
def test_what_is_older_than_the_bucket_is_seen(place: JsonObject, jobs: list[JsonObject], meant: ExpectedPhoto) -> None:
    assert names(check_newest_photos(ledger(*jobs, place=place), {KEY: meant})) == {Invariant.NEWEST_DELIVERED.name}


def test_what_nobody_may_take_in_has_no_item() -> None:
    assert check_ignored_photos(ledger(job()), ["old.jpg"]) == []
    assert names(check_ignored_photos(ledger(job()), [KEY])) == {Invariant.OLD_PHOTOS_IGNORED.name}


def test_the_current_jobs_picture_lies_in_its_place() -> None:
    assert check_picture_owners(ledger(job()), {PICTURE: "j1"}) == []
    assert names(check_picture_owners(ledger(job()), {PICTURE: "j2"})) == {Invariant.NEWEST_DELIVERED.name}
    assert check_picture_owners(ledger(job(), place=source("j2")), {PICTURE: "j2"}) == [], "it is not current"


def test_each_picture_is_of_a_job_of_its_place() -> None:
    assert check_missing_pictures(ledger(job()), [PICTURE]) == []
    assert names(check_missing_pictures(ledger(job()), [])) == {Invariant.PICTURES_MATCH_JOBS.name}
    assert check_unknown_pictures(ledger(job()), {PICTURE: "j1"}) == []
    assert names(check_unknown_pictures(ledger(job()), {PICTURE: "j9"})) == {Invariant.PICTURES_MATCH_JOBS.name}
    assert names(check_unknown_pictures(ledger(job()), {"other.jpg/other.png": "j1"})) == {
        Invariant.PICTURES_MATCH_JOBS.name
    }


def told(status: str, ident: str = "event-1") -> dict[str, Any]:
    """The detail of an event."""
    return {"event_id": ident, "job": {"job_id": "j1", "status": status}}


def test_each_end_is_announced_under_an_id_of_its_own() -> None:
    assert check_events(ledger(job()), [("Image Completed", told("stored"))] * 2) == []
    assert names(check_events(ledger(job()), [])) == {Invariant.EVENTS_PUBLISHED.name}
    assert names(check_events(ledger(DEAD), [("Image Completed", told("stored"))])) == {Invariant.EVENTS_PUBLISHED.name}
    both = [("Image Completed", told("stored")), ("Image Failed", told("dead"))]
    assert names(check_events(ledger(job()), both)) == {Invariant.EVENTS_PUBLISHED.name}


def test_a_paused_lane_has_one_report_and_no_photo_tells_of_it() -> None:
    shut, report = lane("key"), {"errors": [{"job_id": None, "code": "key_code"}]}
    assert check_lane_reports({"ideogram": shut}, {"ideogram": report}, {}, ()) == []
    assert names(check_lane_reports({"ideogram": shut}, {}, {}, ())) == {Invariant.LANE_REPORTED_ONCE.name}
    assert names(check_lane_reports({"ideogram": lane()}, {"ideogram": report}, {}, ())) == {
        Invariant.LANE_REPORTED_ONCE.name
    }
    of_a_photo = {KEY: {"errors": [{"job_id": "j1", "code": "provider_key_refused"}]}}
    assert names(check_lane_reports({}, {}, of_a_photo, ())) == {Invariant.LANE_REPORTED_ONCE.name}
    assert check_lane_reports({}, {}, of_a_photo, ["j1"]) == []


def test_a_bad_end_has_a_cause() -> None:
    assert check_causes(ledger(DEAD), {"request_rejected"}) == []
    assert names(check_causes(ledger(DEAD), {"crashed"})) == {Invariant.ENDS_FOR_A_CAUSE.name}
    assert check_causes(ledger(DEAD, place=source("j2")), ()) == [], "its photo names it no more"


@pytest.mark.parametrize(
    ("ended", "money"),
    [
        (DEAD, "not_spent"),
        (failed("dead", "unsafe_result", attempt()), "spent"),
        (failed("held", "charge_unknown", attempt(), lost(2)), "unknown"),
    ],
)
def test_a_report_says_of_money_what_the_attempts_say(ended: JsonObject, money: str) -> None:
    assert check_reported_money(ledger(ended), {KEY: {"errors": [{"job_id": "j1", "money": money}]}}) == []
    wrong = {KEY: {"errors": [{"job_id": "j1", "money": "nothing"}]}}
    assert names(check_reported_money(ledger(ended), wrong)) == {Invariant.DOCUMENTS_MATCH_LEDGER.name}


def test_dead_letters_explain_themselves() -> None:
    died = {("j1", "request_rejected")}
    damaged = {"body": "x", "attributes": {"code": "damaged_message", "reason": "no JSON", "money": "not_spent"}}
    assert check_dead_letter_contents(ledger(DEAD), [letter(), letter(), damaged], died, range(1, 2)) == []
    assert check_dead_letter_contents(ledger(job()), [letter()], died, NONE) == [], "it died of it, and went on"


@pytest.mark.parametrize(
    ("stored", "letters", "damaged"),
    [
        (DEAD, [], NONE),
        (DEAD, [letter(reason="")], NONE),
        (DEAD, [letter(money="spent")], NONE),
        (DEAD, [letter(), letter(code="crashed")], NONE),
        (DEAD, [letter(), letter(job_id="j9")], NONE),
        (DEAD, [letter()], range(1, 2)),
    ],
    ids=["none", "without a reason", "wrong money", "another cause", "of no job", "a damaged message without one"],
)
def test_a_false_or_missing_letter_is_seen(stored: JsonObject, letters: list[JsonObject], damaged: range) -> None:
    breaches = check_dead_letter_contents(ledger(stored), letters, {("j1", "request_rejected")}, damaged)
    assert names(breaches) == {Invariant.DEAD_LETTERS_MATCH_JOBS.name}


def test_rest_comes_in_bounded_time() -> None:
    assert check_settle_bound(is_at_rest=True, waited_seconds=60, reason="") == []
    assert names(check_settle_bound(is_at_rest=False, waited_seconds=60, reason="a message waits")) == {
        Invariant.DRAINED_IN_TIME.name
    }


def test_a_photo_that_kills_its_workers_is_given_up() -> None:
    assert check_consecutive_crashes({KEY: 5}, 5) == []
    assert names(check_consecutive_crashes({KEY: 6}, 5)) == {Invariant.POISON_PHOTOS_GIVEN_UP.name}
