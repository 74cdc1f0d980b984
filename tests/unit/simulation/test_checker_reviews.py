"""The checks of approvals find lost decisions, and pictures that are delivered before anybody approves them."""

from collections.abc import Sequence
from typing import Any

import pytest

from simulation.invariants.reviews import (
    DecisionEvent,
    PersonDecision,
    check_acknowledged,
    check_decision_events,
    check_kept_decisions,
    check_picture_approval,
    check_published_event,
    check_refused,
    check_review_files,
    check_review_write,
    check_stored_pictures,
    check_waiting_pictures,
)
from simulation.invariants.violations import Invariant, JsonObject, Violation
from tests.unit.checker_items import PICTURE, job, ledger

REQUIRED: dict[str, Any] = {"operation": "replace", "prompt": "at sea", "approval": "required"}
BY_VERDICT: dict[str, Any] = {"operation": "replace", "prompt": "at sea", "subject": {"otherwise": "review"}}
FILE = "_backdrop/review/j1/1_1.png"
NOT_APPROVED, KEPT = {Invariant.APPROVED_BEFORE_DELIVERY.name}, {Invariant.DECISIONS_KEPT.name}
BY_ANN = PersonDecision("j1", 1, "f1", "approved", "ann")


def names(violations: Sequence[Violation]) -> set[str]:
    return {violation.invariant.name for violation in violations}


def review(decision: str | None = None, n: int = 1, by: str = "ann", **changes: Any) -> dict[str, Any]:
    facts: dict[str, Any] = {"n": n, "key": FILE, "sha256": f"f{n}", "decision": decision, "fidelity": None}
    facts |= {"decided_by": by if decision else "", "decided_via": "cli", "event_source": "", "decided_at": "then"}
    return facts | changes


def reviewed(status: str, *reviews: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Returns a job that needs approval; a stored one has a picture."""
    results = [{"key": PICTURE, "version_id": "v1", "n": 1, "fidelity": None}] if status == "stored" else []
    facts: dict[str, Any] = {"instructions": REQUIRED, "canvas": None, "links": [{"url": "u"}], "results": results}
    return job(status, reviews=list(reviews), **facts | changes)


# -- decisions --------------------------------------------------------------------------------------------------------


def test_decision_that_is_lost_or_reversed_is_found() -> None:
    before = reviewed("review", review("approved"), review(n=2))
    assert check_kept_decisions(before, reviewed("review", review("approved"), review("rejected", 2))) == []
    assert check_kept_decisions(None, before) == []
    for after in (
        reviewed("review", review("rejected"), review(n=2)),
        reviewed("review", review("approved", by="bob"), review(n=2)),
        reviewed("review", review(), review(n=2)),
        reviewed("paid"),
    ):
        assert names(check_kept_decisions(before, after)) == KEPT


@pytest.mark.parametrize(
    "changes",
    [
        {"instructions": REQUIRED | {"subject": {"pixels": "own"}}},
        {"canvas": {"width": 8}},
        {"charge_no": 1},
        {"links": [{"url": "v"}]},
    ],
)
def test_decision_about_a_picture_that_is_gone_may_be_forgotten(changes: dict[str, Any]) -> None:
    assert check_kept_decisions(reviewed("review", review("approved")), reviewed("paid", **changes)) == []


def test_decision_ends_with_a_file_that_cannot_be_made_again() -> None:
    gone = reviewed("dead", review("approved"), problem={"code": "review_file_gone"})
    assert check_kept_decisions(gone, reviewed("paid")) == []
    other = reviewed("dead", review("approved"), problem={"code": "output_not_made"})
    assert names(check_kept_decisions(other, reviewed("paid"))) == KEPT
    new_limit = reviewed("paid", instructions=REQUIRED | {"subject": {"min": 0.5}})
    assert names(check_kept_decisions(reviewed("review", review("approved")), new_limit)) == KEPT


def test_person_learns_of_the_recorded_decision() -> None:
    decided = {("j1", 1, "f1"): [review("rejected"), review("approved")]}
    assert check_acknowledged(BY_ANN, decided) == []
    assert names(check_acknowledged(PersonDecision("j1", 1, "f1", "rejected", "ann"), decided)) == KEPT
    assert names(check_acknowledged(PersonDecision("j1", 1, "f2", "approved", "ann"), decided)) == KEPT
    assert names(check_acknowledged(BY_ANN, {})) == KEPT


def test_second_reviewer_learns_of_the_first_decision() -> None:
    second = PersonDecision("j1", 1, "f1", "rejected", "bob")
    decided = {("j1", 1, "f1"): [review("approved")]}
    assert check_refused(second, "it was approved by ann on Friday", decided) == []
    assert check_refused(second, "the photo has no such picture", {}) == []
    assert names(check_refused(second, "it was decided", decided)) == KEPT


def test_same_decision_about_a_file_that_was_made_again_counts_as_made() -> None:
    decided = {("j1", 1, "f2"): [review("approved")]}
    assert check_decision_events([DecisionEvent("e1", BY_ANN)], decided, {}) == []
    assert (
        names(check_decision_events([DecisionEvent("e1", BY_ANN)], {("j1", 1, "f2"): [review("rejected")]}, {})) == KEPT
    )


def test_decision_by_event_is_carried_out_or_refused() -> None:
    first, second = DecisionEvent("e1", BY_ANN), DecisionEvent("e2", PersonDecision("j1", 1, "", "rejected", "bob"))
    decided = {("j1", 1, "f1"): [review("approved")], ("j1", 2, "f2"): [review("rejected", 2)]}
    refusal = {"code": "picture_decided", "reason": "it was approved by ann on Friday"}
    assert check_decision_events([first, second], decided, {"e2": refusal}) == []
    assert check_decision_events([first], {}, {"e1": {"code": "review_ended", "reason": "it is over"}}) == []
    for events, letters in (
        ([first, second], {}),
        ([second], {"e2": {"code": "picture_decided", "reason": "it was decided"}}),
        ([first], {"e9": refusal}),
    ):
        assert names(check_decision_events(events, decided, letters)) == KEPT
    assert names(check_decision_events([first], {}, {})) == KEPT


# -- deliveries -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (reviewed("paid"), reviewed("review", review())),
        (reviewed("review", review()), reviewed("paid", review("approved"))),
        (reviewed("review", review()), reviewed("paid", review(), instructions={"operation": "replace"})),
        (reviewed("review", review()), reviewed("rejected", review("rejected"), problem={"code": "rejected"})),
    ],
)
def test_review_that_begins_and_ends_with_its_pictures_is_accepted(before: JsonObject, after: JsonObject) -> None:
    assert check_review_write(before, after) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (reviewed("paid"), reviewed("review", review("approved"))),
        (reviewed("review", review()), reviewed("paid", review())),
        (reviewed("review", review()), reviewed("rejected", review(), problem={"code": "rejected"})),
        (reviewed("paid"), reviewed("rejected", problem={"code": "rejected"})),
        (reviewed("review", review()), reviewed("rejected", review("rejected"), problem={"code": "dead"})),
    ],
)
def test_review_that_begins_or_ends_without_a_reason_is_found(before: JsonObject, after: JsonObject) -> None:
    assert names(check_review_write(before, after)) == NOT_APPROVED


def test_delivered_picture_must_be_approved() -> None:
    paid, verdict = reviewed("paid"), {"verdict": "changed"}
    assert check_stored_pictures(paid, reviewed("stored", review("approved"))) == []
    assert check_stored_pictures(paid, reviewed("stored", instructions={})) == []
    earlier = reviewed("paid", results=[{"key": PICTURE, "version_id": "v1"}])
    assert check_stored_pictures(earlier, reviewed("stored")) == [], "it was delivered before"
    doubted = {
        "instructions": BY_VERDICT,
        "results": [{"key": PICTURE, "version_id": "v1", "n": 1, "fidelity": verdict}],
    }
    same = doubted | {"results": [{"key": PICTURE, "version_id": "v1", "n": 1, "fidelity": {"verdict": "same"}}]}
    assert check_stored_pictures(paid, reviewed("stored", **same)) == []
    for stored in (
        reviewed("stored"),
        reviewed("stored", review("rejected")),
        reviewed("stored", review("rejected"), instructions={}),
        reviewed("stored", review("approved", 2)),
        reviewed("stored", **doubted),
    ):
        assert names(check_stored_pictures(paid, stored)) == NOT_APPROVED


def test_picture_must_not_be_written_before_its_approval() -> None:
    waiting, approved = reviewed("paid"), reviewed("paid", review("approved"))
    assert names(check_picture_approval(PICTURE, [waiting])) == NOT_APPROVED
    assert names(check_picture_approval(PICTURE, [waiting, reviewed("paid", review("rejected"))])) == NOT_APPROVED
    assert check_picture_approval(PICTURE, [waiting, approved]) == [], "the worker may have read the approved job"
    assert check_picture_approval(PICTURE, [reviewed("paid", instructions=BY_VERDICT)]) == []
    assert check_picture_approval("another.png", [waiting]) == []


def test_events_say_what_the_job_is() -> None:
    waiting = reviewed("review", review())
    event = {"job": {"job_id": "j1"}, "picture": {"n": 1, "sha256": "f1"}}
    assert check_published_event("Image Completed", event, [waiting, reviewed("stored")]) == []
    assert names(check_published_event("Image Completed", event, [waiting])) == NOT_APPROVED
    assert check_published_event("Image Awaiting Approval", event, [waiting]) == []
    assert names(check_published_event("Image Awaiting Approval", event, [reviewed("paid")])) == {
        Invariant.REVIEW_FILES_KEPT.name
    }
    assert check_published_event("Image Failed", event, [waiting]) == []


def test_waiting_picture_has_its_file() -> None:
    waiting = reviewed("review", review())
    assert check_review_files(waiting, {FILE: "f1"}, ()) == []
    assert check_review_files(waiting, {}, [FILE]) == []
    assert (
        check_review_files(reviewed("review", review("approved"), review(n=2, key="other")), {"other": "f2"}, ()) == []
    )
    assert check_review_files(reviewed("superseded", review()), {}, ()) == []
    for files in ({}, {FILE: "f2"}):
        assert names(check_review_files(waiting, files, ())) == {Invariant.REVIEW_FILES_KEPT.name}


def test_waiting_picture_is_announced_and_decided() -> None:
    waiting = ledger(reviewed("review", review()))
    assert check_waiting_pictures(waiting, {("j1", 1, "f1")}, has_reviewers=False) == []
    assert names(check_waiting_pictures(waiting, set(), has_reviewers=False)) == {Invariant.REVIEW_FILES_KEPT.name}
    undecided = check_waiting_pictures(waiting, {("j1", 1, "f1")}, has_reviewers=True)
    assert names(undecided) == {Invariant.DRAINED_IN_TIME.name}
