"""A paused lane: reasons come one by one and are lifted one by one, and only a probe can tell that they are over."""

from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from backdrop.model.circuit import (
    FIRST_TRIAL_AFTER,
    LONGEST_TRIAL_GAP,
    PROBED,
    QUICK_PROBES,
    REASONS,
    Gate,
    Lane,
    LaneState,
    Reason,
    begin_probe,
    gate,
    heed,
    let_a_probe_out,
    pause,
    resume,
)
from backdrop.model.codes import Code
from backdrop.model.provider_result import Answer
from proof.world.stack import MOST_RECEIVES
from tests.simulated.lane_states import OPEN, heard, reasons_of
from tests.simulated.simulation import BACKOFF, LOST, NOW, OK, PAUSED, REFUSED, THROTTLED, UNREACHED

LATER = NOW + timedelta(minutes=5)
UNTIL = LATER + timedelta(minutes=6)
EVERY = frozenset(Reason)
CODES = {
    Reason.KEY: Code.PROVIDER_KEY_REFUSED,
    Reason.BALANCE: Code.PROVIDER_OUT_OF_MONEY,
    Reason.DAILY_LIMIT: Code.PROVIDER_DAILY_LIMIT,
    Reason.ADDRESS: Code.PROVIDER_MISCONFIGURED,
    Reason.REFUSAL: Code.PROVIDER_REFUSES,
    Reason.UNHEALTHY: Code.PROVIDER_UNAVAILABLE,
    Reason.BUDGET: Code.BUDGET_REACHED,
    Reason.DELIVERY: Code.DELIVERY_BACKED_UP,
    Reason.PERSON: Code.PAUSED_BY_PERSON,
}


def paused_for(*reasons: Reason) -> Lane:
    """A lane that is paused for these reasons."""
    lane = OPEN
    for reason in reasons:
        lane = pause(lane, reason, CODES[reason], "words", NOW)
    return lane


def tried_out(*reasons: Reason) -> Lane:
    """A lane that is paused for these reasons, and whose probe is out."""
    return begin_probe(let_a_probe_out(paused_for(*reasons), LATER), LATER, UNTIL)


# -- reasons -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", Reason)
def test_a_paused_lane_hands_out_nothing_until_its_reason_is_lifted(reason: Reason) -> None:
    lane = paused_for(reason)
    assert (lane.paused, lane.flows, lane.has(reason), gate(lane, LATER)[0]) == (True, False, True, Gate.SHUT)
    again = resume(lane, frozenset({reason}), LATER)
    assert (again.paused, again.flows, again.resumed_at, gate(again, LATER)[0]) == (False, True, LATER, Gate.OPEN)


@pytest.mark.parametrize("reason", Reason)
def test_a_lane_flows_only_when_its_last_reason_is_lifted(reason: Reason) -> None:
    lane = paused_for(*Reason)
    left = resume(lane, EVERY - {reason}, LATER)
    assert (reasons_of(left), left.flows, left.resumed_at) == ({reason}, False, None)
    assert resume(left, EVERY, LATER).flows


def test_a_reason_that_is_not_there_is_lifted_without_a_trace() -> None:
    lane = paused_for(Reason.PERSON)
    assert resume(lane, EVERY - {Reason.PERSON}, LATER) == lane
    assert resume(OPEN, EVERY, LATER) == OPEN


def test_a_lane_that_goes_on_has_a_clean_record() -> None:
    lane = resume(pause(heard(OPEN, *[BACKOFF] * 3), Reason.PERSON, Code.PAUSED_BY_PERSON, "words", NOW), EVERY, LATER)
    assert (lane.streak, lane.closed_since, lane.probe_at, lane.probes) == (0, None, None, 0)


def test_what_a_budget_must_have_left_is_kept_with_its_reason() -> None:
    lane = pause(OPEN, Reason.BUDGET, Code.BUDGET_REACHED, "words", NOW, needs=60_000)
    assert [one.needs for one in lane.pauses] == [60_000]


def test_every_code_that_pauses_has_a_reason_that_a_probe_can_test() -> None:
    assert set(REASONS.values()) | {Reason.UNHEALTHY} == PROBED
    assert {Reason.BUDGET, Reason.DELIVERY, Reason.PERSON} == EVERY - PROBED


# -- a probe in a paused lane ------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", sorted(PROBED))
def test_where_a_job_can_find_out_one_goes_at_once_and_no_other(reason: Reason) -> None:
    lane = let_a_probe_out(paused_for(reason), LATER)
    assert (lane.paused, lane.flows, gate(lane, LATER)[0]) == (True, True, Gate.PROBE)
    assert gate(begin_probe(lane, LATER, UNTIL), LATER)[0] is Gate.SHUT


@pytest.mark.parametrize("reason", sorted(EVERY - PROBED))
def test_no_probe_goes_where_a_job_can_find_out_nothing(reason: Reason) -> None:
    """A call that a person forbade, or for which there is no money, is no experiment."""
    for lane in (paused_for(reason), paused_for(Reason.KEY, reason), paused_for(reason, Reason.KEY)):
        assert let_a_probe_out(lane, LATER) == lane


def test_a_probe_that_is_out_is_not_sent_a_second_after_it() -> None:
    """Reconcile comes again while the first one is in its call."""
    for lane in (let_a_probe_out(paused_for(Reason.KEY), LATER), tried_out(Reason.KEY)):
        assert let_a_probe_out(lane, LATER) == lane


def test_no_probe_goes_in_a_lane_that_is_not_paused() -> None:
    closed = OPEN.but(closed_since=NOW, probe_at=LATER)
    assert [let_a_probe_out(lane, LATER) for lane in (OPEN, closed)] == [OPEN, closed]


@pytest.mark.parametrize("good", [OK, REFUSED], ids=["ok", "refused"])
def test_a_probes_good_answer_lifts_all_that_a_probe_can_test(good: Answer) -> None:
    lane = heed(tried_out(*sorted(PROBED)), good, LATER, probe=True)
    assert (lane.paused, lane.flows, lane.resumed_at) == (False, True, LATER)


@pytest.mark.parametrize("good", [OK, REFUSED], ids=["ok", "refused"])
def test_only_a_probes_good_answer_lifts_a_pause(good: Answer) -> None:
    """Calls that began before the pause come to their good ends after it; they say nothing of now."""
    lane = tried_out(Reason.KEY)
    assert heed(lane, good, LATER, probe=False) == lane


def test_a_person_who_pauses_while_a_probe_is_out_is_not_overruled() -> None:
    lane = pause(tried_out(Reason.KEY), Reason.PERSON, Code.PAUSED_BY_PERSON, "words", LATER)
    assert (lane.flows, lane.trying) == (False, False)
    after = heed(lane, OK, LATER, probe=True)
    assert (reasons_of(after), after.flows) == ({Reason.PERSON}, False)


def test_a_probe_that_is_refused_shuts_the_lane_again() -> None:
    lane = heed(tried_out(Reason.KEY), PAUSED, LATER, probe=True)
    assert (reasons_of(lane), lane.flows, lane.trying) == ({Reason.KEY}, False, False)
    assert [one.since for one in lane.pauses] == [NOW]


def test_a_probe_whose_answer_is_lost_adds_that_the_provider_is_sick() -> None:
    lane = heed(tried_out(Reason.KEY), LOST, LATER, probe=True)
    assert (reasons_of(lane), lane.flows) == ({Reason.KEY, Reason.UNHEALTHY}, False)
    assert let_a_probe_out(lane, LATER + FIRST_TRIAL_AFTER).flows


def test_a_probe_that_fails_and_costs_nothing_is_followed_by_four_others_before_the_lane_stops() -> None:
    """A photo at which the provider fails is no reason why others wait for minutes."""
    lane, now = let_a_probe_out(paused_for(Reason.KEY), LATER), LATER
    for _ in range(QUICK_PROBES):
        lane = heed(begin_probe(lane, now, UNTIL), BACKOFF, now, probe=True)
        assert (reasons_of(lane), gate(lane, now)) == ({Reason.KEY}, (Gate.SHUT, 1))
        now += timedelta(seconds=1)
    assert not heed(begin_probe(lane, now, UNTIL), OK, now, probe=True).paused
    stopped = heed(begin_probe(lane, now, UNTIL), BACKOFF, now, probe=True)
    assert (reasons_of(stopped), stopped.flows) == ({Reason.KEY, Reason.UNHEALTHY}, False)
    again = let_a_probe_out(stopped, now + FIRST_TRIAL_AFTER)
    assert heed(begin_probe(again, UNTIL, LATER + timedelta(hours=1)), BACKOFF, UNTIL, probe=True).flows


def test_failures_of_calls_that_began_before_stop_a_trial_without_a_second_probe() -> None:
    lane = heard(tried_out(Reason.KEY), *[BACKOFF] * 3)
    assert (lane.flows, reasons_of(lane)) == (False, {Reason.KEY, Reason.UNHEALTHY})


@pytest.mark.parametrize("neutral", [THROTTLED, UNREACHED], ids=["throttled", "unreached"])
def test_a_probe_that_says_nothing_leaves_the_try_to_the_next_job(neutral: Answer) -> None:
    lane = heed(tried_out(Reason.KEY), neutral, LATER, probe=True)
    assert (lane.paused, gate(lane, LATER)[0]) == (True, Gate.PROBE)


def refused_again(lane: Lane, now: datetime) -> Lane:
    """The lane after a probe that found nothing better."""
    return heed(begin_probe(lane, now, now + timedelta(minutes=6)), PAUSED, now, probe=True)


def test_probes_of_a_paused_lane_come_ever_more_seldom_and_never_end() -> None:
    """Each has all that waits received once more, and a queue gives a message up after a thousand times."""
    lane, now, sent = paused_for(Reason.KEY), NOW, list[datetime]()
    while now < NOW + timedelta(days=4):
        lane = let_a_probe_out(lane, now)
        if lane.trying:
            sent.append(now)
            lane = refused_again(lane, now)
        now += timedelta(minutes=5)
    gaps = [later - earlier for earlier, later in pairwise(sent)]
    assert sent[0] == NOW
    assert [gap.total_seconds() / 60 for gap in gaps] == [5, 10, *[15] * (len(gaps) - 2)]
    assert len(sent) < MOST_RECEIVES["ideogram"] / 2


def test_a_lane_that_went_on_is_tried_out_soon_when_it_is_paused_again() -> None:
    lane, now = paused_for(Reason.KEY), NOW
    for _ in range(5):
        lane = refused_again(let_a_probe_out(lane, now), now)
        now += LONGEST_TRIAL_GAP
    lane = heed(begin_probe(let_a_probe_out(lane, now), now, UNTIL), OK, now, probe=True)
    again = let_a_probe_out(heed(lane, PAUSED, now, probe=False), now)
    assert again.trying
    assert let_a_probe_out(refused_again(again, now), now + FIRST_TRIAL_AFTER).trying


def test_a_person_lifts_any_reason() -> None:
    assert resume(paused_for(*Reason), EVERY, LATER).flows


def test_a_lane_is_called_paused_while_a_probe_is_out_that_may_end_the_pause() -> None:
    out = tried_out(Reason.KEY).but(closed_since=NOW)
    assert (out.trying, out.state) == (True, LaneState.PAUSED)
    assert heed(out, OK, UNTIL, probe=True).state is LaneState.RUNNING
