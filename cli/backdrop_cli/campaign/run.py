"""The verb `campaign run`: quoted, agreed to, begun, and watched if wanted."""

from backdrop.campaigns.quote import Quote
from backdrop.model.pricing import micro_of, usd_text
from backdrop_cli.campaign.machine import Execution
from backdrop_cli.campaign.meant import Meant, Wanted, mark_of, meant_by
from backdrop_cli.campaign.quote import announce, document, quoted
from backdrop_cli.campaign.watch import watched
from backdrop_cli.drop.run import MOST_MICRO_USD, MOST_PHOTOS
from backdrop_cli.errors import DONE, RefusedError
from backdrop_cli.screen import Screen, several
from backdrop_cli.stack import Stack


def run(stack: Stack, screen: Screen, wanted: Wanted, *, yes: bool, wait: bool) -> int:
    """Do it; the exit code. It goes on by itself, whatever becomes of this command."""
    meant = meant_by(wanted, stack.input_bucket)
    _refuse_a_second(stack, meant.campaign.name)
    found = quoted(stack, screen, meant)
    told = document(stack, meant, found)
    announce(stack, screen, meant, found)
    try:
        _agree(screen, meant, found, yes=yes)
        begun = _begin(stack, meant)
    except RefusedError:
        screen.data(told | {"execution": None})
        raise
    told |= {"run": begun.run, "execution": begun.arn}
    screen.line(f"✓ begun: {begun.run}", "green")
    if wait:
        return watched(stack, screen, begun, told)
    screen.data(told)
    screen.say("It goes on by itself. How far it is, and how to end it:")
    screen.line(f"  backdrop campaign status {begun.name}")
    screen.line(f"  backdrop campaign stop {begun.name}")
    return DONE


def _agree(screen: Screen, meant: Meant, found: Quote, *, yes: bool) -> None:
    """RefusedError where somebody says no, there is nothing to buy, or it may cost more than it is allowed."""
    limit = meant.campaign.max_total_usd
    if not found.jobs:
        raise RefusedError("nothing was begun, since nothing of it would be bought")
    if limit is not None and found.most > micro_of(limit):
        raise RefusedError(f"nothing was begun; --max-total allows {usd_text(micro_of(limit))}")
    if found.photos > MOST_PHOTOS or found.most > MOST_MICRO_USD:
        price = f" for at most {usd_text(found.most)}" if found.most else ""
        screen.agree(f"Ask for {several(found.photos, 'photo')}{price}?", yes=yes)


def _refuse_a_second(stack: Stack, name: str) -> None:
    """Two of one name would write one report."""
    for one in stack.machine.latest(running=True):
        if one.name == name:
            raise RefusedError(
                f"a campaign called {name} runs since {one.began:%H:%M:%S} UTC; wait for its end, stop it with "
                f"`backdrop campaign stop {name}`, or call this one otherwise with --name"
            )


def _begin(stack: Stack, meant: Meant) -> Execution:
    """It buys by what was quoted, also where the file has changed since."""
    _refuse_a_second(stack, meant.campaign.name)
    if meant.file:
        key = str(meant.campaign.manifest)
        if mark_of(meant.file) not in key:
            raise RefusedError(f"nothing was begun; {meant.file} was changed while it was quoted, so run this again")
        stack.uploads.put(key, meant.file)
    return stack.machine.start(meant.given, stack.clock.now())
