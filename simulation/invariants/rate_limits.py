"""The promises about manners: who is told to wait waits, a sick provider is tried ever more seldom, people are told."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from simulation.invariants.final_state import LANE_CODES
from simulation.invariants.job_ends import DocumentsByKey
from simulation.invariants.ledger_writes import BAD_RESULTS_BEFORE_TRIP
from simulation.invariants.violations import Invariant, JsonObject, Violation

MAX_QUICK_TRIES = 3
"""So many a few minutes apart; then seldom, since each hands out all messages that wait, and SQS counts that."""
MIN_TRY_INTERVAL = timedelta(minutes=10)
LANE_ONLY_CODES = (LANE_CODES - {"budget_reached"}) | {"provider_throttled"}
"""What no photo's report tells of, but of the budget where the photo alone costs more than a day may."""
RESUMED_EVENT, PAUSED_EVENT = "Provider Resumed", "Provider Paused"


def check_try_interval(tries: Sequence[datetime]) -> list[Violation]:
    """A paused lane is tried ever more seldom: `tries` are when it was, one in vain after the other. At any write."""
    if len(tries) <= MAX_QUICK_TRIES or tries[-1] - tries[-2] >= MIN_TRY_INTERVAL:
        return []
    detail = f"tried for the {len(tries)}th time {(tries[-1] - tries[-2]).total_seconds():.0f} s after the last"
    return [Violation(Invariant.LANE_STATE_RESPECTED, detail)]


def check_first_trip(bad_result_count: int) -> list[Violation]:
    """A lane is closed for the first time: for so many bad answers."""
    detail = f"closed, and the provider gave {bad_result_count} bad answers"
    return [Violation(Invariant.LANE_STATE_RESPECTED, detail)] if bad_result_count < BAD_RESULTS_BEFORE_TRIP else []


def check_retry_after(key: str, called_at: datetime, earliest: datetime) -> list[Violation]:
    """A worker calls again, which the provider asked to come no sooner than then."""
    detail = f"{key}: called {(earliest - called_at).total_seconds():.1f} s before the provider asked for it"
    return [Violation(Invariant.RETRY_AFTER_RESPECTED, detail)] if called_at < earliest else []


def check_photo_report(key: str, report: JsonObject) -> list[Violation]:
    """A photo's report was written: it does not tell of what keeps all of a provider's photos waiting."""
    lane_codes = {str(error["code"]) for error in report["errors"]} & LANE_ONLY_CODES
    return (
        [Violation(Invariant.LANE_REPORTED_ONCE, f"{key}: tells of the lane ({', '.join(sorted(lane_codes))})")]
        if lane_codes
        else []
    )


def check_provider_events(lanes: Mapping[str, JsonObject], events: Iterable[tuple[str, JsonObject]]) -> list[Violation]:
    """The last that programs heard of a lane is how it is, and of no end without a beginning. Holds at rest.

    A bus keeps no order, so an event says since when it holds; workers' clocks differ, so either order may tell.
    """
    events_by_provider: dict[str, list[tuple[str, str]]] = {name: [] for name in lanes}
    for kind, detail in events:
        if kind in (RESUMED_EVENT, PAUSED_EVENT):
            events_by_provider[str(detail["provider"])].append((str(detail["since"]), kind))
    return [
        Violation(
            Invariant.EVENTS_PUBLISHED,
            (
                f"{name}: programs last heard {provider_events[-1][1] if provider_events else 'nothing'} "
                f"of {len(provider_events)} events"
            ),
        )
        for name, provider_events in events_by_provider.items()
        if _is_announced_wrongly(provider_events, PAUSED_EVENT if lanes[name]["pauses"] else RESUMED_EVENT)
    ]


def _is_announced_wrongly(events: Sequence[tuple[str, str]], expected: str) -> bool:
    if not events:
        return expected == PAUSED_EVENT
    last_kinds = {events[-1][1], max(events)[1]}
    return expected not in last_kinds or PAUSED_EVENT not in {kind for _, kind in events}


def check_timeouts(timeout_count: int) -> list[Violation]:
    """Where nothing was slow, no invocation ends because its time is over; `late` did. Holds at rest."""
    return (
        [Violation(Invariant.WITHIN_TIMEOUT, f"{timeout_count} invocations ran out of time")] if timeout_count else []
    )


def check_unaffordable_jobs(
    jobs: Iterable[JsonObject], reports: DocumentsByKey, paused_providers: Collection[str]
) -> list[Violation]:
    """Jobs that wait since they cost more than a whole day may: their photo's report says so. Holds at rest.

    `paused`: the providers whose lanes let nobody find that out.
    """
    return [
        Violation(
            Invariant.ENDS_EXACTLY_ONCE, f"{job['key']}: waits for more money than a day has, and nobody was told"
        )
        for job in jobs
        if job["provider"] not in paused_providers
        and not any(error["job_id"] == job["job_id"] for error in reports.get(job["key"], {"errors": []})["errors"])
    ]
