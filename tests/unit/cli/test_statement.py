"""A month's statement: which rows it has, what their cells contain, and that they add up to the ledger's amounts."""

import csv
import json
import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backdrop.model.job import AttemptOutcome, Job, Settlement, SettlementResult
from backdrop.model.object_keys import photo_name_of
from backdrop.model.pricing import MICRO_PER_USD
from backdrop_cli.errors import UsageError
from backdrop_cli.operate.spend import SpendTotal
from backdrop_cli.statement.focus_csv import COLUMNS, format_decimal_usd, write_csv
from backdrop_cli.statement.month import check_has_begun, parse_month
from backdrop_cli.statement.statement import GROUPINGS, Statement
from backdrop_cli.statement.statement_page import OTHERS_LABEL, list_notices, render_statement, select_largest
from tests.unit.ledger_items import build_job, quick
from tests.unit.statement_ledger import NOVEMBER, SUBMITTED_AT, build_attempt, build_request, read_ledger

DAYS = ("2026-10-31", "2026-11-01", "2026-11-20", "2026-11-30", "2026-12-01")


def read_rows(statement: Statement) -> list[dict[str, str]]:
    file = StringIO(newline="")
    write_csv(statement, file)
    return list(csv.DictReader(StringIO(file.getvalue(), newline=""), strict=True))


def sum_micro_usd(rows: Iterable[dict[str, str]], column: str) -> int:
    return int(sum((Decimal(row[column]) for row in rows), Decimal(0)) * MICRO_PER_USD)


amounts = st.integers(0, 10**12)
attempts = st.builds(
    build_attempt,
    st.integers(1, 9),
    provider=st.sampled_from(["ideogram", "segmind", "1min", "runware"]),
    budget_day=st.sampled_from(DAYS),
    charged=amounts,
    unknown=amounts,
    reserved=amounts,
    mandate=st.sampled_from([None, "anna", "ben"]),
)
jobs = st.builds(
    build_job,
    job_id=st.uuids().map(str),
    key=st.sampled_from(["a.jpg", "shoes/b.jpg", "shoes/x/c.jpg", "=1+2.jpg", "ü/'q'.jpg"]),
    variant=st.sampled_from(["", "sea"]),
    attempts=st.lists(attempts, max_size=4, unique_by=lambda attempt: attempt.n).map(tuple),
)
ledgers = st.lists(jobs, max_size=6, unique_by=lambda job: job.job_id)


@quick
@given(ledgers)
def test_rows_and_groups_add_up_to_the_ledger(ledger: list[Job]) -> None:
    expected = SpendTotal()
    for job in ledger:
        for attempt in job.attempts:
            if attempt.budget_day.startswith("2026-11"):
                expected.add(attempt)
    with read_ledger(*ledger) as statement:
        rows = read_rows(statement)
        assert sum_micro_usd(rows, "BilledCost") == expected.confirmed
        assert sum_micro_usd(rows, "x_UnknownCost") == expected.unknown
        assert statement.total == expected
        for name in GROUPINGS:
            groups = statement.groups[name].values()
            assert sum(one.calls for one in groups) == expected.calls
            assert sum(one.confirmed for one in groups) == expected.confirmed
            assert sum(one.unknown for one in groups) == expected.unknown


@quick
@given(ledgers)
def test_each_row_has_the_values_that_focus_requires(ledger: list[Job]) -> None:
    with read_ledger(*ledger) as statement:
        rows = read_rows(statement)
    nullable = {"BillingAccountName", "ChargeClass", "SubAccountId", "SubAccountName", "SubAccountType"}
    for row in rows:
        assert all(text for name, text in row.items() if not name.startswith("x_") and name not in nullable)
        assert row["BilledCost"] == row["EffectiveCost"] == row["ListCost"] == row["ContractedCost"]
        assert (row["x_UnknownChargeState"] in ("open", "undecided")) is (row["x_UnknownCost"] != "0")
        assert row["BillingPeriodStart"] <= row["ChargePeriodStart"] < row["ChargePeriodEnd"] <= row["BillingPeriodEnd"]
        assert bool(row["SubAccountId"]) is bool(row["SubAccountType"])


def test_columns_are_those_of_focus_and_then_our_own_in_order() -> None:
    own = [name for name in COLUMNS if name.startswith("x_")]
    focus = [name for name in COLUMNS if not name.startswith("x_")]
    assert list(COLUMNS) == [*sorted(focus), *sorted(own)]
    mandatory = {
        "BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency", "BillingPeriodEnd",
        "BillingPeriodStart", "ChargeCategory", "ChargeClass", "ChargeDescription", "ChargePeriodEnd",
        "ChargePeriodStart", "ContractedCost", "EffectiveCost", "HostProviderName", "InvoiceIssuerName", "ListCost",
        "PricingQuantity", "PricingUnit", "ServiceCategory", "ServiceName", "ServiceProviderName",
    }  # fmt: skip
    assert mandatory <= set(focus), "FOCUS 1.4 has more mandatory columns"


def test_charged_and_unknown_amounts_are_separate_rows() -> None:
    charged = build_attempt(charged=37_500, basis="reported", provider="segmind", mandate="anna", endpoint="/v2/x")
    lost = build_attempt(2, unknown=60_000, provider_id="id-2")
    job = build_job(key="shoes/red.jpg", attempts=(charged, lost), variant="sea")
    with read_ledger(job) as statement:
        first, second = read_rows(statement)
    assert (first["BilledCost"], first["x_UnknownCost"], first["x_UnknownChargeState"]) == ("0.0375", "0", "")
    assert (second["BilledCost"], second["x_UnknownCost"], second["x_UnknownChargeState"]) == ("0", "0.06", "open")
    assert (first["PricingQuantity"], second["PricingQuantity"]) == ("1", "0")
    assert (first["ServiceProviderName"], first["SkuId"]) == ("Segmind", "segmind/replace/DEFAULT")
    assert (first["SubAccountId"], first["x_EndpointPath"], first["x_PriceBasis"]) == ("anna", "/v2/x", "reported")
    assert (first["ResourceId"], first["x_VariantName"]) == ("s3://photos/shoes/red.jpg", "sea")
    assert (first["ChargePeriodStart"], first["ChargePeriodEnd"]) == ("2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z")
    assert (first["BillingPeriodStart"], first["BillingPeriodEnd"]) == ("2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z")
    assert json.loads(first["Tags"]) == {"backdrop:folder": "shoes/", "backdrop:mandate": "anna"}
    assert (second["x_ProviderRequestId"], second["x_AttemptNumber"]) == ("id-2", "2")


def test_removals_of_two_prices_are_two_skus() -> None:
    attempts = (build_attempt(charged=600, provider="runware"), build_attempt(2, charged=10_000))
    job = build_job(operation="remove", instructions={"operation": "remove"}, attempts=attempts)
    with read_ledger(job) as statement:
        first, second = read_rows(statement)
    assert (first["SkuId"], second["SkuId"]) == ("runware/remove/birefnet-matting", "ideogram/remove")
    assert first["ChargeDescription"] == "Background removal with birefnet-matting, by Runware"


def settle(result: SettlementResult, **counts: int) -> Settlement:
    hours = (SUBMITTED_AT,)
    return Settlement(
        result=result, settled_at=SUBMITTED_AT, amount=60_000, hours=hours, billed=2, certain=1,
        records_read_at=SUBMITTED_AT, **counts,
    )  # fmt: skip


def test_settled_charges_stay_in_the_statement() -> None:
    lost = AttemptOutcome.LOST
    charged = build_attempt(charged=60_000, basis="bill", settlement=settle(SettlementResult.CHARGED), outcome=lost)
    free = build_attempt(2, settlement=settle(SettlementResult.NOT_CHARGED))
    reopened = build_attempt(3, unknown=60_000, settlement=settle(SettlementResult.REOPENED))
    with read_ledger(build_job(attempts=(charged, free, reopened))) as statement:
        rows = read_rows(statement)
        assert statement.total == SpendTotal(2, 60_000, 60_000)
        assert (statement.settled_count, statement.open_count) == (2, 1)
        assert (statement.min_bill, statement.max_bill) == (60_000, 120_000)
    assert [row["x_UnknownChargeState"] for row in rows] == ["settled_charged", "settled_not_charged", "open"]
    assert [row["BilledCost"] for row in rows] == ["0.06", "0", "0"]


def test_failure_that_was_billed_is_not_described_as_a_lost_answer() -> None:
    settlement, rejected = settle(SettlementResult.CHARGED), AttemptOutcome.REJECTED
    failed = build_attempt(charged=60_000, basis="bill", settlement=settlement, outcome=rejected)
    with read_ledger(build_job(attempts=(failed,))) as statement:
        [row] = read_rows(statement)
        assert (statement.settled_count, statement.billed_failure_count) == (0, 1)
        assert len(list_notices(statement)) == 1
    assert row["x_UnknownChargeState"] == "billed_failure"


def test_proven_share_of_undecided_charges_narrows_the_bill() -> None:
    share = settle(SettlementResult.UNDECIDED, charged_count=2, unknown_count=3)
    lost = [build_attempt(n, unknown=60_000, endpoint="/v1/x", settlement=share) for n in (1, 2, 3)]
    with read_ledger(build_job(attempts=tuple(lost))) as statement:
        assert (statement.total.confirmed, statement.total.unknown) == (0, 180_000)
        assert (statement.min_bill, statement.max_bill) == (120_000, 120_000)
        assert {row["x_GroupChargedImageCount"] + "/" + row["x_GroupImageCount"] for row in read_rows(statement)} == {
            "2/3"
        }
        page = render_statement(statement)
        assert "2 of these 3 images charged" in page
        assert list_figures(page) == {"Charged": "$0.00", "Possibly more": "$0.12", "At most": "$0.12"}
        assert "Of 3 unknown charges, $0.18 together, the provider&#x27;s usage records prove that $0.12 was" in page
    december = replace(lost[2], budget_day="2026-12-01")
    with read_ledger(build_job(attempts=(*lost[:2], december))) as statement:
        assert (statement.min_bill, statement.max_bill) == (60_000, 120_000)
        assert "prove that at least $0.06, and at most $0.12, was charged" in render_statement(statement)


def list_figures(page: str) -> dict[str, str]:
    """Returns the amounts at the top of a page."""
    figures = dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", page))
    del figures["Paid calls"]
    return figures


def test_figures_of_the_page_add_up() -> None:
    share = settle(SettlementResult.UNDECIDED, charged_count=1, unknown_count=2)
    lost = [build_attempt(n, unknown=60_000, endpoint="/v1/x", settlement=share) for n in (1, 2)]
    job = build_job(attempts=(*lost, build_attempt(3, charged=2_000_000), build_attempt(4, unknown=20_000)))
    with read_ledger(job) as statement:
        page = render_statement(statement)
    assert list_figures(page) == {"Charged": "$2.00", "Possibly more": "$0.08", "At most": "$2.08"}
    assert "3 charges are unknown: their calls may have been charged or not." in page
    assert "bill is between $2.06 and $2.08." in page


def test_images_of_a_single_charge_are_not_described_as_those_of_several_photos() -> None:
    share = settle(SettlementResult.UNDECIDED, charged_count=1, unknown_count=4)
    lost = build_attempt(unknown=240_000, endpoint="/v1/x", settlement=share)
    with read_ledger(build_job(attempts=(lost,), instructions={"operation": "replace", "num_images": 4})) as statement:
        assert list_notices(statement) == [
            "1 charge is unknown: its call may have been charged or not. The provider's bill is $0.06.",
            "Of 1 unknown charge of $0.24, the provider's usage records prove that $0.06 was charged. The tables count "
            "all of it as possibly charged.",
        ]


def test_bills_of_several_providers_are_not_taken_for_one() -> None:
    lost = build_attempt(unknown=60_000)
    with read_ledger(build_job(attempts=(lost, build_attempt(2, provider="segmind", charged=75_000)))) as statement:
        assert list_notices(statement) == [
            "1 charge is unknown: its call may have been charged or not. The bills of all providers together are "
            "between $0.075 and $0.135."
        ]


def test_month_without_calls_is_explained() -> None:
    with read_ledger() as statement:
        assert read_rows(statement) == []
        assert list_notices(statement) == ["The ledger has no paid call of this month."]
        assert list_figures(render_statement(statement)) == dict.fromkeys(
            ("Charged", "Possibly more", "At most"), "$0.00"
        )


def test_share_that_is_not_proven_leaves_charges_open() -> None:
    lost = build_attempt(unknown=60_000, settlement=settle(SettlementResult.UNDECIDED))
    with read_ledger(build_job(attempts=(lost,))) as statement:
        assert (statement.min_bill, statement.max_bill) == (0, 60_000)
        assert [row["x_UnknownChargeState"] for row in read_rows(statement)] == ["open"]


def test_charge_belongs_to_the_campaign_that_requested_it_last_before_the_call() -> None:
    job = build_job(attempts=(build_attempt(charged=60_000),))
    before, after = SUBMITTED_AT - timedelta(hours=1), SUBMITTED_AT + timedelta(hours=1)
    requests = [
        build_request(job.job_id, "spring", before - timedelta(days=1)),
        build_request(job.job_id, "summer", before),
        build_request(job.job_id, "autumn", after),
        build_request("another job", "winter", before),
    ]
    with read_ledger(requests[0], job, *requests[1:]) as statement:
        assert [row["x_CampaignName"] for row in read_rows(statement)] == ["summer"]
        assert set(statement.groups["campaign"]) == {"summer"}
    with read_ledger(job, requests[2]) as statement:
        assert set(statement.groups["campaign"]) == {"(no campaign)"}


def test_statement_is_provisional_until_the_month_and_its_calls_have_ended() -> None:
    job = build_job(attempts=(build_attempt(charged=60_000),))
    with read_ledger(job, now=NOVEMBER.end - timedelta(seconds=1)) as statement:
        assert statement.is_provisional
        assert [row["x_IsProvisional"] for row in read_rows(statement)] == ["true"]
    with read_ledger(job, now=NOVEMBER.end) as statement:
        assert not statement.is_provisional
        assert [row["x_IsProvisional"] for row in read_rows(statement)] == ["false"]
    pending = build_job(job_id="job-2", attempts=(build_attempt(reserved=90_000),))
    with read_ledger(job, pending) as statement:
        assert statement.is_provisional
        assert (statement.in_flight.count, statement.in_flight.reserved, statement.total.calls) == (1, 90_000, 1)
        assert "The totals do not contain its cost, at most $0.09." in render_statement(statement)


def test_statement_is_incomplete_if_the_ledger_has_deleted_calls() -> None:
    job = build_job(attempts=(build_attempt(charged=60_000), build_attempt(2, unknown=10_000)))
    deleted = build_job(job_id="job-2", attempts=(build_attempt(charged=90_000), build_attempt(2, unknown=30_000)))
    with read_ledger(job, deleted=deleted) as statement:
        assert (statement.state, statement.is_provisional) == ("incomplete", False)
        assert (statement.total.confirmed, statement.min_bill, statement.max_bill) == (60_000, 150_000, 190_000)
        page = render_statement(statement)
        assert '<span class="state incomplete">Incomplete</span>' in page
        assert "the ledger has deleted calls of this month, which cost $0.09 and possibly $0.03 more." in page
        assert list_figures(page) == {"Charged": "$0.06", "Possibly more": "$0.01", "At most": "$0.07"}
        assert [row["x_IsProvisional"] for row in read_rows(statement)] == ["false", "false"]
    with read_ledger(job) as statement:
        assert (statement.state, statement.is_incomplete) == ("final", False)
    with read_ledger(job, deleted=deleted, now=SUBMITTED_AT) as statement:
        assert (statement.state, statement.is_incomplete) == ("provisional", False)


@pytest.mark.parametrize(
    "text",
    ["", "2026", "2026-13", "2026-00", "2026-1", "26-11", "2026-11-20", "2026-11\n", "november", "٢٠٢٦-١١", "9999-12"],
)
def test_text_that_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"MONTH is a year and a month, such as 2026-11"):
        parse_month(text)


def test_month_ends_where_the_next_one_begins() -> None:
    assert parse_month("2026-12").end == parse_month("2027-01").start == datetime(2027, 1, 1, tzinfo=UTC)
    assert [NOVEMBER.contains(day) for day in DAYS] == [False, True, True, True, False]
    check_has_begun(NOVEMBER, NOVEMBER.start)
    with pytest.raises(UsageError, match=r"2026-11 has not begun; the current month is 2026-10 \(UTC\)"):
        check_has_begun(NOVEMBER, NOVEMBER.start - timedelta(seconds=1))


@given(st.integers(0, 10**15))
def test_amount_is_exact_and_without_exponent(micro_usd: int) -> None:
    text = format_decimal_usd(micro_usd)
    assert int(Decimal(text) * MICRO_PER_USD) == micro_usd
    assert set(text) <= {*"0123456789."}


@pytest.mark.parametrize("key", ["=HYPERLINK(1).jpg", "+1.jpg", "-1.jpg", "@SUM(A1).jpg", "'=1.jpg", "\t=1.jpg"])
def test_hostile_key_is_no_formula_in_the_csv(key: str) -> None:
    with read_ledger(build_job(key=key, attempts=(build_attempt(charged=1),))) as statement:
        (row,) = read_rows(statement)
    assert row["ResourceName"] == f"'{photo_name_of('photos', key, 'photos')}"
    assert not any(cell.startswith(("=", "+", "-", "@", "\t")) for cell in row.values())


def test_hostile_texts_are_escaped_in_the_page() -> None:
    hostile = '<script>alert("x")<script>\x1b[2J&$month'
    charges = (build_attempt(charged=60_000), build_attempt(2, unknown=60_000))
    job = build_job(key=f"{hostile}/a.jpg", variant="sea", attempts=charges)
    request = build_request(job.job_id, "<b>sale</b>", SUBMITTED_AT)
    with read_ledger(job, request) as statement:
        page = render_statement(statement)
    assert "<script" not in page
    assert "<b>" not in page
    assert "\x1b" not in page
    assert page.count("&lt;script&gt;alert(&quot;x&quot;)&lt;script&gt;\\u001b[2J&amp;$month") == 3


def test_page_lists_some_charges_and_says_where_the_others_are() -> None:
    ledger = [build_job(job_id=f"job-{n}", attempts=(build_attempt(charged=10_000),)) for n in range(502)]
    with read_ledger(*ledger) as statement:
        page = render_statement(statement)
        assert len(read_rows(statement)) == 502
    assert page.count('<span class="photo"') == 500
    assert "2 more are not listed; <code>backdrop statement 2026-11 --csv FILE</code> writes all of them." in page
    assert "$5.02" in page


def test_small_groups_are_one_row_with_their_sum() -> None:
    totals = {f"folder {n}/": SpendTotal(1, n, 1) for n in range(5)}
    assert select_largest(totals, 2) == {
        "folder 4/": SpendTotal(1, 4, 1),
        "folder 3/": SpendTotal(1, 3, 1),
        OTHERS_LABEL: SpendTotal(3, 3, 3),
    }
    assert select_largest(totals, 5).keys() == totals.keys()
