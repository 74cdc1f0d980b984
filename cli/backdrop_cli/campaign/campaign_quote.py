"""The `campaign quote` command: the maximum price of a campaign, before anything is requested."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from backdrop.campaigns.items import CampaignPricing
from backdrop.campaigns.manifest import BadRow, ManifestRow
from backdrop.campaigns.quote import CampaignQuote, ItemQuote
from backdrop.intake.preview import find_reuse
from backdrop.model.codes import Code
from backdrop.model.pricing import PRICE_LIST_DATE, format_usd
from backdrop_cli.campaign.campaign_target import (
    CampaignOptions,
    CampaignRequest,
    build_campaign_request,
    read_campaign_items,
)
from backdrop_cli.continuation import explain_end
from backdrop_cli.errors import CommandError, NothingFoundError
from backdrop_cli.formatting import describe_refusals, format_count
from backdrop_cli.mandate_forecast import MandateForecast
from backdrop_cli.operate.budget import describe_budget_shortfall
from backdrop_cli.parallel import parallel_map
from backdrop_cli.purchase_warnings import (
    PhotoMeasurements,
    WarningTotals,
    list_purchase_warnings,
    print_warning_totals,
)
from backdrop_cli.quote import MAX_LISTED_TEXTS
from backdrop_cli.screen import Screen
from backdrop_cli.stack import Stack
from backdrop_cli.uploads.upload_report import MAX_LISTED_PER_CODE

UNOPENED_TEXT = (
    "Photos are opened only when they are requested. One that cannot be used or shows nothing is refused then, and "
    "costs nothing."
)
BUSY_MESSAGE = "resolving every photo"


@dataclass(frozen=True)
class PricedCampaign:
    """A campaign's quote, who pays, and the warnings about what would be bought."""

    mandates: MandateForecast
    quote: CampaignQuote = field(default_factory=CampaignQuote)
    warnings: WarningTotals = field(default_factory=WarningTotals)


def quote_campaign(stack: Stack, screen: Screen, options: CampaignOptions) -> None:
    """Prints the quote. Raises CommandError if nothing would be bought."""
    request = build_campaign_request(options, stack.input_bucket)
    priced = price_campaign(stack, screen, request)
    screen.print_json(build_quote_document(stack, request, priced))
    print_campaign_quote(stack, screen, request, priced)
    if not priced.quote.jobs:
        raise CommandError("nothing in this campaign would be bought")


def price_campaign(stack: Stack, screen: Screen, request: CampaignRequest) -> PricedCampaign:
    """Returns the totals of all items. Raises NothingFoundError if there are none."""
    mandates = stack.campaign_pricing.previewer.mandates
    priced = PricedCampaign(MandateForecast.for_today(mandates, stack.clock))
    continuation = "nothing was started. To go on, run the same command again"
    with explain_end(lambda: continuation), screen.spinner(BUSY_MESSAGE):
        rows = read_campaign_items(stack, request)
        for one in parallel_map(partial(_quote_row, stack.campaign_pricing), rows, stack.max_threads):
            if isinstance(one, BadRow):
                priced.quote.add_bad_row(one)
                continue
            # A job without a price has its pictures already.
            bought = [job for job in priced.quote.add(one) if job.quoted]
            if not one.row.is_repeat:
                priced.warnings.add(one.row.key, list_purchase_warnings(one.jobs, PhotoMeasurements(one.photo_size)))
                priced.warnings.add(one.row.key, priced.mandates.add(one.row.key, bought))
    if not priced.quote.items and not priced.quote.bad_row_count:
        raise NothingFoundError(request.empty_message)
    return priced


def _quote_row(pricing: CampaignPricing, row: ManifestRow | BadRow) -> ItemQuote | BadRow:
    """Quotes an item as of now. The campaign's limit does not depend on other photos' pictures."""
    if isinstance(row, BadRow):
        return row
    item = pricing.quote_row(row)
    # A job without a price has its pictures already, so nothing depends on whose they are.
    return replace(item, jobs=[find_reuse(pricing.ledger, job) if job.quoted else job for job in item.jobs])


def build_quote_document(stack: Stack, request: CampaignRequest, priced: PricedCampaign) -> dict[str, Any]:
    return {
        "stack": stack.name,
        "campaign": request.execution_input,
        **priced.quote.build_document(),
        "warnings": dict(priced.warnings.counts),
        "mandates": priced.mandates.build_document(),
    }


def print_campaign_quote(stack: Stack, screen: Screen, request: CampaignRequest, priced: PricedCampaign) -> None:
    campaign_quote = priced.quote
    screen.print_unwrapped(
        f"Campaign {request.campaign.name}, stack {stack.name}: {request.local_campaign.description}", "bold"
    )
    passed_over = (
        [f"{format_count(campaign_quote.not_image_count, 'other file')} skipped"]
        if campaign_quote.not_image_count
        else []
    )
    passed_over += [f"{format_count(campaign_quote.repeats, 'repeated row')}"] if campaign_quote.repeats else []
    screen.print(
        "; ".join(
            [
                f"  {format_count(campaign_quote.photos, 'photo')}, {format_count(campaign_quote.jobs, 'job')}",
                *passed_over,
            ]
        )
    )
    screen.print_sample(campaign_quote.filled_texts.format_lines(), MAX_LISTED_TEXTS, campaign_quote.filled_texts.count)
    for words, number, named in _list_problems(campaign_quote):
        screen.print(f"! {words}", "yellow")
        screen.print_sample(named, MAX_LISTED_PER_CODE, number)
    print_warning_totals(screen, priced.warnings)
    max_price = campaign_quote.prices.total_micro_usd
    deduction = "pictures that are already bought are not counted"
    screen.print(f"At most {format_usd(max_price)}, at list prices of {PRICE_LIST_DATE}; {deduction}.", "bold")
    if max_price:
        screen.print(UNOPENED_TEXT)
    priced.mandates.print_lines(screen)
    if shortfall := describe_budget_shortfall(stack, max_price):
        screen.print(f"! {shortfall}", "yellow")


def _list_problems(campaign_quote: CampaignQuote) -> Iterator[tuple[str, int, Sequence[str]]]:
    """Yields, for each reason, a message, the number of items that would not be bought, and the first few of them."""
    if campaign_quote.missing:
        message = f"{format_count(campaign_quote.missing, 'key')} without a photo: {Code.PHOTO_NOT_FOUND.value}"
        yield message, campaign_quote.missing, _format_rejected_items(campaign_quote, Code.PHOTO_NOT_FOUND)
    for code, photo_count in campaign_quote.rejections_by_code.most_common():
        texts = describe_refusals(code.value, photo_count, campaign_quote.partial_by_code[code])
        yield "; ".join(texts), photo_count, _format_rejected_items(campaign_quote, code)
    if campaign_quote.bad_row_count:
        rows = [f"row {one.number}: {one.reason}" for one in campaign_quote.first_bad_rows]
        yield f"{format_count(campaign_quote.bad_row_count, 'row')} skipped", campaign_quote.bad_row_count, rows


def _format_rejected_items(campaign_quote: CampaignQuote, code: Code) -> list[str]:
    return [
        f"{f'row {one.row_number}, ' if one.row_number else ''}{one.key}: {one.reason}"
        for one in campaign_quote.first_rejections[code]
    ]
