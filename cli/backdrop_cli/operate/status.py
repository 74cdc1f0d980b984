"""The `status` command: the state of each lane, why photos wait, how jobs ended, and today's cost."""

import time
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from backdrop.model.circuit import LaneState, ProviderHealth
from backdrop.model.codes import Code
from backdrop.model.error_catalog import ERROR_CATALOG
from backdrop.model.fidelity import FidelityVerdict
from backdrop.model.job import JobStatus
from backdrop.model.place_leases import PROVIDERS_THAT_COUNT_IMAGES, PlaceLeases
from backdrop.model.price_check import PriceCheck, list_differences
from backdrop.model.pricing import format_usd, to_usd
from backdrop.model.schedule import BudgetDay
from backdrop.reconcile.price_check_report import (
    build_price_check_report,
    describe_difference,
    describe_stop,
    list_problems,
)
from backdrop_cli.formatting import format_count, format_rough_duration, format_utc
from backdrop_cli.ledger_scan import WAITS_OUTSIDE_LANE, JobCounts
from backdrop_cli.operate.checks.bill_check import list_bill_problems
from backdrop_cli.operate.pause_resume import describe_pause
from backdrop_cli.operate.photo_waits import QUEUED, SETTLING
from backdrop_cli.operate.queue_waits import PROBING_MESSAGE, is_budget_reserved
from backdrop_cli.parallel import parallel_map
from backdrop_cli.screen import Screen
from backdrop_cli.stack import Stack

MIN_REFRESH_SECONDS = 2.0
# `--watch` spends at most this share of its time on scanning the ledger, which costs money.
MAX_SCAN_TIME_SHARE = 0.1
STATUS_LABELS = {
    JobStatus.REVIEW: ("awaiting approval", "see `backdrop review`"),
    JobStatus.STORED: ("delivered", ""),
    JobStatus.REJECTED: ("rejected", "not approved by a person; `backdrop show KEY` says how to buy another picture"),
    JobStatus.REFUSED: ("refused", "see `backdrop failures`"),
    JobStatus.DEAD: ("failed", "see `backdrop failures`; to retry, run `backdrop redrive`"),
    JobStatus.HELD: ("held", "you decide whether to pay again; see `backdrop failures`"),
    JobStatus.SUPERSEDED: ("superseded", "by a new photo or new instructions"),
    JobStatus.CANCELLED: ("cancelled", ""),
}
WAIT_REASON_MESSAGES = {
    SETTLING: "No instructions yet; they may still arrive.",
    QUEUED: "In the provider's queue.",
    Code.OWNER_AT_WORK.value: "Another photo with the same content is being bought for both; see `backdrop show KEY`.",
    Code.CHARGE_UNKNOWN.value: "A lost call is sent again if Ideogram's usage records show that it was not charged.",
}


def show_status(stack: Stack, screen: Screen, *, watch: bool) -> None:
    """Prints the status, with `watch` until Ctrl-C."""
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
    provider_lanes = [*parallel_map(stack.circuit_breaker.ledger.read_lane, stack.providers, stack.max_threads)]
    lanes = {lane.provider: lane for lane, _ in provider_lanes}
    places = {one.provider: one for _, one in provider_lanes if one.provider in PROVIDERS_THAT_COUNT_IMAGES}
    budget = stack.read_budget(now)
    price_check = stack.circuit_breaker.ledger.read_price_check() if stack.checks_prices else None
    if is_refresh:
        screen.clear()
    screen.print_json(
        {
            "stack": stack.name,
            "at": now.isoformat(timespec="seconds"),
            **_build_document(stack, counts, lanes, places, budget, now),
            "price_check": build_price_check_report(price_check) if price_check else None,
        }
    )
    screen.print(f"Stack {stack.name}, {format_utc(now)}", "bold")
    screen.print()
    heads = {"Provider": "left", "State": "words", "At the provider": "right", "Waiting": "right", "Oldest": "right"}
    screen.print_table(heads, (_build_row(stack, counts, lane, places, now) for lane in lanes.values()))
    screen.print()
    for one in places.values():
        _print_places(screen, one, now)
    _print_waiting(screen, count_wait_reasons(counts, lanes, *budget))
    _print_ended(screen, counts)
    _print_budget(screen, *budget)
    for problem in list_bill_problems(stack):
        screen.print(f"Ideogram's usage records {problem.text}. {problem.fix}", "yellow")
    if price_check:
        _print_price_check(screen, price_check)


def _build_row(
    stack: Stack, counts: JobCounts, lane: ProviderHealth, places: Mapping[str, PlaceLeases], now: datetime
) -> tuple[str, ...]:
    """A provider that counts images has as many in progress as places are leased, or as jobs if none needs a lease."""
    name = lane.provider
    in_flight, waiting = counts.count_in_flight(name), counts.count_in_lane(name)
    since = counts.oldest_waiting_since.get(name)
    oldest = format_rough_duration((now - since).total_seconds()) if since else ""
    return (
        name,
        describe_lane_state(lane),
        f"{_count_in_progress(in_flight, places.get(name), now):,} of {stack.max_in_flight.get(name, 0):,}",
        f"{waiting:,}",
        oldest,
    )


def _count_in_progress(in_flight: int, places: PlaceLeases | None, now: datetime) -> int:
    return max(in_flight, places.count_leased(now)) if places else in_flight


def _print_places(screen: Screen, places: PlaceLeases, now: datetime) -> None:
    """Prints which jobs wait until enough images have ended at the provider."""
    waiters = places.list_waiters(now)
    if waiters:
        since = format_rough_duration((now - waiters[0].since).total_seconds())
        jobs = format_count(len(waiters), "job")
        screen.print(f"{jobs} for {places.provider} waiting for places, which count images. Oldest: {since}.")
        screen.print()


def describe_lane_state(lane: ProviderHealth) -> str:
    """Describes a lane, with every reason for which it is paused."""
    if lane.pauses:
        probe_text = ["one job probes it"] if lane.is_half_open else []
        *others, last = [*(f"paused ({one.code.value}): {one.message}" for one in lane.pauses), *probe_text]
        return "; ".join([*(text.removesuffix(".") for text in others), last])
    if lane.state is LaneState.PROBING:
        return f"{lane.state}: {PROBING_MESSAGE}"
    return lane.state


def count_wait_reasons(
    counts: JobCounts, lanes: Mapping[str, ProviderHealth], day: BudgetDay, cap: int
) -> Counter[str]:
    """Counts what waits, by code, or by `settling` or `queued` if nothing is wrong."""
    wait_reasons = Counter({SETTLING: counts.settling_photos})
    for (provider, code, price), n in counts.waiting.items():
        lane = lanes.get(provider)
        if code not in WAITS_OUTSIDE_LANE and lane and not lane.allows_calls:
            code = lane.pauses[0].code.value if lane.pauses else Code.LANE_SHUT.value
        if not code and is_budget_reserved(price, day, cap):
            code = Code.BUDGET_RESERVED.value
        wait_reasons[code or QUEUED] += n
    wait_reasons[Code.CHARGE_UNKNOWN.value] += counts.waiting_for_bill.total()
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
    rows = [(f"{delivering:,}", "being delivered", "bought, not yet in the output bucket")] if delivering else []
    for status, label in STATUS_LABELS.items():
        masks = counts.stored_masks if status is JobStatus.STORED else 0
        rows += [(f"{n:,}", *label)] if (n := counts.count(status) - masks) else []
        noun = "mask" if masks == 1 else "masks"
        rows += [(f"{masks:,}", noun, "bought to compare pictures with their photos")] if masks else []
    reported = counts.reported_photos
    rows += [(f"{reported:,}", "reported", "photos without a job; see `backdrop failures`")] if reported else []
    if rows:
        screen.print_table({"": "right", " ": "left", "  ": "words"}, rows)
    else:
        screen.print("No job has ended yet. To start one, run `backdrop drop photos/`.")
    _print_fidelity(screen, counts.fidelity)


def _print_fidelity(screen: Screen, fidelity: Counter[FidelityVerdict]) -> None:
    verdicts = [f"{fidelity[one]:,} {one.text}" for one in FidelityVerdict if fidelity[one]]
    if verdicts:
        screen.print()
        hint = " To see the changes, run `backdrop gallery`." if fidelity[FidelityVerdict.CHANGED] else ""
        screen.print(f"New pictures: {', '.join(verdicts)}.{hint}")


def _print_budget(screen: Screen, day: BudgetDay, cap: int) -> None:
    unknown_text = f", {format_usd(day.unknown)} of it possibly not charged" if day.unknown else ""
    reserved = f", {format_usd(day.reserved)} reserved for calls in flight" if day.reserved else ""
    screen.print()
    screen.print(f"Today (UTC): {format_usd(day.spent)} of {format_usd(cap)} spent{unknown_text}{reserved}.")


def _print_price_check(screen: Screen, check: PriceCheck) -> None:
    """Prints only what is wrong. Nothing of it pauses a lane."""
    stop = describe_stop(check)
    if stop is not None:
        screen.print_bullet("!", str(stop), "yellow")
    for difference in list_differences(check):
        screen.print_bullet("!", str(describe_difference(difference)), "yellow")
    for problem in list_problems(check):
        screen.print_bullet("!", str(problem), "yellow")


def _build_document(
    stack: Stack,
    counts: JobCounts,
    lanes: Mapping[str, ProviderHealth],
    places: Mapping[str, PlaceLeases],
    budget: tuple[BudgetDay, int],
    now: datetime,
) -> dict[str, Any]:
    day, cap = budget
    return {
        "providers": [
            _describe_lane(stack, counts, lane) | {"places": _describe_places(lane, counts, places, now)}
            for lane in lanes.values()
        ],
        "jobs": {one.value: counts.count(one) for one in JobStatus},
        "stored_masks": counts.stored_masks,
        "waiting": dict(count_wait_reasons(counts, lanes, day, cap)),
        "photos_waiting_for_instructions": counts.settling_photos,
        "photos_reported_without_job": counts.reported_photos,
        "fidelity": {one.value: counts.fidelity[one] for one in FidelityVerdict},
        "today": {
            "day": day.day,
            "cap_usd": to_usd(cap),
            "settled_usd": to_usd(day.spent),
            "unknown_usd": to_usd(day.unknown),
            "reserved_usd": to_usd(day.reserved),
        },
        "usage_records": [{"problem": one.text, "fix": one.fix} for one in list_bill_problems(stack)],
    }


def _describe_lane(stack: Stack, counts: JobCounts, lane: ProviderHealth) -> dict[str, Any]:
    name = lane.provider
    oldest = counts.oldest_waiting_since.get(name)
    return {
        "provider": name,
        "state": lane.state,
        "reasons": [describe_pause(one) for one in lane.pauses],
        "at_the_provider": counts.count_in_flight(name),
        "limit": stack.max_in_flight.get(name, 0),
        "waiting": counts.count_in_lane(name),
        "oldest_since": oldest.isoformat(timespec="seconds") if oldest else None,
    }


def _describe_places(
    lane: ProviderHealth, counts: JobCounts, places: Mapping[str, PlaceLeases], now: datetime
) -> dict[str, Any] | None:
    """Describes the places of a lane whose limit counts images; None if it counts calls."""
    one = places.get(lane.provider)
    if one is None:
        return None
    waiters, in_flight = one.list_waiters(now), counts.count_in_flight(lane.provider)
    return {
        "in_use": _count_in_progress(in_flight, one, now),
        "leased": one.count_leased(now),
        "waiting": len(waiters),
        "waiting_since": waiters[0].since.isoformat(timespec="seconds") if waiters else None,
    }
