"""The verb `campaign status`: the latest campaigns, or how far one of them is."""

from typing import Any

from backdrop.core.campaign import report_key
from backdrop.core.campaign_report import ENDS, Sums
from backdrop.core.money import usd_of
from backdrop.steps.campaign_end import sums_of
from backdrop_cli.campaign.machine import RUNNING, Execution
from backdrop_cli.drop.follow import cost_text
from backdrop_cli.errors import RefusedError
from backdrop_cli.screen import Screen
from backdrop_cli.stack import Stack

MOST_SHOWN = 20


def status(stack: Stack, screen: Screen, name: str | None) -> None:
    """One campaign's latest execution, or a table of all."""
    if name:
        _one(stack, screen, found(stack, name))
        return
    listed = list(stack.machine.latest(MOST_SHOWN))
    screen.data({"stack": stack.name, "campaigns": [_described(one) for one in listed]})
    if not listed:
        screen.say(f"There was no campaign yet, stack {stack.name}.")
        return
    rows = [(one.name, one.status.lower(), f"{one.began:%Y-%m-%d %H:%M:%S}", one.error) for one in listed]
    screen.table({"Campaign": "left", "Status": "left", "Began (UTC)": "left", "Error": "words"}, rows)


def found(stack: Stack, name: str, *, running: bool = False) -> Execution:
    """The latest execution of a campaign; RefusedError where there is none."""
    for one in stack.machine.latest():
        if name in (one.name, one.run) and (one.status == RUNNING or not running):
            return one
    runs = "runs" if running else "ever ran"
    raise RefusedError(f"no campaign called {name} {runs}; `backdrop campaign status` lists the latest")


def _one(stack: Stack, screen: Screen, one: Execution) -> None:
    sums = sums_of(stack.orders.books, one.run, one.began)
    screen.data({"stack": stack.name, **_described(one), **_counted(sums)})
    screen.say(
        f"Campaign {one.name}, stack {stack.name}: {one.status.lower()}, since {one.began:%Y-%m-%d %H:%M:%S}", "bold"
    )
    if one.error:
        screen.say(f"{one.error}: {one.cause}", "yellow")
    rows = [(f"{sums.ends[end]:,}", end) for end in ENDS if sums.ends[end]]
    screen.table({"": "right", " ": "left"}, rows)
    for code, failed in sums.failures.items():
        screen.say(f"  {failed.count:,} {code}: {failed.message}", "yellow")
    screen.say(f"Bought for {cost_text(sums.bought, sums.bought_unknown)}.")
    if one.status != RUNNING:
        screen.line(f"Report: s3://{stack.output_bucket}/{report_key(one.name, 'json')}")


def _described(one: Execution) -> dict[str, Any]:
    return {
        "name": one.name,
        "execution": one.arn,
        "status": one.status.lower(),
        "began": one.began.isoformat(timespec="seconds"),
        "error": one.error or None,
    }


def _counted(sums: Sums) -> dict[str, Any]:
    return {
        "asked": sums.asked,
        **{end: sums.ends[end] for end in ENDS},
        "bought_usd": usd_of(sums.bought),
        "unknown_usd": usd_of(sums.bought_unknown),
        "failures": {code: one.count for code, one in sums.failures.items()},
    }
