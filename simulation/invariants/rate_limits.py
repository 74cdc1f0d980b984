"""Invariants about load and reports: waits are kept, an unhealthy provider gets few probes, and pauses are reported."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from simulation.invariants.final_state import LANE_CODES
from simulation.invariants.job_ends import DocumentsByKey
from simulation.invariants.ledger_writes import BAD_RESULTS_BEFORE_TRIP
from simulation.invariants.violations import Invariant, JsonObject, Violation

MAX_QUICK_TRIES = 3
"""How often a paused lane may be probed every few minutes; after that, rarely.

Each probe makes all waiting messages visible, and SQS counts how often a message is received.
"""
MIN_TRY_INTERVAL = timedelta(minutes=10)
LANE_ONLY_CODES = (LANE_CODES - {"budget_reached"}) | {"provider_throttled"}
"""Codes that must not be in a photo's report, except `budget_reached` for a photo that exceeds a whole day's budget."""
RESUMED_EVENT, PAUSED_EVENT = "Provider Resumed", "Provider Paused"


def check_try_interval(probed_at: Sequence[datetime]) -> list[Violation]:
    """Checks the intervals between failed probes of a paused lane; `tries` are their times. Holds on every write."""
    if len(probed_at) <= MAX_QUICK_TRIES or probed_at[-1] - probed_at[-2] >= MIN_TRY_INTERVAL:
        return []
    detail = (
        f"probe {len(probed_at)} came {(probed_at[-1] - probed_at[-2]).total_seconds():.0f} s after the previous one"
    )
    return [Violation(Invariant.LANE_STATE_RESPECTED, detail)]


def check_first_trip(bad_result_count: int) -> list[Violation]:
    """Checks that a lane starts probing only after enough bad answers."""
    detail = f"probing after only {bad_result_count} bad answers"
    return [Violation(Invariant.LANE_STATE_RESPECTED, detail)] if bad_result_count < BAD_RESULTS_BEFORE_TRIP else []


def check_retry_after(key: str, called_at: datetime, earliest: datetime) -> list[Violation]:
    """Checks that a worker does not call again before the time that the provider asked for."""
    detail = f"{key}: called {(earliest - called_at).total_seconds():.1f} s before the provider allowed it"
    return [Violation(Invariant.RETRY_AFTER_RESPECTED, detail)] if called_at < earliest else []


def check_photo_report(key: str, report: JsonObject) -> list[Violation]:
    """Checks that a photo's report does not state why the whole lane waits."""
    lane_codes = {str(error["code"]) for error in report["errors"]} & LANE_ONLY_CODES
    return (
        [
            Violation(
                Invariant.LANE_REPORTED_ONCE, f"{key}: reports the lane's problem ({', '.join(sorted(lane_codes))})"
            )
        ]
        if lane_codes
        else []
    )


def check_provider_events(lanes: Mapping[str, JsonObject], events: Iterable[tuple[str, JsonObject]]) -> list[Violation]:
    """Checks that the last event about each lane matches it, and that a pause precedes each resume. Holds at rest.

    A bus keeps no order, so each event states the time from which it holds. Workers' clocks differ, so either order may
    be right.
    """
    events_by_provider: dict[str, list[tuple[str, str]]] = {name: [] for name in lanes}
    for kind, detail in events:
        if kind in (RESUMED_EVENT, PAUSED_EVENT):
            events_by_provider[str(detail["provider"])].append((str(detail["since"]), kind))
    return [
        Violation(
            Invariant.EVENTS_PUBLISHED,
            (
                f"{name}: the last event is {provider_events[-1][1] if provider_events else 'missing'} "
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
    """Checks that no invocation times out if no fault made anything slow. Holds at rest."""
    return (
        [Violation(Invariant.WITHIN_TIMEOUT, f"{timeout_count} invocations ran out of time")] if timeout_count else []
    )


def check_unaffordable_jobs(
    jobs: Iterable[JsonObject], reports: DocumentsByKey, paused_providers: Collection[str]
) -> list[Violation]:
    """Checks that each job that costs more than any day's budget is in its photo's report. Holds at rest.

    `paused_providers`: workers do not receive these providers' jobs, and so cannot report them.
    """
    return [
        Violation(
            Invariant.ENDS_EXACTLY_ONCE,
            f"{job['key']}: waits for more money than a day's budget, but no report says so",
        )
        for job in jobs
        if job["provider"] not in paused_providers
        and not any(error["job_id"] == job["job_id"] for error in reports.get(job["key"], {"errors": []})["errors"])
    ]
