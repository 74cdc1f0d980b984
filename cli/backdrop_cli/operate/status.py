"""The command `status`: the state of each lane, why photos wait, how jobs ended, and what today has cost."""

import time
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from backdrop.model.circuit import Lane, LaneState
from backdrop.model.codes import Code
from backdrop.model.error_catalog import CODES
from backdrop.model.job import ENDS, Status
from backdrop.model.pricing import usd_of, usd_text
from backdrop_cli.census import Standing
from backdrop_cli.operate.lanes import described
from backdrop_cli.screen import Screen
from backdrop_cli.side_by_side import side_by_side
from backdrop_cli.stack import Stack
from backdrop_cli.words import duration

EVERY_SECONDS = 2.0
# Reading the whole ledger costs time and money: it may take so much of the time.
SHARE = 0.1
OUT = (Status.SUBMITTING, Status.UNKNOWN)
WORDS = {
    Status.STORED: ("delivered", ""),
    Status.REFUSED: ("refused", "photo or instructions; `backdrop failures` says why"),
    Status.DEAD: ("failed", "`backdrop failures` says why, `backdrop redrive` tries again"),
    Status.HELD: ("held", "a person must decide about money; `backdrop failures`"),
    Status.SUPERSEDED: ("superseded", "by other bytes or other instructions"),
    Status.CANCELLED: ("cancelled", ""),
}
SETTLING, QUEUED = "settling", "queued"
WHY = {
    SETTLING: "No instructions yet; they may arrive in a moment.",
    QUEUED: "In the provider's queue.",
    Code.OWNER_AT_WORK.value: "Another photo with the same content is bought once for all; `backdrop show PHOTO` "
    "names it.",
}


def status(stack: Stack, screen: Screen, *, watch: bool) -> None:
    """Show it, and with `watch` again until somebody stops it."""
    while True:
        began = time.monotonic()
        standing = stack.census.standing()
        took = time.monotonic() - began
        _show(stack, screen, standing, again=watch)
        if not watch:
            return
        stack.wait(max(EVERY_SECONDS, took / SHARE))


def _show(stack: Stack, screen: Screen, standing: Standing, *, again: bool) -> None:
    now = stack.clock.now()
    seen = side_by_side(stack.keeper.ledger.lane, stack.providers, stack.at_once)
    lanes = {lane.provider: lane for lane in seen}
    if again:
        screen.clear()
    screen.data(
        {
            "stack": stack.name,
            "at": now.isoformat(timespec="seconds"),
            **_document(stack, standing, lanes, now),
        }
    )
    screen.say(f"Stack {stack.name}, {now:%Y-%m-%d %H:%M:%S} UTC", "bold")
    screen.say()
    heads = {"Provider": "left", "State": "words", "At the provider": "right", "Waiting": "right", "Oldest": "right"}
    screen.table(heads, (_row(stack, standing, lane, now) for lane in lanes.values()))
    screen.say()
    _tell_waiting(screen, reasons(standing, lanes))
    _tell_ends(screen, standing)
    _tell_today(stack, screen, now)


def _row(stack: Stack, standing: Standing, lane: Lane, now: datetime) -> tuple[str, ...]:
    name = lane.provider
    out, waiting = standing.of(*OUT, provider=name), standing.of(Status.ACCEPTED, provider=name)
    since = standing.oldest.get(name)
    oldest = duration((now - since).total_seconds()) if since else ""
    return name, state_of(lane), f"{out:,} of {stack.limits.get(name, 0):,}", f"{waiting:,}", oldest


def state_of(lane: Lane) -> str:
    """How a lane is, in words: every reason for which it stands still."""
    if lane.pauses:
        trying = ["one job tries it out"] if lane.trying else []
        return "; ".join([*(f"paused ({one.code.value}): {one.message}" for one in lane.pauses), *trying])
    if lane.state is LaneState.PROBING:
        return f"{lane.state}: it failed three times in a row, and one job at a time tries it out"
    return lane.state


def reasons(standing: Standing, lanes: Mapping[str, Lane]) -> Counter[str]:
    """How many photos wait, by a code or by one of the two words for photos that nothing is wrong with."""
    found = Counter({SETTLING: standing.settling})
    for (provider, code), n in standing.waiting.items():
        lane = lanes.get(provider)
        if code != Code.OWNER_AT_WORK.value and lane and not lane.is_open:
            code = lane.pauses[0].code.value if lane.pauses else Code.LANE_SHUT.value
        found[code or QUEUED] += n
    return +found


def _tell_waiting(screen: Screen, waiting: Counter[str]) -> None:
    if waiting:
        rows = (
            (f"{n:,}", "waiting", WHY.get(why) or str(CODES[Code(why)].meaning)) for why, n in waiting.most_common()
        )
        screen.table({"": "right", " ": "left", "  ": "words"}, rows)
        screen.say()


def _tell_ends(screen: Screen, standing: Standing) -> None:
    being = standing.of(Status.PAID)
    rows = [(f"{being:,}", "being delivered", "paid, and on their way to the output bucket")] if being else []
    rows += [(f"{n:,}", *WORDS[one]) for one in Status if one in ENDS and (n := standing.of(one))]
    reported = standing.reported
    rows += [(f"{reported:,}", "reported", "photos without a job; `backdrop failures` says why")] if reported else []
    if rows:
        screen.table({"": "right", " ": "left", "  ": "words"}, rows)
    else:
        screen.say("No job has ended yet. `backdrop drop photos/` begins.")


def _tell_today(stack: Stack, screen: Screen, now: datetime) -> None:
    day, cap = stack.day(now)
    perhaps = f", {usd_text(day.unknown)} of it perhaps not" if day.unknown else ""
    reserved = f", {usd_text(day.reserved)} reserved by calls that are out" if day.reserved else ""
    screen.say()
    screen.say(f"Today (UTC) {usd_text(day.settled)} of {usd_text(cap)} is spent{perhaps}{reserved}.")


def _document(stack: Stack, standing: Standing, lanes: dict[str, Lane], now: datetime) -> dict[str, Any]:
    day, cap = stack.day(now)
    return {
        "providers": [_described(stack, standing, lane) for lane in lanes.values()],
        "jobs": {one.value: standing.of(one) for one in Status},
        "waiting": dict(reasons(standing, lanes)),
        "photos_waiting_for_instructions": standing.settling,
        "photos_reported_without_job": standing.reported,
        "today": {
            "day": day.day,
            "cap_usd": usd_of(cap),
            "settled_usd": usd_of(day.settled),
            "unknown_usd": usd_of(day.unknown),
            "reserved_usd": usd_of(day.reserved),
        },
    }


def _described(stack: Stack, standing: Standing, lane: Lane) -> dict[str, Any]:
    name = lane.provider
    oldest = standing.oldest.get(name)
    return {
        "provider": name,
        "state": lane.state,
        "reasons": [described(one) for one in lane.pauses],
        "at_the_provider": standing.of(*OUT, provider=name),
        "limit": stack.limits.get(name, 0),
        "waiting": standing.of(Status.ACCEPTED, provider=name),
        "oldest_since": oldest.isoformat(timespec="seconds") if oldest else None,
    }
