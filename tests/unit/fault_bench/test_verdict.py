"""The bench's verdict: what counts as lost, repeated, unrecorded, or false, and which runs fail."""

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from fault_bench.bench_page import build_fault_rows, build_rows, format_page
from fault_bench.bench_pipeline import build_s3_event, is_valid_picture
from fault_bench.bench_plan import BenchPhoto, BenchPlan, ExpectedEnd, PhotoRequest, draw_bench_plan
from fault_bench.bench_reviewers import BenchReviewers, identify_event
from fault_bench.bench_run import BenchResult, BenchSettings
from fault_bench.faulted_run import ObservedRun, build_photo_for, read_files
from fault_bench.slot_use import SlotUse
from fault_bench.verdict import (
    DecisionCounts,
    PipelineFigures,
    build_figures,
    check_decisions,
    check_expected_ends,
    check_repeats,
    check_run,
    count_retries_by_work,
    find_backdrop_letter_keys,
    find_naive_letter_keys,
    list_photos_with_pictures,
)
from simulation.invariants.reviews import DecisionEvent, PersonDecision
from simulation.invariants.violations import Charge, Invariant, PlainLedger, Violation, hash_prompt, parse_ledger

PRICE = 30_000
PLAN = draw_bench_plan(1, 30, call_seconds=4, concurrency_limit=10, timeout_seconds=8)
HEALTHY = PLAN.edited_key


def observed_run(**changes: Any) -> ObservedRun:
    """Returns a run in which every planned fault occurred."""
    names = Counter({"a fault": 3})
    facts: dict[str, Any] = {
        "planned_counts": names,
        "strike_counts": names,
        "kill_count": 12,
        "missed_kill_count": 0,
        "cut_connections": 4,
    }
    facts |= {
        "peak_in_flight": 10,
        "refused_count": 2,
        "call_count": 33,
        "unstorable_count": 20,
        "slot_use": SlotUse(90, 100),
        "seconds_to_rest": 110.0,
    }
    return ObservedRun(**facts | changes)


def photo_of(expected_end: ExpectedEnd) -> BenchPhoto:
    """Returns a photo of the plan with this expected end."""
    return next(photo for photo in PLAN.photos if photo.expected_end is expected_end)


def ledger(key: str, status: str, *outcomes: str, variant: str = "", **changes: Any) -> PlainLedger:
    """Returns a ledger with one job of a photo, whose attempts had these outcomes."""
    attempts = [{"outcome": outcome, "send_count": 1, "charge_no": n} for n, outcome in enumerate(outcomes)]
    job = {"job_id": "j1", "source_id": "s1", "key": key, "status": status, "attempts": attempts, "results": []}
    job |= {"variant": variant, "reviews": [], "judged_attempts": [], "purchase_spec": {}} | changes
    bodies = {"source": {"key": key, "jobs": {variant: "j1"}, "problems": []}, "job#j1": job}
    keyed = ((kind, {"S": json.dumps(body)}) for kind, body in bodies.items())
    return parse_ledger([{"pk": {"S": "source#s1"}, "sk": {"S": kind}, "body": body} for kind, body in keyed])


def column(plan: BenchPlan = PLAN, **changes: Any) -> PipelineFigures:
    """Returns a column in which every photo has its picture."""
    keys = {photo.key for photo in plan.photos}
    facts: dict[str, Any] = {"picture_keys": keys, "reported_keys": (), "charges_billed": [], "recorded_calls": {}}
    facts |= {"dead_letter_keys": [], "repeats": (0, 1), "observed": observed_run()}
    return build_figures(plan, **facts | changes)


def work(key: str) -> str:
    """Returns the ID of a photo's work in the bill."""
    return hash_prompt(next(str(photo.sidecar["prompt"]) for photo in PLAN.photos if photo.key == key))


def test_photo_without_a_fault_ends_stored() -> None:
    assert check_expected_ends(PLAN, ledger(HEALTHY, "stored", "answered")) == []


@pytest.mark.parametrize("status", ["dead", "refused", "cancelled", "paid"])
def test_photo_without_a_fault_may_end_only_stored(status: str) -> None:
    (violation,) = check_expected_ends(PLAN, ledger(HEALTHY, status, "answered"))
    assert violation.invariant is Invariant.ENDS_FOR_A_CAUSE


def test_job_may_be_held_only_after_two_lost_answers() -> None:
    assert check_expected_ends(PLAN, ledger(HEALTHY, "held", "lost", "lost")) == []
    assert len(check_expected_ends(PLAN, ledger(HEALTHY, "held", "lost", "answered"))) == 1


@pytest.mark.parametrize(("expected_end", "status"), [(ExpectedEnd.REFUSED, "refused"), (ExpectedEnd.DEAD, "dead")])
def test_permanent_fault_must_end_as_expected(expected_end: ExpectedEnd, status: str) -> None:
    key = photo_of(expected_end).key
    assert check_expected_ends(PLAN, ledger(key, status, "rejected")) == []
    assert len(check_expected_ends(PLAN, ledger(key, "stored", "answered"))) == 1


# -- what photos request in addition ----------------------------------------------------------------------------


REQUESTING_PLAN = draw_bench_plan(1, 30, call_seconds=4, concurrency_limit=10, timeout_seconds=8, has_requests=True)
BY_ANN = PersonDecision("j1", 1, "f1", "approved", "ann")
REFUSAL = {"code": "picture_decided", "reason": "it was approved by ann on Friday"}


def find_requesting_key(request: PhotoRequest) -> str:
    return next(photo.key for photo in REQUESTING_PLAN.photos if photo.request is request)


def review(decision: str | None) -> dict[str, Any]:
    facts = {"n": 1, "sha256": "f1", "decision": decision, "decided_by": "ann"}
    return facts | {"decided_at": "2026-11-20T09:00:30.5+00:00"}


def check_one_photo(request: PhotoRequest, found: PlainLedger) -> list[Violation]:
    """Checks a run with only the first photo that requests this."""
    key = find_requesting_key(request)
    plan = replace(REQUESTING_PLAN, photos=tuple(photo for photo in REQUESTING_PLAN.photos if photo.key == key))
    return check_decisions(plan, found, {}, no_reviewers(), [])


def no_reviewers(**changes: Any) -> BenchReviewers:
    nothing: Any = None
    return BenchReviewers(nothing, nothing, Random(1), **changes)


def test_rejected_picture_is_expected_to_end_rejected() -> None:
    key = find_requesting_key(PhotoRequest.APPROVAL)
    rejected = ledger(key, "rejected", "answered", reviews=[review("rejected")])
    assert check_expected_ends(REQUESTING_PLAN, rejected) == []
    stored = ledger(key, "stored", "answered", reviews=[review("rejected")])
    assert len(check_expected_ends(REQUESTING_PLAN, stored)) == 1


@pytest.mark.parametrize(
    ("request_", "changes", "is_granted"),
    [
        (PhotoRequest.APPROVAL, {"reviews": [review("approved")]}, True),
        (PhotoRequest.APPROVAL, {"reviews": [review(None)]}, False),
        (PhotoRequest.APPROVAL, {}, False),
        (PhotoRequest.APPROVAL, {"status": "held"}, True),
        (PhotoRequest.MASK, {"variant": "@mask"}, True),
        (PhotoRequest.MASK, {}, False),
        (PhotoRequest.RETRY, {"judged_attempts": [1, 2]}, True),
        (PhotoRequest.RETRY, {}, False),
    ],
)
def test_photo_gets_what_it_requests(request_: PhotoRequest, changes: dict[str, Any], *, is_granted: bool) -> None:
    key = find_requesting_key(request_)
    found = (
        ledger(key, **{"status": "stored"} | changes)
        if "status" in changes
        else ledger(key, "stored", "answered", "answered", **changes)
    )
    assert (check_one_photo(request_, found) == []) is is_granted


def test_decisions_are_compared_with_the_ledger_and_the_dead_letters() -> None:
    found = ledger("other.jpg", "stored", reviews=[review("approved")])
    detail = {"job_id": "j1", "n": 1}
    late = DecisionEvent(identify_event(detail), PersonDecision("j1", 1, "f1", "rejected", "bob"))
    letter = {"body": json.dumps({"body": json.dumps({"detail": detail})}), "attributes": REFUSAL}
    reviewers = no_reviewers(confirmed=[BY_ANN], events=[late])
    nothing = replace(PLAN, photos=())
    assert check_decisions(nothing, found, {}, reviewers, [letter]) == []
    assert len(check_decisions(nothing, found, {}, reviewers, [])) == 1
    assert len(check_decisions(nothing, ledger("other.jpg", "stored"), {}, reviewers, [letter])) == 2
    assert check_run(PLAN, observed_run(), found, [letter]) == [], "no operator has to act"
    counts = DecisionCounts.from_run(reviewers, [letter])
    assert (counts.made, counts.refused) == (1, 1)


def test_picture_that_was_written_before_its_approval_is_found() -> None:
    results = [{"key": "red.png", "n": 1}]
    found = ledger("other.jpg", "stored", reviews=[review("approved")], results=results)
    approved_at = datetime(2026, 11, 20, 9, 0, 30, tzinfo=UTC)
    for seconds, expected in ((0, []), (-1, [Invariant.APPROVED_BEFORE_DELIVERY])):
        written_at = {"red.png": approved_at + timedelta(seconds=seconds)}
        violations = check_decisions(replace(PLAN, photos=()), found, written_at, no_reviewers(), [])
        assert [violation.invariant for violation in violations] == expected


def test_retries_and_masks_are_no_repeated_calls() -> None:
    bill = [Charge(work(HEALTHY), PRICE)] * 3 + [Charge(hash_prompt(""), 10_000)] * 2
    found = column(charges_billed=bill, recorded_calls={work(HEALTHY): 3}, retries={work(HEALTHY): 1})
    assert (found.repeated_call_count, found.retry_count, found.mask_call_count) == (1, 1, 2)
    assert found.billed_usd == Decimal("0.11")
    prompt = next(photo.sidecar["prompt"] for photo in PLAN.photos if photo.key == HEALTHY)
    changes: dict[str, Any] = {"judged_attempts": [1], "purchase_spec": {"prompt": prompt}}
    assert count_retries_by_work(ledger(HEALTHY, "stored", "answered", "answered", **changes)) == {work(HEALTHY): 1}


# -- the run ----------------------------------------------------------------------------------------------------------


def test_run_in_which_all_faults_occurred_is_accepted() -> None:
    assert check_run(PLAN, observed_run(), ledger(HEALTHY, "stored"), []) == []


def test_planned_fault_that_never_occurred_fails_the_run() -> None:
    without_strikes = observed_run(strike_counts=Counter({"another": 3}))
    (violation,) = check_run(PLAN, without_strikes, ledger(HEALTHY, "stored"), [])
    assert violation.invariant is Invariant.FAULTS_FIRED
    assert "a fault" in violation.detail


def test_fewer_than_ten_killed_workers_fail_the_run() -> None:
    (violation,) = check_run(PLAN, observed_run(kill_count=9, missed_kill_count=3), ledger(HEALTHY, "stored"), [])
    assert violation.detail == "9 workers killed, 3 missed, at least 10 expected"


@pytest.mark.parametrize(
    ("changes", "invariant"),
    [
        ({"peak_in_flight": 11}, Invariant.WITHIN_CONCURRENCY_LIMIT),
        ({"unstorable_count": 21}, Invariant.FEW_BOUGHT_UNDELIVERED),
    ],
)
def test_calls_beyond_the_limit_fail_the_run(changes: dict[str, int], invariant: Invariant) -> None:
    (violation,) = check_run(PLAN, observed_run(**changes), ledger(HEALTHY, "stored"), [])
    assert violation.invariant is invariant


def test_false_dead_letter_fails_the_run() -> None:
    letter = {"body": "", "attributes": {"job_id": "j1"}}
    (violation,) = check_run(PLAN, observed_run(), ledger(HEALTHY, "stored"), [letter])
    assert violation.invariant is Invariant.DEAD_LETTERS_MATCH_JOBS


def test_repeats_buy_nothing_and_an_edit_buys_one_job() -> None:
    assert check_repeats(0, 1) == []
    assert [violation.invariant for violation in check_repeats(2, 0)] == [Invariant.NO_REPEAT_PURCHASES] * 2


def test_photo_without_picture_and_report_is_lost() -> None:
    keys = [photo.key for photo in PLAN.photos]
    found = column(picture_keys=keys[2:], reported_keys=[keys[1], keys[2]])
    assert (found.photo_count, found.picture_count, found.reported_count, found.lost_count) == (30, 28, 1, 1)


def test_repeated_and_unrecorded_calls_are_counted() -> None:
    bill = [Charge(work(HEALTHY), PRICE)] * 3 + [Charge(hash_prompt("warming up"), PRICE)]
    found = column(charges_billed=bill, recorded_calls={work(HEALTHY): 2})
    assert (found.paid_call_count, found.repeated_call_count, found.unrecorded_call_count, found.billed_usd) == (
        3,
        2,
        1,
        Decimal("0.09"),
    )
    assert column(charges_billed=bill).unrecorded_call_count == 2


def test_call_without_a_charge_is_not_paid() -> None:
    found = column(charges_billed=[Charge(work(HEALTHY), 0), Charge(work(HEALTHY), PRICE)])
    assert (found.paid_call_count, found.repeated_call_count) == (1, 0)


def test_dead_letter_without_a_permanent_fault_is_false() -> None:
    letters = [
        HEALTHY,
        photo_of(ExpectedEnd.DEAD).key,
        photo_of(ExpectedEnd.HELD).key,
        photo_of(ExpectedEnd.REFUSED).key,
    ]
    found = column(dead_letter_keys=letters)
    assert (found.dead_letter_count, found.false_dead_letter_count) == (4, 1)


def test_dead_letters_are_assigned_to_their_photos() -> None:
    assert find_naive_letter_keys([{"body": json.dumps(build_s3_event("photos", "a/b +ü.jpg"))}]) == ["a/b +ü.jpg"]
    letters = [{"attributes": {"job_id": "j1"}}, {"attributes": {"job_id": "j9"}}]
    assert find_backdrop_letter_keys(ledger(HEALTHY, "dead"), letters) == [HEALTHY]


def test_only_pictures_of_current_jobs_count() -> None:
    body = {"job_id": "j1", "source_id": "s1", "key": HEALTHY, "results": [{"key": "red.png"}]}
    stored = PlainLedger({"s1": {"jobs": {"": "j1"}}}, {"j1": body, "j0": body | {"results": [{"key": "old.png"}]}}, {})
    assert list_photos_with_pictures(stored, {"red.png"}) == {HEALTHY}
    assert list_photos_with_pictures(stored, {"old.png"}) == set()


def test_truncated_picture_is_not_valid() -> None:
    whole = build_photo_for("red")
    assert is_valid_picture(whole)
    assert not is_valid_picture(whole[: len(whole) // 2])
    assert not is_valid_picture(b"<html>no</html>")


def test_photos_differ_and_are_reproducible() -> None:
    names = [photo.key for photo in PLAN.photos]
    files = read_files(PLAN, [*names, f"{names[0]}.json"])
    assert len({data for _, data in files}) == len(names) + 1
    assert files == read_files(PLAN, [*names, f"{names[0]}.json"])
    assert json.loads(files[-1][1]) == PLAN.photos[0].sidecar


def test_page_shows_columns_faults_and_violations() -> None:
    violations = tuple(check_run(PLAN, observed_run(kill_count=9), ledger(HEALTHY, "stored"), []))
    results = [BenchResult(PLAN, column(), column(), violations), BenchResult(PLAN, column(), column(), ())]
    assert build_rows(results)[0] == ["photos uploaded", "60", "60"]
    assert ["drain efficiency (median)", "90.0% (lowest 90.0%)", "90.0% (lowest 90.0%)"] in build_rows(results)
    assert build_fault_rows(results) == [["a fault", "6", "6", "6"]]
    page = format_page(results, BenchSettings(30, 4, 10, 8))
    assert "| photos uploaded | 60 | 60 |" in page
    assert "seed 1: FAULTS_FIRED: 9 workers killed" in page


def test_page_without_naive_pipeline_has_one_column() -> None:
    results = [BenchResult(PLAN, column(), None, ())]
    assert build_rows(results)[0] == ["photos uploaded", "30"]
    assert "None was broken." in format_page(results, BenchSettings(30, 4, 10, 8))
    assert "all four lanes" not in format_page(results, BenchSettings(30, 4, 10, 8))
    assert "all four lanes" in format_page(results, BenchSettings(30, 4, 10, 8, use_all_lanes=True))


def test_page_names_unfinished_seeds() -> None:
    page = format_page([BenchResult(PLAN, column(), None, ())], BenchSettings(30, 4, 10, 8), unfinished=[5])
    assert "- seed 5: did not finish" in page
    assert "None was broken." not in page
    assert "without the naive pipeline" in page
