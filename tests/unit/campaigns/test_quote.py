"""A campaign's quote counts and prices only what would be bought, and each content once."""

from backdrop.campaigns.manifest import ManifestRow
from backdrop.campaigns.quote import CampaignQuote, ItemQuote
from backdrop.model.codes import Code
from backdrop.model.job import MASK_VARIANT, Job
from tests.unit.ledger_items import build_job

PRICE = 60_000


def quote_jobs(*jobs: Job) -> CampaignQuote:
    """Quotes one row for each job."""
    totals = CampaignQuote()
    for number, job in enumerate(jobs, 2):
        totals.add(ItemQuote(ManifestRow(number, job.key), jobs=[job]))
    return totals


def build_priced_job(name: str, content: str, **fields: object) -> Job:
    return build_job(
        key=f"{name}.jpg", job_id=name, source_id=name, content_id=content, sha256="5" * 64, quoted=PRICE, **fields
    )


def test_row_whose_name_is_taken_is_neither_counted_nor_priced() -> None:
    named = {"instructions": {"operation": "remove", "output": {"name_template": "same.png"}}}
    totals = quote_jobs(build_priced_job("a", "1", **named), build_priced_job("b", "2", **named))
    document = totals.build_document()
    assert (document["jobs"], document["most_usd"]) == (1, 0.06)
    assert document["not_bought"] == {Code.NAME_TAKEN.value: 1}
    assert totals.max_cost == 2 * PRICE


def test_same_content_in_two_rows_is_priced_once() -> None:
    totals = quote_jobs(build_priced_job("a", "1"), build_priced_job("b", "1"), build_priced_job("c", "2"))
    assert (totals.jobs, totals.prices.total_micro_usd, totals.max_cost) == (3, 2 * PRICE, 3 * PRICE)


def test_limit_of_each_variant_that_buys_the_mask_includes_its_price() -> None:
    with_mask = {"operation": "replace", "prompt": "a", "subject": {"mask": "buy"}}
    jobs = [
        build_job(variant="a", quoted=60_000, mask_quoted=10_000, instructions=with_mask),
        build_job(variant="b", quoted=60_000),
        build_job(variant=MASK_VARIANT, quoted=10_000),
    ]
    item = ItemQuote(ManifestRow(2, "a.jpg"), jobs=jobs)
    assert item.max_cost_by_variant == {"a": 70_000, "b": 60_000}
    assert item.max_cost == 130_000
