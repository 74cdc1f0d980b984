"""Polls for the result of work that a provider has accepted, until the call's deadline."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from backdrop.model.job import Job
from backdrop.model.provider_result import LookupStatus, ProviderResult

# The maximum duration of one status request.
MAX_QUERY_SECONDS = 10.0


@dataclass(frozen=True)
class StatusQuery:
    """A status query for a call. `deadline` is monotonic seconds.

    `is_acknowledged`: the provider accepted the call, so work that it does not list yet still counts as running.
    `is_full_record`: the response is the provider's complete record of the work. `is_overdue`: the work has had enough
    time, and results that are still missing will not arrive.
    """

    provider_id: str
    api_key: str
    submitted_at: datetime
    deadline: float
    is_acknowledged: bool = False
    is_full_record: bool = False
    is_overdue: bool = False

    @property
    def timeout_seconds(self) -> float:
        return max(min(MAX_QUERY_SECONDS, self.deadline - time.monotonic()), 0.0)


def build_status_query(job: Job, provider_id: str, api_key: str) -> StatusQuery:
    """Builds the query of a lookup, with the time when the attempt with this id was sent."""
    # The expiry of links and records is counted from that time.
    attempts = (attempt for attempt in job.attempts if attempt.provider_id == provider_id)
    submitted_at = next((attempt.submitted_at for attempt in attempts), job.queued_at)
    return StatusQuery(provider_id, api_key, submitted_at, time.monotonic() + 2 * MAX_QUERY_SECONDS)


def poll_until_done(
    look_up: Callable[[], ProviderResult | LookupStatus], deadline: float, interval_seconds: float
) -> ProviderResult | LookupStatus:
    """Polls until there is a result.

    Returns PENDING at the deadline, and a lost result if the provider no longer has it.

    `deadline` is monotonic seconds. `interval_seconds` is the pause before each lookup.
    """
    while time.monotonic() + interval_seconds < deadline:
        time.sleep(interval_seconds)
        result = look_up()
        if isinstance(result, ProviderResult):
            return result
        if result is LookupStatus.ABSENT:
            return ProviderResult.lost(
                "The provider accepted the call, but no longer has a record of it. It may have been charged."
            )
    return LookupStatus.PENDING
