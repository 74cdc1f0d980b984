"""The `campaign run` command: quotes a campaign, asks for confirmation, starts it, and optionally waits for it."""

from backdrop.campaigns.quote import CampaignQuote
from backdrop.model.pricing import format_usd, to_micro_usd
from backdrop_cli.campaign.campaign_quote import build_quote_document, price_campaign, print_campaign_quote
from backdrop_cli.campaign.campaign_target import CampaignOptions, CampaignRequest, build_campaign_request, hash_file
from backdrop_cli.campaign.campaign_watch import watch_campaign
from backdrop_cli.campaign.state_machine import Execution
from backdrop_cli.drop import MAX_UNCONFIRMED_MICRO_USD, MAX_UNCONFIRMED_PHOTOS
from backdrop_cli.errors import EXIT_OK, CommandError
from backdrop_cli.formatting import format_count, format_utc
from backdrop_cli.screen import Screen
from backdrop_cli.stack import Stack


def run_campaign(stack: Stack, screen: Screen, options: CampaignOptions, *, yes: bool, wait: bool) -> int:
    """Starts the campaign and returns the exit code. The campaign runs in the stack even if this command ends."""
    request = build_campaign_request(options, stack.input_bucket)
    _refuse_if_running(stack, request.campaign.name)
    priced = price_campaign(stack, screen, request)
    quote_document = build_quote_document(stack, request, priced)
    print_campaign_quote(stack, screen, request, priced)
    with screen.print_json_if_refused(quote_document | {"execution": None}):
        _confirm(screen, request, priced.quote, yes=yes)
        execution = _start(stack, request)
    quote_document |= {"run": execution.execution_name, "execution": execution.arn}
    screen.print_unwrapped(f"✓ Campaign started: {execution.execution_name}", "green")
    if wait:
        return watch_campaign(stack, screen, execution, quote_document)
    screen.print_json(quote_document)
    screen.print(f"It runs in the stack. To see its progress, run `backdrop campaign status {execution.name}`.")
    screen.print(f"To stop it, run `backdrop campaign stop {execution.name}`.")
    return EXIT_OK


def _confirm(screen: Screen, request: CampaignRequest, campaign_quote: CampaignQuote, *, yes: bool) -> None:
    """Raises CommandError if the user declines, nothing would be bought, or the price exceeds `--max-total`."""
    limit = request.campaign.max_total_usd
    if not campaign_quote.jobs:
        raise CommandError("nothing was started: nothing in this campaign would be bought")
    if limit is not None and campaign_quote.max_cost > to_micro_usd(limit):
        raise CommandError(f"nothing was started: --max-total allows only {format_usd(to_micro_usd(limit))}")
    max_price = campaign_quote.prices.total_micro_usd
    if campaign_quote.photos > MAX_UNCONFIRMED_PHOTOS or max_price > MAX_UNCONFIRMED_MICRO_USD:
        price = f" for at most {format_usd(max_price)}" if max_price else ""
        screen.confirm(f"Buy pictures for {format_count(campaign_quote.photos, 'photo')}{price}?", yes=yes)


def _refuse_if_running(stack: Stack, name: str) -> None:
    """Raises CommandError if a campaign of this name is running: both would write the same report."""
    for one in stack.state_machine.list_latest(only_running=True):
        if one.name == name:
            raise CommandError(
                f"nothing was started: a campaign named {name} has been running since {format_utc(one.started_at)}; "
                f"wait until it ends, stop it with `backdrop campaign stop {name}`, or start this one with `backdrop "
                "campaign run` and another --name"
            )


def _start(stack: Stack, request: CampaignRequest) -> Execution:
    """Starts the campaign on the manifest that was quoted. Raises CommandError if the file has changed since."""
    _refuse_if_running(stack, request.campaign.name)
    if request.local_manifest:
        key = str(request.campaign.manifest)
        if hash_file(request.local_manifest) not in key:
            raise CommandError(
                f"nothing was started: {request.local_manifest} changed after the quote; run the command again"
            )
        stack.uploader.upload_file(key, request.local_manifest)
    return stack.state_machine.start(request.execution_input, stack.clock.now())
