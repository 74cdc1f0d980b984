"""The `campaign status` command: the latest campaigns, or the progress of one."""

from backdrop_cli.campaign.campaign_progress import (
    build_progress_document,
    describe_campaign,
    print_campaign_progress,
    read_campaign_progress,
)
from backdrop_cli.campaign.state_machine import MAX_LISTED_EXECUTIONS, Execution
from backdrop_cli.errors import NothingFoundError
from backdrop_cli.formatting import format_utc
from backdrop_cli.screen import Screen
from backdrop_cli.stack import Stack

MAX_SHOWN_CAMPAIGNS = 20


def show_campaign_status(stack: Stack, screen: Screen, name: str | None) -> None:
    """Prints one campaign's latest execution, or a table of the latest campaigns."""
    if name:
        _show_execution(stack, screen, find_execution(stack, name))
        return
    executions = list(stack.state_machine.list_latest(MAX_SHOWN_CAMPAIGNS))
    screen.print_json({"stack": stack.name, "campaigns": [describe_campaign(one) for one in executions]})
    if not executions:
        screen.print(f"Stack {stack.name} has had no campaign yet.")
        return
    rows = [
        (one.execution_name, one.display_status, f"{one.started_at:%Y-%m-%d %H:%M:%S}", one.error) for one in executions
    ]
    screen.print_table({"Campaign": "left", "Status": "left", "Started (UTC)": "left", "Error": "words"}, rows)


def find_execution(stack: Stack, name: str, *, only_running: bool = False) -> Execution:
    """Returns the latest execution of a campaign, or the execution of that name.

    Raises NothingFoundError if none exists.
    """
    for one in stack.state_machine.list_latest(only_running=only_running):
        if name in (one.name, one.execution_name):
            return one
    running_text = "is running" if only_running else f"is among the latest {MAX_LISTED_EXECUTIONS}"
    raise NothingFoundError(f"no campaign named {name} {running_text}; `backdrop campaign status` lists the latest")


def _show_execution(stack: Stack, screen: Screen, execution: Execution) -> None:
    progress = read_campaign_progress(stack, execution)
    screen.print_json({"stack": stack.name, **build_progress_document(stack, progress)})
    screen.print_unwrapped(f"Campaign {execution.name}, stack {stack.name}: {execution.display_status}", "bold")
    screen.print_unwrapped(
        f"  {execution.execution_name}, since {format_utc(execution.started_at)}; {progress.summary}"
    )
    print_campaign_progress(stack, screen, progress)
