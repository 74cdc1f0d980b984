"""The `campaign quote` command: the maximum price of a campaign, before anything is requested."""

from collections.abc import Iterator, Sequence
from typing import Any

from backdrop.campaigns.manifest import BadRow, ManifestRow
from backdrop.campaigns.quote import CampaignQuote, ItemQuote
from backdrop.model.codes import Code
from backdrop.model.pricing import PRICE_LIST_DATE, format_usd
from backdrop_cli.campaign.campaign_target import (
    CampaignOptions,
    CampaignRequest,
    build_campaign_request,
    read_campaign_items,
)
from backdrop_cli.errors import CommandError, NothingFoundError
from backdrop_cli.formatting import format_count
from backdrop_cli.operate.budget import describe_budget_shortfall
from backdrop_cli.parallel import parallel_map
from backdrop_cli.quote import MAX_LISTED_TEXTS
from backdrop_cli.screen import Screen
from backdrop_cli.stack import Stack
from backdrop_cli.uploads.upload_report import MAX_LISTED_PER_CODE

BUSY_MESSAGE = "resolving every photo"


def quote_campaign(stack: Stack, screen: Screen, options: CampaignOptions) -> None:
    """Prints the quote. Raises CommandError if nothing would be bought."""
    request = build_campaign_request(options, stack.input_bucket)
    campaign_quote = compute_campaign_quote(stack, screen, request)
    screen.print_json(build_quote_document(stack, request, campaign_quote))
    print_campaign_quote(stack, screen, request, campaign_quote)
    if not campaign_quote.jobs:
        raise CommandError("nothing in this campaign would be bought")


def compute_campaign_quote(stack: Stack, screen: Screen, request: CampaignRequest) -> CampaignQuote:
    """Returns the totals of all items. Raises NothingFoundError if there are none."""

    def quote_row(row: ManifestRow | BadRow) -> ItemQuote | BadRow:
        return row if isinstance(row, BadRow) else stack.campaign_pricing.quote_row(row)

    totals = CampaignQuote()
    with screen.spinner(BUSY_MESSAGE):
        for one in parallel_map(quote_row, read_campaign_items(stack, request), stack.max_threads):
            totals.add_bad_row(one) if isinstance(one, BadRow) else totals.add(one)
    if not totals.items and not totals.bad_row_count:
        raise NothingFoundError(request.empty_message)
    return totals


def build_quote_document(stack: Stack, request: CampaignRequest, campaign_quote: CampaignQuote) -> dict[str, Any]:
    return {"stack": stack.name, "campaign": request.execution_input, **campaign_quote.build_document()}


def print_campaign_quote(stack: Stack, screen: Screen, request: CampaignRequest, campaign_quote: CampaignQuote) -> None:
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
    max_price = campaign_quote.prices.total_micro_usd
    deduction = "pictures that these photos already have are not counted"
    screen.print(f"At most {format_usd(max_price)}, at list prices of {PRICE_LIST_DATE}; {deduction}.", "bold")
    if shortfall := describe_budget_shortfall(stack, max_price):
        screen.print(f"! {shortfall}", "yellow")


def _list_problems(campaign_quote: CampaignQuote) -> Iterator[tuple[str, int, Sequence[str]]]:
    """Yields, for each reason, a message, the number of items that would not be bought, and the first few of them."""
    if campaign_quote.missing:
        message = f"{format_count(campaign_quote.missing, 'key')} without a photo: {Code.PHOTO_NOT_FOUND.value}"
        yield message, campaign_quote.missing, _format_rejected_items(campaign_quote, Code.PHOTO_NOT_FOUND)
    for code, times in campaign_quote.rejections_by_code.most_common():
        yield (
            f"{format_count(times, 'job')} would not be bought: {code.value}",
            times,
            _format_rejected_items(campaign_quote, code),
        )
    if campaign_quote.bad_row_count:
        rows = [f"row {one.number}: {one.reason}" for one in campaign_quote.first_bad_rows]
        yield f"{format_count(campaign_quote.bad_row_count, 'row')} skipped", campaign_quote.bad_row_count, rows


def _format_rejected_items(campaign_quote: CampaignQuote, code: Code) -> list[str]:
    return [
        f"{f'row {one.row_number}, ' if one.row_number else ''}{one.key}: {one.reason}"
        for one in campaign_quote.first_rejections[code]
    ]
