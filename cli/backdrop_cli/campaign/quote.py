"""The verb `campaign quote`: what a campaign would come to, before anything is asked."""

from collections.abc import Iterator, Sequence
from typing import Any

from backdrop.campaigns.manifest import BadRow, Row
from backdrop.campaigns.quote import Foreseen, Quote
from backdrop.model.codes import Code
from backdrop.model.pricing import PRICE_LIST_DATE, usd_text
from backdrop_cli.campaign.meant import Meant, Wanted, items_of, meant_by
from backdrop_cli.drop.tell import MOST_PER_CODE
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
    if not found.jobs:
        raise RefusedError("nothing of it would be bought")


def quoted(stack: Stack, screen: Screen, meant: Meant) -> Quote:
    """The sums over all of its items; RefusedError where there are none."""

    def priced(row: Row | BadRow) -> Foreseen | BadRow:
        return row if isinstance(row, BadRow) else stack.campaign_prices.quote(row)

    sums = Quote()
    with screen.busy(LOOKING):
        for one in side_by_side(priced, items_of(stack, meant), stack.at_once):
            sums.add_bad(one) if isinstance(one, BadRow) else sums.add(one)
    if not sums.items and not sums.bad_rows:
        raise RefusedError(meant.nothing)
    return sums


def document(stack: Stack, meant: Meant, found: Quote) -> dict[str, Any]:
    """The same for scripts."""
    return {"stack": stack.name, "campaign": meant.given, **found.document()}


def announce(stack: Stack, screen: Screen, meant: Meant, found: Quote) -> None:
    """What it goes through, what would not be bought, and what the rest costs at most."""
    screen.line(f"Campaign {meant.campaign.name}, stack {stack.name}: {meant.here.what}", "bold")
    others = [f"{several(found.others, 'other file')} passed over"] if found.others else []
    others += [f"{several(found.repeats, 'row')} for the second time"] if found.repeats else []
    screen.say("; ".join([f"  {several(found.photos, 'photo')}, {several(found.jobs, 'job')}", *others]))
    for words, number, named in _troubles(found):
        screen.say(f"! {words}", "yellow")
        for one in named[:MOST_PER_CODE]:
            screen.point("  -", one)
        if number > MOST_PER_CODE:
            screen.say(f"    … and {number - min(len(named), MOST_PER_CODE):,} more")
    paid = "what is bought already as it is wanted is taken off"
    screen.say(f"At most {usd_text(found.most)}, at list prices of {PRICE_LIST_DATE}; {paid}.", "bold")
    left = left_today(stack)
    if found.most > left:
        screen.say(
            f"! Today's budget has {usd_text(left)} left; what it does not cover waits for the next day (UTC).",
            "yellow",
        )


def _troubles(found: Quote) -> Iterator[tuple[str, int, Sequence[str]]]:
    """What would not be bought, in words; how much that is, and the first of it."""
    if found.missing:
        missing = f"{several(found.missing, 'key')} without a photo: {Code.PHOTO_NOT_FOUND.value}"
        yield missing, found.missing, _named(found, Code.PHOTO_NOT_FOUND)
    for code, times in found.refused.most_common():
        yield f"{several(times, 'job')} would not be bought: {code.value}", times, _named(found, code)
    if found.bad_rows:
        rows = [f"row {one.number}: {one.why}" for one in found.bad]
        yield f"{several(found.bad_rows, 'row')} left out", found.bad_rows, rows


def _named(found: Quote, code: Code) -> list[str]:
    """The first items that a code stands against."""
    return [f"{f'row {one.number}, ' if one.number else ''}{one.key}: {one.why}" for one in found.unbought[code]]
