"""The checker sees what is wrong with a world at rest, and nothing in one where all is well."""

from collections.abc import Sequence
from typing import Any

import pytest

from proof.checker.books import Breach, Plain, Promise
from proof.checker.ends import missing_breaches, stray_breaches
from proof.checker.rest import (
    Wanted,
    alone_breaches,
    bound_breaches,
    cause_breaches,
    deaths_breaches,
    lane_breaches,
    mark_breaches,
    money_told_breaches,
    newest_breaches,
    open_breaches,
    told_breaches,
    words_breaches,
)
from tests.unit.checker_items import KEY, PICTURE, attempt, failed, in_flight, job, lane, ledger, lost, source, waiting

MEANT = Wanted("e1", "aa")
DEAD = failed("dead", "request_rejected")
NONE = range(1)


def names(breaches: Sequence[Breach]) -> set[str]:
    """The broken promises."""
    return {breach.promise.name for breach in breaches}


def letter(**changes: str) -> dict[str, Any]:
    """The dead letter of the job that died."""
    attributes = {"code": "request_rejected", "reason": "not valid", "money": "not_spent", "job_id": "j1"}
    return {"body": "{}", "attributes": attributes | changes}


def test_nothing_is_under_way_but_what_rightly_waits() -> None:
    assert open_breaches(ledger(job()), excused=()) == []
    assert names(open_breaches(ledger(waiting()), excused=())) == {Promise.DRAINED.name}
    assert names(open_breaches(ledger(job("submitting", in_flight())), excused=())) == {Promise.DRAINED.name}
    assert open_breaches(ledger(waiting()), excused=["j1"]) == []
    settling = ledger(place=source(settling_since="2026-11-20T09:00:00Z"))
    assert names(open_breaches(settling, excused=())) == {Promise.DRAINED.name}


@pytest.mark.parametrize(
    ("place", "jobs", "meant"),
    [
        (source("j1"), [job()], MEANT),
        (source(problems=("max_cost_exceeded",)), [], MEANT),
        (source(blocked_by_defaults="_backdrop.json"), [], MEANT),
        (source(), [], Wanted("e1", "aa", named=False)),
    ],
    ids=["bought", "refused", "held", "cancelled before there was a job"],
)
def test_what_lies_in_the_bucket_is_what_the_ledger_names(place: Plain, jobs: list[Plain], meant: Wanted) -> None:
    assert newest_breaches(ledger(*jobs, place=place), {KEY: meant}) == []


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
def test_what_is_older_than_the_bucket_is_seen(place: Plain, jobs: list[Plain], meant: Wanted) -> None:
    assert names(newest_breaches(ledger(*jobs, place=place), {KEY: meant})) == {Promise.NEWEST.name}


def test_what_nobody_may_take_in_has_no_item() -> None:
    assert alone_breaches(ledger(job()), ["old.jpg"]) == []
    assert names(alone_breaches(ledger(job()), [KEY])) == {Promise.OLD_LEFT_ALONE.name}


def test_the_current_jobs_picture_lies_in_its_place() -> None:
    assert mark_breaches(ledger(job()), {PICTURE: "j1"}) == []
    assert names(mark_breaches(ledger(job()), {PICTURE: "j2"})) == {Promise.NEWEST.name}
    assert mark_breaches(ledger(job(), place=source("j2")), {PICTURE: "j2"}) == [], "it is not current"


def test_each_picture_is_of_a_job_of_its_place() -> None:
    assert missing_breaches(ledger(job()), [PICTURE]) == []
    assert names(missing_breaches(ledger(job()), [])) == {Promise.PICTURES_TRUE.name}
    assert stray_breaches(ledger(job()), {PICTURE: "j1"}) == []
    assert names(stray_breaches(ledger(job()), {PICTURE: "j9"})) == {Promise.PICTURES_TRUE.name}
    assert names(stray_breaches(ledger(job()), {"other.jpg/other.png": "j1"})) == {Promise.PICTURES_TRUE.name}


def told(status: str, ident: str = "event-1") -> dict[str, Any]:
    """The detail of an event."""
    return {"event_id": ident, "job": {"job_id": "j1", "status": status}}


def test_each_end_is_announced_under_an_id_of_its_own() -> None:
    assert told_breaches(ledger(job()), [("Image Completed", told("stored"))] * 2) == []
    assert names(told_breaches(ledger(job()), [])) == {Promise.TOLD.name}
    assert names(told_breaches(ledger(DEAD), [("Image Completed", told("stored"))])) == {Promise.TOLD.name}
    both = [("Image Completed", told("stored")), ("Image Failed", told("dead"))]
    assert names(told_breaches(ledger(job()), both)) == {Promise.TOLD.name}


def test_a_paused_lane_has_one_report_and_no_photo_tells_of_it() -> None:
    shut, report = lane("key"), {"errors": [{"job_id": None, "code": "key_code"}]}
    assert lane_breaches({"ideogram": shut}, {"ideogram": report}, {}, ()) == []
    assert names(lane_breaches({"ideogram": shut}, {}, {}, ())) == {Promise.LANE_TOLD.name}
    assert names(lane_breaches({"ideogram": lane()}, {"ideogram": report}, {}, ())) == {Promise.LANE_TOLD.name}
    of_a_photo = {KEY: {"errors": [{"job_id": "j1", "code": "provider_key_refused"}]}}
    assert names(lane_breaches({}, {}, of_a_photo, ())) == {Promise.LANE_TOLD.name}
    assert lane_breaches({}, {}, of_a_photo, ["j1"]) == []


def test_a_bad_end_has_a_cause() -> None:
    assert cause_breaches(ledger(DEAD), {"request_rejected"}) == []
    assert names(cause_breaches(ledger(DEAD), {"crashed"})) == {Promise.RIGHT_END.name}
    assert cause_breaches(ledger(DEAD, place=source("j2")), ()) == [], "its photo names it no more"


@pytest.mark.parametrize(
    ("ended", "money"),
    [
        (DEAD, "not_spent"),
        (failed("dead", "unsafe_result", attempt()), "spent"),
        (failed("held", "charge_unknown", attempt(), lost(2)), "unknown"),
    ],
)
def test_a_report_says_of_money_what_the_attempts_say(ended: Plain, money: str) -> None:
    assert money_told_breaches(ledger(ended), {KEY: {"errors": [{"job_id": "j1", "money": money}]}}) == []
    wrong = {KEY: {"errors": [{"job_id": "j1", "money": "nothing"}]}}
    assert names(money_told_breaches(ledger(ended), wrong)) == {Promise.VIEWS_TRUE.name}


def test_dead_letters_explain_themselves() -> None:
    died = {("j1", "request_rejected")}
    damaged = {"body": "x", "attributes": {"code": "damaged_message", "reason": "no JSON", "money": "not_spent"}}
    assert words_breaches(ledger(DEAD), [letter(), letter(), damaged], died, range(1, 2)) == []
    assert words_breaches(ledger(job()), [letter()], died, NONE) == [], "it died of it, and went on"


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
def test_a_false_or_missing_letter_is_seen(stored: Plain, letters: list[Plain], damaged: range) -> None:
    breaches = words_breaches(ledger(stored), letters, {("j1", "request_rejected")}, damaged)
    assert names(breaches) == {Promise.LETTERS_TRUE.name}


def test_rest_comes_in_bounded_time() -> None:
    assert bound_breaches(rested=True, waited=60, why="") == []
    assert names(bound_breaches(rested=False, waited=60, why="a message waits")) == {Promise.DRAINED.name}


def test_a_photo_that_kills_its_workers_is_given_up() -> None:
    assert deaths_breaches({KEY: 5}, 5) == []
    assert names(deaths_breaches({KEY: 6}, 5)) == {Promise.GIVEN_UP.name}
