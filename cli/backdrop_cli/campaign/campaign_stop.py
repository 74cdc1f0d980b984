"""The `campaign stop` command: requests nothing more, and ends unbought items without a charge."""

from backdrop.campaigns.campaign import campaign_report_key
from backdrop.campaigns.report import OPEN
from backdrop_cli.campaign.campaign_progress import describe_campaign, read_campaign_progress
from backdrop_cli.campaign.campaign_status import find_execution
from backdrop_cli.screen import Screen
from backdrop_cli.stack import Stack


def stop_campaign(stack: Stack, screen: Screen, name: str, *, yes: bool) -> None:
    """Shows the progress, asks for confirmation, and stops the campaign."""
    execution = find_execution(stack, name, only_running=True)
    campaign_progress = read_campaign_progress(stack, execution)
    under_way = campaign_progress.totals.counts_by_status[OPEN]
    document = {
        "stack": stack.name,
        **describe_campaign(execution),
        "listed": campaign_progress.total_items,
        "asked": campaign_progress.totals.requested,
        "under_way": under_way,
    }
    screen.print_unwrapped(f"Campaign {execution.name}, stack {stack.name}: {execution.execution_name}", "bold")
    screen.print(f"  {campaign_progress.summary}, {under_way:,} in progress; cost: {campaign_progress.cost_summary}")
    screen.print("Items in progress end without a charge, except calls in flight and what others also requested.")
    with screen.print_json_if_refused(document | {"stopped": False}):
        screen.confirm(f"Stop {execution.execution_name}?", yes=yes)
    stack.state_machine.stop(execution.arn)
    screen.print_json(document | {"status": "stopped", "stopped": True})
    screen.print("✓ Campaign stopped. In a few minutes, its report lists what was bought:", "green")
    screen.print_unwrapped(f"  s3://{stack.output_bucket}/{campaign_report_key(execution.name, 'json')}")
