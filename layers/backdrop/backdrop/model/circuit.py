"""The circuit breaker of a lane: why it is paused, whether calls are blocked, and which call may probe the provider.

The terms are those of circuit breakers: a closed circuit allows every call. After three failures in a row the circuit
opens (`opened_since`): one job at a time is called, as a probe. In a paused lane, the event source mapping is disabled
until every reason is lifted; if a probe can find out whether the reasons still apply, reconcile half-opens the lane.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum

from backdrop.model.codes import Code
from backdrop.model.errors import ConflictError
from backdrop.model.job import Job, LedgerItem, Suspicion
from backdrop.model.provider_result import ProviderResult, RetryClass
from backdrop.model.record import Record, record
from backdrop.model.sentence import Sentence

FAILURE_THRESHOLD = 3
UNHEALTHY_BEFORE_PAUSE = timedelta(minutes=10)
FIRST_PROBE_DELAY = timedelta(seconds=1)
# Most outages last seconds, and a rejected probe costs nothing, so the first probes are quick and frequent.
# A half-open lane is paused again after these probes and one more.
MAX_QUICK_PROBES = 4
MAX_FREE_PROBE_DELAY = timedelta(seconds=10)
# Slightly less than a multiple of five minutes, the interval at which reconcile runs.
FIRST_HALF_OPEN_DELAY = timedelta(minutes=4)
MAX_HALF_OPEN_DELAY = timedelta(minutes=14)
MAX_PROBE_DELAY = timedelta(seconds=120)
# After an unexplained refusal, the refused job itself is the probe only if no other job arrives within this time.
SUSPECT_PROBE_DELAY = timedelta(seconds=120)
PAUSED_DELAY_SECONDS = 10.0
MAX_PROBE_WAIT_SECONDS = 30.0
# Longer than SQS keeps a message (14 days), and longer than the sweep goes back.
MARK_LIFETIME = timedelta(days=30)
# Every call reads its lane's item, which contains the marks, so the item must stay small.
MAX_MARKS = 100


class PauseReason(StrEnum):
    """Why a lane is paused. The values are stored in the ledger and printed by `--json`."""

    KEY = "key"
    BALANCE = "balance"
    PLAN = "plan"
    DAILY_LIMIT = "daily_limit"
    ADDRESS = "address"
    REFUSAL = "refusal"
    UNHEALTHY = "unhealthy"
    BUDGET = "budget"
    DELIVERY = "delivery"
    OPERATOR = "person"


class LaneState(StrEnum):
    """The state of a lane, as the command shows it to people and scripts.

    `paused` lasts from the event `Provider Paused` to `Provider Resumed`, including while a probe that may end it is in
    flight.
    """

    RUNNING = "running"
    PROBING = "probing"
    PAUSED = "paused"


# A single job can find out whether these reasons still apply; if so, it is not charged.
PROBEABLE_REASONS = frozenset(
    {
        PauseReason.KEY,
        PauseReason.BALANCE,
        PauseReason.PLAN,
        PauseReason.DAILY_LIMIT,
        PauseReason.ADDRESS,
        PauseReason.REFUSAL,
        PauseReason.UNHEALTHY,
    }
)
# Reasons that apply to all providers of the stack.
STACK_WIDE_REASONS = frozenset({PauseReason.BUDGET, PauseReason.DELIVERY})
REASON_BY_CODE = {
    Code.PROVIDER_KEY_MISSING: PauseReason.KEY,
    Code.PROVIDER_KEY_REFUSED: PauseReason.KEY,
    Code.PROVIDER_OUT_OF_MONEY: PauseReason.BALANCE,
    Code.PROVIDER_PLAN_REFUSES: PauseReason.PLAN,
    Code.PROVIDER_DAILY_LIMIT: PauseReason.DAILY_LIMIT,
    Code.PROVIDER_MISCONFIGURED: PauseReason.ADDRESS,
    Code.PROVIDER_REFUSES: PauseReason.REFUSAL,
}


@record
class Pause(Record):
    """One reason for a pause. It ends when the day's budget has `required_budget` micro-dollars left."""

    reason: PauseReason
    code: Code
    message: Sentence
    since: datetime
    last_seen: datetime
    required_budget: int = 0


@record
class CancelMark(Record):
    """Cancels everything requested up to `until` for photos whose keys begin with `prefix`."""

    prefix: str
    until: datetime

    def applies_to(self, job: Job) -> bool:
        return job.key.startswith(self.prefix) and (job.requested_at or job.queued_at) <= self.until


@record
class ProviderHealth(LedgerItem):
    """The health of one provider's lane.

    `failure_streak` counts failures in a row. `is_half_open`: the lane is paused, but probes are allowed, since
    `half_open_since`. `half_open_attempts` counts the times that the lane was half-open without success; the next time
    is `next_half_open_at`.

    `served_despite_refusal_at`: when a probe was last served while the lane was paused for an unexplained refusal; None
    again once a refused job has been rejected because of it. `past_pauses`: for each reason, the last ended pause.
    `announced_event_ids`: the IDs of the events that announced these. `cancel_marks`: an operator's cancellations.
    """

    provider: str
    pauses: tuple[Pause, ...] = ()
    failure_streak: int = 0
    opened_since: datetime | None = None
    probe_count: int = 0
    next_probe_at: datetime | None = None
    probe_until: datetime | None = None
    is_half_open: bool = False
    half_open_since: datetime | None = None
    served_despite_refusal_at: datetime | None = None
    half_open_attempts: int = 0
    next_half_open_at: datetime | None = None
    resumed_at: datetime | None = None
    past_pauses: tuple[Pause, ...] = ()
    announced_event_ids: tuple[str, ...] = ()
    cancel_marks: tuple[CancelMark, ...] = ()

    @property
    def is_paused(self) -> bool:
        return bool(self.pauses)

    @property
    def state(self) -> LaneState:
        if self.pauses:
            return LaneState.PAUSED
        return LaneState.RUNNING if self.opened_since is None else LaneState.PROBING

    @property
    def mapping_enabled(self) -> bool:
        """Whether the event source mapping must be enabled."""
        return not self.pauses or self.is_half_open

    @property
    def allows_calls(self) -> bool:
        """Whether every job may call the provider."""
        return not self.pauses and self.opened_since is None

    @property
    def has_provider_problem(self) -> bool:
        """Whether jobs wait because of the provider, so jobs that name another provider should move there."""
        has_own_reason = any(pause.reason not in STACK_WIDE_REASONS for pause in self.pauses)
        return has_own_reason or (self.opened_since is not None and not self.pauses)

    def is_paused_for(self, reason: PauseReason) -> bool:
        return any(pause.reason is reason for pause in self.pauses)


class Gate(StrEnum):
    """Whether a job may call the provider now."""

    ALLOWED = "allowed"
    PROBE = "probe"
    BLOCKED = "blocked"


def check_gate(lane: ProviderHealth, now: datetime, *, suspect: bool = False) -> tuple[Gate, float]:
    """Returns whether a job may call the provider, and if not, in how many seconds to check again.

    `suspect`: the job's own call was refused without an explanation, so other jobs go first.
    """
    if not lane.mapping_enabled:
        return Gate.BLOCKED, PAUSED_DELAY_SECONDS
    if not lane.is_paused and lane.opened_since is None:
        return Gate.ALLOWED, 0
    if lane.probe_until and now < lane.probe_until:
        return Gate.BLOCKED, min((lane.probe_until - now).total_seconds(), MAX_PROBE_WAIT_SECONDS)
    if lane.next_probe_at and now < lane.next_probe_at:
        return Gate.BLOCKED, (lane.next_probe_at - now).total_seconds()
    if (
        suspect
        and lane.is_paused_for(PauseReason.REFUSAL)
        and lane.half_open_since
        and now < lane.half_open_since + SUSPECT_PROBE_DELAY
    ):
        left = (lane.half_open_since + SUSPECT_PROBE_DELAY - now).total_seconds()
        return Gate.BLOCKED, min(left, MAX_PROBE_WAIT_SECONDS)
    return Gate.PROBE, 0


def start_probe(lane: ProviderHealth, now: datetime, until: datetime) -> ProviderHealth:
    """Makes the job the probe. Raises ConflictError if another job is the probe, or if none is allowed."""
    if check_gate(lane, now)[0] is not Gate.PROBE:
        raise ConflictError
    return replace(lane, probe_until=until)


def is_probe_since_pause(job: Job, lane: ProviderHealth) -> bool:
    """Whether the job's call is a probe that was sent after the lane was paused. The call may outlast its worker."""
    call = job.find_attempt(job.attempt_no)
    return call is not None and call.is_probe and all(call.submitted_at >= pause.since for pause in lane.pauses)


def observe_result(lane: ProviderHealth, result: ProviderResult, now: datetime, *, probe: bool) -> ProviderHealth:
    """Returns the lane after a result; unchanged if the result says nothing about the lane's health.

    A result that is due to the job itself does not count as a success: a failure counts like any other, and a refusal
    changes nothing.
    """
    if result.retry_class is RetryClass.PAUSE:
        code = result.code or Code.PROVIDER_MISCONFIGURED
        paused = pause(lane, REASON_BY_CODE[code], code, result.message, now)
        return _try_other_job(lane, paused, now, probe=probe) if result.suspicion is Suspicion.REFUSAL else paused
    if result.suspicion and result.retry_class is RetryClass.PERM:
        if result.suspicion is Suspicion.FAILURE:
            return _record_failure(lane, replace(result, retry_class=RetryClass.BACKOFF), now, probe=probe)
        return replace(lane, probe_until=None) if probe else lane
    if result.retry_class in (RetryClass.BACKOFF, RetryClass.AMBIG):
        return _record_failure(lane, result, now, probe=probe)
    if result.retry_class in (RetryClass.OK, RetryClass.PERM):
        has_proof = probe and result.retry_class is RetryClass.OK and lane.is_paused_for(PauseReason.REFUSAL)
        return _record_success(replace(lane, served_despite_refusal_at=now) if has_proof else lane, now, probe=probe)
    return replace(lane, probe_until=None) if probe else lane


def _try_other_job(lane: ProviderHealth, paused_lane: ProviderHealth, now: datetime, *, probe: bool) -> ProviderHealth:
    """An unexplained refusal may be due to the refused job alone, so another job becomes the probe immediately.

    If a probe was refused as well, the lane stops, and reconcile half-opens it again as after any other pause.
    """
    if (probe and lane.is_paused) or not (lane.is_half_open or not lane.is_paused):
        return paused_lane
    half_open_since, probes = (lane.half_open_since, lane.probe_count) if lane.is_half_open else (now, 0)
    probe_until = None if probe else lane.probe_until
    return replace(
        paused_lane,
        is_half_open=True,
        half_open_since=half_open_since,
        probe_count=probes,
        probe_until=probe_until,
        half_open_attempts=lane.half_open_attempts,
        next_half_open_at=lane.next_half_open_at,
    )


def _record_success(lane: ProviderHealth, now: datetime, *, probe: bool) -> ProviderHealth:
    """One success restores a lane after failures, and ends the probe.

    Only a probe's success lifts a pause, because other calls may have been sent before the pause.
    """
    healthy = replace(lane, failure_streak=0, opened_since=None, probe_count=0, next_probe_at=None, probe_until=None)
    return (
        resume(healthy, PROBEABLE_REASONS, now)
        if probe
        else replace(healthy, probe_until=lane.probe_until if lane.is_paused else None)
    )


def _record_failure(lane: ProviderHealth, result: ProviderResult, now: datetime, *, probe: bool) -> ProviderHealth:
    """After three failures in a row, only probes count, because earlier calls provide no new information."""
    streak = lane.failure_streak + 1
    if not probe and (streak < FAILURE_THRESHOLD or lane.opened_since):
        return replace(lane, failure_streak=streak)
    since = lane.opened_since or now
    is_free = result.retry_class is RetryClass.BACKOFF
    doubled = lane.probe_count - MAX_QUICK_PROBES if is_free else lane.probe_count
    delay = min(FIRST_PROBE_DELAY * 2 ** max(doubled, 0), MAX_FREE_PROBE_DELAY if is_free else MAX_PROBE_DELAY)
    failing = replace(
        lane,
        failure_streak=streak,
        opened_since=since,
        probe_count=min(lane.probe_count + 1, 15),
        next_probe_at=now + delay,
        probe_until=None,
    )
    # This photo may be the reason, so more than one is tried before the lane stops for minutes again.
    has_probes_left = lane.is_paused and probe and is_free and lane.probe_count < MAX_QUICK_PROBES
    if (lane.is_paused and not has_probes_left) or (not lane.is_paused and now - since >= UNHEALTHY_BEFORE_PAUSE):
        is_edge = result.code is Code.PROVIDER_EDGE_REFUSES
        code = Code.PROVIDER_EDGE_REFUSES if is_edge else Code.PROVIDER_UNAVAILABLE
        return pause(failing, PauseReason.UNHEALTHY, code, result.message, now)
    return failing


def pause(
    lane: ProviderHealth,
    reason: PauseReason,
    code: Code,
    message: str | Sentence,
    now: datetime,
    *,
    required_budget: int = 0,
) -> ProviderHealth:
    """Adds a reason for a pause, or updates the message of the same reason."""
    earlier = next((one for one in lane.pauses if one.reason is reason), None)
    since = earlier.since if earlier else _find_time_after(lane.resumed_at, now)
    added = Pause(
        reason=reason, code=code, message=Sentence(message), since=since, last_seen=now, required_budget=required_budget
    )
    others = tuple(one for one in lane.pauses if one.reason is not reason)
    if lane.is_half_open:
        delay = min(FIRST_HALF_OPEN_DELAY * (lane.half_open_attempts + 1), MAX_HALF_OPEN_DELAY)
        lane = replace(lane, half_open_attempts=lane.half_open_attempts + 1, next_half_open_at=now + delay)
    return replace(
        lane, pauses=(*others, added), is_half_open=False, half_open_since=None, probe_until=None, resumed_at=None
    )


def resume(lane: ProviderHealth, reasons: frozenset[PauseReason], now: datetime) -> ProviderHealth:
    """Lifts these reasons; the lane resumes when none is left."""
    remaining = tuple(one for one in lane.pauses if one.reason not in reasons)
    if remaining == lane.pauses:
        return lane
    lifted = tuple(one for one in lane.pauses if one.reason in reasons)
    past_pauses = (*(one for one in lane.past_pauses if one.reason not in reasons), *lifted)
    resumed = replace(
        lane,
        pauses=remaining,
        past_pauses=past_pauses,
        is_half_open=False,
        half_open_since=None,
        half_open_attempts=0,
        next_half_open_at=None,
        probe_until=None,
    )
    if remaining:
        return resumed
    last_pause = max((one.since for one in (*lane.past_pauses, *lifted)), default=None)
    resumed_at = _find_time_after(last_pause, now)
    return replace(
        resumed, failure_streak=0, opened_since=None, probe_count=0, next_probe_at=None, resumed_at=resumed_at
    )


def _find_time_after(previous: datetime | None, now: datetime) -> datetime:
    """Returns `now`, or a time after the previous change, because workers' clocks differ.

    Events about lanes may arrive in any order, so their receivers sort them by this time, in milliseconds.
    """
    return max(now, previous + timedelta(milliseconds=1)) if previous else now


def half_open_if_due(lane: ProviderHealth, now: datetime) -> ProviderHealth:
    """Half-opens a paused lane if that is due and probes can check every reason for the pause; otherwise unchanged.

    A half-open lane receives its waiting messages, and SQS moves a message to the dead-letter queue after 1,000
    receives, so the intervals grow.
    """
    if lane.next_half_open_at and now < lane.next_half_open_at:
        return lane
    if not lane.pauses or lane.is_half_open or any(one.reason not in PROBEABLE_REASONS for one in lane.pauses):
        return lane
    return replace(lane, is_half_open=True, half_open_since=now, probe_count=0, next_probe_at=None, probe_until=None)


def merge_mark(marks: Sequence[CancelMark], new: CancelMark) -> tuple[CancelMark, ...]:
    """Adds a mark, and drops covered and expired marks."""
    others = (
        mark
        for mark in drop_expired(marks, new.until)
        if mark.until > new.until or not mark.prefix.startswith(new.prefix)
    )
    return (*others, new)


def drop_expired(marks: Sequence[CancelMark], now: datetime) -> tuple[CancelMark, ...]:
    """Drops marks that are older than anything that can still be in flight."""
    return tuple(mark for mark in marks if now - mark.until < MARK_LIFETIME)
