"""How far a campaign is, by the ledger: what of it has ended how, what that has cost, and what it waits for."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from backdrop.campaigns.campaign import report_key
from backdrop.campaigns.finish import items_of
from backdrop.campaigns.report import ENDS, OPEN, SKIPPED, Sums
from backdrop.model.circuit import LaneState
from backdrop.model.pricing import usd_of, usd_text
from backdrop_cli.campaign.machine import Execution
from backdrop_cli.drop.follow import cost_text
from backdrop_cli.operate import status as stack_status
from backdrop_cli.operate.lanes import described
from backdrop_cli.screen import Screen
from backdrop_cli.stack import Stack

WORDS = {
    **{status.value: words for status, words in stack_status.WORDS.items()},
    SKIPPED: ("skipped", "not photos by their keys"),
    OPEN: ("under way", ""),
}


@dataclass(frozen=True)
class Progress:
    """One moment. `listed`: items that it goes through, None while it lists them; `lanes`: who has open jobs of it.

    `report`: the key of its own report, None as long as there is none.
    """

    execution: Execution
    sums: Sums
    listed: int | None
    lanes: Collection[str]
    report: str | None

    @property
    def ended(self) -> int:
        """The items that have ended."""
        return self.sums.asked - self.sums.ends[OPEN]

    @property
    def far(self) -> str:
        """`28 of 60 have ended`."""
        most = max(self.listed or 0, self.sums.asked)
        if not most:
            return "looking through what is meant" if self.execution.runs else "nothing was asked"
        return f"{self.ended:,} of {most:,} have ended"

    @property
    def cost(self) -> str:
        """`$0.24, $0.54 reserved by calls that are out`."""
        sums = self.sums
        out = f", {usd_text(sums.reserved)} reserved by calls that are out" if sums.reserved else ""
        return cost_text(sums.bought, sums.bought_unknown - sums.reserved) + out


def progress_of(stack: Stack, one: Execution) -> Progress:
    """How far it is now."""
    sums, lanes = Sums(one.began), set[str]()
    for item in items_of(stack.orders.books, one.run):
        sums.add(item)
        lanes |= {job.provider for job in item.jobs if not job.ended}
    plan = stack.buckets.plan(one.run)
    listed = plan["items"] if plan else None if one.runs else sums.asked
    return Progress(one, sums, listed, lanes, None if one.runs else _report(stack, one))


def _report(stack: Stack, one: Execution) -> str | None:
    """The report's key, once it is there; an earlier run's lies under the same."""
    found = stack.buckets.campaign(one.name)
    return report_key(one.name, "json") if found and found["execution"] == one.arn else None


def document(stack: Stack, now: Progress) -> dict[str, Any]:
    """The same for scripts."""
    sums, pauses = now.sums, [(name, one) for name in now.lanes for one in stack.keeper.ledger.lane(name).pauses]
    return {
        **named(now.execution),
        "message": now.execution.cause or None,
        "listed": now.listed,
        "asked": sums.asked,
        **{end: sums.ends[end] for end in ENDS},
        "bought_usd": usd_of(sums.bought),
        "unknown_usd": usd_of(sums.bought_unknown - sums.reserved),
        "reserved_usd": usd_of(sums.reserved),
        "failures": {code: one.count for code, one in sums.failures.items()},
        "paused": [{"provider": name, **described(one)} for name, one in pauses],
        "report": now.report,
    }


def named(one: Execution) -> dict[str, Any]:
    """Which campaign it is, for scripts."""
    return {
        "name": one.name,
        "run": one.run,
        "execution": one.arn,
        "status": one.fate,
        "began": one.began.isoformat(timespec="seconds"),
        "error": one.error or None,
    }


def tell(stack: Stack, screen: Screen, now: Progress) -> None:
    """What has ended how, what went wrong, what it waits for, what it has cost, and where its report is."""
    one, sums = now.execution, now.sums
    if one.error:
        screen.say(f"! {one.error}: {one.cause}", "yellow")
    rows = [(f"{sums.ends[end]:,}", *WORDS[end]) for end in ENDS if sums.ends[end]]
    to_come = max((now.listed or 0) - sums.asked, 0)
    rows += [(f"{to_come:,}", "to come" if one.runs else "not asked for", "")] if to_come else []
    screen.table({"": "right", " ": "left", "  ": "words"}, rows)
    for code, failed in sums.failures.items():
        screen.say(f"! {failed.count:,} {code}: {failed.message}", "yellow")
    for name in sorted(now.lanes):
        lane = stack.keeper.ledger.lane(name)
        if lane.state is not LaneState.RUNNING:
            screen.say(f"! {name} is {stack_status.state_of(lane)}", "yellow")
    screen.say(f"Bought for {now.cost}.")
    if now.report:
        screen.line(f"Report: s3://{stack.output_bucket}/{now.report}")
    elif not one.runs:
        screen.say("Its report is being written.")
