"""The verb `campaign stop`: nothing more is asked, what is not bought yet ends unpaid, and a report tells the rest."""

from backdrop.campaigns.campaign import campaign_report_key
from backdrop.campaigns.report import OPEN
from backdrop_cli.campaign.campaign_progress import describe_campaign, read_campaign_progress
from backdrop_cli.campaign.campaign_status import find_execution
from backdrop_cli.screen import Screen
from backdrop_cli.stack import Stack


def stop_campaign(stack: Stack, screen: Screen, name: str, *, yes: bool) -> None:
    """Say what it leaves, ask, and stop it."""
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
    screen.print(f"  {campaign_progress.summary}, {under_way:,} under way; bought for {campaign_progress.cost_summary}")
    screen.print("What is under way and nobody else wants ends unpaid, but for the calls that are out.")
    with screen.print_json_if_refused(document | {"stopped": False}):
        screen.confirm(f"Stop {execution.execution_name}?", yes=yes)
    stack.state_machine.stop(execution.arn)
    screen.print_json(document | {"status": "stopped", "stopped": True})
    screen.print("✓ stopped. In a few minutes its report tells what was bought:", "green")
    screen.print_unwrapped(f"  s3://{stack.output_bucket}/{campaign_report_key(execution.name, 'json')}")
