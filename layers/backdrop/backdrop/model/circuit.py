"""The circuit breaker of a lane: why it is paused, whether calls are blocked, and which call may probe the provider.

The terms are those of circuit breakers: a closed circuit allows every call. After three failures in a row the circuit
opens (`opened_since`): one job at a time is called, as a probe. In a paused lane, the event source mapping is disabled
until every reason is lifted; if a probe can find out whether the reasons still apply, reconcile half-opens the lane.

A lane's health includes what becomes of the pictures that it buys: after several in a row that cannot be stored or
used, the lane is paused until a picture is delivered. A probe for that is charged, so there are few of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

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
# A probe whose picture must be delivered before the pause ends is charged, so each interval is twice the last one.
MAX_CHARGED_PROBE_DELAY = timedelta(minutes=59)
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
    STORAGE = "storage"
    RESULTS = "results"
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
# A single job can find this out too, but is charged: they are lifted by a delivered picture.
DELIVERED_REASONS = frozenset({PauseReason.STORAGE, PauseReason.RESULTS})
# Reasons that apply to all providers of the stack.
STACK_WIDE_REASONS = frozenset({PauseReason.BUDGET, PauseReason.DELIVERY, PauseReason.STORAGE})
REASON_BY_CODE = {
    Code.PROVIDER_KEY_MISSING: PauseReason.KEY,
    Code.PROVIDER_KEY_REFUSED: PauseReason.KEY,
    Code.PROVIDER_OUT_OF_MONEY: PauseReason.BALANCE,
    Code.PROVIDER_PLAN_REFUSES: PauseReason.PLAN,
    Code.PROVIDER_DAILY_LIMIT: PauseReason.DAILY_LIMIT,
    Code.PROVIDER_MISCONFIGURED: PauseReason.ADDRESS,
    Code.PROVIDER_REFUSES: PauseReason.REFUSAL,
}


class DeliveryFault(NamedTuple):
    """Why a bought picture is not delivered, as the lane sees it.

    `weight`: how much it speaks for a pause, which is due at `PAUSE_WEIGHT`.
    """

    reason: PauseReason
    weight: int


PAUSE_WEIGHT = 24
_CERTAIN, _POSSIBLE = PAUSE_WEIGHT // 3, PAUSE_WEIGHT // 8
"""Three pictures in a row pause the lane, or eight if their photos may be the reason, or files that come late."""
MAX_UNDELIVERED_SOURCES = PAUSE_WEIGHT // _POSSIBLE
_NOT_STORED = DeliveryFault(PauseReason.STORAGE, _CERTAIN)
_USELESS = DeliveryFault(PauseReason.RESULTS, _CERTAIN)
# Some providers show a file only some seconds after they have named it, and a prompt may be the reason for others. If
# these counted only when they are tried again, a lane with short calls would buy too much until then.
_UNPROVEN = DeliveryFault(PauseReason.RESULTS, _POSSIBLE)
DELIVERY_FAULTS: Mapping[Code, DeliveryFault] = {
    Code.STORAGE_UNAVAILABLE: _NOT_STORED,
    Code.SIGNING_FAILED: _NOT_STORED,
    Code.RESULT_FOREIGN_HOST: _USELESS,
    Code.RESULT_REDIRECTED: _USELESS,
    Code.RESULT_UNRECOGNIZED: _USELESS,
    Code.RESULT_TOO_LARGE: _USELESS,
    Code.RESULT_UNREACHABLE: _UNPROVEN,
    Code.RESULT_NOT_AN_IMAGE: _UNPROVEN,
    Code.RESULT_TRUNCATED: _UNPROVEN,
    Code.RESULT_GONE: _UNPROVEN,
    Code.RESULT_NOT_TRANSPARENT: _UNPROVEN,
    Code.RESULT_SHOWS_NOTHING: _UNPROVEN,
    Code.UNSAFE_RESULT: _UNPROVEN,
}
"""What says that the next picture may not be delivered either.

Not among them: what concerns one picture (`output_not_made`), and what an earlier fault led to (`link_expired`).
"""
CODE_BY_DELIVERED_REASON = {
    PauseReason.STORAGE: Code.PICTURES_NOT_STORED,
    PauseReason.RESULTS: Code.PICTURES_NOT_USABLE,
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

    `undelivered_weight`: that of the pictures in a row that were bought and not delivered (see DeliveryFault), and
    `undelivered_source_ids`: their photos.
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
    undelivered_weight: int = 0
    undelivered_source_ids: tuple[str, ...] = ()

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
        served_lane = replace(lane, served_despite_refusal_at=now) if has_proof else lane
        return _record_success(
            served_lane, now, probe=probe, is_charged=result.retry_class is RetryClass.OK or result.charged > 0
        )
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


def _record_success(lane: ProviderHealth, now: datetime, *, probe: bool, is_charged: bool) -> ProviderHealth:
    """One success restores a lane after failures, and ends the probe.

    Only a probe's success lifts a pause, because other calls may have been sent before the pause. If its picture must
    be delivered first, a charged probe is the only one for some time.
    """
    healthy = replace(lane, failure_streak=0, opened_since=None, probe_count=0, next_probe_at=None, probe_until=None)
    if not probe:
        return replace(healthy, probe_until=lane.probe_until if lane.is_paused else None)
    resumed = resume(healthy, PROBEABLE_REASONS, now)
    if not (resumed.pauses and is_charged):
        return resumed
    attempts = lane.half_open_attempts
    delay = min(FIRST_HALF_OPEN_DELAY * 2 ** min(attempts, 10), MAX_CHARGED_PROBE_DELAY)
    return replace(
        resumed,
        is_half_open=False,
        half_open_since=None,
        half_open_attempts=attempts + 1,
        next_half_open_at=now + delay,
    )


def observe_undelivered(
    lane: ProviderHealth, code: Code, message: Sentence, source_id: str, now: datetime
) -> ProviderHealth:
    """Counts a bought picture that is not delivered: after several in a row, of different photos, the lane pauses."""
    fault = DELIVERY_FAULTS[code]
    if source_id in lane.undelivered_source_ids:
        return lane
    weight = min(lane.undelivered_weight + fault.weight, PAUSE_WEIGHT)
    source_ids = (*lane.undelivered_source_ids, source_id)[-MAX_UNDELIVERED_SOURCES:]
    lane = replace(lane, undelivered_weight=weight, undelivered_source_ids=source_ids)
    if weight < PAUSE_WEIGHT or lane.is_paused_for(fault.reason):
        return lane
    return pause(lane, fault.reason, CODE_BY_DELIVERED_REASON[fault.reason], message, now)


def observe_delivered(lane: ProviderHealth, now: datetime) -> ProviderHealth:
    """Pictures can be delivered: the count restarts, and a pause for that ends."""
    return resume(replace(lane, undelivered_weight=0, undelivered_source_ids=()), DELIVERED_REASONS, now)


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
    if any(one.reason in DELIVERED_REASONS for one in lifted):
        lane = replace(lane, undelivered_weight=0, undelivered_source_ids=())
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


def half_open_if_due(lane: ProviderHealth, now: datetime, *, has_undelivered: bool = False) -> ProviderHealth:
    """Half-opens a paused lane if that is due and probes can check every reason for the pause; otherwise unchanged.

    `has_undelivered`: bought pictures wait for delivery. They are tried again and again, and so show without a charge
    whether pictures can be stored.

    A half-open lane receives its waiting messages, and SQS moves a message to the dead-letter queue after 1,000
    receives, so the intervals grow.
    """
    if lane.next_half_open_at and now < lane.next_half_open_at:
        return lane
    testable = PROBEABLE_REASONS | (DELIVERED_REASONS - {PauseReason.STORAGE} if has_undelivered else DELIVERED_REASONS)
    if not lane.pauses or lane.is_half_open or any(one.reason not in testable for one in lane.pauses):
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
