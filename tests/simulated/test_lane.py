"""A lane's health: three bad answers in a row close it, one job at a time tries it out, one good answer opens it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from backdrop.model.circuit import (
    FAILURE_THRESHOLD,
    FIRST_PROBE_DELAY,
    MAX_FREE_PROBE_DELAY,
    MAX_PROBE_DELAY,
    MAX_QUICK_PROBES,
    UNHEALTHY_BEFORE_PAUSE,
    Gate,
    PauseReason,
    ProviderHealth,
    check_gate,
    observe_result,
    pause,
    start_probe,
)
from backdrop.model.codes import Code
from backdrop.model.errors import ConflictError
from backdrop.model.provider_result import ProviderResult, RetryClass
from tests.simulated.lane_states import OPEN, SECOND, heard
from tests.simulated.simulation import BACKOFF, LOST, NOW, OK, PAUSED, REFUSED, REJECTED, THROTTLED, UNREACHED, UNSAFE

BAD = pytest.mark.parametrize("bad", [BACKOFF, LOST], ids=["busy", "lost"])
GOOD = pytest.mark.parametrize("good", [OK, UNSAFE, REFUSED, REJECTED], ids=["ok", "withheld", "refused", "rejected"])
NEUTRAL = pytest.mark.parametrize("neutral", [THROTTLED, UNREACHED], ids=["throttled", "unreached"])


CLOSED = heard(OPEN, *[BACKOFF] * FAILURE_THRESHOLD)
PROBE_AT = NOW + FIRST_PROBE_DELAY


def probing(lane: ProviderHealth = CLOSED, until: timedelta = timedelta(minutes=6)) -> ProviderHealth:
    """A lane whose probe is out."""
    moment = lane.next_probe_at or NOW
    return start_probe(lane, moment, moment + until)


# -- closing -----------------------------------------------------------------------------------------------------


def test_a_lane_is_open_until_it_was_told_otherwise() -> None:
    assert check_gate(OPEN, NOW) == (Gate.ALLOWED, 0)
    assert OPEN.mapping_enabled


@BAD
def test_three_bad_answers_in_a_row_close_the_lane_in_place(bad: ProviderResult) -> None:
    assert check_gate(heard(OPEN, bad, bad), NOW)[0] is Gate.ALLOWED
    closed = heard(OPEN, bad, bad, bad)
    assert check_gate(closed, NOW) == (Gate.BLOCKED, FIRST_PROBE_DELAY.total_seconds())
    assert (closed.mapping_enabled, closed.is_paused, closed.opened_since) == (True, False, NOW)


def test_bad_answers_of_both_kinds_count_together() -> None:
    assert heard(OPEN, BACKOFF, LOST, BACKOFF).opened_since == NOW


@GOOD
def test_one_good_answer_between_them_and_the_count_begins_anew(good: ProviderResult) -> None:
    lane = heard(OPEN, BACKOFF, LOST, good, BACKOFF, LOST)
    assert (lane.opened_since, lane.failure_streak) == (None, 2)


@NEUTRAL
def test_what_says_nothing_of_health_neither_counts_nor_forgives(neutral: ProviderResult) -> None:
    lane = heard(OPEN, BACKOFF, LOST, neutral)
    assert (lane.opened_since, lane.failure_streak) == (None, 2)
    assert heard(lane, BACKOFF).opened_since == NOW


@GOOD
def test_an_answer_that_says_nothing_new_changes_nothing(good: ProviderResult) -> None:
    """So that the ledger is not written for each picture."""
    assert heard(OPEN, good) == OPEN


# -- probing -----------------------------------------------------------------------------------------------------


def test_the_first_probe_goes_when_its_time_has_come_and_is_the_only_one() -> None:
    assert check_gate(CLOSED, PROBE_AT - SECOND) == (Gate.BLOCKED, 1)
    assert check_gate(CLOSED, PROBE_AT) == (Gate.PROBE, 0)
    lane = probing()
    assert check_gate(lane, PROBE_AT)[0] is Gate.BLOCKED
    with pytest.raises(ConflictError):
        start_probe(lane, PROBE_AT, PROBE_AT + SECOND)


def test_a_probe_whose_worker_died_gives_way_to_another() -> None:
    lane = probing(until=SECOND)
    assert check_gate(lane, PROBE_AT)[0] is Gate.BLOCKED
    assert check_gate(lane, PROBE_AT + SECOND)[0] is Gate.PROBE


def test_nobody_is_a_probe_of_an_open_lane() -> None:
    with pytest.raises(ConflictError):
        start_probe(OPEN, NOW, NOW + SECOND)


@GOOD
def test_one_good_answer_opens_a_closed_lane(good: ProviderResult) -> None:
    opened = observe_result(probing(), good, PROBE_AT, probe=True)
    assert check_gate(opened, PROBE_AT)[0] is Gate.ALLOWED
    assert opened == replace(OPEN, resumed_at=opened.resumed_at)


@BAD
def test_each_bad_probe_waits_longer_up_to_ten_seconds_where_it_is_free_and_up_to_two_minutes_else(
    bad: ProviderResult,
) -> None:
    lane, now, gaps = CLOSED, PROBE_AT, [FIRST_PROBE_DELAY]
    free = bad.retry_class is RetryClass.BACKOFF
    quick, longest = (MAX_QUICK_PROBES, MAX_FREE_PROBE_DELAY) if free else (0, MAX_PROBE_DELAY)
    for _ in range(8 + quick):
        lane = observe_result(start_probe(lane, now, now + SECOND), bad, now, probe=True)
        assert lane.next_probe_at
        gaps.append(lane.next_probe_at - now)
        now = lane.next_probe_at
    assert gaps == [min(FIRST_PROBE_DELAY * 2 ** max(n - quick, 0), longest) for n in range(9 + quick)]
    assert gaps[-1].total_seconds() == (10 if free else 120)


@NEUTRAL
def test_a_probe_that_says_nothing_lets_the_next_one_go_at_once(neutral: ProviderResult) -> None:
    lane = observe_result(probing(), neutral, PROBE_AT, probe=True)
    assert check_gate(lane, PROBE_AT)[0] is Gate.PROBE
    assert lane.opened_since == NOW


@BAD
def test_bad_answers_to_calls_that_began_before_the_close_tell_nothing_new(bad: ProviderResult) -> None:
    """Nine others were under way when the lane closed: they neither delay the probe nor take its place."""
    lane = heard(CLOSED, *[bad] * 9)
    assert (lane.next_probe_at, lane.probe_count, lane.opened_since) == (CLOSED.next_probe_at, CLOSED.probe_count, NOW)
    out = heard(probing(), bad)
    assert check_gate(out, PROBE_AT)[0] is Gate.BLOCKED


def test_a_good_answer_to_a_call_that_began_before_the_close_opens_the_lane_as_well() -> None:
    assert check_gate(heard(CLOSED, OK), NOW)[0] is Gate.ALLOWED


def test_a_probe_that_an_other_calls_good_answer_overtook_is_none_any_more() -> None:
    """Its own bad answer would close the lane again at once, which had one of three."""
    assert heard(probing(), OK).probe_until is None


# -- ten minutes -------------------------------------------------------------------------------------------------


@BAD
def test_after_ten_minutes_a_closed_lane_pauses(bad: ProviderResult) -> None:
    """And not a second sooner."""
    almost = NOW + UNHEALTHY_BEFORE_PAUSE - SECOND
    assert not observe_result(CLOSED, bad, almost, probe=True).is_paused
    paused = observe_result(CLOSED, bad, almost + SECOND, probe=True)
    assert [(one.reason, one.code) for one in paused.pauses] == [(PauseReason.UNHEALTHY, Code.PROVIDER_UNAVAILABLE)]
    assert (paused.mapping_enabled, check_gate(paused, almost + SECOND)[0]) == (False, Gate.BLOCKED)


def test_bad_answers_that_began_before_do_not_pause_a_closed_lane() -> None:
    lane = CLOSED
    for _ in range(3):
        lane = observe_result(lane, LOST, NOW + UNHEALTHY_BEFORE_PAUSE, probe=False)
    assert not lane.is_paused


def test_a_lane_that_is_closed_again_has_ten_minutes_again() -> None:
    later = NOW + UNHEALTHY_BEFORE_PAUSE
    opened = observe_result(CLOSED, OK, later, probe=True)
    closed = opened
    for _ in range(FAILURE_THRESHOLD):
        closed = observe_result(closed, BACKOFF, later, probe=False)
    assert (closed.is_paused, closed.opened_since, closed.next_probe_at) == (False, later, later + FIRST_PROBE_DELAY)


# -- answers that pause ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (Code.PROVIDER_KEY_MISSING, PauseReason.KEY),
        (Code.PROVIDER_KEY_REFUSED, PauseReason.KEY),
        (Code.PROVIDER_OUT_OF_MONEY, PauseReason.BALANCE),
        (Code.PROVIDER_DAILY_LIMIT, PauseReason.DAILY_LIMIT),
        (Code.PROVIDER_MISCONFIGURED, PauseReason.ADDRESS),
        (Code.PROVIDER_REFUSES, PauseReason.REFUSAL),
    ],
)
@pytest.mark.parametrize("probe", [False, True])
def test_a_pause_answer_pauses_at_once_for_its_own_reason(code: Code, reason: PauseReason, probe: bool) -> None:
    lane = observe_result(
        probing() if probe else OPEN, ProviderResult(RetryClass.PAUSE, code, "words"), NOW, probe=probe
    )
    assert [(one.reason, one.code, str(one.message)) for one in lane.pauses] == [(reason, code, "words")]
    assert (lane.mapping_enabled, lane.is_half_open, lane.probe_until) == (False, False, None)


def test_the_same_reason_again_keeps_its_beginning_and_has_newer_words() -> None:
    later = NOW + timedelta(minutes=1)
    first = pause(OPEN, PauseReason.KEY, Code.PROVIDER_KEY_MISSING, "no key", NOW)
    (one,) = pause(first, PauseReason.KEY, Code.PROVIDER_KEY_REFUSED, "wrong key", later).pauses
    assert (one.since, one.last_seen) == (NOW, later)
    assert (one.code, str(one.message)) == (Code.PROVIDER_KEY_REFUSED, "wrong key")


def test_a_call_that_began_before_the_pause_and_went_well_lifts_nothing() -> None:
    paused = observe_result(OPEN, PAUSED, NOW, probe=False)
    assert heard(paused, OK) == paused
