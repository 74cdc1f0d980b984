"""The promises about manners: who is told to wait waits, a sick provider is tried ever more seldom, people are told."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from proof.checker.books import Breach, Plain, Promise
from proof.checker.ends import Views
from proof.checker.rest import LANE_CODES

BAD_ANSWERS = 3
FIRST_TRIES = 3
"""So many a few minutes apart; then seldom, since each hands out all messages that wait, and SQS counts that."""
SELDOM = timedelta(minutes=10)
LANE_ALONE = (LANE_CODES - {"budget_reached"}) | {"provider_throttled"}
"""What no photo's report tells of, but of the budget where the photo alone costs more than a day may."""
ON, OFF = "Provider Resumed", "Provider Paused"


def tried_breaches(tries: Sequence[datetime]) -> list[Breach]:
    """A paused lane is tried ever more seldom: `tries` are when it was, one in vain after the other. At any write."""
    if len(tries) <= FIRST_TRIES or tries[-1] - tries[-2] >= SELDOM:
        return []
    words = f"tried for the {len(tries)}th time {(tries[-1] - tries[-2]).total_seconds():.0f} s after the last"
    return [Breach(Promise.LANE_HEEDED, words)]


def closed_breaches(bad: int) -> list[Breach]:
    """A lane is closed for the first time: for so many bad answers."""
    words = f"closed, and the provider gave {bad} bad answers"
    return [Breach(Promise.LANE_HEEDED, words)] if bad < BAD_ANSWERS else []


def early_breaches(key: str, at: datetime, asked: datetime) -> list[Breach]:
    """A worker calls again, which the provider asked to come no sooner than then."""
    words = f"{key}: called {(asked - at).total_seconds():.1f} s before the provider asked for it"
    return [Breach(Promise.WAITS, words)] if at < asked else []


def alone_told_breaches(key: str, report: Plain) -> list[Breach]:
    """A photo's report was written: it does not tell of what keeps all of a provider's photos waiting."""
    told = {str(error["code"]) for error in report["errors"]} & LANE_ALONE
    return [Breach(Promise.LANE_TOLD, f"{key}: tells of the lane ({', '.join(sorted(told))})")] if told else []


def announced_breaches(lanes: Mapping[str, Plain], events: Iterable[tuple[str, Plain]]) -> list[Breach]:
    """The last that programs heard of a lane is how it is, and of no end without a beginning. Holds at rest.

    A bus keeps no order, so an event says since when it holds; workers' clocks differ, so either order may tell.
    """
    heard: dict[str, list[tuple[str, str]]] = {name: [] for name in lanes}
    for kind, detail in events:
        if kind in (ON, OFF):
            heard[str(detail["provider"])].append((str(detail["since"]), kind))
    return [
        Breach(Promise.TOLD, f"{name}: programs last heard {told[-1][1] if told else 'nothing'} of {len(told)} events")
        for name, told in heard.items()
        if _is_told_wrong(told, OFF if lanes[name]["pauses"] else ON)
    ]


def _is_told_wrong(told: Sequence[tuple[str, str]], how_it_is: str) -> bool:
    if not told:
        return how_it_is == OFF
    last = {told[-1][1], max(told)[1]}
    return how_it_is not in last or OFF not in {kind for _, kind in told}


def late_breaches(late: int) -> list[Breach]:
    """Where nothing was slow, no invocation ends because its time is over; `late` did. Holds at rest."""
    return [Breach(Promise.IN_TIME, f"{late} invocations ran out of time")] if late else []


def dear_breaches(jobs: Iterable[Plain], reports: Views, paused: Collection[str]) -> list[Breach]:
    """Jobs that wait since they cost more than a whole day may: their photo's report says so. Holds at rest.

    `paused`: the providers whose lanes let nobody find that out.
    """
    return [
        Breach(Promise.ONE_END, f"{job['key']}: waits for more money than a day has, and nobody was told")
        for job in jobs
        if job["provider"] not in paused
        and not any(error["job_id"] == job["job_id"] for error in reports.get(job["key"], {"errors": []})["errors"])
    ]
