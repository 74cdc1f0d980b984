"""Asking again and again for work that a provider has taken, for as long as the call may last."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from backdrop.model.job import Job
from backdrop.model.provider_result import LookupStatus, ProviderResult

# The longest that one request may take which only asks.
MAX_QUERY_SECONDS = 10.0


@dataclass(frozen=True)
class StatusQuery:
    """About a call: the provider's id for it, our key, when it went out, and until when (monotonic) we wait for words.

    `is_acknowledged`: it was taken, so that one which nobody knows of just now is still at work. `is_full_record`: what
    is said of it is all that is kept of it. `is_overdue`: it has had its time, and results that are missing now will
    not come.
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
        """How long one request may take, in seconds."""
        return max(min(MAX_QUERY_SECONDS, self.deadline - time.monotonic()), 0.0)


def build_status_query(job: Job, provider_id: str, api_key: str) -> StatusQuery:
    """A look-up's question: links and records live from when the call went out that the provider knows by this id."""
    submitted_at = next((one.submitted_at for one in job.attempts if one.provider_id == provider_id), job.queued_at)
    return StatusQuery(provider_id, api_key, submitted_at, time.monotonic() + 2 * MAX_QUERY_SECONDS)


def poll_until_done(
    look_up: Callable[[], ProviderResult | LookupStatus], deadline: float, interval_seconds: float
) -> ProviderResult | LookupStatus:
    """The answer; PENDING where the work outlives the call; a lost answer where the provider forgot the work.

    `deadline` is monotonic seconds, `interval_seconds` the seconds between two questions.
    """
    while time.monotonic() + interval_seconds < deadline:
        time.sleep(interval_seconds)
        result = look_up()
        if isinstance(result, ProviderResult):
            return result
        if result is LookupStatus.ABSENT:
            return ProviderResult.lost("The provider took the call, and knows no more of it.")
    return LookupStatus.PENDING
