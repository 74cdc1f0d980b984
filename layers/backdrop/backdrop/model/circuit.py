"""A lane's health: why it is paused, whether it is closed in place, and which call may find out if all is well again.

Open: every job may go. Closed: the provider failed three times in a row, and one job at a time goes as a probe. Paused:
the event source mapping is off until every reason is lifted; reconcile lets a probe out where a probe can tell.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum

from backdrop.model.cancel_marks import CallOff, with_mark, young
from backdrop.model.codes import Code
from backdrop.model.errors import StaleError
from backdrop.model.job import Item, Job, Suspicion
from backdrop.model.provider_result import Answer, Class
from backdrop.model.record import Record, record
from backdrop.model.sentence import Sentence

BAD_ANSWERS = 3
CLOSED_BEFORE_PAUSE = timedelta(minutes=10)
FIRST_PROBE_AFTER = timedelta(seconds=1)
# Most outages are over in seconds, and a probe that is turned away costs nothing: so many come quickly, and often.
# In a paused lane, a trial is over after these and one more.
QUICK_PROBES = 4
LONGEST_FREE_PROBE_GAP = timedelta(seconds=10)
# A little less than so many ticks of reconcile, which comes every five minutes.
FIRST_TRIAL_AFTER = timedelta(minutes=4)
LONGEST_TRIAL_GAP = timedelta(minutes=14)
LONGEST_PROBE_GAP = timedelta(seconds=120)
# After an unexplained refusal, the refused job itself is the probe only where no other job came within this time.
OTHERS_FIRST = timedelta(seconds=120)
PAUSED_DELAY_SECONDS = 10.0
PROBED_DELAY_SECONDS = 30.0


class Reason(StrEnum):
    """Why a lane is paused."""

    KEY = "key"
    BALANCE = "balance"
    DAILY_LIMIT = "daily_limit"
    ADDRESS = "address"
    REFUSAL = "refusal"
    UNHEALTHY = "unhealthy"
    BUDGET = "budget"
    DELIVERY = "delivery"
    PERSON = "person"


class LaneState(StrEnum):
    """How a lane is, in the one word that people and scripts read.

    `paused` lasts from `Provider Paused` to `Provider Resumed`: also while a probe is out that may end the pause.
    """

    RUNNING = "running"
    PROBING = "probing"
    PAUSED = "paused"


# What one real job in one slot can find out; nothing is charged where the reason still holds.
PROBED = frozenset({Reason.KEY, Reason.BALANCE, Reason.DAILY_LIMIT, Reason.ADDRESS, Reason.REFUSAL, Reason.UNHEALTHY})
# What concerns the whole stack: in another provider's lane it is just the same.
EVERYWHERE = frozenset({Reason.BUDGET, Reason.DELIVERY})
REASONS = {
    Code.PROVIDER_KEY_MISSING: Reason.KEY,
    Code.PROVIDER_KEY_REFUSED: Reason.KEY,
    Code.PROVIDER_OUT_OF_MONEY: Reason.BALANCE,
    Code.PROVIDER_DAILY_LIMIT: Reason.DAILY_LIMIT,
    Code.PROVIDER_MISCONFIGURED: Reason.ADDRESS,
    Code.PROVIDER_REFUSES: Reason.REFUSAL,
}


@record
class Pause(Record):
    """One reason, since when, and in what words. `needs`: micro-dollars that a budget must have left for it to end."""

    reason: Reason
    code: Code
    message: Sentence
    since: datetime
    last_seen: datetime
    needs: int = 0


@record
class Lane(Item):
    """One provider's lane. `streak` counts bad answers in a row; `trying`: paused, but a probe may go, since
    `trying_since`; `trials` such probes failed, and the next may go from `trial_at` on.

    `proved_at`: when a probe was last served while the lane was paused for an unexplained refusal; None again once
    a refused job was rejected for it. `ended`: the pauses that are over, each reason's last. `told`: the ids of the
    events that told of all these. `called_off`: what a person does not want bought any longer.
    """

    provider: str
    pauses: tuple[Pause, ...] = ()
    streak: int = 0
    closed_since: datetime | None = None
    probes: int = 0
    probe_at: datetime | None = None
    probe_until: datetime | None = None
    trying: bool = False
    trying_since: datetime | None = None
    proved_at: datetime | None = None
    trials: int = 0
    trial_at: datetime | None = None
    resumed_at: datetime | None = None
    ended: tuple[Pause, ...] = ()
    told: tuple[str, ...] = ()
    called_off: tuple[CallOff, ...] = ()

    @property
    def paused(self) -> bool:
        return bool(self.pauses)

    @property
    def state(self) -> LaneState:
        if self.pauses:
            return LaneState.PAUSED
        return LaneState.RUNNING if self.closed_since is None else LaneState.PROBING

    @property
    def flows(self) -> bool:
        """Whether the mapping is to hand out messages."""
        return not self.pauses or self.trying

    @property
    def is_open(self) -> bool:
        """Whether every job may go."""
        return not self.pauses and self.closed_since is None

    @property
    def sends_away(self) -> bool:
        """Whether the provider is why jobs wait, so that those who name another one had better go there."""
        own = any(pause.reason not in EVERYWHERE for pause in self.pauses)
        return own or (self.closed_since is not None and not self.pauses)

    def has(self, reason: Reason) -> bool:
        return any(pause.reason is reason for pause in self.pauses)


class Gate(StrEnum):
    """Whether a job may be paid now."""

    OPEN = "open"
    PROBE = "probe"
    SHUT = "shut"


def gate(lane: Lane, now: datetime, *, suspect: bool = False) -> tuple[Gate, float]:
    """Whether a job may go, and in how many seconds to ask again where it may not.

    `suspect`: the job's own call was refused without an explanation, so that others go before it.
    """
    if not lane.flows:
        return Gate.SHUT, PAUSED_DELAY_SECONDS
    if not lane.paused and lane.closed_since is None:
        return Gate.OPEN, 0
    if lane.probe_until and now < lane.probe_until:
        return Gate.SHUT, min((lane.probe_until - now).total_seconds(), PROBED_DELAY_SECONDS)
    if lane.probe_at and now < lane.probe_at:
        return Gate.SHUT, (lane.probe_at - now).total_seconds()
    if suspect and lane.has(Reason.REFUSAL) and lane.trying_since and now < lane.trying_since + OTHERS_FIRST:
        left = (lane.trying_since + OTHERS_FIRST - now).total_seconds()
        return Gate.SHUT, min(left, PROBED_DELAY_SECONDS)
    return Gate.PROBE, 0


def begin_probe(lane: Lane, now: datetime, until: datetime) -> Lane:
    """This job is the one that finds out; StaleError where another is, or where none may."""
    if gate(lane, now)[0] is not Gate.PROBE:
        raise StaleError
    return lane.but(probe_until=until)


def has_probed(job: Job, lane: Lane) -> bool:
    """Whether the job's call is a probe that went out after the lane was paused: it may outlast its worker."""
    call = job.attempt_of(job.attempt)
    return call is not None and call.probe and all(call.submitted_at >= pause.since for pause in lane.pauses)


def heed(lane: Lane, answer: Answer, now: datetime, *, probe: bool) -> Lane:
    """The lane after an answer; the same one where the answer says nothing of its health.

    A verdict that the job itself is the reason is no good answer: a failure counts like any other, a refusal changes
    nothing.
    """
    if answer.kind is Class.PAUSE:
        code = answer.code or Code.PROVIDER_MISCONFIGURED
        paused = pause(lane, REASONS[code], code, answer.message, now)
        return _try_another(lane, paused, now, probe=probe) if answer.suspicion is Suspicion.REFUSAL else paused
    if answer.suspicion and answer.kind is Class.PERM:
        if answer.suspicion is Suspicion.FAILURE:
            return _bad(lane, replace(answer, kind=Class.BACKOFF), now, probe=probe)
        return lane.but(probe_until=None) if probe else lane
    if answer.kind in (Class.BACKOFF, Class.AMBIG):
        return _bad(lane, answer, now, probe=probe)
    if answer.kind in (Class.OK, Class.PERM):
        proves = probe and answer.kind is Class.OK and lane.has(Reason.REFUSAL)
        return _good(lane.but(proved_at=now) if proves else lane, now, probe=probe)
    return lane.but(probe_until=None) if probe else lane


def _try_another(lane: Lane, paused: Lane, now: datetime, *, probe: bool) -> Lane:
    """An unexplained refusal may be due to the refused job alone, so another job is the probe at once.

    The lane stops where a probe was refused as well: then reconcile lets out the next one, like after any pause.
    """
    if (probe and lane.paused) or not (lane.trying or not lane.paused):
        return paused
    since, probes = (lane.trying_since, lane.probes) if lane.trying else (now, 0)
    probe_until = None if probe else lane.probe_until
    trial = {"trying": True, "trying_since": since, "probes": probes, "probe_until": probe_until}
    return paused.but(**trial, trials=lane.trials, trial_at=lane.trial_at)


def _good(lane: Lane, now: datetime, *, probe: bool) -> Lane:
    """One good answer opens a closed lane, and a probe is none any more.

    Only a probe's lifts a pause: others may have begun before it.
    """
    well = lane.but(streak=0, closed_since=None, probes=0, probe_at=None, probe_until=None)
    return resume(well, PROBED, now) if probe else well.but(probe_until=lane.probe_until if lane.paused else None)


def _bad(lane: Lane, answer: Answer, now: datetime, *, probe: bool) -> Lane:
    """Three in a row close the lane; then only its probes count, since those that began before tell nothing new."""
    streak = lane.streak + 1
    if not probe and (streak < BAD_ANSWERS or lane.closed_since):
        return lane.but(streak=streak)
    since = lane.closed_since or now
    free = answer.kind is Class.BACKOFF
    doubled = lane.probes - QUICK_PROBES if free else lane.probes
    gap = min(FIRST_PROBE_AFTER * 2 ** max(doubled, 0), LONGEST_FREE_PROBE_GAP if free else LONGEST_PROBE_GAP)
    closed = lane.but(
        streak=streak, closed_since=since, probes=min(lane.probes + 1, 15), probe_at=now + gap, probe_until=None
    )
    # What failed may be this one photo, so more than one is tried before the lane stops for minutes again.
    trial_goes_on = lane.paused and probe and free and lane.probes < QUICK_PROBES
    if (lane.paused and not trial_goes_on) or (not lane.paused and now - since >= CLOSED_BEFORE_PAUSE):
        return pause(closed, Reason.UNHEALTHY, Code.PROVIDER_UNAVAILABLE, answer.message, now)
    return closed


def pause(lane: Lane, reason: Reason, code: Code, message: str | Sentence, now: datetime, *, needs: int = 0) -> Lane:
    """One more reason, or the same one again in newer words."""
    before = next((one for one in lane.pauses if one.reason is reason), None)
    since = before.since if before else now
    added = Pause(reason=reason, code=code, message=Sentence(message), since=since, last_seen=now, needs=needs)
    others = tuple(one for one in lane.pauses if one.reason is not reason)
    if lane.trying:
        gap = min(FIRST_TRIAL_AFTER * (lane.trials + 1), LONGEST_TRIAL_GAP)
        lane = lane.but(trials=lane.trials + 1, trial_at=now + gap)
    return lane.but(pauses=(*others, added), trying=False, trying_since=None, probe_until=None, resumed_at=None)


def resume(lane: Lane, reasons: frozenset[Reason], now: datetime) -> Lane:
    """Without these reasons; the lane flows again when none is left."""
    left = tuple(one for one in lane.pauses if one.reason not in reasons)
    if left == lane.pauses:
        return lane
    over = tuple(one for one in lane.pauses if one.reason in reasons)
    ended = (*(one for one in lane.ended if one.reason not in reasons), *over)
    calm = {"trying": False, "trying_since": None, "trials": 0, "trial_at": None, "probe_until": None}
    opened = lane.but(pauses=left, ended=ended, **calm)
    if left:
        return opened
    return opened.but(streak=0, closed_since=None, probes=0, probe_at=None, resumed_at=now)


def call_off(lane: Lane, mark: CallOff) -> Lane:
    """What the mark means is bought here no more."""
    return lane.but(called_off=with_mark(lane.called_off, mark))


def forget(lane: Lane, now: datetime) -> Lane:
    """Without what a person called off so long ago that nothing can be on its way of it."""
    return lane.but(called_off=young(lane.called_off, now))


def let_a_probe_out(lane: Lane, now: datetime) -> Lane:
    """Where nothing but what a probe can find out is in the way, one job may go; the same lane otherwise.

    Each probe has the waiting messages received, and SQS gives one up after a thousand times: so ever more seldom.
    """
    if lane.trial_at and now < lane.trial_at:
        return lane
    if not lane.pauses or lane.trying or any(one.reason not in PROBED for one in lane.pauses):
        return lane
    return lane.but(trying=True, trying_since=now, probes=0, probe_at=None, probe_until=None)
