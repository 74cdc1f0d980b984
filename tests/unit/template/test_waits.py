"""Waits of the code that depend on times in the template, and the texts that name them."""

from datetime import timedelta
from pathlib import Path

import pytest

from backdrop.model.bill import BOUNDARY
from backdrop.model.bill_records import HOUR, MAX_RUN_DISTANCE
from backdrop.model.price_check import LEASE
from backdrop.model.transitions.payment import MAX_BILL_WAIT
from backdrop.providers.ideogram import SUBMIT_SECONDS
from backdrop.reconcile.price_checks import WRITE_DELAYS_SECONDS
from tests.unit.template_document import ALL_ON, Deployed

ROOT = Path(__file__).parents[3]
STACK = Deployed(**ALL_ON)


def test_lease_of_a_quote_outlives_its_worker() -> None:
    timeout = timedelta(seconds=STACK.resources["PriceCheckFunction"]["Properties"]["Timeout"])
    assert timedelta(seconds=SUBMIT_SECONDS + sum(WRITE_DELAYS_SECONDS)) < timeout < LEASE


def test_no_wait_for_the_bill_ends_before_the_slowest_records_are_final() -> None:
    slowest = timedelta(minutes=STACK.template["Parameters"]["BillFinalMinutes"]["MaxValue"])
    schedule = STACK.resources["ReconcileBillFunction"]["Properties"]["Events"]["EveryHour"]["Properties"]["Schedule"]
    assert schedule.endswith(" * * * ? *)"), "it reads the records every hour"
    # The hour of the call must end and become final. Then, two runs must read the same.
    assert BOUNDARY + HOUR + slowest + 2 * HOUR < MAX_BILL_WAIT


@pytest.mark.parametrize(
    ("wait", "length", "text", "pages"),
    [
        (MAX_BILL_WAIT, timedelta(days=2), "two days", ["template.yaml", "docs/bill.md"]),
        (MAX_BILL_WAIT, timedelta(hours=48), "48 hours", ["docs/decisions/0048-ask-the-bill.md"]),
        (MAX_RUN_DISTANCE, timedelta(hours=3), "three hours", ["docs/bill.md", "docs/decisions/0048-ask-the-bill.md"]),
    ],
)
def test_texts_name_the_waits_of_the_code(wait: timedelta, length: timedelta, text: str, pages: list[str]) -> None:
    assert wait == length
    assert [page for page in pages if text not in " ".join((ROOT / page).read_text().split())] == []
