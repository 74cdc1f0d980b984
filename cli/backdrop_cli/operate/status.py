"""The command `status`: the state of each lane, why photos wait, how jobs ended, and what today has cost."""

import time
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from backdrop.model.circuit import LaneState, ProviderHealth
from backdrop.model.codes import Code
from backdrop.model.error_catalog import ERROR_CATALOG
from backdrop.model.job import END_STATUSES, JobStatus
from backdrop.model.pricing import format_usd, to_usd
from backdrop_cli.formatting import format_rough_duration, format_utc
from backdrop_cli.ledger_scan import JobCounts
from backdrop_cli.operate.pause_resume import describe_pause
from backdrop_cli.parallel import parallel_map
from backdrop_cli.screen import Screen
from backdrop_cli.stack import Stack

MIN_REFRESH_SECONDS = 2.0
# Reading the whole ledger costs time and money: it may take so much of the time.
MAX_SCAN_TIME_SHARE = 0.1
IN_FLIGHT_STATUSES = (JobStatus.SUBMITTING, JobStatus.UNKNOWN)
STATUS_LABELS = {
    JobStatus.STORED: ("delivered", ""),
    JobStatus.REFUSED: ("refused", "photo or instructions; `backdrop failures` says why"),
    JobStatus.DEAD: ("failed", "`backdrop failures` says why, `backdrop redrive` tries again"),
    JobStatus.HELD: ("held", "a person must decide about money; `backdrop failures`"),
    JobStatus.SUPERSEDED: ("superseded", "by other bytes or other instructions"),
    JobStatus.CANCELLED: ("cancelled", ""),
}
SETTLING_REASON, QUEUED_REASON = "settling", "queued"
WAIT_REASON_MESSAGES = {
    SETTLING_REASON: "No instructions yet; they may arrive in a moment.",
    QUEUED_REASON: "In the provider's queue.",
    Code.OWNER_AT_WORK.value: "Another photo with the same content is bought once for all; `backdrop show PHOTO` "
    "names it.",
}


def show_status(stack: Stack, screen: Screen, *, watch: bool) -> None:
    """Show it, and with `watch` again until somebody stops it."""
    while True:
        began = time.monotonic()
        counts = stack.ledger_scan.count_jobs()
        scan_seconds = time.monotonic() - began
        _print_once(stack, screen, counts, is_refresh=watch)
        if not watch:
            return
        stack.sleep(max(MIN_REFRESH_SECONDS, scan_seconds / MAX_SCAN_TIME_SHARE))


def _print_once(stack: Stack, screen: Screen, counts: JobCounts, *, is_refresh: bool) -> None:
    now = stack.clock.now()
    provider_lanes = parallel_map(stack.circuit_breaker.ledger.read_health, stack.providers, stack.max_threads)
    lanes = {lane.provider: lane for lane in provider_lanes}
    if is_refresh:
        screen.clear()
    screen.print_json(
        {
            "stack": stack.name,
            "at": now.isoformat(timespec="seconds"),
            **_build_document(stack, counts, lanes, now),
        }
    )
    screen.print(f"Stack {stack.name}, {format_utc(now)}", "bold")
    screen.print()
    heads = {"Provider": "left", "State": "words", "At the provider": "right", "Waiting": "right", "Oldest": "right"}
    screen.print_table(heads, (_build_row(stack, counts, lane, now) for lane in lanes.values()))
    screen.print()
    _print_waiting(screen, count_wait_reasons(counts, lanes))
    _print_ended(screen, counts)
    _print_budget(stack, screen, now)


def _build_row(stack: Stack, counts: JobCounts, lane: ProviderHealth, now: datetime) -> tuple[str, ...]:
    name = lane.provider
    in_flight, waiting = (
        counts.count(*IN_FLIGHT_STATUSES, provider=name),
        counts.count(JobStatus.ACCEPTED, provider=name),
    )
    since = counts.oldest_waiting_since.get(name)
    oldest = format_rough_duration((now - since).total_seconds()) if since else ""
    return (
        name,
        describe_lane_state(lane),
        f"{in_flight:,} of {stack.max_in_flight.get(name, 0):,}",
        f"{waiting:,}",
        oldest,
    )


def describe_lane_state(lane: ProviderHealth) -> str:
    """How a lane is, in words: every reason for which it stands still."""
    if lane.pauses:
        probe_text = ["one job tries it out"] if lane.is_in_trial else []
        return "; ".join([*(f"paused ({one.code.value}): {one.message}" for one in lane.pauses), *probe_text])
    if lane.state is LaneState.PROBING:
        return f"{lane.state}: it failed three times in a row, and one job at a time tries it out"
    return lane.state


def count_wait_reasons(counts: JobCounts, lanes: Mapping[str, ProviderHealth]) -> Counter[str]:
    """How many photos wait, by a code or by one of the two words for photos that nothing is wrong with."""
    wait_reasons = Counter({SETTLING_REASON: counts.settling_photos})
    for (provider, code), n in counts.waiting_by_reason.items():
        lane = lanes.get(provider)
        if code != Code.OWNER_AT_WORK.value and lane and not lane.allows_calls:
            code = lane.pauses[0].code.value if lane.pauses else Code.LANE_SHUT.value
        wait_reasons[code or QUEUED_REASON] += n
    return +wait_reasons


def _print_waiting(screen: Screen, waiting: Counter[str]) -> None:
    if waiting:
        rows = (
            (f"{n:,}", "waiting", WAIT_REASON_MESSAGES.get(reason) or str(ERROR_CATALOG[Code(reason)].meaning))
            for reason, n in waiting.most_common()
        )
        screen.print_table({"": "right", " ": "left", "  ": "words"}, rows)
        screen.print()


def _print_ended(screen: Screen, counts: JobCounts) -> None:
    delivering = counts.count(JobStatus.PAID)
    rows = [(f"{delivering:,}", "being delivered", "paid, and on their way to the output bucket")] if delivering else []
    rows += [(f"{n:,}", *STATUS_LABELS[one]) for one in JobStatus if one in END_STATUSES and (n := counts.count(one))]
    reported = counts.reported_photos
    rows += [(f"{reported:,}", "reported", "photos without a job; `backdrop failures` says why")] if reported else []
    if rows:
        screen.print_table({"": "right", " ": "left", "  ": "words"}, rows)
    else:
        screen.print("No job has ended yet. `backdrop drop photos/` begins.")


def _print_budget(stack: Stack, screen: Screen, now: datetime) -> None:
    day, cap = stack.read_budget(now)
    unknown_text = f", {format_usd(day.unknown)} of it perhaps not" if day.unknown else ""
    reserved = f", {format_usd(day.reserved)} reserved by calls that are out" if day.reserved else ""
    screen.print()
    screen.print(f"Today (UTC) {format_usd(day.spent)} of {format_usd(cap)} is spent{unknown_text}{reserved}.")


def _build_document(stack: Stack, counts: JobCounts, lanes: dict[str, ProviderHealth], now: datetime) -> dict[str, Any]:
    day, cap = stack.read_budget(now)
    return {
        "providers": [_describe_lane(stack, counts, lane) for lane in lanes.values()],
        "jobs": {one.value: counts.count(one) for one in JobStatus},
        "waiting": dict(count_wait_reasons(counts, lanes)),
        "photos_waiting_for_instructions": counts.settling_photos,
        "photos_reported_without_job": counts.reported_photos,
        "today": {
            "day": day.day,
            "cap_usd": to_usd(cap),
            "settled_usd": to_usd(day.spent),
            "unknown_usd": to_usd(day.unknown),
            "reserved_usd": to_usd(day.reserved),
        },
    }


def _describe_lane(stack: Stack, counts: JobCounts, lane: ProviderHealth) -> dict[str, Any]:
    name = lane.provider
    oldest = counts.oldest_waiting_since.get(name)
    return {
        "provider": name,
        "state": lane.state,
        "reasons": [describe_pause(one) for one in lane.pauses],
        "at_the_provider": counts.count(*IN_FLIGHT_STATUSES, provider=name),
        "limit": stack.max_in_flight.get(name, 0),
        "waiting": counts.count(JobStatus.ACCEPTED, provider=name),
        "oldest_since": oldest.isoformat(timespec="seconds") if oldest else None,
    }
