"""The bench's verdict: what counts as lost, paid again, unrecorded or false, and which runs fail."""

import json
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from fault_bench.bench_page import build_fault_rows, build_rows, format_page
from fault_bench.bench_pipeline import build_s3_event, is_valid_picture
from fault_bench.bench_plan import BenchPhoto, BenchPlan, ExpectedEnd, draw_bench_plan
from fault_bench.bench_run import BenchResult, BenchSettings
from fault_bench.faulted_run import ObservedRun, build_photo_for, read_files
from fault_bench.slot_use import SlotUse
from fault_bench.verdict import (
    PipelineFigures,
    build_figures,
    check_expected_ends,
    check_repeats,
    check_run,
    find_backdrop_letter_keys,
    find_naive_letter_keys,
    list_photos_with_pictures,
)
from simulation.invariants.violations import Charge, Invariant, PlainLedger, hash_prompt, parse_ledger

PRICE = 30_000
PLAN = draw_bench_plan(1, 30, call_seconds=4, concurrency_limit=10, timeout_seconds=8)
HEALTHY = PLAN.edited_key


def played(**changes: Any) -> ObservedRun:
    """A run in which every fault fired."""
    names = Counter({"a fault": 3})
    facts: dict[str, Any] = {
        "announced_counts": names,
        "strike_counts": names,
        "kill_count": 12,
        "missed_kill_count": 0,
        "cut_connections": 4,
    }
    facts |= {
        "peak_in_flight": 10,
        "refused_count": 2,
        "call_count": 33,
        "slot_use": SlotUse(90, 100),
        "seconds_to_rest": 110.0,
    }
    return ObservedRun(**facts | changes)


def photo_of(fate: ExpectedEnd) -> BenchPhoto:
    """A photo of the plan that should end so."""
    return next(photo for photo in PLAN.photos if photo.expected_end is fate)


def ledger(key: str, status: str, *outcomes: str) -> PlainLedger:
    """A ledger with one job of a photo, whose attempts went so."""
    attempts = [{"outcome": outcome, "send_count": 1} for outcome in outcomes]
    job = {"job_id": "j1", "source_id": "s1", "key": key, "status": status, "attempts": attempts, "results": []}
    bodies = {"source": {"key": key, "jobs": {"": "j1"}, "problems": []}, "job#j1": job}
    keyed = ((kind, {"S": json.dumps(body)}) for kind, body in bodies.items())
    return parse_ledger([{"pk": {"S": "source#s1"}, "sk": {"S": kind}, "body": body} for kind, body in keyed])


def column(plan: BenchPlan = PLAN, **changes: Any) -> PipelineFigures:
    """A column in which every photo has its picture."""
    keys = {photo.key for photo in plan.photos}
    facts: dict[str, Any] = {"picture_keys": keys, "reported_keys": (), "charges_billed": [], "recorded_calls": {}}
    facts |= {"dead_letter_keys": [], "repeats": (0, 1), "observed": played()}
    return build_figures(plan, **facts | changes)


def work(key: str) -> str:
    """How the bill names a photo's work."""
    return hash_prompt(next(str(photo.sidecar["prompt"]) for photo in PLAN.photos if photo.key == key))


def test_a_healthy_photo_ends_stored() -> None:
    assert check_expected_ends(PLAN, ledger(HEALTHY, "stored", "answered")) == []


@pytest.mark.parametrize("status", ["dead", "refused", "cancelled", "paid"])
def test_a_healthy_photo_that_ends_otherwise_is_a_breach(status: str) -> None:
    (breach,) = check_expected_ends(PLAN, ledger(HEALTHY, status, "answered"))
    assert breach.invariant is Invariant.ENDS_FOR_A_CAUSE


def test_held_needs_two_lost_answers() -> None:
    assert check_expected_ends(PLAN, ledger(HEALTHY, "held", "lost", "lost")) == []
    assert len(check_expected_ends(PLAN, ledger(HEALTHY, "held", "lost", "answered"))) == 1


@pytest.mark.parametrize(("fate", "status"), [(ExpectedEnd.REFUSED, "refused"), (ExpectedEnd.DEAD, "dead")])
def test_what_lasts_ends_as_it_must_and_not_in_a_picture(fate: ExpectedEnd, status: str) -> None:
    key = photo_of(fate).key
    assert check_expected_ends(PLAN, ledger(key, status, "rejected")) == []
    assert len(check_expected_ends(PLAN, ledger(key, "stored", "answered"))) == 1


def test_a_run_in_which_everything_fired_is_no_breach() -> None:
    assert check_run(PLAN, played(), ledger(HEALTHY, "stored"), []) == []


def test_an_announced_fault_that_never_fired_fails_the_run() -> None:
    silent = played(strike_counts=Counter({"another": 3}))
    (breach,) = check_run(PLAN, silent, ledger(HEALTHY, "stored"), [])
    assert breach.invariant is Invariant.FAULTS_FIRED
    assert "a fault" in breach.detail


def test_fewer_than_ten_killed_workers_fail_the_run() -> None:
    (breach,) = check_run(PLAN, played(kill_count=9, missed_kill_count=3), ledger(HEALTHY, "stored"), [])
    assert breach.detail == "9 workers killed, 3 missed; 10 are wanted"


def test_more_calls_open_than_the_limit_fail_the_run() -> None:
    (breach,) = check_run(PLAN, played(peak_in_flight=11), ledger(HEALTHY, "stored"), [])
    assert breach.invariant is Invariant.WITHIN_CONCURRENCY_LIMIT


def test_a_false_letter_fails_the_run() -> None:
    letter = {"body": "", "attributes": {"job_id": "j1"}}
    (breach,) = check_run(PLAN, played(), ledger(HEALTHY, "stored"), [letter])
    assert breach.invariant is Invariant.DEAD_LETTERS_MATCH_JOBS


def test_the_same_again_buys_nothing_and_an_edit_buys_one() -> None:
    assert check_repeats(0, 1) == []
    assert [breach.invariant for breach in check_repeats(2, 0)] == [Invariant.NO_REPEAT_PURCHASES] * 2


def test_a_photo_without_picture_and_word_is_lost() -> None:
    keys = [photo.key for photo in PLAN.photos]
    found = column(picture_keys=keys[2:], reported_keys=[keys[1], keys[2]])
    assert (found.photo_count, found.picture_count, found.reported_count, found.lost_count) == (30, 28, 1, 1)


def test_a_photo_paid_three_times_is_paid_again_twice_and_once_on_no_record() -> None:
    bill = [Charge(work(HEALTHY), PRICE)] * 3 + [Charge(hash_prompt("warming up"), PRICE)]
    found = column(charges_billed=bill, recorded_calls={work(HEALTHY): 2})
    assert (found.paid_call_count, found.repeated_call_count, found.unrecorded_call_count, found.billed_usd) == (
        3,
        2,
        1,
        Decimal("0.09"),
    )
    assert column(charges_billed=bill).unrecorded_call_count == 2


def test_a_call_that_was_not_charged_is_not_paid() -> None:
    found = column(charges_billed=[Charge(work(HEALTHY), 0), Charge(work(HEALTHY), PRICE)])
    assert (found.paid_call_count, found.repeated_call_count) == (1, 0)


def test_a_letter_is_false_where_the_fault_passed() -> None:
    letters = [
        HEALTHY,
        photo_of(ExpectedEnd.DEAD).key,
        photo_of(ExpectedEnd.HELD).key,
        photo_of(ExpectedEnd.REFUSED).key,
    ]
    found = column(dead_letter_keys=letters)
    assert (found.dead_letter_count, found.false_dead_letter_count) == (4, 1)


def test_letters_lead_back_to_their_photos() -> None:
    assert find_naive_letter_keys([{"body": json.dumps(build_s3_event("photos", "a/b +ü.jpg"))}]) == ["a/b +ü.jpg"]
    letters = [{"attributes": {"job_id": "j1"}}, {"attributes": {"job_id": "j9"}}]
    assert find_backdrop_letter_keys(ledger(HEALTHY, "dead"), letters) == [HEALTHY]


def test_a_photo_has_its_picture_when_it_is_a_whole_picture_of_its_job() -> None:
    body = {"job_id": "j1", "source_id": "s1", "key": HEALTHY, "results": [{"key": "red.png"}]}
    stored = PlainLedger({"s1": {"jobs": {"": "j1"}}}, {"j1": body, "j0": body | {"results": [{"key": "old.png"}]}}, {})
    assert list_photos_with_pictures(stored, {"red.png"}) == {HEALTHY}
    assert list_photos_with_pictures(stored, {"old.png"}) == set()


def test_half_a_picture_is_none() -> None:
    whole = build_photo_for("red")
    assert is_valid_picture(whole)
    assert not is_valid_picture(whole[: len(whole) // 2])
    assert not is_valid_picture(b"<html>no</html>")


def test_no_two_photos_are_alike_and_each_stays_the_same() -> None:
    names = [photo.key for photo in PLAN.photos]
    dropped = read_files(PLAN, [*names, f"{names[0]}.json"])
    assert len({data for _, data in dropped}) == len(names) + 1
    assert dropped == read_files(PLAN, [*names, f"{names[0]}.json"])
    assert json.loads(dropped[-1][1]) == PLAN.photos[0].sidecar


def test_the_page_shows_both_columns_every_fault_and_every_breach() -> None:
    breaches = tuple(check_run(PLAN, played(kill_count=9), ledger(HEALTHY, "stored"), []))
    results = [BenchResult(PLAN, column(), column(), breaches), BenchResult(PLAN, column(), column(), ())]
    assert build_rows(results)[0] == ["photos dropped", "60", "60"]
    assert ["drain efficiency (median)", "90.0% (lowest 90.0%)", "90.0% (lowest 90.0%)"] in build_rows(results)
    assert build_fault_rows(results) == [["a fault", "6", "6", "6"]]
    page = format_page(results, BenchSettings(30, 4, 10, 8))
    assert "| photos dropped | 60 | 60 |" in page
    assert "seed 1: FAULTS_FIRED: 9 workers killed" in page


def test_without_the_naive_pipeline_there_is_one_column() -> None:
    results = [BenchResult(PLAN, column(), None, ())]
    assert build_rows(results)[0] == ["photos dropped", "30"]
    assert "None was broken." in format_page(results, BenchSettings(30, 4, 10, 8))
    assert "all four lanes" not in format_page(results, BenchSettings(30, 4, 10, 8))
    assert "all four lanes" in format_page(results, BenchSettings(30, 4, 10, 8, use_all_lanes=True))


def test_a_seed_that_did_not_come_to_an_end_is_named_on_the_page() -> None:
    page = format_page([BenchResult(PLAN, column(), None, ())], BenchSettings(30, 4, 10, 8), unfinished=[5])
    assert "- seed 5: did not come to an end" in page
    assert "None was broken." not in page
    assert "without the naive pipeline" in page
