"""The checker finds each broken promise in bill, buckets and stored items, and nothing where all is well."""

import ast
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from simulation import invariants
from simulation.invariants.job_ends import check_dead_letters, check_documents, check_ends, check_pictures
from simulation.invariants.violations import (
    Charge,
    Invariant,
    PlainLedger,
    Violation,
    check_budget,
    check_charges,
    check_concurrency_limit,
    hash_job_prompt,
    hash_prompt,
    parse_ledger,
)

PRICE = 30_000
DAY = "2026-11-20"
KEY = "shoes/red.jpg"
PROMPT = "a beach"
PICTURE = f"{KEY}/red.png"
WORK = hash_prompt(PROMPT)


def attempt(n: int = 1, **changes: Any) -> dict[str, Any]:
    """An attempt that was answered and charged."""
    facts = {"n": n, "provider": "ideogram", "outcome": "answered", "charged": PRICE, "unknown": 0, "reserved": 0}
    return facts | {"budget_day": DAY} | changes


def lost(n: int = 1) -> dict[str, Any]:
    """An attempt whose answer was lost."""
    return attempt(n, outcome="lost", charged=0, unknown=PRICE)


def job(status: str = "stored", *attempts: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The body of a job's item."""
    facts = {
        "job_id": "j1",
        "source_id": "s1",
        "key": KEY,
        "purchase_spec": {"prompt": PROMPT},
        "problem": None,
        "warnings": [],
    }
    results = [{"key": PICTURE}] if status == "stored" else []
    return facts | {"status": status, "attempts": attempts or (attempt(),), "results": results} | changes


def failed(status: str, *attempts: dict[str, Any]) -> dict[str, Any]:
    """The body of a job that failed."""
    return job(status, *attempts, problem={"code": "charge_unknown"})


def items(*jobs: dict[str, Any], named: tuple[str, ...] = ("j1",), problems: tuple[str, ...] = ()) -> list[Any]:
    """Stored items of one place, its jobs and the day's budget."""
    wrong = [{"code": code} for code in problems]
    source = {"key": KEY, "jobs": {str(n): name for n, name in enumerate(named)}, "problems": wrong}
    stored = [item("source", source), *(item(f"job#{one['job_id']}", one) for one in jobs)]
    sums = {
        name: sum(one[field] for each in jobs for one in each["attempts"])
        for name, field in (("confirmed", "charged"), ("unknown", "unknown"), ("reserved", "reserved"))
    }
    numbers = {name: {"N": str(value)} for name, value in (sums | {"committed": sum(sums.values())}).items()}
    return [*stored, {"pk": {"S": f"budget#{DAY}"}, "sk": {"S": "budget"}, **numbers}]


def item(kind: str, body: dict[str, Any]) -> dict[str, Any]:
    """An item as DynamoDB stores it."""
    return {"pk": {"S": "source#s1"}, "sk": {"S": kind}, "body": {"S": json.dumps(body)}}


def ledger(*jobs: dict[str, Any], **place: Any) -> PlainLedger:
    """The same, read."""
    return parse_ledger(items(*jobs, **place))


def receipt(status: str = "stored", usd: float = 0.03, unknown: float = 0.0, **changes: Any) -> dict[str, Any]:
    """A receipt with one job."""
    attempts = [{"n": 1, "provider": "ideogram", "outcome": "answered"}]
    line = {"job_id": "j1", "current": True, "status": status, "cost": {"usd": usd, "unknown_usd": unknown}}
    results = [{"key": PICTURE}] if status == "stored" else []
    return {"jobs": [line | {"attempts": attempts, "results": results} | changes], "total_usd": usd}


def report(code: str = "charge_unknown", job_id: str | None = "j1") -> dict[str, Any]:
    """An error report with one entry."""
    return {"errors": [{"job_id": job_id, "code": code}]}


def letter(job_id: str = "j1") -> dict[str, Any]:
    """A dead letter."""
    return {"body": "", "attributes": {"job_id": job_id}}


def broken(breaches: list[Violation]) -> list[Invariant]:
    """Which promises are broken."""
    return [breach.invariant for breach in breaches]


def money(charged: int, *jobs: dict[str, Any]) -> list[Invariant]:
    """The promises about money that are broken when so many calls were charged."""
    return broken(check_charges(ledger(*jobs), [Charge(WORK, PRICE)] * charged, hash_job_prompt))


def test_a_call_that_was_paid_and_recorded_breaks_nothing() -> None:
    assert money(1, job()) == []


def test_a_second_paid_call_that_the_ledger_does_not_record_is_found() -> None:
    assert money(2, job()) == [Invariant.PAID_ONCE, Invariant.BILL_RECONCILED]


def test_a_second_paid_call_that_the_ledger_records_is_allowed() -> None:
    assert money(2, job("stored", lost(1), attempt(2))) == []


def test_a_lost_answer_explains_a_charge_and_none() -> None:
    assert money(0, failed("held", lost())) == money(1, failed("held", lost())) == []


def test_a_charge_that_never_came_is_not_called_certain() -> None:
    assert money(0, job()) == [Invariant.BILL_RECONCILED]


def test_a_charge_of_another_amount_is_found() -> None:
    charges = [Charge(WORK, PRICE + 1)]
    assert broken(check_charges(ledger(job()), charges, hash_job_prompt)) == [Invariant.BILL_RECONCILED]


def test_a_charge_for_what_no_job_asked_is_found() -> None:
    charges = [Charge(WORK, PRICE), Charge(hash_prompt("a forest"), PRICE)]
    assert broken(check_charges(ledger(job()), charges, hash_job_prompt)) == [
        Invariant.PAID_ONCE,
        Invariant.BILL_RECONCILED,
    ]


def test_a_call_in_flight_explains_a_charge_by_its_reservation() -> None:
    flying = job("submitting", attempt(outcome="in_flight", charged=0, reserved=PRICE))
    assert money(0, flying) == money(1, flying) == []


def test_a_day_whose_sums_are_those_of_its_attempts_breaks_nothing() -> None:
    assert check_budget(ledger(job("stored", lost(1), attempt(2))), 2 * PRICE) == []


def test_a_day_over_its_budget_is_found() -> None:
    assert broken(check_budget(ledger(job()), PRICE - 1)) == [Invariant.WITHIN_BUDGET]


def test_a_day_that_booked_something_else_is_found() -> None:
    stored = items(job())
    stored[-1]["confirmed"]["N"] = "7"
    assert broken(check_budget(parse_ledger(stored), PRICE)) == [Invariant.WITHIN_BUDGET]


def test_a_day_without_its_booking_is_found() -> None:
    assert broken(check_budget(parse_ledger(items(job())[:-1]), PRICE)) == [Invariant.WITHIN_BUDGET]


def test_more_calls_in_flight_than_allowed_are_found() -> None:
    assert check_concurrency_limit([3, 10, 2], 10) == check_concurrency_limit([], 10) == []
    assert broken(check_concurrency_limit([3, 11, 2], 10)) == [Invariant.WITHIN_CONCURRENCY_LIMIT]


def test_a_drop_with_a_picture_and_a_receipt_has_ended() -> None:
    assert check_ends([KEY], ledger(job()), {KEY: receipt()}, {}) == []


ENDLESS: list[tuple[Callable[[], PlainLedger], dict[str, Any], dict[str, Any], str]] = [
    (lambda: parse_ledger([]), {}, {}, "lost"),
    (lambda: ledger(named=()), {}, {}, "neither"),
    (lambda: ledger(job("paid")), {KEY: receipt()}, {}, "still paid"),
    (lambda: ledger(job("unknown", lost())), {KEY: receipt()}, {}, "still unknown"),
    (lambda: ledger(job("superseded")), {KEY: receipt("superseded")}, {}, "superseded"),
    (lambda: ledger(job()), {}, {}, "no receipt"),
    (lambda: ledger(failed("held", lost())), {KEY: receipt("held")}, {}, "no error report"),
    (lambda: ledger(named=(), problems=("no_instructions",)), {}, {}, "no error report"),
]


@pytest.mark.parametrize(("made", "receipts", "reports", "words"), ENDLESS, ids=[one[3] for one in ENDLESS])
def test_a_drop_that_has_no_end_or_of_which_nobody_hears_is_found(
    made: Callable[[], PlainLedger], receipts: dict[str, Any], reports: dict[str, Any], words: str
) -> None:
    (breach,) = check_ends([KEY], made(), receipts, reports)
    assert breach.invariant is Invariant.ENDS_EXACTLY_ONCE
    assert words in breach.detail


def test_views_that_say_what_the_ledger_says_break_nothing() -> None:
    assert check_documents(ledger(job()), {KEY: receipt()}, {}) == []
    held = receipt("held", 0.0, 0.03, attempts=[{"n": 1, "provider": "ideogram", "outcome": "lost"}])
    assert check_documents(ledger(failed("held", lost())), {KEY: held}, {KEY: report()}) == []


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param(receipt("paid"), id="status"),
        pytest.param(receipt(usd=0.06), id="cost"),
        pytest.param(receipt(unknown=0.03), id="unknown-cost"),
        pytest.param(receipt(attempts=[]), id="attempts"),
        pytest.param(receipt(results=[]), id="pictures"),
        pytest.param(receipt(current=False), id="current"),
        pytest.param(receipt(warnings=["upscaled"]), id="warnings"),
        pytest.param(receipt() | {"total_usd": 0.0}, id="total"),
        pytest.param({"jobs": [], "total_usd": 0.0}, id="no-job"),
    ],
)
def test_a_receipt_that_says_something_else_is_found(shown: dict[str, Any]) -> None:
    assert broken(check_documents(ledger(job()), {KEY: shown}, {})) == [Invariant.DOCUMENTS_MATCH_LEDGER]


def test_a_report_of_what_is_right_again_is_found() -> None:
    assert broken(check_documents(ledger(job()), {KEY: receipt()}, {KEY: report()})) == [
        Invariant.DOCUMENTS_MATCH_LEDGER
    ]


def test_a_view_of_a_photo_that_nobody_dropped_is_found() -> None:
    views = {KEY: receipt(), "strange.jpg": receipt()}
    assert broken(check_documents(ledger(job()), views, {})) == [Invariant.DOCUMENTS_MATCH_LEDGER]


def test_a_stored_job_without_its_picture_is_found() -> None:
    assert check_pictures(ledger(job()), {PICTURE}) == []
    assert broken(check_pictures(ledger(job()), set())) == [Invariant.PICTURES_MATCH_JOBS]
    assert broken(check_pictures(ledger(job(results=[])), set())) == [Invariant.PICTURES_MATCH_JOBS]
    two = [{"key": PICTURE}, {"key": f"{KEY}/red_2.png"}]
    assert broken(check_pictures(ledger(job(results=two)), {PICTURE})) == [Invariant.PICTURES_MATCH_JOBS]


def test_a_picture_of_no_job_is_found() -> None:
    assert broken(check_pictures(ledger(job()), {PICTURE, "strange.png"})) == [Invariant.PICTURES_MATCH_JOBS]


def test_a_former_job_may_have_lost_its_pictures_to_the_one_that_came_after_it() -> None:
    former = job(job_id="j0", results=[{"key": f"{KEY}/red_2.png"}])
    assert check_pictures(ledger(job(), former), {PICTURE}) == []


def test_letters_for_the_dead_and_for_them_alone_break_nothing() -> None:
    assert check_dead_letters(ledger(failed("dead")), [letter()]) == []
    assert check_dead_letters(ledger(job()), []) == check_dead_letters(ledger(failed("held", lost())), []) == []


@pytest.mark.parametrize(
    ("status", "letters"),
    [
        pytest.param("stored", [letter()], id="for-a-stored-job"),
        pytest.param("held", [letter()], id="for-a-held-job"),
        pytest.param("dead", [letter(), letter()], id="twice"),
        pytest.param("dead", [], id="missing"),
        pytest.param("dead", [letter(), letter("j9")], id="for-no-job"),
        pytest.param("dead", [letter(), letter("")], id="without-a-name"),
    ],
)
def test_a_false_or_a_missing_letter_is_found(status: str, letters: list[dict[str, Any]]) -> None:
    assert broken(check_dead_letters(ledger(failed(status)), letters)) == [Invariant.DEAD_LETTERS_MATCH_JOBS]


def test_the_checker_knows_nothing_of_the_product() -> None:
    imported: set[str] = set()
    for path in Path(invariants.__path__[0]).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {name.name for name in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(node.module or "")
    assert {name for name in imported if name.startswith("backdrop")} == set()
