"""The bench's verdict: what counts as lost, paid again, unrecorded or false, and which runs fail."""

import json
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from proof.chaos.bench import Result, Size
from proof.chaos.drain import Drain
from proof.chaos.page import document, fault_rows, rows
from proof.chaos.pipeline import event, is_picture
from proof.chaos.plan import Fate, Photo, Plan, draw
from proof.chaos.play import Played, files, picture_of
from proof.chaos.verdict import (
    Figures,
    fate_breaches,
    figures,
    keys_of_events,
    keys_of_letters,
    pictured,
    repeat_breaches,
    run_breaches,
)
from proof.checker.books import Charge, Ledger, Promise, prompt_sha, read_ledger

PRICE = 30_000
PLAN = draw(1, 30, seconds=4, limit=10, timeout_seconds=8)
HEALTHY = PLAN.edited


def played(**changes: Any) -> Played:
    """A run in which every fault fired."""
    names = Counter({"a fault": 3})
    facts: dict[str, Any] = {"announced": names, "fired": names, "kills": 12, "missed_kills": 0, "cut_off": 4}
    facts |= {"peak_open": 10, "refused": 2, "calls": 33, "drain": Drain(90, 100), "seconds_to_rest": 110.0}
    return Played(**facts | changes)


def photo_of(fate: Fate) -> Photo:
    """A photo of the plan that should end so."""
    return next(photo for photo in PLAN.photos if photo.fate is fate)


def ledger(key: str, status: str, *outcomes: str) -> Ledger:
    """A ledger with one job of a photo, whose attempts went so."""
    attempts = [{"outcome": outcome, "send_count": 1} for outcome in outcomes]
    job = {"job_id": "j1", "source_id": "s1", "key": key, "status": status, "attempts": attempts, "results": []}
    bodies = {"source": {"key": key, "jobs": {"": "j1"}, "problems": []}, "job#j1": job}
    keyed = ((kind, {"S": json.dumps(body)}) for kind, body in bodies.items())
    return read_ledger([{"pk": {"S": "source#s1"}, "sk": {"S": kind}, "body": body} for kind, body in keyed])


def column(plan: Plan = PLAN, **changes: Any) -> Figures:
    """A column in which every photo has its picture."""
    keys = {photo.key for photo in plan.photos}
    facts: dict[str, Any] = {"with_picture": keys, "with_word": (), "bill": [], "recorded_calls": {}}
    facts |= {"letters_for": [], "repeats": (0, 1), "played": played()}
    return figures(plan, **facts | changes)


def work(key: str) -> str:
    """How the bill names a photo's work."""
    return prompt_sha(next(str(photo.wish["prompt"]) for photo in PLAN.photos if photo.key == key))


def test_a_healthy_photo_ends_stored() -> None:
    assert fate_breaches(PLAN, ledger(HEALTHY, "stored", "answered")) == []


@pytest.mark.parametrize("status", ["dead", "refused", "cancelled", "paid"])
def test_a_healthy_photo_that_ends_otherwise_is_a_breach(status: str) -> None:
    (breach,) = fate_breaches(PLAN, ledger(HEALTHY, status, "answered"))
    assert breach.promise is Promise.RIGHT_END


def test_held_needs_two_lost_answers() -> None:
    assert fate_breaches(PLAN, ledger(HEALTHY, "held", "lost", "lost")) == []
    assert len(fate_breaches(PLAN, ledger(HEALTHY, "held", "lost", "answered"))) == 1


@pytest.mark.parametrize(("fate", "status"), [(Fate.REFUSED, "refused"), (Fate.DEAD, "dead")])
def test_what_lasts_ends_as_it_must_and_not_in_a_picture(fate: Fate, status: str) -> None:
    key = photo_of(fate).key
    assert fate_breaches(PLAN, ledger(key, status, "rejected")) == []
    assert len(fate_breaches(PLAN, ledger(key, "stored", "answered"))) == 1


def test_a_run_in_which_everything_fired_is_no_breach() -> None:
    assert run_breaches(PLAN, played(), ledger(HEALTHY, "stored"), []) == []


def test_an_announced_fault_that_never_fired_fails_the_run() -> None:
    silent = played(fired=Counter({"another": 3}))
    (breach,) = run_breaches(PLAN, silent, ledger(HEALTHY, "stored"), [])
    assert breach.promise is Promise.FAULTS_FIRED
    assert "a fault" in breach.words


def test_fewer_than_ten_killed_workers_fail_the_run() -> None:
    (breach,) = run_breaches(PLAN, played(kills=9, missed_kills=3), ledger(HEALTHY, "stored"), [])
    assert breach.words == "9 workers killed, 3 missed; 10 are wanted"


def test_more_calls_open_than_the_limit_fail_the_run() -> None:
    (breach,) = run_breaches(PLAN, played(peak_open=11), ledger(HEALTHY, "stored"), [])
    assert breach.promise is Promise.WITHIN_LIMIT


def test_a_false_letter_fails_the_run() -> None:
    letter = {"body": "", "attributes": {"job_id": "j1"}}
    (breach,) = run_breaches(PLAN, played(), ledger(HEALTHY, "stored"), [letter])
    assert breach.promise is Promise.LETTERS_TRUE


def test_the_same_again_buys_nothing_and_an_edit_buys_one() -> None:
    assert repeat_breaches(0, 1) == []
    assert [breach.promise for breach in repeat_breaches(2, 0)] == [Promise.NO_REPEATS] * 2


def test_a_photo_without_picture_and_word_is_lost() -> None:
    keys = [photo.key for photo in PLAN.photos]
    found = column(with_picture=keys[2:], with_word=[keys[1], keys[2]])
    assert (found.photos, found.pictures, found.told, found.lost) == (30, 28, 1, 1)


def test_a_photo_paid_three_times_is_paid_again_twice_and_once_on_no_record() -> None:
    bill = [Charge(work(HEALTHY), PRICE)] * 3 + [Charge(prompt_sha("warming up"), PRICE)]
    found = column(bill=bill, recorded_calls={work(HEALTHY): 2})
    assert (found.paid, found.paid_again, found.unrecorded, found.usd) == (3, 2, 1, Decimal("0.09"))
    assert column(bill=bill).unrecorded == 2


def test_a_call_that_was_not_charged_is_not_paid() -> None:
    found = column(bill=[Charge(work(HEALTHY), 0), Charge(work(HEALTHY), PRICE)])
    assert (found.paid, found.paid_again) == (1, 0)


def test_a_letter_is_false_where_the_fault_passed() -> None:
    letters = [HEALTHY, photo_of(Fate.DEAD).key, photo_of(Fate.HELD).key, photo_of(Fate.REFUSED).key]
    found = column(letters_for=letters)
    assert (found.letters, found.false_letters) == (4, 1)


def test_letters_lead_back_to_their_photos() -> None:
    assert keys_of_events([{"body": json.dumps(event("photos", "a/b +ü.jpg"))}]) == ["a/b +ü.jpg"]
    letters = [{"attributes": {"job_id": "j1"}}, {"attributes": {"job_id": "j9"}}]
    assert keys_of_letters(ledger(HEALTHY, "dead"), letters) == [HEALTHY]


def test_a_photo_has_its_picture_when_it_is_a_whole_picture_of_its_job() -> None:
    body = {"job_id": "j1", "source_id": "s1", "key": HEALTHY, "results": [{"key": "red.png"}]}
    stored = Ledger({"s1": {"jobs": {"": "j1"}}}, {"j1": body, "j0": body | {"results": [{"key": "old.png"}]}}, {})
    assert pictured(stored, {"red.png"}) == {HEALTHY}
    assert pictured(stored, {"old.png"}) == set()


def test_half_a_picture_is_none() -> None:
    whole = picture_of("red")
    assert is_picture(whole)
    assert not is_picture(whole[: len(whole) // 2])
    assert not is_picture(b"<html>no</html>")


def test_no_two_photos_are_alike_and_each_stays_the_same() -> None:
    names = [photo.key for photo in PLAN.photos]
    dropped = files(PLAN, [*names, f"{names[0]}.json"])
    assert len({data for _, data in dropped}) == len(names) + 1
    assert dropped == files(PLAN, [*names, f"{names[0]}.json"])
    assert json.loads(dropped[-1][1]) == PLAN.photos[0].wish


def test_the_page_shows_both_columns_every_fault_and_every_breach() -> None:
    breaches = tuple(run_breaches(PLAN, played(kills=9), ledger(HEALTHY, "stored"), []))
    results = [Result(PLAN, column(), column(), breaches), Result(PLAN, column(), column(), ())]
    assert rows(results)[0] == ["photos dropped", "60", "60"]
    assert ["drain efficiency (median)", "90.0% (lowest 90.0%)", "90.0% (lowest 90.0%)"] in rows(results)
    assert fault_rows(results) == [["a fault", "6", "6", "6"]]
    page = document(results, Size(30, 4, 10, 8))
    assert "| photos dropped | 60 | 60 |" in page
    assert "seed 1: FAULTS_FIRED: 9 workers killed" in page


def test_without_the_naive_pipeline_there_is_one_column() -> None:
    results = [Result(PLAN, column(), None, ())]
    assert rows(results)[0] == ["photos dropped", "30"]
    assert "None was broken." in document(results, Size(30, 4, 10, 8))
    assert "all four lanes" not in document(results, Size(30, 4, 10, 8))
    assert "all four lanes" in document(results, Size(30, 4, 10, 8, mixed=True))


def test_a_seed_that_did_not_come_to_an_end_is_named_on_the_page() -> None:
    page = document([Result(PLAN, column(), None, ())], Size(30, 4, 10, 8), unfinished=[5])
    assert "- seed 5: did not come to an end" in page
    assert "None was broken." not in page
    assert "without the naive pipeline" in page
