"""The verb `campaign run`: quoted, agreed to, begun, and watched if wanted."""

from typing import Any

from backdrop.core.campaign import report_key
from backdrop.core.campaign_report import OPEN
from backdrop.core.money import micro_of, usd_text
from backdrop.steps.campaign_end import sums_of
from backdrop_cli.campaign.machine import RUNNING, SUCCEEDED, Execution
from backdrop_cli.campaign.meant import Meant, Wanted, meant_by
from backdrop_cli.campaign.quote import announce, document, quoted
from backdrop_cli.drop.follow import cost_text
from backdrop_cli.errors import DONE, REFUSED, RefusedError, StoppedError
from backdrop_cli.screen import Screen, several
from backdrop_cli.stack import Stack

MOST_PHOTOS, MOST_MICRO_USD = 50, micro_of(1)
"""Above either of these a campaign asks first, as a drop does."""
LOOK_SECONDS = 3.0
PAUSES = 10
"""Reading all items of a long campaign takes minutes: so many times as long goes by before it is done again."""


def run(stack: Stack, screen: Screen, wanted: Wanted, *, yes: bool, wait: bool) -> int:
    """Do it; the exit code. It goes on by itself, whatever becomes of this command."""
    meant = meant_by(wanted, stack.input_bucket)
    found = quoted(stack, screen, meant)
    told = document(stack, meant, found)
    announce(stack, screen, meant, found)
    limit = meant.campaign.max_total_usd
    try:
        if limit is not None and found.most > micro_of(limit):
            raise RefusedError(f"nothing was begun; --max-total allows {usd_text(micro_of(limit))}")
        if found.photos > MOST_PHOTOS or found.most > MOST_MICRO_USD:
            price = f" for at most {usd_text(found.most)}" if found.most else ""
            screen.agree(f"Ask for {several(found.photos, 'photo')}{price}?", yes=yes)
    except RefusedError:
        screen.data(told | {"execution": None})
        raise
    begun = _begin(stack, meant)
    told["execution"] = begun.arn
    screen.say(f"✓ begun: {begun.run}", "green")
    if not wait:
        screen.data(told)
        screen.say("It goes on by itself. How far it is, and how to end it:")
        screen.line(f"  backdrop campaign status {meant.campaign.name}")
        screen.line(f"  backdrop campaign stop {meant.campaign.name}")
        return DONE
    return _watched(stack, screen, begun, told)


def _begin(stack: Stack, meant: Meant) -> Execution:
    if meant.file:
        stack.uploads.put(str(meant.campaign.manifest), meant.file)
    return stack.machine.start(meant.given, stack.clock.now())


def _watched(stack: Stack, screen: Screen, begun: Execution, told: dict[str, Any]) -> int:
    """Until it is over; then what it came to."""
    line, again = "", stack.clock.now()
    try:
        while (now := stack.machine.look(begun.arn)).status == RUNNING:
            if (looked := stack.clock.now()) >= again:
                sums = sums_of(stack.orders.books, begun.run, begun.began)
                again = stack.clock.now() + PAUSES * (stack.clock.now() - looked)
                ended = sums.asked - sums.ends[OPEN]
                asked = several(sums.asked, "item")
                words = f"  {ended:,} of {asked} asked have ended; {cost_text(sums.bought, 0)} so far"
                if words != line:
                    line = words
                    screen.say(line)
            stack.wait(LOOK_SECONDS)
    except KeyboardInterrupt:
        name = begun.name
        raise StoppedError(f"stopped watching; the campaign goes on. `backdrop campaign stop {name}` ends it") from None
    sums = sums_of(stack.orders.books, begun.run, begun.began)
    screen.data(told | {"status": now.status.lower(), "error": now.error or None})
    counts = ", ".join(f"{number:,} {end}" for end, number in sums.ends.most_common()) or "nothing was asked"
    screen.say(
        f"{begun.name}: {now.status.lower()}. {counts}; bought for {cost_text(sums.bought, sums.bought_unknown)}."
    )
    if now.error:
        screen.say(f"{now.error}: {now.cause}", "yellow")
    screen.line(f"Report: s3://{stack.output_bucket}/{report_key(begun.name, 'json')}")
    return DONE if now.status == SUCCEEDED else REFUSED
