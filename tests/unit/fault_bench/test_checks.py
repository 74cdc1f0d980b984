"""The checks find every violation in the bill, the buckets, and the stored items, and nothing else."""

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
    """Returns an attempt that was answered and charged."""
    facts = {"n": n, "provider": "ideogram", "outcome": "answered", "charged": PRICE, "unknown": 0, "reserved": 0}
    return facts | {"budget_day": DAY} | changes


def lost(n: int = 1) -> dict[str, Any]:
    """Returns an attempt whose answer was lost."""
    return attempt(n, outcome="lost", charged=0, unknown=PRICE)


def job(status: str = "stored", *attempts: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Returns the body of a job's item."""
    facts = {
        "job_id": "j1",
        "source_id": "s1",
        "key": KEY,
        "purchase_spec": {"prompt": PROMPT},
        "variant": "",
        "problem": None,
        "warnings": [],
        "reviews": [],
    }
    results = [{"key": PICTURE}] if status == "stored" else []
    return facts | {"status": status, "attempts": attempts or (attempt(),), "results": results} | changes


def failed(status: str, *attempts: dict[str, Any]) -> dict[str, Any]:
    """Returns the body of a job that failed."""
    return job(status, *attempts, problem={"code": "charge_unknown"})


def items(
    *jobs: dict[str, Any], current_job_ids: tuple[str, ...] = ("j1",), problems: tuple[str, ...] = ()
) -> list[Any]:
    """Returns the stored items of one photo, its jobs, and the day's budget."""
    problem_items = [{"code": code} for code in problems]
    source = {
        "key": KEY,
        "jobs": {str(n): job_id for n, job_id in enumerate(current_job_ids)},
        "problems": problem_items,
    }
    stored = [item("source", source), *(item(f"job#{job['job_id']}", job) for job in jobs)]
    sums = {
        name: sum(attempt[field] for job in jobs for attempt in job["attempts"])
        for name, field in (("confirmed", "charged"), ("unknown", "unknown"), ("reserved", "reserved"))
    }
    numbers = {name: {"N": str(value)} for name, value in (sums | {"committed": sum(sums.values())}).items()}
    return [*stored, {"pk": {"S": f"budget#{DAY}"}, "sk": {"S": "budget"}, **numbers}]


def item(kind: str, body: dict[str, Any]) -> dict[str, Any]:
    """Returns an item as DynamoDB stores it."""
    return {"pk": {"S": "source#s1"}, "sk": {"S": kind}, "body": {"S": json.dumps(body)}}


def ledger(*jobs: dict[str, Any], **setup: Any) -> PlainLedger:
    """Returns the parsed form of these items."""
    return parse_ledger(items(*jobs, **setup))


def receipt(status: str = "stored", usd: float = 0.03, unknown: float = 0.0, **changes: Any) -> dict[str, Any]:
    """Returns a receipt with one job."""
    attempts = [{"n": 1, "provider": "ideogram", "outcome": "answered"}]
    line = {"job_id": "j1", "current": True, "status": status, "cost": {"usd": usd, "unknown_usd": unknown}}
    results = [{"key": PICTURE}] if status == "stored" else []
    lists = {"attempts": attempts, "results": results, "reviews": []}
    return {"jobs": [line | lists | changes], "total_usd": usd}


def report(code: str = "charge_unknown", job_id: str | None = "j1") -> dict[str, Any]:
    """Returns an error report with one entry."""
    return {"errors": [{"job_id": job_id, "code": code}]}


def letter(job_id: str = "j1") -> dict[str, Any]:
    """Returns a dead letter."""
    return {"body": "", "attributes": {"job_id": job_id}}


def test_items_of_other_kinds_are_not_read_as_photos() -> None:
    index_item = {"pk": {"S": "review#j1"}, "sk": {"S": "source"}, "source_id": {"S": "s1"}}
    assert parse_ledger([*items(job()), index_item]) == ledger(job())


def broken(violations: list[Violation]) -> list[Invariant]:
    """Returns the broken invariants."""
    return [violation.invariant for violation in violations]


def money(charge_count: int, *jobs: dict[str, Any]) -> list[Invariant]:
    """Returns the broken invariants about money if so many calls were charged."""
    return broken(check_charges(ledger(*jobs), [Charge(WORK, PRICE)] * charge_count, hash_job_prompt))


def test_recorded_paid_call_is_accepted() -> None:
    assert money(1, job()) == []


def test_unrecorded_second_paid_call_is_found() -> None:
    assert money(2, job()) == [Invariant.PAID_ONCE, Invariant.BILL_RECONCILED]


def test_recorded_second_paid_call_is_accepted() -> None:
    assert money(2, job("stored", lost(1), attempt(2))) == []


def test_lost_answer_accounts_for_one_charge_or_none() -> None:
    assert money(0, failed("held", lost())) == money(1, failed("held", lost())) == []


def test_confirmed_charge_missing_from_the_bill_is_found() -> None:
    assert money(0, job()) == [Invariant.BILL_RECONCILED]


def test_charge_of_another_amount_is_found() -> None:
    charges = [Charge(WORK, PRICE + 1)]
    assert broken(check_charges(ledger(job()), charges, hash_job_prompt)) == [Invariant.BILL_RECONCILED]


def test_charge_without_a_job_is_found() -> None:
    charges = [Charge(WORK, PRICE), Charge(hash_prompt("a forest"), PRICE)]
    assert broken(check_charges(ledger(job()), charges, hash_job_prompt)) == [
        Invariant.PAID_ONCE,
        Invariant.BILL_RECONCILED,
    ]


def test_reservation_of_a_call_accounts_for_one_charge() -> None:
    in_flight = job("submitting", attempt(outcome="in_flight", charged=0, reserved=PRICE))
    assert money(0, in_flight) == money(1, in_flight) == []


def test_day_that_matches_its_attempts_is_accepted() -> None:
    assert check_budget(ledger(job("stored", lost(1), attempt(2))), 2 * PRICE) == []


def test_day_over_its_budget_is_found() -> None:
    assert broken(check_budget(ledger(job()), PRICE - 1)) == [Invariant.WITHIN_BUDGET]


def test_day_with_other_sums_is_found() -> None:
    stored = items(job())
    stored[-1]["confirmed"]["N"] = "7"
    assert broken(check_budget(parse_ledger(stored), PRICE)) == [Invariant.WITHIN_BUDGET]


def test_day_without_its_sums_is_found() -> None:
    assert broken(check_budget(parse_ledger(items(job())[:-1]), PRICE)) == [Invariant.WITHIN_BUDGET]


def test_calls_beyond_the_concurrency_limit_are_found() -> None:
    assert check_concurrency_limit([3, 10, 2], 10) == check_concurrency_limit([], 10) == []
    assert broken(check_concurrency_limit([3, 11, 2], 10)) == [Invariant.WITHIN_CONCURRENCY_LIMIT]


def test_photo_with_picture_and_receipt_has_ended() -> None:
    assert check_ends([KEY], ledger(job()), {KEY: receipt()}, {}) == []


UNENDED: list[tuple[Callable[[], PlainLedger], dict[str, Any], dict[str, Any], str]] = [
    (lambda: parse_ledger([]), {}, {}, "lost"),
    (lambda: ledger(current_job_ids=()), {}, {}, "neither"),
    (lambda: ledger(job("paid")), {KEY: receipt()}, {}, "still paid"),
    (lambda: ledger(job("unknown", lost())), {KEY: receipt()}, {}, "still unknown"),
    (lambda: ledger(job("superseded")), {KEY: receipt("superseded")}, {}, "superseded"),
    (lambda: ledger(job()), {}, {}, "no receipt"),
    (lambda: ledger(failed("held", lost())), {KEY: receipt("held")}, {}, "no error report"),
    (lambda: ledger(current_job_ids=(), problems=("no_instructions",)), {}, {}, "no error report"),
]


@pytest.mark.parametrize(("build_ledger", "receipts", "reports", "detail"), UNENDED, ids=[case[3] for case in UNENDED])
def test_photo_without_a_final_state_or_documents_is_found(
    build_ledger: Callable[[], PlainLedger], receipts: dict[str, Any], reports: dict[str, Any], detail: str
) -> None:
    (violation,) = check_ends([KEY], build_ledger(), receipts, reports)
    assert violation.invariant is Invariant.ENDS_EXACTLY_ONCE
    assert detail in violation.detail


def test_documents_that_match_the_ledger_are_accepted() -> None:
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
def test_receipt_that_differs_from_the_ledger_is_found(shown: dict[str, Any]) -> None:
    assert broken(check_documents(ledger(job()), {KEY: shown}, {})) == [Invariant.DOCUMENTS_MATCH_LEDGER]


def test_report_of_a_solved_problem_is_found() -> None:
    assert broken(check_documents(ledger(job()), {KEY: receipt()}, {KEY: report()})) == [
        Invariant.DOCUMENTS_MATCH_LEDGER
    ]


def test_document_of_an_unknown_photo_is_found() -> None:
    receipts = {KEY: receipt(), "strange.jpg": receipt()}
    assert broken(check_documents(ledger(job()), receipts, {})) == [Invariant.DOCUMENTS_MATCH_LEDGER]


def test_stored_job_without_its_picture_is_found() -> None:
    assert check_pictures(ledger(job()), {PICTURE}) == []
    assert broken(check_pictures(ledger(job()), set())) == [Invariant.PICTURES_MATCH_JOBS]
    assert broken(check_pictures(ledger(job(results=[])), set())) == [Invariant.PICTURES_MATCH_JOBS]
    two = [{"key": PICTURE}, {"key": f"{KEY}/red_2.png"}]
    assert broken(check_pictures(ledger(job(results=two)), {PICTURE})) == [Invariant.PICTURES_MATCH_JOBS]


def test_picture_without_a_job_is_found() -> None:
    assert broken(check_pictures(ledger(job()), {PICTURE, "strange.png"})) == [Invariant.PICTURES_MATCH_JOBS]


def test_former_job_may_have_lost_its_pictures() -> None:
    former = job(job_id="j0", results=[{"key": f"{KEY}/red_2.png"}])
    assert check_pictures(ledger(job(), former), {PICTURE}) == []


def test_dead_letters_of_dead_jobs_are_accepted() -> None:
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
        pytest.param("dead", [letter(), letter("")], id="without-an-id"),
    ],
)
def test_false_or_missing_dead_letter_is_found(status: str, letters: list[dict[str, Any]]) -> None:
    assert broken(check_dead_letters(ledger(failed(status)), letters)) == [Invariant.DEAD_LETTERS_MATCH_JOBS]


def test_invariants_import_nothing_of_the_product() -> None:
    imported: set[str] = set()
    for path in Path(invariants.__path__[0]).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {name.name for name in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(node.module or "")
    assert {name for name in imported if name.startswith("backdrop")} == set()
