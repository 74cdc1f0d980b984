"""The verb `campaign stop`: nothing more is asked, what is not bought yet ends unpaid, and a report tells the rest."""

from backdrop.campaigns.campaign import report_key
from backdrop.campaigns.report import OPEN
from backdrop_cli.campaign.progress import named, progress_of
from backdrop_cli.campaign.status import found
from backdrop_cli.errors import RefusedError
from backdrop_cli.screen import Screen
from backdrop_cli.stack import Stack


def stop(stack: Stack, screen: Screen, name: str, *, yes: bool) -> None:
    """Say what it leaves, ask, and stop it."""
    one = found(stack, name, running=True)
    now = progress_of(stack, one)
    under_way = now.sums.ends[OPEN]
    told = {"stack": stack.name, **named(one), "listed": now.listed, "asked": now.sums.asked, "under_way": under_way}
    screen.line(f"Campaign {one.name}, stack {stack.name}: {one.run}", "bold")
    screen.say(f"  {now.far}, {under_way:,} under way; bought for {now.cost}")
    screen.say("What is under way and nobody else wants ends unpaid, but for the calls that are out.")
    try:
        screen.agree(f"Stop {one.run}?", yes=yes)
    except RefusedError:
        screen.data(told | {"stopped": False})
        raise
    stack.machine.stop(one.arn)
    screen.data(told | {"status": "stopped", "stopped": True})
    screen.say("✓ stopped. In a few minutes its report tells what was bought:", "green")
    screen.line(f"  s3://{stack.output_bucket}/{report_key(one.name, 'json')}")
