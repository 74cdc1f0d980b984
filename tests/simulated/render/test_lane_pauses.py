"""A paused lane: reasons are added and lifted one by one, and only a probe can show that a reason no longer applies."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from backdrop.model.circuit import (
    DELIVERED_REASONS,
    FIRST_HALF_OPEN_DELAY,
    MAX_HALF_OPEN_DELAY,
    MAX_QUICK_PROBES,
    PROBEABLE_REASONS,
    REASON_BY_CODE,
    Gate,
    LaneState,
    PauseReason,
    ProviderHealth,
    check_gate,
    half_open_if_due,
    observe_result,
    pause,
    resume,
    start_probe,
)
from backdrop.model.codes import Code
from backdrop.model.provider_result import ProviderResult
from simulation.world.simulated_stack import MAX_RECEIVE_COUNTS
from tests.simulated.lane_states import RUNNING_LANE, list_reasons, observe_results
from tests.simulated.stage_worlds import BACKOFF, LOST, NOW, OK, PAUSED, REFUSED, THROTTLED, UNREACHED

LATER = NOW + timedelta(minutes=5)
UNTIL = LATER + timedelta(minutes=6)
EVERY = frozenset(PauseReason)
UNTESTABLE = {PauseReason.BUDGET, PauseReason.DELIVERY, PauseReason.OPERATOR}
CODES = {
    PauseReason.KEY: Code.PROVIDER_KEY_REFUSED,
    PauseReason.BALANCE: Code.PROVIDER_OUT_OF_MONEY,
    PauseReason.PLAN: Code.PROVIDER_PLAN_REFUSES,
    PauseReason.DAILY_LIMIT: Code.PROVIDER_DAILY_LIMIT,
    PauseReason.ADDRESS: Code.PROVIDER_MISCONFIGURED,
    PauseReason.REFUSAL: Code.PROVIDER_REFUSES,
    PauseReason.UNHEALTHY: Code.PROVIDER_UNAVAILABLE,
    PauseReason.BUDGET: Code.BUDGET_REACHED,
    PauseReason.DELIVERY: Code.DELIVERY_BACKED_UP,
    PauseReason.STORAGE: Code.PICTURES_NOT_STORED,
    PauseReason.RESULTS: Code.PICTURES_NOT_USABLE,
    PauseReason.OPERATOR: Code.PAUSED_BY_PERSON,
}


def build_paused_lane(*reasons: PauseReason) -> ProviderHealth:
    """Returns a lane that is paused for these reasons."""
    lane = RUNNING_LANE
    for reason in reasons:
        lane = pause(lane, reason, CODES[reason], "words", NOW)
    return lane


def build_probing_lane(*reasons: PauseReason) -> ProviderHealth:
    """Returns a lane that is paused for these reasons, with a probe in flight."""
    return start_probe(half_open_if_due(build_paused_lane(*reasons), LATER), LATER, UNTIL)


# -- reasons -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", PauseReason)
def test_paused_lane_allows_no_calls_until_reason_is_lifted(reason: PauseReason) -> None:
    lane = build_paused_lane(reason)
    assert (lane.is_paused, lane.mapping_enabled, lane.is_paused_for(reason), check_gate(lane, LATER)[0]) == (
        True,
        False,
        True,
        Gate.BLOCKED,
    )
    again = resume(lane, frozenset({reason}), LATER)
    assert (again.is_paused, again.mapping_enabled, again.resumed_at, check_gate(again, LATER)[0]) == (
        False,
        True,
        LATER,
        Gate.ALLOWED,
    )


@pytest.mark.parametrize("reason", PauseReason)
def test_lane_resumes_only_when_its_last_reason_is_lifted(reason: PauseReason) -> None:
    lane = build_paused_lane(*PauseReason)
    left = resume(lane, EVERY - {reason}, LATER)
    assert (list_reasons(left), left.mapping_enabled, left.resumed_at) == ({reason}, False, None)
    assert resume(left, EVERY, LATER).mapping_enabled


def test_lifting_a_missing_reason_changes_nothing() -> None:
    lane = build_paused_lane(PauseReason.OPERATOR)
    assert resume(lane, EVERY - {PauseReason.OPERATOR}, LATER) == lane
    assert resume(RUNNING_LANE, EVERY, LATER) == RUNNING_LANE


def test_resumed_lane_has_no_failures_recorded() -> None:
    lane = resume(
        pause(observe_results(RUNNING_LANE, *[BACKOFF] * 3), PauseReason.OPERATOR, Code.PAUSED_BY_PERSON, "words", NOW),
        EVERY,
        LATER,
    )
    assert (lane.failure_streak, lane.opened_since, lane.next_probe_at, lane.probe_count) == (0, None, None, 0)


def test_budget_pause_records_the_amount_that_it_needs() -> None:
    lane = pause(RUNNING_LANE, PauseReason.BUDGET, Code.BUDGET_REACHED, "words", NOW, required_budget=60_000)
    assert [one.required_budget for one in lane.pauses] == [60_000]


def test_every_code_that_pauses_has_a_reason_that_probes_check() -> None:
    assert set(REASON_BY_CODE.values()) | {PauseReason.UNHEALTHY} == PROBEABLE_REASONS
    assert EVERY - PROBEABLE_REASONS - DELIVERED_REASONS == UNTESTABLE


# -- a probe in a paused lane ------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", sorted(PROBEABLE_REASONS | DELIVERED_REASONS))
def test_testable_pause_allows_one_probe_at_once(reason: PauseReason) -> None:
    lane = half_open_if_due(build_paused_lane(reason), LATER)
    assert (lane.is_paused, lane.mapping_enabled, check_gate(lane, LATER)[0]) == (True, True, Gate.PROBE)
    assert check_gate(start_probe(lane, LATER, UNTIL), LATER)[0] is Gate.BLOCKED


@pytest.mark.parametrize("reason", sorted(UNTESTABLE))
def test_untestable_pause_allows_no_probe(reason: PauseReason) -> None:
    """A call that a person forbade, or that the budget does not cover, must not be made as a test."""
    for lane in (
        build_paused_lane(reason),
        build_paused_lane(PauseReason.KEY, reason),
        build_paused_lane(reason, PauseReason.KEY),
    ):
        assert half_open_if_due(lane, LATER) == lane


def test_probe_in_flight_is_not_followed_by_a_second() -> None:
    """Reconcile runs again while the first probe's call is in flight."""
    for lane in (half_open_if_due(build_paused_lane(PauseReason.KEY), LATER), build_probing_lane(PauseReason.KEY)):
        assert half_open_if_due(lane, LATER) == lane


def test_running_lane_sends_no_probe() -> None:
    closed = replace(RUNNING_LANE, opened_since=NOW, next_probe_at=LATER)
    assert [half_open_if_due(lane, LATER) for lane in (RUNNING_LANE, closed)] == [RUNNING_LANE, closed]


@pytest.mark.parametrize("good", [OK, REFUSED], ids=["ok", "refused"])
def test_good_probe_lifts_every_reason_that_it_tests(good: ProviderResult) -> None:
    lane = observe_result(build_probing_lane(*sorted(PROBEABLE_REASONS)), good, LATER, probe=True)
    assert (lane.is_paused, lane.mapping_enabled, lane.resumed_at) == (False, True, LATER)


@pytest.mark.parametrize("good", [OK, REFUSED], ids=["ok", "refused"])
def test_only_a_probes_good_result_lifts_a_pause(good: ProviderResult) -> None:
    """Calls that began before the pause may succeed after it, but do not show that the provider works now."""
    lane = build_probing_lane(PauseReason.KEY)
    assert observe_result(lane, good, LATER, probe=False) == lane


def test_pause_by_a_person_remains_after_a_successful_probe() -> None:
    lane = pause(build_probing_lane(PauseReason.KEY), PauseReason.OPERATOR, Code.PAUSED_BY_PERSON, "words", LATER)
    assert (lane.mapping_enabled, lane.is_half_open) == (False, False)
    after = observe_result(lane, OK, LATER, probe=True)
    assert (list_reasons(after), after.mapping_enabled) == ({PauseReason.OPERATOR}, False)


def test_refused_probe_pauses_the_lane_again() -> None:
    lane = observe_result(build_probing_lane(PauseReason.KEY), PAUSED, LATER, probe=True)
    assert (list_reasons(lane), lane.mapping_enabled, lane.is_half_open) == ({PauseReason.KEY}, False, False)
    assert [one.since for one in lane.pauses] == [NOW]


def test_probe_with_a_lost_answer_adds_a_second_reason() -> None:
    lane = observe_result(build_probing_lane(PauseReason.KEY), LOST, LATER, probe=True)
    assert (list_reasons(lane), lane.mapping_enabled) == ({PauseReason.KEY, PauseReason.UNHEALTHY}, False)
    assert half_open_if_due(lane, LATER + FIRST_HALF_OPEN_DELAY).mapping_enabled


def test_probe_that_fails_without_a_charge_is_repeated_four_times() -> None:
    """If the provider fails for a single photo, the others must not wait for minutes."""
    lane, now = half_open_if_due(build_paused_lane(PauseReason.KEY), LATER), LATER
    for _ in range(MAX_QUICK_PROBES):
        lane = observe_result(start_probe(lane, now, UNTIL), BACKOFF, now, probe=True)
        assert (list_reasons(lane), check_gate(lane, now)) == ({PauseReason.KEY}, (Gate.BLOCKED, 1))
        now += timedelta(seconds=1)
    assert not observe_result(start_probe(lane, now, UNTIL), OK, now, probe=True).is_paused
    stopped = observe_result(start_probe(lane, now, UNTIL), BACKOFF, now, probe=True)
    assert (list_reasons(stopped), stopped.mapping_enabled) == ({PauseReason.KEY, PauseReason.UNHEALTHY}, False)
    again = half_open_if_due(stopped, now + FIRST_HALF_OPEN_DELAY)
    assert observe_result(
        start_probe(again, UNTIL, LATER + timedelta(hours=1)), BACKOFF, UNTIL, probe=True
    ).mapping_enabled


def test_failures_of_earlier_calls_prevent_a_second_probe() -> None:
    lane = observe_results(build_probing_lane(PauseReason.KEY), *[BACKOFF] * 3)
    assert (lane.mapping_enabled, list_reasons(lane)) == (False, {PauseReason.KEY, PauseReason.UNHEALTHY})


@pytest.mark.parametrize("neutral", [THROTTLED, UNREACHED], ids=["throttled", "unreached"])
def test_probe_without_a_verdict_leaves_the_test_to_the_next_job(neutral: ProviderResult) -> None:
    lane = observe_result(build_probing_lane(PauseReason.KEY), neutral, LATER, probe=True)
    assert (lane.is_paused, check_gate(lane, LATER)[0]) == (True, Gate.PROBE)


def fail_probe(lane: ProviderHealth, now: datetime) -> ProviderHealth:
    """Returns the lane after a probe that found no improvement."""
    return observe_result(start_probe(lane, now, now + timedelta(minutes=6)), PAUSED, now, probe=True)


def test_probes_of_paused_lanes_slow_down_and_never_end() -> None:
    """Each probe causes another receive of every waiting message, and a queue drops a message after a thousand
    receives.
    """
    lane, now, sent = build_paused_lane(PauseReason.KEY), NOW, list[datetime]()
    while now < NOW + timedelta(days=4):
        lane = half_open_if_due(lane, now)
        if lane.is_half_open:
            sent.append(now)
            lane = fail_probe(lane, now)
        now += timedelta(minutes=5)
    gaps = [later - earlier for earlier, later in pairwise(sent)]
    assert sent[0] == NOW
    assert [gap.total_seconds() / 60 for gap in gaps] == [5, 10, *[15] * (len(gaps) - 2)]
    assert len(sent) < MAX_RECEIVE_COUNTS["ideogram"] / 2


def test_lane_that_is_paused_again_is_probed_soon() -> None:
    lane, now = build_paused_lane(PauseReason.KEY), NOW
    for _ in range(5):
        lane = fail_probe(half_open_if_due(lane, now), now)
        now += MAX_HALF_OPEN_DELAY
    lane = observe_result(start_probe(half_open_if_due(lane, now), now, UNTIL), OK, now, probe=True)
    again = half_open_if_due(observe_result(lane, PAUSED, now, probe=False), now)
    assert again.is_half_open
    assert half_open_if_due(fail_probe(again, now), now + FIRST_HALF_OPEN_DELAY).is_half_open


def test_person_can_lift_any_reason() -> None:
    assert resume(build_paused_lane(*PauseReason), EVERY, LATER).mapping_enabled


def test_lane_counts_as_paused_while_it_is_probed() -> None:
    out = replace(build_probing_lane(PauseReason.KEY), opened_since=NOW)
    assert (out.is_half_open, out.state) == (True, LaneState.PAUSED)
    assert observe_result(out, OK, UNTIL, probe=True).state is LaneState.RUNNING
