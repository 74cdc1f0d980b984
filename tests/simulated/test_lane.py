"""A lane's health: three bad answers in a row close it, one job at a time tries it out, one good answer opens it."""

from datetime import timedelta

import pytest

from backdrop.model.circuit import (
    BAD_ANSWERS,
    CLOSED_BEFORE_PAUSE,
    FIRST_PROBE_AFTER,
    LONGEST_FREE_PROBE_GAP,
    LONGEST_PROBE_GAP,
    QUICK_PROBES,
    Gate,
    Lane,
    Reason,
    begin_probe,
    gate,
    heed,
    pause,
)
from backdrop.model.codes import Code
from backdrop.model.errors import StaleError
from backdrop.model.provider_result import Answer, Class
from tests.simulated.lane_states import OPEN, SECOND, heard
from tests.simulated.simulation import BACKOFF, LOST, NOW, OK, PAUSED, REFUSED, REJECTED, THROTTLED, UNREACHED, UNSAFE

BAD = pytest.mark.parametrize("bad", [BACKOFF, LOST], ids=["busy", "lost"])
GOOD = pytest.mark.parametrize("good", [OK, UNSAFE, REFUSED, REJECTED], ids=["ok", "withheld", "refused", "rejected"])
NEUTRAL = pytest.mark.parametrize("neutral", [THROTTLED, UNREACHED], ids=["throttled", "unreached"])


CLOSED = heard(OPEN, *[BACKOFF] * BAD_ANSWERS)
PROBE_AT = NOW + FIRST_PROBE_AFTER


def probing(lane: Lane = CLOSED, until: timedelta = timedelta(minutes=6)) -> Lane:
    """A lane whose probe is out."""
    moment = lane.probe_at or NOW
    return begin_probe(lane, moment, moment + until)


# -- closing -----------------------------------------------------------------------------------------------------


def test_a_lane_is_open_until_it_was_told_otherwise() -> None:
    assert gate(OPEN, NOW) == (Gate.OPEN, 0)
    assert OPEN.flows


@BAD
def test_three_bad_answers_in_a_row_close_the_lane_in_place(bad: Answer) -> None:
    assert gate(heard(OPEN, bad, bad), NOW)[0] is Gate.OPEN
    closed = heard(OPEN, bad, bad, bad)
    assert gate(closed, NOW) == (Gate.SHUT, FIRST_PROBE_AFTER.total_seconds())
    assert (closed.flows, closed.paused, closed.closed_since) == (True, False, NOW)


def test_bad_answers_of_both_kinds_count_together() -> None:
    assert heard(OPEN, BACKOFF, LOST, BACKOFF).closed_since == NOW


@GOOD
def test_one_good_answer_between_them_and_the_count_begins_anew(good: Answer) -> None:
    lane = heard(OPEN, BACKOFF, LOST, good, BACKOFF, LOST)
    assert (lane.closed_since, lane.streak) == (None, 2)


@NEUTRAL
def test_what_says_nothing_of_health_neither_counts_nor_forgives(neutral: Answer) -> None:
    lane = heard(OPEN, BACKOFF, LOST, neutral)
    assert (lane.closed_since, lane.streak) == (None, 2)
    assert heard(lane, BACKOFF).closed_since == NOW


@GOOD
def test_an_answer_that_says_nothing_new_changes_nothing(good: Answer) -> None:
    """So that the ledger is not written for each picture."""
    assert heard(OPEN, good) == OPEN


# -- probing -----------------------------------------------------------------------------------------------------


def test_the_first_probe_goes_when_its_time_has_come_and_is_the_only_one() -> None:
    assert gate(CLOSED, PROBE_AT - SECOND) == (Gate.SHUT, 1)
    assert gate(CLOSED, PROBE_AT) == (Gate.PROBE, 0)
    lane = probing()
    assert gate(lane, PROBE_AT)[0] is Gate.SHUT
    with pytest.raises(StaleError):
        begin_probe(lane, PROBE_AT, PROBE_AT + SECOND)


def test_a_probe_whose_worker_died_gives_way_to_another() -> None:
    lane = probing(until=SECOND)
    assert gate(lane, PROBE_AT)[0] is Gate.SHUT
    assert gate(lane, PROBE_AT + SECOND)[0] is Gate.PROBE


def test_nobody_is_a_probe_of_an_open_lane() -> None:
    with pytest.raises(StaleError):
        begin_probe(OPEN, NOW, NOW + SECOND)


@GOOD
def test_one_good_answer_opens_a_closed_lane(good: Answer) -> None:
    opened = heed(probing(), good, PROBE_AT, probe=True)
    assert gate(opened, PROBE_AT)[0] is Gate.OPEN
    assert opened == OPEN.but(resumed_at=opened.resumed_at)


@BAD
def test_each_bad_probe_waits_longer_up_to_ten_seconds_where_it_is_free_and_up_to_two_minutes_else(bad: Answer) -> None:
    lane, now, gaps = CLOSED, PROBE_AT, [FIRST_PROBE_AFTER]
    free = bad.kind is Class.BACKOFF
    quick, longest = (QUICK_PROBES, LONGEST_FREE_PROBE_GAP) if free else (0, LONGEST_PROBE_GAP)
    for _ in range(8 + quick):
        lane = heed(begin_probe(lane, now, now + SECOND), bad, now, probe=True)
        assert lane.probe_at
        gaps.append(lane.probe_at - now)
        now = lane.probe_at
    assert gaps == [min(FIRST_PROBE_AFTER * 2 ** max(n - quick, 0), longest) for n in range(9 + quick)]
    assert gaps[-1].total_seconds() == (10 if free else 120)


@NEUTRAL
def test_a_probe_that_says_nothing_lets_the_next_one_go_at_once(neutral: Answer) -> None:
    lane = heed(probing(), neutral, PROBE_AT, probe=True)
    assert gate(lane, PROBE_AT)[0] is Gate.PROBE
    assert lane.closed_since == NOW


@BAD
def test_bad_answers_to_calls_that_began_before_the_close_tell_nothing_new(bad: Answer) -> None:
    """Nine others were under way when the lane closed: they neither delay the probe nor take its place."""
    lane = heard(CLOSED, *[bad] * 9)
    assert (lane.probe_at, lane.probes, lane.closed_since) == (CLOSED.probe_at, CLOSED.probes, NOW)
    out = heard(probing(), bad)
    assert gate(out, PROBE_AT)[0] is Gate.SHUT


def test_a_good_answer_to_a_call_that_began_before_the_close_opens_the_lane_as_well() -> None:
    assert gate(heard(CLOSED, OK), NOW)[0] is Gate.OPEN


def test_a_probe_that_an_other_calls_good_answer_overtook_is_none_any_more() -> None:
    """Its own bad answer would close the lane again at once, which had one of three."""
    assert heard(probing(), OK).probe_until is None


# -- ten minutes -------------------------------------------------------------------------------------------------


@BAD
def test_after_ten_minutes_a_closed_lane_pauses(bad: Answer) -> None:
    """And not a second sooner."""
    almost = NOW + CLOSED_BEFORE_PAUSE - SECOND
    assert not heed(CLOSED, bad, almost, probe=True).paused
    paused = heed(CLOSED, bad, almost + SECOND, probe=True)
    assert [(one.reason, one.code) for one in paused.pauses] == [(Reason.UNHEALTHY, Code.PROVIDER_UNAVAILABLE)]
    assert (paused.flows, gate(paused, almost + SECOND)[0]) == (False, Gate.SHUT)


def test_bad_answers_that_began_before_do_not_pause_a_closed_lane() -> None:
    lane = CLOSED
    for _ in range(3):
        lane = heed(lane, LOST, NOW + CLOSED_BEFORE_PAUSE, probe=False)
    assert not lane.paused


def test_a_lane_that_is_closed_again_has_ten_minutes_again() -> None:
    later = NOW + CLOSED_BEFORE_PAUSE
    opened = heed(CLOSED, OK, later, probe=True)
    closed = opened
    for _ in range(BAD_ANSWERS):
        closed = heed(closed, BACKOFF, later, probe=False)
    assert (closed.paused, closed.closed_since, closed.probe_at) == (False, later, later + FIRST_PROBE_AFTER)


# -- answers that pause ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (Code.PROVIDER_KEY_MISSING, Reason.KEY),
        (Code.PROVIDER_KEY_REFUSED, Reason.KEY),
        (Code.PROVIDER_OUT_OF_MONEY, Reason.BALANCE),
        (Code.PROVIDER_DAILY_LIMIT, Reason.DAILY_LIMIT),
        (Code.PROVIDER_MISCONFIGURED, Reason.ADDRESS),
        (Code.PROVIDER_REFUSES, Reason.REFUSAL),
    ],
)
@pytest.mark.parametrize("probe", [False, True])
def test_a_pause_answer_pauses_at_once_for_its_own_reason(code: Code, reason: Reason, probe: bool) -> None:
    lane = heed(probing() if probe else OPEN, Answer(Class.PAUSE, code, "words"), NOW, probe=probe)
    assert [(one.reason, one.code, str(one.message)) for one in lane.pauses] == [(reason, code, "words")]
    assert (lane.flows, lane.trying, lane.probe_until) == (False, False, None)


def test_the_same_reason_again_keeps_its_beginning_and_has_newer_words() -> None:
    later = NOW + timedelta(minutes=1)
    first = pause(OPEN, Reason.KEY, Code.PROVIDER_KEY_MISSING, "no key", NOW)
    (one,) = pause(first, Reason.KEY, Code.PROVIDER_KEY_REFUSED, "wrong key", later).pauses
    assert (one.since, one.last_seen) == (NOW, later)
    assert (one.code, str(one.message)) == (Code.PROVIDER_KEY_REFUSED, "wrong key")


def test_a_call_that_began_before_the_pause_and_went_well_lifts_nothing() -> None:
    paused = heed(OPEN, PAUSED, NOW, probe=False)
    assert heard(paused, OK) == paused
