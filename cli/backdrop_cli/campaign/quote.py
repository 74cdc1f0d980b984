"""The verb `campaign quote`: what a campaign would come to, before anything is asked."""

from typing import Any

from backdrop.core.campaign_quote import Foreseen, Quote
from backdrop.core.errors import RefusedError as RefusedInput
from backdrop.core.manifest import BadRow, Row
from backdrop.core.money import PRICE_LIST_DATE, usd_text
from backdrop.steps.campaign_items import Prices
from backdrop_cli.campaign.meant import Meant, Wanted, items_of, meant_by
from backdrop_cli.errors import RefusedError
from backdrop_cli.operate.budget import left_today
from backdrop_cli.screen import Screen, several
from backdrop_cli.side_by_side import side_by_side
from backdrop_cli.stack import Stack

LOOKING = "looking at every photo as intake would"


def quote(stack: Stack, screen: Screen, wanted: Wanted) -> None:
    """Say what it would come to."""
    meant = meant_by(wanted, stack.input_bucket)
    found = quoted(stack, screen, meant)
    screen.data(document(stack, meant, found))
    announce(stack, screen, meant, found)


def quoted(stack: Stack, screen: Screen, meant: Meant) -> Quote:
    """The sums over all of its items."""
    prices = Prices(stack.reruns.asking, stack.orders.ledger, stack.market, stack.input_bucket)

    def priced(row: Row | BadRow) -> Foreseen | BadRow:
        return row if isinstance(row, BadRow) else prices(row)

    sums = Quote()
    try:
        with screen.busy(LOOKING):
            for one in side_by_side(priced, items_of(stack, meant)(meant.campaign), stack.at_once):
                sums.add_bad(one) if isinstance(one, BadRow) else sums.add(one)
    except RefusedInput as error:
        raise RefusedError(error.message) from error
    return sums


def document(stack: Stack, meant: Meant, found: Quote) -> dict[str, Any]:
    """The same for scripts."""
    return {"stack": stack.name, "campaign": meant.given, **found.document()}


def announce(stack: Stack, screen: Screen, meant: Meant, found: Quote) -> None:
    """What it goes through and what that costs at most."""
    screen.say(f"Campaign {meant.campaign.name}, stack {stack.name}: {meant.campaign.what}", "bold")
    others = found.items - found.photos
    passed = f"; {several(others, 'other file')} passed over" if others else ""
    screen.say(f"  {several(found.photos, 'photo')}, {several(found.jobs, 'job')}{passed}")
    if found.missing:
        screen.say(f"  {several(found.missing, 'key')} without a photo: photo_not_found", "yellow")
    for code, times in found.refused.most_common():
        screen.say(f"  {several(times, 'job')} would not be bought: {code.value}", "yellow")
    if found.bad_rows:
        first = found.bad[0]
        screen.say(f"  {several(found.bad_rows, 'row')} left out; row {first.number}: {first.why}", "yellow")
    paid = "what is bought already as it is wanted is taken off"
    screen.say(f"At most {usd_text(found.most)}, at list prices of {PRICE_LIST_DATE}; {paid}.", "bold")
    left = left_today(stack)
    if found.most > left:
        screen.say(f"Today's budget has {usd_text(left)} left; what it does not cover waits for the next day (UTC).")
